"""Every notice and refusal of undoing has words in both languages; notices carry nothing of the customer."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from portal import outbox
from portal.models import Notice
from switching import cooling_off, dark_points, exits, frauds, matching, relays, reversals, undoing
from switching.sentences import SENTENCES, sentence
from switching.undo_states import UndoState
from tests.cast import NOW
from tests.switching.cases import ADDRESS, HOLDER, KANA
from tests.switching.undoings import AFTER

LATER = AFTER + timedelta(days=1)
FIRST_WORDS = ("undoing", "exit", "start")


@pytest.fixture
def every_notice(play, undo):
    """One notice at least of each kind, posted by the verbs themselves."""
    sora, umi = play.cast["sora.relay"], play.cast["umi.relay"]
    kaze, hub = play.cast["kaze.application"], play.cast["hub.operator"]
    warned, kept = play.accepted(play.point()), play.accepted(play.point())
    cooled = undo.cool_off(undo.matched())
    cooling_off.answer(case_id=cooled.pk, agrees=False, reason="too_late", by=kaze, now=NOW)
    dark_points.warn_of_missing_starts(now=AFTER - timedelta(days=6))
    switched = undo.switched()
    matching.close_unmatched(now=AFTER)
    ends = warned.undo_cases.get()
    dark_points.answer(case_id=ends.pk, ends_on=date(2026, 4, 30), by=umi, now=AFTER)
    dark_points.decide(case_id=ends.pk, outcome="last_resort", text="", by=kaze, now=AFTER)
    dark_points.answer(case_id=kept.undo_cases.get().pk, ends_on=None, by=umi, now=AFTER)
    case = undo.reversal(switched)
    undoing.withdraw(case_id=case.pk, by=umi, now=AFTER)
    case = undo.reversal(switched)
    undoing.escalate_overdue(now=case.due_at)
    reversals.decide(case_id=case.pk, upholds=True, text="x", by=hub, now=case.due_at)
    gone = exits.announce(company=play.cast.yama, last_day=AFTER.date(), text="x", by=hub, now=AFTER)
    exits.call_off(case_id=gone.pk, text="x", by=hub, now=AFTER)
    exits.announce(company=play.cast.yama, last_day=AFTER.date(), text="x", by=hub, now=AFTER)
    exits.carry_out_due(now=LATER)
    assert sora
    return [notice for notice in Notice.objects.all() if notice.kind.split("_")[0] in FIRST_WORDS]


def test_every_notice_reads_well_in_both_languages_and_holds_nothing_of_the_customer(every_notice):
    for notice in every_notice:
        for language in ("ja", "en"):
            headline, body = outbox.words(notice, language)
            assert notice.subject in headline and len(body) > 40, (notice.kind, headline, body)
            assert "{" not in headline + body and "%(" not in headline + body and "–" not in headline + body
            assert bool(re.search("[ぁ-ん]", body.split("--")[0])) == (language == "ja"), (notice.kind, body)
            assert notice.link in body, "the way to the case"
        for personal in (HOLDER, KANA, ADDRESS, "U-0000"):
            assert personal not in str(notice.context)


def test_the_play_posts_a_notice_of_every_kind_and_no_template_is_left_over(every_notice):
    there = {path.stem for path in (Path(settings.BASE_DIR) / "templates" / "mail").glob("*.txt")}
    assert {notice.kind for notice in every_notice} == {name for name in there if name.split("_")[0] in FIRST_WORDS}


def all_refusals() -> list[type[Exception]]:
    return [undoing.NotPossible, *undoing.NotPossible.__subclasses__()]


@pytest.mark.parametrize("kind", all_refusals(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_refusal_has_its_sentence_in_both_languages(kind):
    carried = {
        undoing.AlreadyMoved: (UndoState.DONE,),
        reversals.TooLate: (date(2026, 7, 13),),
        cooling_off.PeriodOver: (date(2026, 4, 8),),
        dark_points.EndsTooSoon: (date(2026, 4, 20), date(2026, 10, 1)),
    }
    for language in ("ja", "en"):
        with translation.override(language):
            said = sentence(kind(*carried.get(kind, ())))
        assert "%(" not in said and len(said) > 15
        assert bool(re.search("[ぁ-ん]", said)) == (language == "ja")


def test_no_sentence_of_undoing_is_left_over():
    modules = {module.__name__ for module in (undoing, cooling_off, reversals, frauds, dark_points, exits)}
    assert {kind for kind in SENTENCES if kind.__module__ in modules} == set(all_refusals())
    assert relays.Leaving in SENTENCES
