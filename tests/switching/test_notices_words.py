"""Every notice has words in both languages and carries nothing of the customer; every refusal has a sentence."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from metering.models import SupplyPoint
from portal import outbox
from portal.models import Notice
from switching import (
    actual_days,
    answer_duties,
    answers,
    applications,
    as_of,
    disclosures,
    effects,
    escalations,
    evidence,
    filings,
    guard,
    matching,
    meter_works,
    movements,
    policies,
    registration_queue,
    relays,
    stops,
    threads,
    traces,
    undoing,
)
from switching.entries import Problem
from switching.models import DisclosureItem, DisclosureVersion, QueuedRegistration
from switching.models import Movement as PlannedMovement
from switching.sentences import SENTENCES, item_sentence, sentence
from switching.sequence import Movement, Order
from switching.states import ApplicationState, RelayState
from tests.cast import NOW
from tests.switching.cases import ADDRESS, HOLDER, KANA

NOUNS = ("relays", "applications", "answers", "answer_duties", "effects")
NOUNS += ("filings", "matching", "meter_works", "stops", "threads")
SOURCES = {
    noun: "".join(
        path.read_text()
        for path in [
            settings.BASE_DIR / "switching" / f"{noun}.py",
            *(settings.BASE_DIR / "switching" / noun).glob("*.py"),
        ]
        if path.exists()
    )
    for noun in NOUNS
}
KINDS = sorted(
    set(re.findall(r'"((?:relay|application|supply|point)_[a-z]+)"', "".join(SOURCES.values())))
    - {"relay_id", "application_id", "point_id"}
)
AFTER = NOW + timedelta(days=14)


@pytest.fixture
def every_notice(cast, play):
    """One notice at least of each kind, posted by the verbs themselves."""
    switched = play.point()
    relay = play.accepted(switched)
    start = play.start(switched, relay=relay)
    matching.match_waiting(now=NOW)
    moved = play.point()
    with_work = play.start(moved, relay=play.accepted(moved), meter_work=True)
    answers.accept(application_id=with_work.pk, by=cast["kaze.application"], now=NOW)
    matching.match_waiting(now=NOW + timedelta(days=1))
    play.rejected(play.point(), 2, 9, text="x")
    refused = play.start(play.point(), meter_work=True)
    answers.reject(application_id=refused.pk, codes=["R04"], by=cast["kaze.application"], now=NOW)
    stopped = play.point()
    play.start(stopped, relay=play.accepted(stopped))
    matching.match_waiting(now=NOW)
    traces.leave(matching.dissolve(stopped.matches.get().pk, now=NOW), by=cast["kaze.application"], now=NOW)
    withdrawn = play.point()
    relays.withdraw(relay_id=play.accepted(withdrawn).pk, by=cast["sora.relay"], now=NOW)
    squatted = play.point()
    play.start(squatted, who="yama")
    play.accepted(squatted)
    asked = play.relay(play.point())
    threads.say(relay_id=asked.pk, topic="ask_name", by=cast["umi.relay"], now=NOW)
    threads.say(relay_id=asked.pk, topic="confirmed", by=cast["sora.relay"], now=NOW)
    play.policy(filing="by_hand")
    play.accepted(play.point())
    relays.remind_due(now=NOW + timedelta(hours=22))
    relays.remind_due(now=NOW + timedelta(days=2))
    filings.escalate_filings(now=NOW + timedelta(days=3))
    relays.expire_overdue(now=NOW + timedelta(days=7))
    matching.close_unmatched(now=AFTER)
    dated = {"now": NOW, "by": cast["kaze.application"]}
    for is_stopped in (True, False):
        change = play.taken_up(play.file("ampere_change", play.point()))
        meter_works.plan(point=change.point, kind="ampere", planned_on=AFTER.date(), application=change, **dated)
        request = stops.ask(application_id=change.pk, reason="typed wrongly", by=cast["umi.application"], now=NOW)
        stops.decide(request_id=request.pk, stops=is_stopped, text="the crew is on its way", **dated)
    play.file("ampere_change", play.point())
    answer_duties.remind_due(now=NOW + timedelta(hours=20))
    answer_duties.escalate_overdue(now=NOW + timedelta(days=3))
    matching.hand_over_due(now=AFTER)
    for point, application in ((moved, with_work), (play.point(), None)):
        work = meter_works.plan(
            point=point,
            kind="ampere",
            planned_on=AFTER.date(),
            application=application,
            by=cast["kaze.application"],
            now=NOW + timedelta(days=1),
        )
        meter_works.report(
            work_id=work.pk, done=meter_works.Done(done_on=AFTER.date()), by=cast["kaze.application"], now=AFTER
        )
    applications.complete(application_id=start.pk, by=cast["kaze.application"], now=AFTER)
    change = play.file("ampere_change", play.point())
    applications.correct(
        application_id=change.pk,
        desired_date=change.desired_date,
        given={"ampere": 50},
        reason="",
        by=cast["umi.application"],
        now=NOW,
    )
    play.taken_up(change)
    effects.take_effect_due(now=AFTER)
    return Notice.objects.exclude(kind__startswith="undoing_")  # theirs stand in test_undoing_words


def test_the_play_posts_a_notice_of_every_kind(every_notice):
    assert len(KINDS) >= 14 and all(SOURCES.values())
    assert set(every_notice.values_list("kind", flat=True)) == set(KINDS)


def test_every_notice_reads_well_in_both_languages_and_holds_nothing_of_the_customer(every_notice):
    for notice in every_notice:
        for language in ("ja", "en"):
            headline, body = outbox.words(notice, language)
            assert notice.subject in headline and len(body) > 40, (notice.kind, headline, body)
            assert "{" not in headline + body and "%(" not in headline + body
            is_japanese = bool(re.search("[ぁ-ん]", body.split("--")[0]))
            assert is_japanese == (language == "ja"), (notice.kind, language, body)
            assert notice.link in body, "the way to the case"
            for personal in (HOLDER, KANA, ADDRESS, "空 太郎", "U-0000", "S-"):
                assert personal not in headline + body
        assert not any(personal in str(notice.context) for personal in (HOLDER, KANA, ADDRESS, "U-0000"))


def test_no_template_of_a_notice_is_left_over():
    there = {path.stem for path in (Path(settings.BASE_DIR) / "templates" / "mail").glob("*.txt")}
    ours = {name for name in there if name.split("_")[0] in {"relay", "application", "supply", "point"}}
    assert ours - {"supply_day_moved"} == set(KINDS)  # that one is read in test_actual_days


def all_refusals() -> list[type[Exception]]:
    found: list[type[Exception]] = []
    modules = (relays, applications, disclosures, registration_queue, threads, escalations, evidence, movements)
    left = [*(module.NotPossible for module in modules), policies.BadPattern, *as_of.NotPossible.__subclasses__()]
    while left:
        found.append(left.pop())
        left += found[-1].__subclasses__()
    return found


def an_example(kind: type[Exception]) -> Exception:
    """The refusal with what it carries."""
    carried = {
        relays.NumberDoesNotFit: ("U and eight digits.", "U12345678"),
        relays.DateNotPossible: (date(2026, 4, 6), date(2026, 9, 28)),
        applications.DateNotPossible: (date(2026, 4, 6), date(2026, 9, 28)),
        applications.BackDated: (date(2026, 4, 1), date(2026, 9, 28)),
        applications.NotOffered: ("ampere_change", "HV"),
        applications.StateDoesNotFit: (SupplyPoint.ContractState.REMOVED,),
        applications.OutOfOwnSequence: (
            Movement("termination", date(2026, 4, 15), False, "A0000000019"),
            Order.BEFORE,
        ),
        applications.EntryNotPossible: ("ampere", Problem.AS_BEFORE),
        relays.QuotaSpent: (1200,),
        applications.QuotaSpent: (1200,),
        relays.AlreadyMoved: (RelayState.WITHDRAWN,),
        applications.AlreadyMoved: (ApplicationState.CANCELLED,),
        disclosures.NotAllAcknowledged: ([DisclosureItem(text_ja="違約金", text_en="charge", code="c")],),
        disclosures.OutdatedVersion: (DisclosureVersion(version=3),),
        disclosures.ExplainedTooLongAgo: (date(2026, 1, 1),),
        registration_queue.AlreadyWaiting: ("Q0000000018",),
        registration_queue.AlreadyEnded: (QueuedRegistration.State.WITHDRAWN,),
        policies.NoPattern: ("missing )",),
        policies.SampleDoesNotFit: ("X1",),
        disclosures.ListBackdated: (date(2026, 4, 1),),
        evidence.TooMany: (10,),
        relays.ThrottledCompany: (31, 7),
        relays.Overdue: (NOW,),
        movements.DateNotPossible: (date(2026, 4, 2), date(2026, 9, 28)),
        movements.ToldAlready: (PlannedMovement(pk=1),),
        meter_works.DoneLongAgo: (date(2026, 1, 1),),
        actual_days.LongAgo: (date(2026, 1, 1),),
        relays.OutOfOwnSequence: (Movement("termination", date(2026, 4, 15), False, "A0000000019"), Order.BEFORE),
        relays.CarriesData: (guard.Finding.NAME,),
        threads.CarriesData: (guard.Finding.FIGURE,),
        threads.NotWaiting: (RelayState.WITHDRAWN,),
        threads.ThreadFull: (20,),
    }
    return kind(*carried.get(kind, ()))


@pytest.mark.parametrize("kind", all_refusals(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_refusal_has_its_sentence_in_both_languages(kind):
    said = {}
    for language in ("ja", "en"):
        with translation.override(language):
            said[language] = sentence(an_example(kind))
            assert "%(" not in said[language] and len(said[language]) > 15
    assert re.search("[ぁ-ん]", said["ja"]) and not re.search("[ぁ-ん]", said["en"])


def test_no_sentence_is_left_over_and_no_two_refusals_of_a_verb_say_the_same():
    undone = {kind for kind in SENTENCES if issubclass(kind, undoing.NotPossible)}  # test_undoing_words
    assert set(SENTENCES) - undone == set(all_refusals())
    for module in (
        relays,
        applications,
        disclosures,
        registration_queue,
        threads,
        escalations,
        evidence,
        movements,
        policies,
    ):
        homes = {module.__name__, f"{module.__name__}.refusals"}
        own = [str(words) for kind, words in SENTENCES.items() if kind.__module__ in homes]
        assert len(own) == len(set(own)) > 0


def test_the_sentences_tell_what_the_refusal_carries():
    with translation.override("en"):
        assert "2026-04-06" in sentence(an_example(relays.DateNotPossible))
        assert "U12345678" in sentence(an_example(relays.NumberDoesNotFit))
        assert "withdrawn" in sentence(an_example(relays.AlreadyMoved))
        assert "charge" in sentence(an_example(disclosures.NotAllAcknowledged))
        assert "charge" in item_sentence(DisclosureItem(text_ja="違約金", text_en="charge", code="c"))
