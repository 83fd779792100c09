"""Start meets termination: pairs are found, dated, closed at the cut-off and carried out, many at a time.

Every verb here claims its rows with SKIP LOCKED and does the rest of its batch in sets, in one transaction: two
workers share the work, a crash leaves the batch as it was.
"""

from collections import defaultdict
from datetime import date, datetime
from functools import cache

from django.db import connection, transaction
from django.db.models import Q

from metering import supply
from metering.models import ReadingDate
from portal import ledger, workdays
from portal.models import User
from portal.workdays import jst_date
from switching import applications, dark_points, deadlines, effects, notices, relays, revisions, traces
from switching.models import Application, Match, MeterWork, Relay, Revision
from switching.states import (
    BEFORE_MATCH,
    ApplicationMove,
    ApplicationState,
    RelayMove,
    RelayState,
    next_application_state,
    next_relay_state,
)

CLAIM_PAIRS = """
    SELECT s.id, t.id, r.id
    FROM switching_application s
    JOIN switching_application t ON t.point_id = s.point_id AND t.desired_date = s.desired_date
         AND t.kind = 'switch_termination' AND t.state = 'waiting'
    JOIN switching_relay r ON r.id = t.relay_id AND r.state = '02' AND r.gaining_retailer_id = s.retailer_id
    WHERE s.kind = 'switch_start' AND s.state = 'waiting'
      AND s.matching_deadline >= %(today)s AND t.matching_deadline >= %(today)s
    ORDER BY s.id
    LIMIT %(limit)s
    FOR UPDATE OF s, t, r SKIP LOCKED
"""
FREEZE = """
    WITH made AS (
        INSERT INTO switching_match (point_id, switch_date, matched_at, stuck_because)
        SELECT pair.point_id, pair.switch_date, %(now)s, ''
        FROM unnest(%(points)s::bigint[], %(dates)s::date[]) AS pair (point_id, switch_date)
        RETURNING id, point_id
    )
    UPDATE switching_application a SET state = 'matched', match_id = made.id
    FROM made WHERE a.point_id = made.point_id AND a.id = ANY (%(cases)s)
"""
CARRIED_OUT = (
    *("contract_number", "holder_name", "holder_kana", "holder_address", "ampere", "capacity_method"),
    *("contract_size", "contract_size_unit", "details"),
)
"""What a hand-over reads of a start beside what its trace tells."""


def match_waiting(*, now: datetime, limit: int = 1000) -> int:
    """Pair up to `limit` starts with the terminations of the same point and date; returns how many pairs.

    The pair is frozen. The switch happens on the desired date, or, when the lead time counted from today no longer
    reaches it, on the first scheduled reading date it does reach. Source: domain notes, switching §5 and §8.
    """
    today = jst_date(now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(CLAIM_PAIRS, {"today": today, "limit": limit})
            pairs = cursor.fetchall()
        if not pairs:
            return 0
        cases = Application.objects.only(*traces.OF_AN_APPLICATION, "meter_work").in_bulk(
            [pk for pair in pairs for pk in pair[:2]]
        )
        relays_by_id = Relay.objects.only(*traces.OF_A_RELAY).in_bulk([pair[2] for pair in pairs])
        traces.put_on_their_points(cases.values(), relays_by_id.values())
        starts = [cases[pair[0]] for pair in pairs]
        terminations = [cases[pair[1]] for pair in pairs]
        matched_relays = [relays_by_id[pair[2]] for pair in pairs]
        dates = _switch_dates(starts, terminations, today)
        with connection.cursor() as cursor:
            cursor.execute(
                FREEZE,
                {"points": [start.point_id for start in starts], "dates": dates, "now": now, "cases": list(cases)},
            )
        Relay.objects.filter(pk__in=relays_by_id).update(state=RelayState.MATCHED)
        left = []
        for start, termination, relay, day in zip(starts, terminations, matched_relays, dates, strict=True):
            for application in (start, termination):
                left.append(
                    traces.Trace(
                        case=application,
                        move=ApplicationMove.MATCH,
                        from_state=ApplicationState.WAITING,
                        to_state=ApplicationState.MATCHED,
                        notices=notices.about_application(
                            application,
                            "application_matched",
                            application.retailer_id,
                            *([application.point.network_operator_id] if application.is_start else []),
                            switch_date=day,
                            moved=day != application.desired_date,
                        ),
                        detail={"switch_date": day.isoformat()},
                    )
                )
            left.append(
                traces.Trace(
                    case=relay,
                    move=RelayMove.MATCH,
                    from_state=RelayState.ACCEPTED,
                    to_state=RelayState.MATCHED,
                )
            )
        traces.leave(left, by=None, now=now)
    return len(pairs)


def _switch_dates(starts: list[Application], terminations: list[Application], today: date) -> list[date]:
    calendars = workdays.of_areas()

    @cache  # a handful of answers for any number of pairs
    def earliest_date(supply_class: str, area: str, meter_work: bool) -> date:
        return deadlines.earliest_switch_date(
            today, supply_class=supply_class, meter_work=meter_work, workdays=calendars[area]
        )

    earliest = [
        earliest_date(start.point.supply_class, start.point.area, start.meter_work or termination.meter_work)
        for start, termination in zip(starts, terminations, strict=True)
    ]
    late = [
        (start.point.area, start.point.reading_day, first)
        for start, first in zip(starts, earliest, strict=True)
        if start.desired_date < first
    ]
    reading = _reading_dates(late)
    return [
        start.desired_date
        if start.desired_date >= first
        else reading.get((start.point.area, start.point.reading_day, first), first)
        for start, first in zip(starts, earliest, strict=True)
    ]


def _reading_dates(wanted: list[tuple[str, int, date]]) -> dict[tuple[str, int, date], date]:
    """The first scheduled reading date on or after each (area, reading day, earliest), one query."""
    if not wanted:
        return {}
    after = min(first for _, _, first in wanted)
    until = max(first for _, _, first in wanted)
    days: dict[tuple[str, int], list[date]] = defaultdict(list)
    for area, group, day in (
        ReadingDate.objects.filter(
            area__in={area for area, _, _ in wanted},
            day__gte=after,
            day__lte=date.fromordinal(until.toordinal() + 62),
        )
        .order_by("day")
        .values_list("area", "reading_day", "day")
    ):
        days[area, group].append(day)
    found = {}
    for area, group, first in set(wanted):
        if reached := next((day for day in days[area, group] if day >= first), None):
            found[area, group, first] = reached
    return found


def close_unmatched(*, now: datetime, limit: int = 1000) -> int:
    """End up to `limit` switches without a counterpart at their matching cut-off, and their accepted relays.

    Also those that the network operator has not answered: what was not accepted in time does not come about.
    """
    today = jst_date(now)
    with transaction.atomic():
        accepted = list(
            Relay.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(
                state=RelayState.ACCEPTED,
                applications__state__in=BEFORE_MATCH,
                applications__kind=Application.Kind.SWITCH_TERMINATION,
                applications__matching_deadline__lt=today,
            )
            .only(*traces.OF_A_RELAY)
            .order_by("pk")[:limit]
        )
        late = list(
            Application.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(
                # Not those whose accepted relay somebody else holds just now: they end together, at the next sweep.
                Q(relay__isnull=True) | ~Q(relay__state=RelayState.ACCEPTED) | Q(relay__in=accepted),
                state__in=BEFORE_MATCH,
                matching_deadline__lt=today,
            )
            .only(*traces.OF_AN_APPLICATION)
            .order_by("matching_deadline", "pk")[: 2 * limit]
        )
        if not accepted and not late:
            return 0
        traces.put_on_their_points(accepted, late)
        left = [*relays.fail_with(accepted), *dark_points.open_for(accepted, now=now)] if accepted else []
        left += applications.end_waiting(late, ApplicationMove.FAIL)
        traces.leave(left, by=None, now=now)
    return len(late) + len(accepted)


def hand_over_due(*, now: datetime, limit: int = 1000) -> int:
    """Carry out up to `limit` matches whose switch date has come; from 00:00 JST of it the point is the gainer's.

    A match whose point is not supplied as the match supposes is set aside as stuck, for the operator to see.
    """
    with transaction.atomic():
        due = list(
            Match.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(
                handed_over_at__isnull=True,
                dissolved_at__isnull=True,
                stuck_because="",
                switch_date__lte=jst_date(now),
            )
            .order_by("switch_date", "pk")[:limit]
        )
        if not due:
            return 0
        pairs = list(
            Application.objects.filter(match__in=due)
            .only(*traces.OF_AN_APPLICATION, *CARRIED_OUT, "match")
            .order_by("match_id", "kind")
        )
        traces.put_on_their_points(pairs)
        by_match: dict[int | None, list[Application]] = defaultdict(list)
        for application in pairs:
            by_match[application.match_id].append(application)
        stuck = _hand_over([(match, by_match[match.pk][0], by_match[match.pk][1]) for match in due], now=now)
        done = [match for match in due if match.point_id not in stuck]
        Match.objects.filter(pk__in=[match.pk for match in due if match.point_id in stuck]).update(
            stuck_because="the point is not supplied as the match supposes"
        )
        Match.objects.filter(pk__in=[match.pk for match in done]).update(handed_over_at=now)
        left = []
        for match in done:
            for application in by_match[match.pk]:
                before, application.state = application.state, ApplicationState.IN_EFFECT
                application.in_effect_on = match.switch_date
                left.append(
                    traces.Trace(
                        case=application,
                        move=ApplicationMove.TAKE_EFFECT,
                        from_state=before,
                        to_state=ApplicationState.IN_EFFECT,
                        notices=notices.about_application(
                            application,
                            "supply_started" if application.is_start else "supply_ended",
                            application.retailer_id,
                            *([application.point.network_operator_id] if application.is_start else []),
                            switch_date=match.switch_date,
                        ),
                        detail={"on": match.switch_date.isoformat()},
                    )
                )
        _take_effect([match.pk for match in done])
        effects.change_facilities([by_match[match.pk][0] for match in done])
        traces.leave(left, by=None, now=now)
    return len(due)


class NotMatched(Exception):
    """The match is carried out or dissolved already, so there is nothing to stop."""


def dissolve(match_id: int, *, now: datetime) -> list[traces.Trace]:
    """Stop a match before its day: start, termination, relay and planned work end, the old contract goes on.

    Returns the traces for the caller to leave with its own, all at once; each side is told. Raises NotMatched.
    """
    match = Match.objects.select_for_update(of=("self",)).get(pk=match_id)
    if match.handed_over_at or match.dissolved_at:
        raise NotMatched
    match.dissolved_at = now
    match.save(update_fields=["dissolved_at"])
    pair = list(
        Application.objects.select_for_update(of=("self",)).filter(match=match).select_related("point").order_by("kind")
    )
    relay = Relay.objects.select_for_update(of=("self",)).select_related("point").get(
        applications__in=[application for application in pair if not application.is_start]
    )  # fmt: skip
    at = revisions.next_numbers([application.pk for application in pair])
    left = [
        traces.Trace(
            case=application,
            move=ApplicationMove.STOP,
            from_state=application.state,
            to_state=next_application_state(application.state, ApplicationMove.STOP),
            notices=notices.about_application(
                application,
                "application_stopped",
                application.retailer_id,
                *([application.point.network_operator_id] if application.is_start else []),
            ),
            revision=Revision(
                number=at[application.pk],
                act=revisions.Act.CANCELLED,
                entries=revisions.entries_of(application),
            ),
        )
        for application in pair
    ]
    left.append(
        traces.Trace(
            case=relay,
            move=RelayMove.STOP,
            from_state=relay.state,
            to_state=next_relay_state(relay.state, RelayMove.STOP),
        )
    )
    Application.objects.filter(match=match).update(state=ApplicationState.CANCELLED)
    MeterWork.objects.filter(application__in=pair, done_on__isnull=True, cancelled_at__isnull=True).update(
        cancelled_at=now
    )
    Relay.objects.filter(pk=relay.pk).update(state=RelayState.WITHDRAWN)
    return left


def waits_for_hand_over(day: date) -> bool:
    """True while a match due by the day is not carried out; a stuck one holds nobody up, it is the operator's."""
    return Match.objects.filter(
        handed_over_at__isnull=True, dissolved_at__isnull=True, stuck_because="", switch_date__lte=day
    ).exists()


def _take_effect(match_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE switching_application a SET state = 'in_effect', in_effect_on = m.switch_date
            FROM switching_match m WHERE m.id = a.match_id AND m.id = ANY (%s)
            """,
            [match_ids],
        )


def _hand_over(pairs: list[tuple[Match, Application, Application]], *, now: datetime) -> set[int]:
    """Hand the points of these (match, start, termination) over; returns the points that could not be.

    Only who filed the termination loses the point: a point that went elsewhere in between stays there.
    """
    new = [
        supply.NewSupply(
            point_id=start.point_id,
            retailer_id=start.retailer_id,
            from_date=match.switch_date,
            contract_number=start.contract_number,
            holder_name=start.holder_name,
            holder_kana=start.holder_kana,
            holder_address=start.holder_address,
            cause=start.number,
            from_retailer_id=termination.retailer_id,
        )
        for match, start, termination in pairs
    ]
    try:
        supply.hand_over(new, now=now)
    except supply.NotSupplied as refusal:
        stuck = set(refusal.point_ids)
        supply.hand_over([item for item in new if item.point_id not in stuck], now=now)
        return stuck
    return set()


def try_again(match_ids: list[int], *, by: User | None, now: datetime) -> int:
    """Put stuck matches back to be handed over (an operator's act, kept in the ledger); returns how many."""
    with transaction.atomic():
        stuck = list(
            Match.objects.select_for_update(of=("self",))
            .filter(pk__in=match_ids, handed_over_at__isnull=True, dissolved_at__isnull=True)
            .exclude(stuck_because="")
            .select_related("point")
            .order_by("pk")
        )
        Match.objects.filter(pk__in=[match.pk for match in stuck]).update(stuck_because="")
        ledger.record_many(
            [
                ledger.Entry(
                    "match.try_again",
                    f"match {match.pk}",
                    detail={"point": match.point.number, "stuck_because": match.stuck_because},
                )
                for match in stuck
            ],
            by=by,
            now=now,
        )
    return len(stuck)
