"""The actual day of supply, reported by the network operator: it moves supply, owes the days between, tells both."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from metering import supply, supply_days
from metering.models import OwedDay, SupplyPeriod
from portal.models import LedgerEntry, Notice
from switching import actual_days, applications, cooling_off, effects, matching, reversals
from switching.models import ActualDay, Application, Match, Step
from tests.switching.cases import DESIRED
from tests.switching.test_matching import at

pytestmark = pytest.mark.django_db
LATER, EARLIER = DESIRED + timedelta(days=3), DESIRED - timedelta(days=2)
REPORTED = at(DESIRED + timedelta(days=7), 9)


@pytest.fixture
def start(play):
    """A start whose point changed hands on DESIRED."""
    point = play.point()
    found = play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=play.now)
    matching.hand_over_due(now=at(DESIRED, 1))
    found.refresh_from_db()
    return found


def report(play, application, actual, cause="reading", now=REPORTED, who="kaze.application", **more):
    return actual_days.report(
        application_id=application.pk, actual=actual, cause=cause, by=play.cast[who], now=now, **more
    )


def suppliers(point, first, count):
    found = [supply.current_period(point, first + timedelta(days=n)) for n in range(count)]
    return [period.retailer.name_en if period else "" for period in found]


def owed(point):
    rows = OwedDay.objects.filter(point=point).select_related("from_retailer", "to_retailer").order_by("day")
    return [
        (row.day, row.from_retailer and row.from_retailer.name_en, row.to_retailer and row.to_retailer.name_en)
        for row in rows
    ]


def settled():
    """The deferred triggers speak now and not at the end of the test."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def test_a_later_day_leaves_the_days_between_with_who_supplied_before_and_owes_them(play, cast, start):
    report(play, start, LATER)
    settled()
    umi, sora = cast.umi.name_en, cast.sora.name_en
    assert suppliers(start.point, DESIRED - timedelta(days=1), 6) == [umi, umi, umi, umi, sora, sora]
    assert owed(start.point) == [(DESIRED + timedelta(days=n), sora, umi) for n in range(3)]


def test_an_earlier_day_gives_the_days_between_to_the_new_supplier(play, cast, start):
    report(play, start, EARLIER)
    settled()
    umi, sora = cast.umi.name_en, cast.sora.name_en
    assert suppliers(start.point, EARLIER - timedelta(days=1), 4) == [umi, sora, sora, sora]
    assert owed(start.point) == [(EARLIER + timedelta(days=n), umi, sora) for n in range(2)]


def test_what_was_believed_stays_and_both_are_told_and_planned_actual_and_completed_are_three_facts(play, cast, start):
    applications.complete(application_id=start.pk, by=cast["kaze.application"], now=at(DESIRED, 12))
    report(play, start, LATER, "work")
    start.refresh_from_db()
    assert (start.state, start.in_effect_on, start.completed_at) == ("completed", LATER, at(DESIRED, 12))
    match = Match.objects.get()
    assert (match.switch_date, match.actual_date, match.changed_on) == (DESIRED, LATER, LATER)
    termination = Application.objects.get(kind="switch_termination")
    assert (termination.state, termination.in_effect_on) == ("in_effect", LATER)
    told = Notice.objects.filter(kind="supply_day_moved")
    assert {notice.recipient for notice in told} == {cast.sora, cast.umi}
    assert told[0].context["actual"] == LATER.isoformat()
    kept = ActualDay.objects.get()
    assert (kept.believed, kept.actual, kept.cause, kept.by) == (DESIRED, LATER, "work", cast["kaze.application"])
    assert Step.objects.filter(move="report_day").count() == 2
    assert LedgerEntry.objects.filter(action="application.report_day").count() == 2
    then = supply.known_then(start.point, DESIRED, at=at(DESIRED, 12))
    assert then.retailer == cast.sora, "as it was known then"
    start.point.refresh_from_db()
    assert start.point.last_wheeling_change == LATER


def test_a_day_may_be_mended_again_and_back(play, cast, start):
    report(play, start, LATER)
    report(play, start, DESIRED, "record", now=REPORTED + timedelta(hours=1))
    settled()
    assert suppliers(start.point, DESIRED - timedelta(days=1), 2) == [cast.umi.name_en, cast.sora.name_en]
    assert ActualDay.objects.count() == 2


@pytest.mark.parametrize("actual", [LATER, EARLIER])
def test_a_termination_ends_on_its_actual_day(play, cast, actual):
    point = play.point()
    leaving = play.taken_up(play.file("termination", point))
    effects.take_effect_due(now=at(DESIRED, 1))
    leaving.refresh_from_db()
    report(play, leaving, actual)
    settled()
    umi = cast.umi.name_en
    assert suppliers(point, actual - timedelta(days=1), 2) == [umi, ""]


@pytest.mark.parametrize("actual", [LATER, EARLIER])
def test_a_reconnection_begins_on_its_actual_day_and_the_holder_with_it(play, cast, actual):
    point = play.vacant()
    arriving = play.taken_up(play.file("reconnection", point, "sora"))
    effects.take_effect_due(now=at(DESIRED, 1))
    arriving.refresh_from_db()
    report(play, arriving, actual)
    settled()
    assert suppliers(point, actual - timedelta(days=1), 2) == ["", cast.sora.name_en]
    assert supply.current_period(point, LATER).contract.holder_since == actual


def test_a_reconnection_does_not_begin_while_the_former_customer_is_supplied(play):
    left = date(2026, 3, 20)
    point = play.vacant(since=left)
    arriving = play.taken_up(play.file("reconnection", point, "sora", day=left + timedelta(days=5)))
    effects.take_effect_due(now=play.now)
    with pytest.raises(actual_days.SupplyMovedOn):
        report(play, arriving, left - timedelta(days=1))
    report(play, arriving, left)
    settled()


@pytest.mark.parametrize(
    ("actual", "refusal"),
    [
        (DESIRED, actual_days.SameDay),
        (DESIRED + timedelta(days=8), actual_days.NotYet),
        (date(2024, 4, 1), actual_days.LongAgo),
    ],
)
def test_a_day_is_another_one_not_ahead_and_not_long_ago(play, start, actual, refusal):
    with pytest.raises(refusal):
        report(play, start, actual)
    assert not ActualDay.objects.exists() and not OwedDay.objects.exists()


def test_no_side_is_left_without_a_day(play, cast, settings):
    settings.ACTUAL_DAY_REPORT_DAYS = 1000
    point = play.point()
    found = play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=play.now)
    matching.hand_over_due(now=at(DESIRED, 1))
    with pytest.raises(actual_days.SupplyMovedOn):
        report(play, found, date(2024, 4, 1))
    supply.terminate({point.pk: DESIRED + timedelta(days=3)}, cause="moved out", now=at(DESIRED, 9))
    with pytest.raises(actual_days.SupplyMovedOn):
        report(play, found, DESIRED + timedelta(days=3))
    report(play, found, DESIRED + timedelta(days=2))
    settled()


@pytest.mark.parametrize("who", ["sora.application", "umi.application", "yama.application", "kaze.viewer"])
def test_only_the_network_operators_clerk_reports(play, start, who):
    with pytest.raises(applications.NotYours):
        report(play, start, LATER, who=who)


def test_the_termination_of_a_switch_and_other_kinds_have_no_day_of_their_own(play, start):
    with pytest.raises(actual_days.NoDayOfSupply):
        report(play, Application.objects.get(kind="switch_termination"), LATER)


def test_what_is_not_in_effect_has_no_actual_day(play):
    with pytest.raises(applications.AlreadyMoved):
        report(play, play.start(play.point()), DESIRED)


def test_while_the_switch_is_undone_its_day_stays(play, cast, start):
    reversals.ask(relay_id=start.relay_id, reason="point_mixed_up", by=cast["sora.relay"], now=at(DESIRED, 12))
    with pytest.raises(actual_days.BeingUndone):
        report(play, start, LATER)


def test_a_switch_whose_day_was_mended_can_still_be_given_back(play, cast, start):
    report(play, start, LATER)
    case = cooling_off.open_case(relay_id=start.relay_id, declared_on=DESIRED, by=cast["sora.relay"], now=REPORTED)
    assert case.match.changed_on == LATER


def test_a_check_writes_nothing(play, start):
    report(play, start, LATER, dry_run=True)
    assert SupplyPeriod.objects.filter(point=start.point, known_until__isnull=False).count() == 1, "the hand-over's"
    assert not ActualDay.objects.exists() and not OwedDay.objects.exists()


def test_a_day_somebody_else_supplies_is_refused_by_the_database_too(play, cast, start):
    other = SupplyPeriod.objects.get(point=start.point, known_until__isnull=True, retailer=cast.sora)
    with pytest.raises(IntegrityError, match="one_supplier_per_point_and_day"), transaction.atomic():
        SupplyPeriod.objects.create(
            point=other.point,
            retailer=cast.umi,
            contract=other.contract,
            during=(DESIRED, LATER),
            ending="handed_over",
            known_from=REPORTED,
        )


def test_supply_that_was_handed_over_cannot_begin_later_without_its_predecessor(play, cast, start):
    """The database lets a supply begin later only where nobody had handed the point over."""
    period = SupplyPeriod.objects.get(point=start.point, known_until__isnull=True, retailer=cast.sora)
    with (
        pytest.raises(IntegrityError, match="no_day_without_supplier_unless_terminated"),
        transaction.atomic(),
    ):
        SupplyPeriod.objects.filter(pk=period.pk).update(known_until=REPORTED)
        SupplyPeriod.objects.create(
            point=period.point,
            retailer=period.retailer,
            contract=period.contract,
            during=(LATER, None),
            known_from=REPORTED,
        )
        settled()


def test_an_actual_day_differs_from_what_was_believed(play, start):
    with pytest.raises(IntegrityError, match="an_actual_day_is_another_than_was_believed"), transaction.atomic():
        ActualDay.objects.create(
            application=start,
            believed=DESIRED,
            actual=DESIRED,
            cause="work",
            at=REPORTED,
            by=play.cast["kaze.application"],
        )


def test_only_what_was_handed_over_has_an_actual_date(play):
    point = play.point()
    play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=play.now)
    with pytest.raises(IntegrityError, match="only_what_was_handed_over_has_an_actual_date"), transaction.atomic():
        Match.objects.update(actual_date=DESIRED)


def test_a_shift_of_no_day_or_of_a_point_twice_is_a_mistake(play, start):
    same = supply_days.Shift(start.point_id, DESIRED, DESIRED, None, start.retailer_id, "x")
    with pytest.raises(ValueError, match="another day"):
        supply_days.move([same], now=REPORTED)


def test_the_page_shows_what_will_change_and_then_reports_it(play, cast, start, client_of, time_machine):
    time_machine.move_to(REPORTED, tick=False)
    client = client_of(cast["kaze.application"])
    url = reverse("switching:actual-day", args=[start.number])
    assert url in client.get(reverse("switching:application", args=[start.number])).content.decode()
    assert client.get(url).status_code == 200
    entries = {"actual": LATER.isoformat(), "cause": "access"}
    assert client.post(url, {**entries, "actual": "2026-06-01"}).status_code == 422
    page = client.post(url, entries)
    assert page.status_code == 200 and not ActualDay.objects.exists()
    assert client.post(url, {**entries, "confirmed": "1"}).status_code == 302
    assert ActualDay.objects.get().actual == LATER
    for reader in ("sora.application", "kaze.application"):
        assert (
            "2026-04-18"
            in client_of(cast[reader]).get(reverse("switching:application", args=[start.number])).content.decode()
        )
