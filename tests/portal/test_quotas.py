"""Daily quotas: counted where the cases are, refused with a sentence, begun anew at midnight in Japan."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from portal import quotas
from portal.models import Quota, Registration
from portal.quotas import Left
from switching import applications, relays
from switching.models import Application, Relay
from switching.sentences import sentence
from tests.cast import NOW, client_of, gather
from tests.switching.cases import Play

RELAY, START = Registration.RELAY, Registration.SWITCH_START
DAY = timedelta(days=1)


@pytest.fixture
def play(cast) -> Play:
    return Play(cast, NOW)


def test_without_a_quota_nothing_is_counted_and_nothing_shown(cast, play):
    play.relay(play.point())
    assert quotas.standing(cast.sora, now=NOW) == []
    assert "本日の登録上限" not in client_of(cast["sora.relay"]).get("/").content.decode()


def test_the_quota_of_relays_is_refused_with_a_sentence_and_begins_anew_at_midnight(cast, play):
    quotas.set_quota(cast.sora, RELAY, most=2, by=None, now=NOW)
    for _relay in range(2):
        play.relay(play.point())
    with pytest.raises(relays.QuotaSpent) as spent:
        play.relay(play.point())
    assert "2件" in sentence(spent.value)
    assert Relay.objects.count() == 2
    last_second = NOW.replace(hour=23, minute=59, second=59)
    assert quotas.standing(cast.sora, now=last_second) == [Left(RELAY, 2, 2)]
    assert quotas.standing(cast.sora, now=last_second + timedelta(seconds=1)) == [Left(RELAY, 2, 0)]


def test_the_quota_of_starts_is_its_own(cast, play):
    quotas.set_quota(cast.sora, START, most=1, by=None, now=NOW)
    play.start(play.point())
    play.relay(play.point())
    with pytest.raises(applications.QuotaSpent):
        play.start(play.point())
    assert Application.objects.filter(retailer=cast.sora).count() == 1
    assert quotas.standing(cast.sora, now=NOW) == [Left(START, 1, 1)]


def test_a_withdrawn_relay_was_a_registration_all_the_same(cast, play):
    quotas.set_quota(cast.sora, RELAY, most=1, by=None, now=NOW)
    relay = play.relay(play.point())
    relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=NOW)
    with pytest.raises(relays.QuotaSpent):
        play.relay(play.point())


def test_a_company_s_own_quota_wins_over_the_general_one(cast, play):
    quotas.set_quota(None, RELAY, most=0, by=None, now=NOW)
    assert quotas.standing(cast.sora, now=NOW) == [Left(RELAY, 0, 0)]
    with pytest.raises(relays.QuotaSpent):
        play.relay(play.point())
    own = quotas.set_quota(cast.sora, RELAY, most=1, by=None, now=NOW)
    play.relay(play.point())
    assert quotas.standing(cast.sora, now=NOW) == [Left(RELAY, 1, 1)]
    assert quotas.standing(cast.yama, now=NOW) == [Left(RELAY, 0, 0)]
    quotas.lift(own, by=None, now=NOW)
    assert quotas.standing(cast.sora, now=NOW) == [Left(RELAY, 0, 1)] and Left(RELAY, 0, 1).left == 0
    assert quotas.standing(cast.kaze, now=NOW) == []


def test_a_quota_set_twice_is_changed(cast):
    quotas.set_quota(None, RELAY, most=5, by=None, now=NOW)
    quotas.set_quota(None, RELAY, most=6, by=None, now=NOW)
    assert Quota.objects.get().most == 6
    with pytest.raises(IntegrityError, match="one_quota_per_company_and_registration"), transaction.atomic():
        Quota.objects.create(company=None, registration=RELAY, most=1)


def test_only_operators_set_quotas_and_only_for_retailers(cast):
    for who in ("hub.helpdesk", "hub.auditor", "sora.administrator"):
        with pytest.raises(quotas.NotAllowed):
            quotas.set_quota(cast.sora, RELAY, most=1, by=cast[who], now=NOW)
    with pytest.raises(quotas.NotARetailer):
        quotas.set_quota(cast.kaze, RELAY, most=1, by=cast["hub.operator"], now=NOW)


def test_what_is_left_stands_on_the_first_page(cast, play, time_machine):
    time_machine.move_to(NOW, tick=False)
    quotas.set_quota(cast.sora, RELAY, most=1234, by=None, now=NOW)
    play.relay(play.point())
    page = client_of(cast["sora.relay"]).get("/").content.decode()
    assert "廃止取次の登録" in page and "1,234件中 1件使用" in page and "<strong>1,233</strong>" in page
    assert "廃止取次の登録" not in client_of(cast["umi.relay"]).get("/").content.decode()


def test_the_operator_sets_and_lifts_in_the_workbench(cast):
    client, bench = client_of(cast["hub.operator"]), "/workbench/portal/quota"
    form = {"company": cast.kaze.pk, "registration": "relay", "most": "10", "over": "refuse"}
    assert "小売事業者が対象" in client.post(f"{bench}/add/", form).content.decode()
    assert client.post(f"{bench}/add/", form | {"company": cast.sora.pk}).status_code == 302
    assert client.post(f"{bench}/add/", form | {"company": "", "most": "-1"}).status_code == 200
    quota = Quota.objects.get()
    assert client.post(f"{bench}/{quota.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Quota.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_registrations_at_once_do_not_pass_the_quota_together():
    cast = gather()
    play = Play(cast, NOW)
    points = [play.point(), play.point()]
    for point in points:
        play.disclosure(point)
    quotas.set_quota(cast.sora, RELAY, most=1, by=None, now=NOW)
    cast["sora.relay"]
    start, outcomes = threading.Barrier(2), []

    def register(point) -> None:
        try:
            start.wait(5)
            play.relay(point)
            outcomes.append("registered")
        except relays.QuotaSpent:
            outcomes.append("spent")
        finally:
            connection.close()

    threads = [threading.Thread(target=register, args=[point]) for point in points]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["registered", "spent"]
