"""The pages of undoing: every step from entries to confirmation, as the people concerned see them."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal import inbox
from portal.models import LedgerEntry
from switching import cooling_off, exits, matching, undoing
from switching.models import UndoCase
from switching.states import RelayState
from switching.tasks import undo as sweep
from switching.undo_states import Phase, UndoKind, UndoState
from tests.cast import NOW
from tests.switching.undoings import AFTER, supplier


@pytest.fixture
def at():
    """The clock of the pages."""
    with time_machine.travel(NOW, tick=True) as clock:
        yield clock.move_to


def url(name, case):
    return reverse(f"switching:{name}", args=[case.number])


def through(client, path, **entries):
    """Entries, the confirmation, the deed; returns the page on which it ends."""
    shown = client.post(path, entries)
    assert shown.status_code == 200, shown.content.decode()
    assert 'name="confirmed"' in shown.content.decode()
    done = client.post(path, {**entries, "confirmed": "1"})
    assert done.status_code == 302, done.content.decode()
    return client.get(done.url).content.decode()


def test_the_page_of_cooling_off_opens_the_phase_by_itself(play, undo, client_of, at):
    clerk = client_of(play.cast["sora.relay"])
    waiting = play.accepted(play.point())
    entries = {"declared_on": "2026-04-01", "papers_on": "2026-03-30"}
    assert str(Phase.BEFORE_MATCH.label) in clerk.get(url("cooling-off-new", waiting)).content.decode()
    through(clerk, url("cooling-off-new", waiting), **entries)
    waiting.refresh_from_db()
    assert waiting.state == RelayState.WITHDRAWN
    matched = undo.matched()
    assert str(Phase.MATCHED.label) in clerk.get(url("cooling-off-new", matched)).content.decode()
    page = through(clerk, url("cooling-off-new", matched), **entries)
    case = UndoCase.objects.get(relay=matched)
    assert case.number in page and "風送配電の手番" in page
    switched = undo.switched()
    at(AFTER)
    clerk = client_of(play.cast["sora.relay"])
    shown = clerk.get(url("cooling-off-new", switched)).content.decode()
    assert str(Phase.SWITCHED.label) in shown and "2026-04-21" in shown


def test_a_wrong_entry_stands_by_its_field_and_files_nothing(play, undo, client_of, at):
    clerk, relay = client_of(play.cast["sora.relay"]), undo.matched()
    path = url("cooling-off-new", relay)
    for entries, words in [
        ({"declared_on": ""}, "申し出た日を入力"),
        ({"declared_on": "2026-02-30"}, "暦にない日付"),
        ({"declared_on": "2026-04-02"}, "本日以前"),
        ({"declared_on": "2026-04-01", "papers_on": "2026-03-01"}, "クーリング・オフ期間は"),
    ]:
        answer = clerk.post(path, {**entries, "confirmed": "1"})
        assert answer.status_code == 422, entries
        assert words in answer.content.decode(), entries
    assert not UndoCase.objects.exists()


def test_the_network_operator_finds_the_question_in_its_inbox_and_answers(play, undo, client_of, at):
    case = undo.cool_off(undo.matched())
    by = play.cast["kaze.application"]
    [task] = [task for task in inbox.tasks_of(by, now=NOW) if task.kind == "undoing.answer"]
    assert task.due_at == case.due_at
    client = client_of(by)
    assert case.number in client.get(task.link).content.decode()
    assert url("undo-answer", case) in client.get(url("undo-case", case)).content.decode()
    refused = client.post(url("undo-answer", case), {"verdict": "refuse"})
    assert refused.status_code == 422 and "理由を示してください" in refused.content.decode()
    through(client, url("undo-answer", case), verdict="agree")
    case.refresh_from_db()
    assert case.state == UndoState.DONE
    again = client.post(url("undo-answer", case), {"verdict": "agree", "confirmed": "1"})
    assert again.status_code == 422 and "その間に案件が進み" in again.content.decode()


def test_a_reversal_runs_from_the_relay_to_the_agreement(play, undo, client_of, at):
    relay = undo.switched()
    at(AFTER)
    asker = client_of(play.cast["umi.relay"])
    assert url("reversal-new", relay) in asker.get(url("relay", relay)).content.decode()
    through(asker, url("reversal-new", relay), reason="point_mixed_up", text="隣の部屋の地点でした。")
    case = UndoCase.objects.get()
    other = client_of(play.cast["sora.relay"])
    shown = other.get(url("undo-case", case)).content.decode()
    assert "貴社の手番" in shown and "隣の部屋" in shown
    through(other, url("undo-answer", case), verdict="refuse", reason="not_erroneous")
    page = asker.get(url("undo-case", case)).content.decode()
    assert url("undo-appeal", case) in page
    through(asker, url("undo-appeal", case), text="需要者の書面があります。")
    operator = client_of(play.cast["hub.operator"])
    through(operator, url("undo-decision", case), verdict="uphold", text="地点の取り違えを確認しました。")
    assert supplier(relay.point, relay.desired_date) == play.cast.umi
    assert LedgerEntry.objects.filter(action="undoing.read", user=play.cast["hub.operator"]).exists()


def test_where_a_consents_record_lies_is_not_told_to_the_other_retailer(play, undo, client_of, at):
    relay = play.rejected(play.point(), 8)
    case = relay.undo_cases.get()
    gainer = client_of(play.cast["sora.relay"])
    bad = {"channel": "telephone", "given_on": "2026-03-30", "reference": "REC-17", "sha256": "XYZ"}
    answer = gainer.post(url("undo-evidence", case), bad)
    assert answer.status_code == 422 and "64文字" in answer.content.decode()
    through(gainer, url("undo-evidence", case), **{**bad, "sha256": "0f" * 32})
    other = client_of(play.cast["umi.relay"]).get(url("undo-case", case)).content.decode()
    assert "REC-17" not in other and "0f" * 32 in other
    operator = client_of(play.cast["hub.operator"])
    assert "REC-17" in operator.get(url("undo-case", case)).content.decode()
    through(operator, url("undo-decision", case), verdict="uphold", text="録音は別人でした。")
    counts = operator.get(reverse("switching:denials")).content.decode()
    assert "空でんき" in counts
    assert client_of(play.cast["kaze.application"]).get(url("undo-case", case)).status_code == 404


def test_a_dark_point_is_answered_and_offered(play, client_of, at):
    relay = play.accepted(play.point())
    matching.close_unmatched(now=AFTER)
    case = relay.undo_cases.get()
    at(AFTER)
    losing = client_of(play.cast["umi.relay"])
    missing = losing.post(url("undo-contract", case), {"verdict": "end"})
    assert missing.status_code == 422 and "契約がなくなる日を入力" in missing.content.decode()
    through(losing, url("undo-contract", case), verdict="end", ends_on="2026-05-01")
    network = client_of(play.cast["kaze.application"])
    assert "最終保障供給を案内" in network.get("/").content.decode()
    through(network, url("undo-last-resort", case), outcome="last_resort")
    case.refresh_from_db()
    assert (case.state, str(case.effective_on)) == (UndoState.GOING, "2026-05-01")


def test_a_market_exit_is_announced_watched_and_called_off(play, client_of, at):
    point = play.point()
    operator = client_of(play.cast["hub.operator"])
    page = through(
        operator, reverse("switching:exit-new"), company=str(play.cast.umi.pk), last_day="2026-04-30", text="登録返上"
    )
    case = UndoCase.objects.get(kind=UndoKind.MARKET_EXIT)
    assert case.number in page and "東京" in page
    assert operator.get(url("exit-points", case)).status_code == 404, "the hub sees numbers, not points"
    for name in ("umi.relay", "kaze.application"):
        listed = client_of(play.cast[name]).get(url("exit-points", case)).content.decode()
        assert point.number[-4:] in listed
    assert client_of(play.cast["sora.relay"]).get(url("undo-case", case)).status_code == 404
    through(operator, url("exit-withdrawal", case), text="救済されました。")
    case.refresh_from_db()
    assert case.state == UndoState.WITHDRAWN


def test_a_list_costs_the_same_for_one_case_and_for_three(play, undo, client_of, at):
    client = client_of(play.cast["umi.relay"])
    undo.cool_off(undo.matched())
    client.get(reverse("switching:undoing"))
    counts = []
    for _more in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("switching:undoing")).status_code == 200
        counts.append(len(queries))
        undo.cool_off(undo.matched())
        undo.cool_off(undo.matched())
    assert counts[0] == counts[1]


def test_withdrawing_asks_first_and_says_so(play, undo, client_of, at):
    case = undo.cool_off(undo.matched())
    client = client_of(play.cast["sora.relay"])
    assert 'name="confirmed"' in client.get(url("undo-withdrawal", case)).content.decode()
    client.post(url("undo-withdrawal", case), {"confirmed": "1"})
    case.refresh_from_db()
    assert case.state == UndoState.WITHDRAWN
    moved = client.post(url("undo-withdrawal", case), {"confirmed": "1"}, follow=True)
    assert "その間に案件が進み" in moved.content.decode()


def test_what_is_due_is_done_by_the_worker_in_its_order(play, undo):
    relay = undo.switched()
    case = undo.cool_off(relay, now=AFTER)
    exits.announce(company=play.cast.yama, last_day=AFTER.date(), text="x", by=play.cast["hub.operator"], now=AFTER)
    sweep(at=(AFTER + timedelta(days=1)).isoformat())
    case.refresh_from_db()
    assert case.state == UndoState.DONE
    assert not UndoCase.objects.filter(kind=UndoKind.MARKET_EXIT, state=UndoState.GOING).exists()
    assert cooling_off.carry_out_due(now=AFTER + timedelta(days=2)) == 0
    assert undoing.escalate_overdue(now=AFTER + timedelta(days=90)) == 0
