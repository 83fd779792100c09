"""Every kind of application is filed by its rule: who, which entries, which days, in which order."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from portal.models import LedgerEntry, Notice
from portal.workdays import jst_date
from switching import applications, entries, kinds, matching, network_policies, revisions
from switching.entries import Problem
from switching.models import Application, Revision, Step
from switching.states import ApplicationState
from tests.switching.cases import DESIRED, GIVEN
from tests.switching.test_matching import at

pytestmark = pytest.mark.django_db
TODAY = date(2026, 4, 1)
LATER = DESIRED + timedelta(days=7)


@pytest.mark.parametrize(
    ("kind", "who"),
    [
        ("switch_start", "sora"),
        ("reconnection", "sora"),
        ("termination", "umi"),
        ("ampere_change", "umi"),
        ("consumer_change", "umi"),
    ],
)
def test_each_kind_is_filed_with_its_least_entries_and_leaves_its_traces(play, cast, kind, who):
    point = play.vacant() if kind == "reconnection" else play.point()
    assert play.file(kind, point, who, dry_run=True).pk is None
    assert not Application.objects.exists() and not Revision.objects.exists()
    found = play.file(kind, point, who)
    waits = kind == "switch_start"
    assert found.state == (ApplicationState.WAITING if waits else ApplicationState.SUBMITTED)
    assert Step.objects.get().move == ("file" if waits else "submit")
    assert LedgerEntry.objects.filter(subject=f"application {found.number}").count() == 1
    told = Notice.objects.get()
    assert (told.recipient, told.kind) == (cast.kaze, "application_filed" if waits else "application_submitted")
    first = Revision.objects.get()
    assert (first.number, first.act, first.entries) == (1, "registered", revisions.entries_of(found))
    assert (found.matching_deadline is not None) == waits


@pytest.mark.parametrize("kind", ["switch_start", "termination", "ampere_change", "consumer_change", "reconnection"])
def test_somebody_without_the_role_does_not_file(play, cast, kind):
    with pytest.raises(applications.NotYours):
        applications.file(
            kind=kind, point=play.point(), desired_date=DESIRED, given={}, by=cast["umi.viewer"], now=play.now
        )


@pytest.mark.parametrize("kind", ["termination", "ampere_change", "consumer_change"])
def test_only_who_supplies_the_point_changes_or_ends_anything_there(play, kind):
    with pytest.raises(applications.NotOurs):
        play.file(kind, play.point(), "sora")
    with pytest.raises(applications.PointNotInUse):
        play.file(kind, play.vacant(), "umi")


def test_a_switch_termination_follows_its_relay(play):
    with pytest.raises(applications.FollowsRelay):
        play.file("switch_termination", play.point())


@pytest.mark.parametrize(
    ("kind", "supply_class"),
    [("ampere_change", "HV"), ("ampere_change", "FIT"), ("reconnection", "HV"), ("termination", "FIT")],
)
def test_a_kind_that_does_not_exist_at_the_class_is_refused(play, kind, supply_class):
    with pytest.raises(applications.NotOffered):
        play.file(kind, play.point(supply_class=supply_class))


@pytest.mark.parametrize(
    ("kind", "fields", "given", "field", "problem"),
    [
        ("reconnection", {}, {"holder_name": ""}, "holder_name", Problem.MISSING),
        ("consumer_change", {}, {"change": "else"}, "change", Problem.NOT_ON_THE_LIST),
        ("consumer_change", {}, {"ampere": 30}, "ampere", Problem.NOT_ASKED),
        ("ampere_change", {}, {"ampere": 25}, "ampere", Problem.NOT_ON_THE_LIST),
        ("ampere_change", {"current_limit_a": 30}, {}, "ampere", Problem.AS_BEFORE),
        ("ampere_change", {"capacity_method": "main_switch"}, {}, "ampere", Problem.NO_BREAKER),
        ("termination", {}, {"moved_out_on": LATER}, "moved_out_on", Problem.AFTER_THE_END),
        ("termination", {}, {"reading_wh": -1}, "reading_wh", Problem.NEGATIVE),
        ("termination", {"supply_class": "HV"}, {}, "removal", Problem.ONLY_REMOVAL),
        ("switch_start", {}, {"contract_size": Decimal(6)}, "contract_size_unit", Problem.NO_UNIT),
        ("switch_start", {}, {"contract_size": Decimal(0)}, "contract_size", Problem.NOT_POSITIVE),
        ("switch_start", {}, {"capacity_method": "main_switch"}, "capacity_method", Problem.METHOD),
        ("switch_start", {"menu": "flat"}, {"capacity_method": "actual_demand"}, "capacity_method", Problem.METHOD),
    ],
)
def test_each_entry_that_does_not_fit_is_named(play, kind, fields, given, field, problem):
    point = play.vacant(**fields) if kind == "reconnection" else play.point(**fields)
    with pytest.raises(applications.EntryNotPossible) as refusal:
        play.file(kind, point, "sora" if kind in ("reconnection", "switch_start") else "umi", **given)
    assert (refusal.value.field, refusal.value.problem) == (field, problem)


def test_entries_stand_where_the_table_says_and_are_read_back(play):
    given = {"removal": True, "moved_out_on": DESIRED, "reading_wh": 0, "remarks": "鍵は管理人へ"}
    found = play.file("termination", play.point(), **given)
    found.refresh_from_db()
    assert found.removal and found.details == {"moved_out_on": "2026-04-15", "reading_wh": 0, "remarks": "鍵は管理人へ"}
    rule = kinds.rule("termination", "LV")
    assert {**given, "removal": True} == {k: v for k, v in entries.of(found, rule).items() if v is not False}


# --- Days


def test_a_termination_is_never_back_dated_and_may_be_the_same_day(play):
    with pytest.raises(applications.BackDated) as refusal:
        play.file("termination", play.point(), day=TODAY - timedelta(days=1))
    assert refusal.value.earliest == TODAY
    assert play.file("termination", play.point(), day=TODAY).pk


def test_a_reconnection_may_be_dated_back_31_days_and_not_32(play):
    point = play.vacant(since=date(2026, 2, 1))
    with pytest.raises(applications.BackDated) as refusal:
        play.file("reconnection", point, "sora", day=TODAY - timedelta(days=32))
    assert refusal.value.earliest == TODAY - timedelta(days=31)
    assert play.file("reconnection", point, "sora", day=TODAY - timedelta(days=31)).pk


def test_a_reconnection_with_meter_work_takes_the_lead_time(play):
    with pytest.raises(applications.DateNotPossible) as refusal:
        play.file("reconnection", play.vacant(), "sora", day=TODAY, meter_work=True)
    assert refusal.value.earliest == date(2026, 4, 15) and not isinstance(refusal.value, applications.BackDated)


def test_a_removal_at_high_voltage_takes_twenty_business_days(play):
    point = play.point(supply_class="HV")
    with pytest.raises(applications.DateNotPossible) as refusal:
        play.file("termination", point, removal=True)
    assert refusal.value.earliest == date(2026, 5, 2), "29 April is a holiday"
    assert play.file("termination", point, removal=True, day=date(2026, 5, 2)).removal


@pytest.mark.parametrize("kind", GIVEN)
def test_nothing_is_taken_further_ahead_than_180_days(play, kind):
    if kind == "switch_termination":
        return
    point = play.vacant() if kind == "reconnection" else play.point()
    with pytest.raises(applications.DateNotPossible) as refusal:
        play.file(kind, point, "sora" if kind in ("reconnection", "switch_start") else "umi", day=date(2026, 9, 29))
    assert refusal.value.latest == date(2026, 9, 28)


# --- Order and state


def test_a_contradiction_with_an_own_application_names_it(play):
    point = play.point()
    leaving = play.file("termination", point)
    with pytest.raises(applications.OutOfOwnSequence) as refusal:
        play.file("ampere_change", point, day=LATER)
    assert (refusal.value.other.number, refusal.value.other.day) == (leaving.number, DESIRED)
    assert play.file("ampere_change", point, day=DESIRED - timedelta(days=1)).pk


def test_a_contradiction_with_somebody_else_s_tells_nothing(play):
    point = play.point()
    play.file("termination", point)
    with pytest.raises(applications.OutOfSequence):
        play.file("switch_start", point, "sora")


def test_a_second_application_of_the_same_kind_names_the_first(play):
    point = play.point()
    first = play.file("consumer_change", point)
    with pytest.raises(applications.OutOfOwnSequence) as refusal:
        play.file("consumer_change", point, day=LATER)
    assert refusal.value.other.number == first.number


def test_somebody_moves_in_the_day_the_other_moves_out(play):
    point = play.point()
    with pytest.raises(applications.PointInUse):
        play.file("reconnection", point, "sora")
    play.file("termination", point)
    with pytest.raises(applications.PointInUse):
        play.file("reconnection", point, "sora", day=DESIRED - timedelta(days=1))
    assert play.file("reconnection", point, "sora").pk


def test_a_reconnection_does_not_begin_before_the_last_supply_ended(play):
    point = play.vacant(since=date(2026, 3, 20))
    with pytest.raises(applications.PointInUse):
        play.file("reconnection", point, "sora", day=date(2026, 3, 19))
    assert play.file("reconnection", point, "sora", day=date(2026, 3, 20)).pk


def test_nothing_is_reconnected_where_the_equipment_goes(play):
    point = play.point()
    play.file("termination", point, removal=True)
    with pytest.raises(applications.StateDoesNotFit) as refusal:
        play.file("reconnection", point, "sora", day=LATER)
    assert refusal.value.state == "removed"


# --- Drafts, corrections, cancelling


def draft(play, point, **given):
    return applications.file(
        kind="termination",
        point=point,
        desired_date=given.pop("day", DESIRED),
        given=given,
        by=play.cast["umi.application"],
        now=play.now,
        as_draft=True,
    )


def test_a_draft_is_the_own_company_s_until_it_is_filed(play, cast):
    kept = draft(play, play.point())
    assert kept.state == ApplicationState.DRAFT and not Notice.objects.exists()
    assert not Application.objects.visible_to(cast["kaze.application"]).exists()
    with pytest.raises(applications.NotYours):
        applications.file_draft(application_id=kept.pk, by=cast["sora.application"], now=play.now)
    filed = applications.file_draft(application_id=kept.pk, by=cast["umi.application"], now=play.now)
    assert filed.state == ApplicationState.SUBMITTED and Notice.objects.get().recipient == cast.kaze
    with pytest.raises(applications.AlreadyMoved):
        applications.file_draft(application_id=kept.pk, by=cast["umi.application"], now=play.now)


def test_a_draft_meets_the_rules_of_the_day_on_which_it_is_filed(play, cast):
    kept = draft(play, play.point(), day=TODAY)
    with pytest.raises(applications.BackDated):
        applications.file_draft(application_id=kept.pk, by=cast["umi.application"], now=play.now + timedelta(days=1))
    point = play.point()
    first, second = draft(play, point), draft(play, point)
    applications.file_draft(application_id=first.pk, by=cast["umi.application"], now=play.now)
    with pytest.raises(applications.OutOfOwnSequence):
        applications.file_draft(application_id=second.pk, by=cast["umi.application"], now=play.now)
    gone = applications.cancel(application_id=second.pk, by=cast["umi.application"], now=play.now)
    assert gone.state == ApplicationState.CANCELLED and Notice.objects.filter(recipient=cast.kaze).count() == 1


def test_a_draft_of_a_start_meets_the_point_as_it_is_when_it_is_filed(play, cast):
    point = play.point()
    kept = applications.file(
        kind="switch_start",
        point=point,
        desired_date=DESIRED,
        given=GIVEN["switch_start"],
        by=cast["sora.application"],
        now=play.now,
        as_draft=True,
    )
    play.start(point, "yama")
    with pytest.raises(applications.PointBusy):
        applications.file_draft(application_id=kept.pk, by=cast["sora.application"], now=play.now)
    applications.cancel(
        application_id=Application.objects.get(state="waiting").pk, by=cast["yama.application"], now=play.now
    )
    filed = applications.file_draft(application_id=kept.pk, by=cast["sora.application"], now=play.now)
    assert filed.state == ApplicationState.WAITING


def correct(play, application, day=DESIRED, who="umi", now=None, **given):
    return applications.correct(
        application_id=application.pk,
        desired_date=day,
        given={**GIVEN[application.kind], **given},
        reason="お客さまの申出",
        by=play.cast[f"{who}.application"],
        now=now or play.now,
    )


def test_a_correction_is_another_revision_and_shows_what_differs(play, cast):
    found = play.file("ampere_change", play.point())
    corrected = correct(play, found, day=LATER, ampere=40)
    assert corrected.state == ApplicationState.SUBMITTED
    first, second = Revision.objects.filter(application=found)
    assert (second.number, second.act, second.reason) == (2, "corrected", "お客さまの申出")
    differences = revisions.differences(first.entries, second.entries)
    assert [(d.field, d.before, d.after) for d in differences] == [
        ("desired_date", "2026-04-15", "2026-04-22"),
        ("ampere", 30, 40),
    ]
    assert Notice.objects.get(kind="application_corrected").recipient == cast.kaze
    with pytest.raises(applications.NothingChanged):
        correct(play, found, day=LATER, ampere=40)


def test_what_was_accepted_goes_back_to_the_network_operator_when_it_is_corrected(play):
    found = play.taken_up(play.file("ampere_change", play.point()))
    assert (found.state, found.planned_on) == (ApplicationState.ACCEPTED, DESIRED)
    again = correct(play, found, ampere=40)
    assert (again.state, again.planned_on) == (ApplicationState.SUBMITTED, None)


def test_a_waiting_start_stays_waiting_unless_it_now_needs_meter_work(play):
    start = play.start(play.point())
    assert correct(play, start, who="sora", holder_name="髙橋 花").state == ApplicationState.WAITING
    assert correct(play, start, who="sora", meter_work=True).state == ApplicationState.SUBMITTED
    assert correct(play, start, who="sora", holder_name="髙橋").state == ApplicationState.WAITING
    start.refresh_from_db()
    assert start.matching_deadline == DESIRED - timedelta(days=1)


def test_a_start_that_goes_with_a_relay_keeps_the_relay_s_day(play):
    point = play.point()
    start = play.start(point, relay=play.relay(point))
    with pytest.raises(applications.RelayDoesNotFit):
        correct(play, start, who="sora", day=LATER)


def test_a_frozen_application_is_not_corrected(play):
    point = play.point()
    start = play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=play.now)
    with pytest.raises(applications.Frozen):
        correct(play, start, who="sora", holder_name="x")


def test_nobody_corrects_for_another_company_and_no_termination_of_a_switch(play):
    start = play.start(play.point())
    with pytest.raises(applications.NotYours):
        correct(play, start, who="yama")
    play.accepted(play.point())
    with pytest.raises(applications.NotYours):
        correct(play, Application.objects.get(kind="switch_termination"))


def test_a_correction_meets_every_rule_anew(play):
    found = play.file("termination", play.point())
    with pytest.raises(applications.BackDated):
        correct(play, found, day=TODAY, now=at(TODAY + timedelta(days=1)))
    with pytest.raises(applications.EntryNotPossible):
        correct(play, found, reading_wh=-5)


def test_an_accepted_application_is_cancelled_freely_with_its_reason(play, cast):
    found = play.taken_up(play.file("termination", play.point()))
    applications.cancel(application_id=found.pk, reason=" 転居取りやめ ", by=cast["umi.application"], now=play.now)
    last = Revision.objects.filter(application=found).last()
    assert (last.act, last.reason) == ("cancelled", "転居取りやめ")
    told = Notice.objects.filter(kind="application_cancelled").values_list("recipient", flat=True)
    assert sorted(told) == sorted([cast.umi.pk, cast.kaze.pk])


def test_what_the_network_operator_need_not_see_is_accepted_at_once(play, cast):
    network_policies.lay_down(
        network_operator=cast.kaze,
        kind="consumer_change",
        supply_class="LV",
        meter_work=False,
        needs_person=False,
        by=None,
        now=play.now,
    )
    found = play.file("consumer_change", play.point())
    found.refresh_from_db()
    assert (found.state, found.planned_on) == (ApplicationState.ACCEPTED, DESIRED)
    assert [(step.move, step.to_state) for step in Step.objects.all()] == [
        ("submit", "submitted"),
        ("accept", "accepted"),
    ]
    assert jst_date(play.now) == TODAY
