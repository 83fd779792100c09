"""The network operator accepts or rejects what was submitted to it."""

from datetime import timedelta

import pytest

from portal.models import LedgerEntry, Notice
from switching import answers, applications, matching, network_policies, relays, traces
from switching.models import Application, NetworkAnswer, Revision, Step
from switching.states import ApplicationState
from tests.switching.cases import DESIRED
from tests.switching.test_matching import at

pytestmark = pytest.mark.django_db


def test_a_start_with_meter_work_stands_with_the_network_operator_until_it_is_accepted(play, cast):
    point = play.point()
    start = play.start(point, relay=play.accepted(point), meter_work=True)
    assert start.state == ApplicationState.SUBMITTED
    assert matching.match_waiting(now=play.now) == 0
    assert Notice.objects.get(kind="application_submitted").recipient == cast.kaze
    accepted = answers.accept(application_id=start.pk, by=cast["kaze.application"], now=play.now)
    assert accepted.state == ApplicationState.WAITING
    assert [step.move for step in Step.objects.filter(application=start)] == ["submit", "accept", "await"]
    assert Notice.objects.get(kind="application_accepted").recipient == cast.sora
    assert NetworkAnswer.objects.get(application=start).codes == ["A01"]
    assert matching.match_waiting(now=play.now) == 1


def test_a_rejected_start_has_ended_and_the_codes_are_told(play, cast):
    start = play.start(play.point(), meter_work=True)
    answers.reject(
        application_id=start.pk, codes=["R99", "R04"], text=" 来月から可 ", by=cast["kaze.application"], now=play.now
    )
    start.refresh_from_db()
    assert start.state == ApplicationState.REJECTED and not start.is_open
    answer = NetworkAnswer.objects.get()
    assert (answer.codes, answer.text, answer.verdict) == (["R04", "R99"], "来月から可", "reject")
    notice = Notice.objects.get(kind="application_rejected")
    assert (notice.recipient, notice.context["codes"]) == (cast.sora, ["R04", "R99"])
    assert LedgerEntry.objects.get(action="application.reject").detail["codes"] == ["R04", "R99"]
    assert play.start(start.point).pk != start.pk, "a new one may be filed"


@pytest.mark.parametrize("codes", [[], ["R04"], ["A01", "R04"], ["A77"]])
def test_an_acceptance_names_codes_of_its_own(play, cast, codes):
    start = play.start(play.point(), meter_work=True)
    with pytest.raises(answers.CodesMissing):
        answers.accept(application_id=start.pk, codes=codes, by=cast["kaze.application"], now=play.now)


def test_other_needs_its_words(play, cast):
    start = play.start(play.point(), meter_work=True)
    with pytest.raises(answers.CodesMissing):
        answers.reject(application_id=start.pk, codes=["R99"], text="  ", by=cast["kaze.application"], now=play.now)


@pytest.mark.parametrize("who", ["sora.application", "umi.application", "yama.application", "kaze.viewer"])
@pytest.mark.parametrize("verb", [answers.accept, answers.reject])
def test_nobody_else_answers(play, cast, who, verb):
    start = play.start(play.point(), meter_work=True)
    with pytest.raises(applications.NotYours):
        verb(application_id=start.pk, codes=["A01"] if verb is answers.accept else ["R01"], by=cast[who], now=play.now)


def test_an_answer_is_given_once_and_a_check_writes_nothing(play, cast):
    start, clerk = play.start(play.point(), meter_work=True), cast["kaze.application"]
    answers.accept(application_id=start.pk, by=clerk, now=play.now, dry_run=True)
    answers.reject(application_id=start.pk, codes=["R01"], by=clerk, now=play.now, dry_run=True)
    assert not NetworkAnswer.objects.exists()
    answers.accept(application_id=start.pk, by=clerk, now=play.now)
    for verb, codes in ((answers.accept, ["A01"]), (answers.reject, ["R01"])):
        with pytest.raises(applications.AlreadyMoved):
            verb(application_id=start.pk, codes=codes, by=clerk, now=play.now)
    assert NetworkAnswer.objects.count() == 1


def test_a_network_operator_lays_down_what_it_looks_at(play, cast):
    lay_down = {"network_operator": cast.kaze, "kind": "switch_start", "supply_class": "LV", "by": None}
    network_policies.lay_down(**lay_down, meter_work=False, needs_person=True, now=play.now)
    network_policies.lay_down(**lay_down, meter_work=True, needs_person=False, now=play.now)
    assert play.start(play.point()).state == ApplicationState.SUBMITTED
    assert play.start(play.point(), meter_work=True).state == ApplicationState.WAITING
    assert play.start(play.point(supply_class="FIT")).state == ApplicationState.WAITING, "laid down for LV alone"


def test_what_the_network_operator_did_not_answer_in_time_ends_unmatched(play, cast):
    point = play.point()
    relay = play.accepted(point)
    start = play.start(point, relay=relay, meter_work=True)
    assert matching.close_unmatched(now=at(DESIRED, 0)) == 3
    start.refresh_from_db()
    assert start.state == ApplicationState.UNMATCHED


def test_withdrawing_the_relay_ends_a_start_that_is_with_the_network_operator(play, cast):
    point = play.point()
    relay = play.relay(point)
    start = play.start(point, relay=relay, meter_work=True)
    relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=play.now)
    start.refresh_from_db()
    assert start.state == ApplicationState.CANCELLED


def test_filing_and_cancelling_leave_revisions(play, cast):
    start = play.start(play.point(), meter_work=True)
    later = play.now + timedelta(hours=1)
    applications.cancel(application_id=start.pk, by=cast["sora.application"], now=later)
    first, last = Revision.objects.filter(application=start)
    assert [(first.number, first.act, first.by), (last.number, last.act, last.at)] == [
        (1, "registered", cast["sora.application"]),
        (2, "cancelled", later),
    ]
    assert first.entries == last.entries
    assert first.entries["desired_date"] == DESIRED.isoformat() and first.entries["meter_work"] is True


def test_the_draft_of_another_company_is_not_seen_by_the_network_operator(play, cast):
    start = play.start(play.point(), meter_work=True)
    assert Application.objects.visible_to(cast["kaze.application"]).exists()
    Application.objects.filter(pk=start.pk).update(state=ApplicationState.DRAFT)
    assert not Application.objects.visible_to(cast["kaze.application"]).exists()
    assert Application.objects.visible_to(cast["sora.application"]).exists()


def test_a_stopped_match_ends_both_sides_and_the_old_contract_goes_on(play, cast):
    point = play.point()
    relay = play.accepted(point)
    start = play.start(point, relay=relay)
    matching.match_waiting(now=play.now)
    match = point.matches.get()
    traces.leave(matching.dissolve(match.pk, now=play.now), by=cast["kaze.application"], now=play.now)
    start.refresh_from_db()
    relay.refresh_from_db()
    assert (start.state, relay.state) == (ApplicationState.CANCELLED, "06")
    assert matching.hand_over_due(now=at(DESIRED)) == 0 and not matching.waits_for_hand_over(DESIRED)
    told = Notice.objects.filter(kind="application_stopped").values_list("recipient", flat=True)
    assert sorted(told) == sorted([cast.sora.pk, cast.umi.pk, cast.kaze.pk])
    with pytest.raises(matching.NotMatched):
        matching.dissolve(match.pk, now=play.now)
    again = play.accepted(point)
    play.start(point, relay=again)
    assert matching.match_waiting(now=play.now) == 1, "the point is free for another switch"
