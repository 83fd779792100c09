"""Work at a meter: planned, reported, called off; before or after the contract event the end state is the same."""

from contextlib import suppress
from datetime import date, timedelta
from itertools import permutations

import numpy as np
import pytest

from metering import meters, registers, supply
from metering.formats.blocks import day_block
from metering.models import CheckFinding, Meter, RegisterReading
from portal.models import LedgerEntry, Notice
from portal.workdays import jst_date
from switching import applications, effects, matching, meter_works
from switching.meter_works import Done
from switching.models import MeterWork, Step
from switching.states import ApplicationState
from tests.metering.delivering import csv_of, deliver
from tests.switching.cases import DESIRED
from tests.switching.test_matching import at

pytestmark = pytest.mark.django_db
EXCHANGED = Done(
    done_on=DESIRED, old_meter="OLD-1", new_meter=meters.NewMeter("NEW-1"), old_reading_wh=123_450, new_reading_wh=0
)


@pytest.fixture
def point(play):
    point = play.point()
    Meter.objects.create(point=point, number="OLD-1", installed_on=date(2020, 1, 1))
    return point


def planned(play, point, kind="exchange", on=DESIRED, application=None, **more):
    return meter_works.plan(
        point=point,
        kind=kind,
        planned_on=on,
        application=application,
        by=play.cast["kaze.application"],
        now=play.now,
        **more,
    )


def reported(play, work, done=EXCHANGED, now=None, **more):
    return meter_works.report(
        work_id=work.pk, done=done, by=play.cast["kaze.application"], now=now or at(DESIRED, 18), **more
    )


def matched(play, point):
    start = play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=play.now)
    start.refresh_from_db()
    return start


def test_work_for_a_matched_start_schedules_it_and_is_told(play, cast, point):
    start = matched(play, point)
    work = planned(play, point, application=start)
    start.refresh_from_db()
    assert start.state == ApplicationState.SCHEDULED
    assert Step.objects.filter(application=start).last().move == "schedule"
    notice = Notice.objects.get(kind="application_scheduled")
    assert (notice.recipient, notice.context["planned_on"]) == (cast.sora, DESIRED.isoformat())
    assert LedgerEntry.objects.get(action="meter_work.planned").subject == f"meter work {work.pk}"


def test_planning_anew_replaces_what_was_planned(play, point):
    start = matched(play, point)
    first = planned(play, point, application=start)
    second = planned(play, point, application=start, on=DESIRED + timedelta(days=2))
    first.refresh_from_db()
    assert first.cancelled_at and not second.cancelled_at


def test_a_report_puts_the_meters_in_their_places_and_tells_the_supplier_of_that_day(play, cast, point):
    work = reported(play, planned(play, point))
    assert [meter.number for meter in meters.standing(point.pk, DESIRED - timedelta(days=1))] == ["OLD-1"]
    assert [meter.number for meter in meters.standing(point.pk, DESIRED)] == ["NEW-1"]
    work.refresh_from_db()
    assert (work.old_meter.number, work.new_meter.number, work.old_reading_wh) == ("OLD-1", "NEW-1", 123_450)
    assert Notice.objects.get(kind="point_work").recipient == cast.umi
    with pytest.raises(meter_works.WorkIsOver):
        reported(play, work)


def readings_of(point):
    found = RegisterReading.objects.filter(point=point).order_by("id")
    return list(found.values_list("meter", "day", "kind", "wh", "file"))


def test_what_was_read_at_the_work_is_kept_as_register_readings(play, point):
    reported(play, planned(play, point))
    assert readings_of(point) == [
        ("OLD-1", DESIRED, "taken_away", 123_450, None),
        ("NEW-1", DESIRED, "put_up", 0, None),
    ]


@pytest.mark.parametrize(
    "done",
    [
        Done(done_on=DESIRED, old_meter="OLD-1", new_meter=meters.NewMeter("NEW-1")),
        Done(done_on=DESIRED, old_meter="OLD-1", new_meter=meters.NewMeter("OLD-1"), old_reading_wh=5),
    ],
)
def test_without_readings_or_with_a_report_that_is_refused_none_is_kept(play, point, done):
    work = planned(play, point)
    reported(play, work, dry_run=True)
    with suppress(meters.NotPossible):
        reported(play, work, done)
    assert readings_of(point) == []


def test_a_last_reading_that_comes_after_the_day_holds_it_to_it(play, cast, point):
    """The old meter's day until it was taken away: 24 kWh by half-hours, 20 kWh by its register."""
    registers.record([registers.Reading(point.pk, "OLD-1", DESIRED, 103_450)], now=play.now)
    values = np.full((1, 48), 500, np.int32)
    day = day_block([point.number], [DESIRED], values, ["OLD-1"])
    deliver(cast, csv_of(day), now=at(DESIRED + timedelta(days=1), 4))
    work = planned(play, point)
    reported(play, work, now=at(DESIRED + timedelta(days=1), 9))
    [finding] = CheckFinding.objects.filter(check_code="V07")
    assert (finding.point, finding.day, finding.network_operator) == (point, DESIRED, cast.kaze)
    assert finding.numbers == {"sum_wh": 24_000, "register_wh": 20_000, "step_wh": 10} and finding.file is None


def end_state(play, point, start):
    """Everything that later work rests on, without who came first."""
    start.refresh_from_db()
    days = [DESIRED + timedelta(days=shift) for shift in range(-12, 13)]
    return (
        start.state,
        start.in_effect_on,
        [supply.current_period(point, day).retailer_id for day in days],
        [[meter.number for meter in meters.standing(point.pk, day)] for day in days],
        list(MeterWork.objects.filter(point=point).values_list("done_on", "old_reading_wh", "new_reading_wh", "kind")),
    )


@pytest.mark.parametrize("shift", [-9, -1, 0, 1, 9])
def test_the_end_state_is_the_same_whatever_comes_first(play, shift):
    """25,000 of 608,000 usage notices came late in 2016 because the meter's event came after the contract's."""
    day = DESIRED + timedelta(days=shift)
    seen = set()
    for order in permutations(["hand over", "report", "complete"]):
        if order.index("complete") < order.index("hand over"):
            continue
        point = play.point()
        Meter.objects.create(point=point, number="OLD-1", installed_on=date(2020, 1, 1))
        start = matched(play, point)
        work = planned(play, point, application=start, on=max(day, jst_date(play.now)))
        done = Done(done_on=day, old_meter="OLD-1", new_meter=meters.NewMeter("NEW-1"), new_reading_wh=0)
        for act in order:
            if act == "hand over":
                matching.hand_over_due(now=at(DESIRED + timedelta(days=10), 1))
            elif act == "report":
                reported(play, work, done, now=at(DESIRED + timedelta(days=11), 9))
            else:
                applications.complete(
                    application_id=start.pk, by=play.cast["kaze.application"], now=at(DESIRED + timedelta(days=12), 9)
                )
        seen.add(repr(end_state(play, point, start)))
    assert len(seen) == 1


def test_a_new_breaker_takes_effect_on_the_day_somebody_put_it_in(play, point):
    change = play.taken_up(play.file("ampere_change", point))
    work = planned(play, point, kind="ampere", application=change)
    assert effects.take_effect_due(now=at(DESIRED, 1)) == 0, "nobody has been there yet"
    late = DESIRED + timedelta(days=3)
    reported(play, work, Done(done_on=late), now=at(late, 17))
    assert effects.take_effect_due(now=at(late, 18)) == 1
    change.refresh_from_db()
    assert (change.state, change.in_effect_on) == (ApplicationState.IN_EFFECT, late)


@pytest.mark.parametrize(
    ("done", "refusal"),
    [
        (Done(done_on=DESIRED + timedelta(days=1)), meter_works.DoneInFuture),
        (Done(done_on=date(2025, 1, 1)), meter_works.DoneLongAgo),
        (Done(done_on=DESIRED), meter_works.MetersDoNotFit),
        (Done(done_on=DESIRED, old_meter="OLD-1"), meter_works.MetersDoNotFit),
        (Done(done_on=DESIRED, old_meter="ELSE", new_meter=meters.NewMeter("NEW-1")), meters.NoSuchMeter),
        (Done(done_on=DESIRED, old_meter="OLD-1", new_meter=meters.NewMeter("OLD-1")), meters.MeterStandsAlready),
    ],
)
def test_a_report_that_does_not_fit_is_refused_and_nothing_is_kept(play, point, done, refusal):
    work = planned(play, point)
    with pytest.raises(refusal):
        reported(play, work, done)
    work.refresh_from_db()
    assert work.done_on is None
    assert [meter.number for meter in meters.standing(point.pk, DESIRED)] == ["OLD-1"]


def test_a_check_leaves_nothing(play, point):
    start = matched(play, point)
    before = LedgerEntry.objects.count()
    planned(play, point, application=start, dry_run=True)
    assert not MeterWork.objects.exists()
    work = planned(play, point)
    before = (LedgerEntry.objects.count(), Notice.objects.count())
    reported(play, work, dry_run=True)
    assert (LedgerEntry.objects.count(), Notice.objects.count()) == before
    assert [meter.number for meter in meters.standing(point.pk, DESIRED)] == ["OLD-1"]


def test_work_of_the_wrong_kind_or_day_is_refused(play, point):
    start = matched(play, point)
    with pytest.raises(meter_works.WrongWork):
        planned(play, point, kind="remove", application=start)
    with pytest.raises(meter_works.PlannedInPast):
        planned(play, point, on=jst_date(play.now) - timedelta(days=1))
    with pytest.raises(applications.AlreadyMoved):
        waiting = play.start(play.point())
        planned(play, waiting.point, application=waiting)


def test_work_without_an_application_is_called_off_and_work_with_one_is_not(play, cast, point):
    alone, bound = planned(play, point), planned(play, point, application=matched(play, point))
    meter_works.call_off(work_id=alone.pk, by=cast["kaze.application"], now=play.now)
    with pytest.raises(meter_works.WorkIsOver):
        reported(play, alone)
    with pytest.raises(meter_works.WrongWork):
        meter_works.call_off(work_id=bound.pk, by=cast["kaze.application"], now=play.now)


@pytest.mark.parametrize("who", ["sora.application", "umi.application", "kaze.viewer"])
def test_only_the_points_network_operator_works_at_it(play, cast, point, who):
    work = planned(play, point)
    with pytest.raises(applications.NotYours):
        meter_works.plan(point=point, kind="exchange", planned_on=DESIRED, by=cast[who], now=play.now)
    with pytest.raises(applications.NotYours):
        meter_works.report(work_id=work.pk, done=EXCHANGED, by=cast[who], now=at(DESIRED, 18))
    with pytest.raises(applications.NotYours):
        meter_works.call_off(work_id=work.pk, by=cast[who], now=play.now)
