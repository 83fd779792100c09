"""A retailer leaves the market: every point of it is moved until its last day, the rest is caught (§8).

From the announcement on the hub accepts relays to it by itself where the customer's data fit, takes nothing new from
it, and counts every day what is still to be moved.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Sum

from metering.models import SupplyPeriod, SupplyPoint
from portal.market import MarketRole
from portal.models import Company, Participation, User
from portal.workdays import jst_date
from switching import last_resort, matching, relays, traces, undoing
from switching.models import ExitArea, ExitDay, Match, Relay, UndoCase
from switching.states import OPEN_RELAYS, RelayState
from switching.undo_states import UndoKind, UndoMove, UndoState
from switching.undoing import Word

COUNT = """
    INSERT INTO switching_exitday (case_id, area, day, remaining, under_way)
    SELECT area.case_id, area.area, %(today)s, count(point.id),
           count(point.id) FILTER (WHERE EXISTS (SELECT FROM switching_relay r
                                                 WHERE r.point_id = point.id AND r.state = '02')
                                      OR EXISTS (SELECT FROM switching_match m
                                                 WHERE m.point_id = point.id AND m.handed_over_at IS NULL
                                                   AND m.dissolved_at IS NULL))
    FROM switching_exitarea area
    JOIN switching_undocase c ON c.id = area.case_id AND c.state = 'going'
    LEFT JOIN metering_supplyperiod s ON s.retailer_id = c.losing_retailer_id AND s.known_until IS NULL
         AND s.ending = 'open'
    LEFT JOIN metering_supplypoint point ON point.id = s.point_id AND point.area = area.area
    GROUP BY area.case_id, area.area
    ON CONFLICT DO NOTHING
"""


class NotARetailer(undoing.NotPossible):
    """The company supplies nowhere as a retailer, so there is nothing it could leave."""

    field = "company"


class LastDayPast(undoing.NotPossible):
    """The last day is today at the earliest."""

    field = "last_day"


class NoNetworkOperator(undoing.NotPossible):
    """An area of the company has no network operator that could catch its points."""

    field = "company"


def announce(*, company: Company, last_day: date, text: str, by: User, now: datetime) -> UndoCase:
    """The hub operator announces that a retailer supplies until the end of `last_day`; counted per area.

    What the company wanted to gain ends: its open relays at once, its matched switches after the last day as well.
    Raises NotYours, NotARetailer, LastDayPast, NoNetworkOperator, PointBusy (it is leaving already), WordsMissing.
    """
    undoing.require_operator(by)
    if last_day < jst_date(now):
        raise LastDayPast
    if not text.strip():
        raise undoing.WordsMissing
    with transaction.atomic():
        points = dict(_supplied_by(company.pk).values_list("point__area").annotate(Count("pk")).order_by("point__area"))
        areas = set(
            Participation.objects.filter(company=company, market_role=MarketRole.RETAILER).values_list(
                "area", flat=True
            )
        ) | set(points)
        if not areas:
            raise NotARetailer
        networks = {
            part.area: part.company
            for part in Participation.objects.filter(
                area__in=areas, market_role=MarketRole.NETWORK_OPERATOR
            ).select_related("company")
        }
        if areas - networks.keys():
            raise NoNetworkOperator
        case = UndoCase(
            kind=UndoKind.MARKET_EXIT,
            losing_retailer=company,
            asked_by=by.company,
            opened_by=by,
            effective_on=last_day,
        )
        undoing.open_many([case], UndoMove.OPEN, now=now)
        undoing.say(case, Word.ASKED, by=by, now=now, text=text)
        ExitArea.objects.bulk_create(
            [
                ExitArea(case=case, area=area, network_operator=networks[area], points_at_first=points.get(area, 0))
                for area in sorted(areas)
            ]
        )
        left = [undoing.trace(case, UndoMove.OPEN, "", company, *networks.values(), notice="exit_announced")]
        left += _gain_nothing_more(company, last_day, now=now)
        traces.leave(left, by=by, now=now)
        _count(now)
    return case


def call_off(*, case_id: int, text: str, by: User, now: datetime) -> UndoCase:
    """The hub operator calls a market exit off. Raises NotYours, AlreadyMoved, WordsMissing."""
    undoing.require_operator(by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.MARKET_EXIT)
        undoing.check_move(case, UndoMove.WITHDRAW)
        if not text.strip():
            raise undoing.WordsMissing
        undoing.say(case, Word.DISMISSED, by=by, now=now, text=text)
        left = undoing.step(case, UndoMove.WITHDRAW, *_told(case), now=now, notice="exit_called_off")
        traces.leave([left], by=by, now=now)
    return case


def count_days(*, now: datetime) -> int:
    """Count for today what each leaving retailer still supplies in each area; once a day; returns how many rows."""
    with transaction.atomic():
        return _count(now)


def carry_out_due(*, now: datetime, limit: int | None = None) -> int:
    """After the last day: hand up to `limit` remaining points of one exit to last-resort supply, from the day after it.

    Points whose switch is due are left to their hand-over. Without any point left the exit is done. Returns how many
    points were taken in, and one more for the exit that was closed.
    """
    today = jst_date(now)
    with transaction.atomic():
        case = (
            UndoCase.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(kind=UndoKind.MARKET_EXIT, state=UndoState.GOING, effective_on__lt=today)
            .order_by("pk")
            .first()
        )
        if case is None:
            return 0
        assert case.effective_on is not None
        day = case.effective_on + timedelta(days=1)
        due = Match.objects.filter(
            point=OuterRef("point"),
            handed_over_at__isnull=True,
            dissolved_at__isnull=True,
            stuck_because="",
            switch_date__lte=today,
        )
        periods = list(
            _supplied_by(case.losing_retailer_id)
            .filter(~Exists(due), during__startswith__lt=day)
            .order_by("point_id")
            .values_list("point_id", "point__area")[: limit or settings.MARKET_EXIT_CHUNK]
        )
        if not periods:
            if _supplied_by(case.losing_retailer_id).exists():
                return 0  # their hand-over is due, or they began after the last day: the operator sees them remaining
            left = undoing.step(case, UndoMove.CARRY_OUT, *_told(case), now=now, notice="exit_done")
            traces.leave([left], by=None, now=now)
            return 1
        missed = last_resort.take_in(
            [last_resort.Catch(point_id, day, case.losing_retailer_id, case.number) for point_id, _ in periods],
            now=now,
        )
        for area in {area for _, area in periods}:
            count = sum(1 for point_id, where in periods if where == area and point_id not in missed)
            ExitArea.objects.filter(case=case, area=area).update(to_last_resort=F("to_last_resort") + count)
    return len(periods) - len(missed)


def remaining(case: UndoCase) -> QuerySet[SupplyPoint]:
    """The points that the leaving retailer still supplies; `is_under_way` where a switch is accepted or matched."""
    pending = Match.objects.filter(point=OuterRef("pk"), handed_over_at__isnull=True, dissolved_at__isnull=True)
    accepted = Relay.objects.filter(point=OuterRef("pk"), state=RelayState.ACCEPTED)
    return SupplyPoint.objects.filter(pk__in=_supplied_by(case.losing_retailer_id).values("point")).annotate(
        is_under_way=Exists(pending) | Exists(accepted)
    )


def figures(case: UndoCase) -> dict[str, ExitDay]:
    """The newest count of each area."""
    return {row.area: row for row in case.days.order_by("area", "-day").distinct("area")}


def days(case: UndoCase, most: int = 31) -> list[dict[str, Any]]:
    """The newest days of the count, over all areas: `day`, points `left`, of them `moving`."""
    return list(
        case.days.order_by("-day")
        .values("day")
        .annotate(left=Sum("remaining"), moving=Sum("under_way"))
        .values("day", "left", "moving")[:most]
    )


def _supplied_by(company_id: int) -> QuerySet[SupplyPeriod]:
    return SupplyPeriod.objects.filter(retailer=company_id, known_until__isnull=True, ending=SupplyPeriod.Ending.OPEN)


def _count(now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"today": jst_date(now)})
        return cursor.rowcount


def _told(case: UndoCase) -> list[int]:
    networks = case.areas.values_list("network_operator", flat=True)
    return [case.losing_retailer_id, *networks, *undoing.the_hub()]


def _gain_nothing_more(company: Company, last_day: date, *, now: datetime) -> list[traces.Trace]:
    """End what the leaving company wanted to gain: open relays, and matched switches for a day after its last."""
    left: list[traces.Trace] = []
    for relay in (
        Relay.objects.select_for_update(of=("self",))
        .filter(gaining_retailer=company, state__in=OPEN_RELAYS)
        .select_related("point")
        .order_by("pk")
    ):
        left += relays.end_together(relay)
    for match_id in Match.objects.filter(
        applications__kind="switch_start",
        applications__retailer=company,
        handed_over_at__isnull=True,
        dissolved_at__isnull=True,
        switch_date__gt=last_day,
    ).values_list("pk", flat=True):
        left += matching.dissolve(match_id, now=now)
    return left
