"""A relay leads to a termination: what the sequence check holds against that is told before anybody is asked."""

from datetime import timedelta

import pytest

from switching import applications, filings, relays
from switching.models import Relay
from switching.relays import Verdict
from switching.sentences import sentence
from tests.switching.bulk.sending import csv_of, ready, relay_row, rules, send
from tests.switching.cases import DESIRED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folder")]


@pytest.mark.parametrize("day", [DESIRED - timedelta(days=3), DESIRED, DESIRED + timedelta(days=3)])
@pytest.mark.parametrize("dry_run", [True, False])
def test_no_relay_begins_beside_a_move_out(play, day, dry_run):
    point = play.point()
    play.file("termination", point, day=day)
    with pytest.raises(relays.OutOfSequence) as refusal:
        relays.register(play.request(point), by=play.cast["sora.relay"], now=play.now, dry_run=dry_run)
    assert "設備情報照会" in sentence(refusal.value) and "海" not in sentence(refusal.value), "whose is not told"
    assert not Relay.objects.exists()


def test_an_ampere_change_after_the_switch_stands_against_it_and_one_before_does_not(play):
    before, after = play.point(), play.point()
    play.file("ampere_change", before, day=DESIRED - timedelta(days=1))
    play.file("ampere_change", after, day=DESIRED + timedelta(days=1))
    assert play.relay(before).pk
    with pytest.raises(relays.OutOfSequence):
        play.relay(after)


def test_a_start_filed_before_its_relay_stands_against_nothing(play):
    own, others = play.point(), play.point()
    play.start(own)
    play.start(others, "yama")
    assert play.relay(own).pk and play.relay(others).pk


def test_who_judges_is_told_which_own_application_stands_against_it(play, cast):
    relay = play.relay(play.point())
    leaving = play.file("termination", relay.point)
    for dry_run in (True, False):
        with pytest.raises(relays.OutOfOwnSequence) as refusal:
            relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=cast["umi.relay"], now=play.now, dry_run=dry_run)
        assert leaving.number in sentence(refusal.value)
    applications.cancel(application_id=leaving.pk, by=cast["umi.application"], now=play.now)
    relays.judge(relay_id=relay.pk, verdict=Verdict.ACCEPT, by=cast["umi.relay"], now=play.now)


def test_a_file_of_relays_tells_it_in_its_preview(play, cast, now):
    free, leaving = ready(play, 2)
    play.file("termination", leaving)
    upload = send("relays", csv_of([relay_row(free), relay_row(leaving)]), by=cast["sora.relay"], now=now)
    assert rules(upload) == [[], ["OutOfSequence"]]


def test_a_frozen_application_names_the_request_to_stop_it():
    assert "中止を依頼" in sentence(applications.Frozen())


def test_a_termination_filed_later_is_asked_the_sequence_check_too(play, cast):
    play.policy(filing="by_hand")
    relay = play.accepted(play.point())
    leaving = play.file("termination", relay.point)
    with pytest.raises(relays.OutOfOwnSequence) as refusal:
        filings.file_termination(relay_id=relay.pk, by=cast["umi.relay"], now=play.now)
    assert leaving.number in sentence(refusal.value)
    relay.refresh_from_db()
    assert relay.owes_termination
    applications.cancel(application_id=leaving.pk, by=cast["umi.application"], now=play.now)
    filings.file_termination(relay_id=relay.pk, by=cast["umi.relay"], now=play.now)
    assert relay.applications.get().kind == "switch_termination"
