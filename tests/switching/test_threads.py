"""Questions between the two retailers while a relay waits: they help, and never carry the right value."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import translation

from portal import inbox
from portal.models import LedgerEntry, Notice
from switching import relays, threads
from switching.models import RelayMessage
from switching.sentences import sentence
from switching.threads import Topic
from tests import calling
from tests.calling import good, refused
from tests.cast import NOW, client_of
from tests.switching.paging import said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def relay(play):
    return play.relay(play.point(), holder_name="山田 太郎", contract_number="U-00000009")


@pytest.fixture
def say(cast, relay):
    def speak(who: str, topic: str, text: str = "", now=NOW) -> RelayMessage:
        return threads.say(relay_id=relay.pk, topic=topic, text=text, by=cast[f"{who}.relay"], now=now)

    return speak


def test_a_question_and_its_answer_go_to_the_other_side_and_into_the_ledger(cast, relay, say):
    say("umi", Topic.ASK_NAME, "法人格の位置をご確認ください")
    say("sora", Topic.CONFIRMED)
    assert Notice.objects.get(kind="relay_asked").recipient == cast.sora
    assert Notice.objects.get(kind="relay_answered").recipient == cast.umi
    entries = LedgerEntry.objects.filter(action="relay.message", subject=f"relay {relay.number}").order_by("pk")
    assert [entry.detail["topic"] for entry in entries] == ["ask_name", "confirmed"]
    relay.refresh_from_db()
    assert relay.due_at == relay.due_at and relay.state == "01", "the clock goes on"
    assert not any("法人格" in str(notice.context) for notice in Notice.objects.all())


@pytest.mark.parametrize(
    "text",
    [
        *("髙橋ではありませんか", "高橋", "たかはし", "Takahashi", "山田ではない", "末尾は１です", "U00000001"),
        *("丸の内", "千代田区ではない", "電話は03-1234-5678", "下二桁"),
    ],
)
def test_the_losing_retailers_words_carry_neither_what_it_holds_nor_what_was_given(relay, say, text):
    with pytest.raises(threads.CarriesData):
        say("umi", Topic.ASK_OTHER, text)
    assert not RelayMessage.objects.exists()


def test_a_value_in_two_messages_is_found_when_the_second_half_comes(say):
    say("umi", Topic.ASK_OTHER, "正しくは、髙")
    with pytest.raises(threads.CarriesData):
        say("umi", Topic.ASK_OTHER, "橋 です")


def test_the_gaining_retailers_guess_is_not_refused_for_being_right(say):
    """A refusal over a held value would tell that the guess was right: only its own values are held against it."""
    say("umi", Topic.ASK_NAME)
    for guess in ("髙橋でしょうか", "佐藤でしょうか"):
        say("sora", Topic.CONFIRMED, guess)
    with pytest.raises(threads.CarriesData):
        say("sora", Topic.CONFIRMED, "山田で間違いありません")


def test_the_refusal_names_the_sort_and_never_the_value(say):
    with translation.override("en"), pytest.raises(threads.CarriesData) as refusal:
        say("umi", Topic.ASK_OTHER, "髙橋")
    with translation.override("en"):
        assert "part of a contract holder's name" in sentence(refusal.value)
        assert "髙橋" not in sentence(refusal.value)


def test_each_side_has_its_own_words(say):
    with pytest.raises(threads.NothingAsked):
        say("sora", Topic.CONFIRMED)
    with pytest.raises(threads.NotYoursToSay):
        say("umi", Topic.CONFIRMED)
    say("umi", Topic.ASK_WILL)
    with pytest.raises(threads.NotYoursToSay):
        say("sora", Topic.ASK_WILL)
    with pytest.raises(threads.WordsMissing):
        say("umi", Topic.ASK_OTHER, "  ")
    with pytest.raises(threads.TextTooLong):
        say("umi", Topic.ASK_OTHER, "あ" * 121)


def test_nobody_else_takes_part(cast, relay):
    for who in ("yama.relay", "umi.application", "sora.viewer", "hub.operator"):
        with pytest.raises(threads.NotYours):
            threads.say(relay_id=relay.pk, topic="ask_name", by=cast[who], now=NOW)


def test_a_thread_ends_with_the_wait_also_before_any_sweep(cast, play, relay, say):
    with pytest.raises(threads.NotWaiting):
        say("umi", Topic.ASK_NAME, now=relay.due_at)
    relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=NOW)
    with pytest.raises(threads.NotWaiting):
        say("umi", Topic.ASK_NAME)


def test_a_thread_has_an_end(say, settings):
    settings.RELAY_MESSAGES = 2
    say("umi", Topic.ASK_NAME)
    say("umi", Topic.ASK_DATE)
    with pytest.raises(threads.ThreadFull):
        say("umi", Topic.ASK_KANA)


def test_the_words_of_an_other_reason_are_held_against_the_values_too(play):
    for text in ("正しい名義は髙橋です", "番号の末尾は1", "住所は丸の内"):
        with pytest.raises(relays.CarriesData):
            play.rejected(play.point(), 9, text=text)
    assert play.rejected(play.point(), 9, text="ご契約者が亡くなられました").state == "03"


def test_the_pages_of_both_sides(cast, relay):
    umi, sora = client_of(cast["umi.relay"]), client_of(cast["sora.relay"])
    for client in (umi, sora):
        client.cookies["django_language"] = "en"
    way = f"/relays/{relay.number}/messages/"
    assert (
        "has not asked anything yet" in said(sora.get(way))
        and '<form class="sheet"' not in sora.get(way).content.decode()
    )
    assert way not in sora.get(f"/relays/{relay.number}/").content.decode(), "nothing to answer, so no way there"
    refused = umi.post(way, {"topic": "ask_other", "text": "髙橋 is right"})
    assert refused.status_code == 422 and "carry part of a contract holder" in said(refused)
    assert "髙橋 is right" in refused.content.decode(), "the words stay to be mended"
    assert umi.post(way, {"topic": "confirmed"}).status_code == 422
    assert umi.post(way, {}).status_code == 422
    assert umi.post(way, {"topic": "ask_name", "text": "legal form?"}).url == way
    assert "legal form?" in said(sora.get(way)) and cast["umi.relay"].name not in said(sora.get(way))
    assert f"{way}" in sora.get(f"/relays/{relay.number}/").content.decode()
    assert sora.post(way, {"topic": "confirmed"}).url == way
    assert "it stands as we sent it" in said(umi.get(way))
    with time_machine.travel(relay.due_at + timedelta(minutes=1), tick=False):
        late = client_of(cast["umi.relay"]).get(way)
        assert late.status_code == 200 and '<form class="sheet"' not in late.content.decode()


def test_the_inbox_tells_who_has_to_read_or_answer(cast, say):
    def kinds(who: str) -> set[str]:
        return {task.kind for task in inbox.tasks_of(cast[f"{who}.relay"], now=NOW)}

    assert "relays.asked" not in kinds("sora")
    say("umi", Topic.ASK_NAME)
    assert "relays.asked" in kinds("sora") and "relays.answered" not in kinds("umi")
    [task] = [task for task in inbox.tasks_of(cast["sora.relay"], now=NOW) if task.kind == "relays.asked"]
    assert task.count == 1 and client_of(cast["sora.relay"]).get(task.link).context["list"].rows.count() == 1
    say("sora", Topic.CONFIRMED)
    assert "relays.answered" in kinds("umi") and "relays.asked" not in kinds("sora")


def test_a_program_asks_for_the_relays_in_which_the_other_side_wrote_last(cast, play, relay, say):
    quiet = play.relay(play.point())
    sora, umi = (calling.caller(cast, who, "relay") for who in ("sora", "umi"))

    def found(api, wanted):
        return {row["number"] for row in good(api.get(f"/relays?other_wrote_last={wanted}"))["items"]}

    both = {relay.number, quiet.number}
    assert found(sora, "true") == found(umi, "true") == set() and found(sora, "false") == found(umi, "false") == both
    say("umi", Topic.ASK_NAME)
    assert found(sora, "true") == {relay.number} and found(sora, "false") == {quiet.number}
    assert found(umi, "true") == set() and found(umi, "false") == both
    say("sora", Topic.CONFIRMED)
    assert found(sora, "true") == set() and found(umi, "true") == {relay.number}
    refused(sora.get("/relays?other_wrote_last=perhaps"), 422, "api.entries_wrong")
