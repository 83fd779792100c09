"""The hub's published table and how fast relays are answered, counted in sets once a day or month is over.

Pages read the counts, never the cases: a page that everybody may open costs the same in a month of 300 as of 300,000
switches. What is told of a company is told for closed calendar months and all areas alone, so that two tables never
differ by a single case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from portal import ledger
from portal.access import Ability, may
from portal.companies import Refused
from portal.market import Area
from portal.models import Company, User
from portal.workdays import jst_date
from switching.models import AnswerMonth, DayCount, StatisticsAudience

Audience = StatisticsAudience.Audience
FEWEST = 5  # figures of a company about fewer cases than this are not told
SETTLING = timedelta(hours=1)  # a day is counted when the last work begun in it is surely committed
ONE_DAY = timedelta(days=1)
COUNTING_LOCK = 7_204_110  # of this work alone: two workers never count the same day


class NotAllowed(Refused):
    sentence = _("Only a hub operator may decide about the statistics.")


class Step(Enum):
    """What one line of the table spans; a week begins on Monday."""

    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Figures:
    """Inquiries, switch starts and others (relays and every other application) of one span of time."""

    inquiries: int = 0
    switch_starts: int = 0
    others: int = 0


@dataclass(frozen=True)
class Line:
    """One line: the first day of its week or month, the area ("" = all), its figures and those since the opening."""

    period: date
    area: str
    figures: Figures
    cumulative: Figures


@dataclass(frozen=True)
class Answers:
    """How a company (None: all together) answered; what may not be told is None. Times in seconds, share 0..1."""

    company_id: int | None
    company: Company | None
    ended: int | None
    median_seconds: int | None
    p95_seconds: int | None
    on_time_share: float | None


# --- Who may read -------------------------------------------------------------------------------------------------


def audience() -> str:
    """Who may read the statistics; signed-in participants unless the operator decided otherwise."""
    found = StatisticsAudience.objects.values_list("audience", flat=True).first()
    return found or Audience.PARTICIPANTS


def open_to(audience: str, *, by: User | None, now: datetime) -> None:
    """The operator decides who may read the statistics. Raises NotAllowed, ValueError for no such audience."""
    _only_the_hub(by)
    with transaction.atomic():
        StatisticsAudience.objects.create(audience=Audience(audience), decided_at=now, decided_by=by)
        ledger.record("statistics.open_to", f"statistics {audience}", by=by, now=now)


def _only_the_hub(by: User | None) -> None:
    if by is not None and not by.is_operator:
        raise NotAllowed


# --- Counting -----------------------------------------------------------------------------------------------------

# The day of a case is the Japanese day on which it reached the hub; what became of it later does not change the count.
COUNT_DAYS = """
    INSERT INTO switching_daycount (day, area, inquiries, switch_starts, others)
    SELECT day::date, area, coalesce(inquiries, 0), coalesce(switch_starts, 0), coalesce(others, 0)
    FROM generate_series(%(first)s::date, %(last)s::date, '1 day') AS day
    CROSS JOIN unnest(%(areas)s::text[]) AS area
    LEFT JOIN (
        SELECT (at AT TIME ZONE 'Asia/Tokyo')::date AS day, area,
               sum(inquiry) AS inquiries, sum(start) AS switch_starts, sum(other) AS others
        FROM (
            SELECT i.at, i.area, 1 AS inquiry, 0 AS start, 0 AS other FROM metering_facilityinquiry i
            WHERE i.at >= %(first)s::date::timestamp AT TIME ZONE 'Asia/Tokyo'
              AND i.at < (%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Tokyo'
            UNION ALL
            SELECT a.filed_at, p.area, 0, (a.kind = 'switch_start')::int, (a.kind <> 'switch_start')::int
            FROM switching_application a JOIN metering_supplypoint p ON p.id = a.point_id
            WHERE a.filed_at >= %(first)s::date::timestamp AT TIME ZONE 'Asia/Tokyo'
              AND a.filed_at < (%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Tokyo'
            UNION ALL
            SELECT r.registered_at, p.area, 0, 0, 1
            FROM switching_relay r JOIN metering_supplypoint p ON p.id = r.point_id
            WHERE r.registered_at >= %(first)s::date::timestamp AT TIME ZONE 'Asia/Tokyo'
              AND r.registered_at < (%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Tokyo'
        ) AS reached GROUP BY 1, 2
    ) AS counted USING (day, area)
"""

# A relay belongs to the month in which it was judged or its time ran out: then its figures never change.
COUNT_ANSWERS = """
    INSERT INTO switching_answermonth (month, company_id, answered, expired, on_time, median_seconds, p95_seconds)
    SELECT month, losing_retailer_id, count(judged_at), count(*) - count(judged_at),
           count(*) FILTER (WHERE judged_at <= due_at),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY waited)::int,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY waited)::int
    FROM (
        SELECT date_trunc('month', coalesce(judged_at, due_at) AT TIME ZONE 'Asia/Tokyo')::date AS month,
               losing_retailer_id, judged_at, due_at, extract(epoch FROM judged_at - registered_at) AS waited
        FROM switching_relay WHERE judged_at IS NOT NULL OR state = '07'
    ) AS ended
    WHERE month >= %(first)s AND month < %(until)s
    GROUP BY GROUPING SETS ((month, losing_retailer_id), (month))
"""

FIRST_DAY = """
    SELECT (least((SELECT min(at) FROM metering_facilityinquiry), (SELECT min(registered_at) FROM switching_relay),
                  (SELECT min(filed_at) FROM switching_application)) AT TIME ZONE 'Asia/Tokyo')::date
"""


def count_days(*, now: datetime) -> int:
    """Count every day that is over and not counted yet, and the months that ended with them; returns how many days.

    Three statements whatever the number of cases; harmless to call again, and by two workers at once.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [COUNTING_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        last = jst_date(now - SETTLING) - ONE_DAY
        known = counted_until()
        if known:
            first = known + ONE_DAY
        else:
            cursor.execute(FIRST_DAY)
            first = cursor.fetchone()[0]
        if first is None or first > last:
            return 0
        cursor.execute(COUNT_DAYS, {"first": first, "last": last, "areas": Area.values})
        cursor.execute(COUNT_ANSWERS, {"first": first.replace(day=1), "until": (last + ONE_DAY).replace(day=1)})
    return (last - first).days + 1


def count_again(*, since: date, by: User | None, now: datetime) -> int:
    """Forget the counts from the month of `since` on and count anew (after a restored or corrected database).

    Returns how many days were counted. Raises NotAllowed.
    """
    _only_the_hub(by)
    first = since.replace(day=1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [COUNTING_LOCK])
        DayCount.objects.filter(day__gte=first).delete()
        AnswerMonth.objects.filter(month__gte=first).delete()
        ledger.record("statistics.count_again", f"statistics since {first}", by=by, now=now)
        return count_days(now=now)


def counted_until() -> date | None:
    """The last day that is counted; None before the first."""
    return DayCount.objects.order_by("-day").values_list("day", flat=True).first()


# --- Reading ------------------------------------------------------------------------------------------------------

TABLE = """
    SELECT period, area, inquiries, switch_starts, others,
           sum(inquiries) OVER since_opening, sum(switch_starts) OVER since_opening, sum(others) OVER since_opening
    FROM (
        SELECT date_trunc(%(step)s, day)::date AS period, CASE WHEN %(each)s THEN area ELSE '' END AS area,
               sum(inquiries) AS inquiries, sum(switch_starts) AS switch_starts, sum(others) AS others
        FROM switching_daycount
        WHERE (%(area)s = '' OR area = %(area)s) AND (%(last)s::date IS NULL OR day <= %(last)s)
        GROUP BY 1, 2
    ) AS periods
    WINDOW since_opening AS (PARTITION BY area ORDER BY period)
    ORDER BY period, area
"""


def table(
    step: Step,
    *,
    first: date | None = None,
    last: date | None = None,
    area: str = "",
    by_area: bool = False,
) -> list[Line]:
    """Lines of the weeks or months from the one that holds `first` to the one that holds `last`, oldest first.

    `area` "" takes all areas together, `by_area` gives a line to each; the running week or month ends with the last
    counted day. Cumulative figures begin with the first counted day, whatever `first` is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            TABLE,
            {"step": step.value, "each": by_area, "area": area, "last": end_of(step, last) if last else None},
        )
        rows = cursor.fetchall()
    begin = beginning_of(step, first) if first else date.min
    return [
        Line(row[0], row[1], Figures(*map(int, row[2:5])), Figures(*map(int, row[5:8])))
        for row in rows
        if row[0] >= begin
    ]


def beginning_of(step: Step, day: date) -> date:
    """The first day of the week (Monday) or month that holds the day."""
    return day.replace(day=1) if step is Step.MONTH else day - timedelta(days=day.weekday())


def end_of(step: Step, day: date) -> date:
    """The last day of the week (Sunday) or month that holds the day."""
    begin = beginning_of(step, day)
    following = (begin + timedelta(days=31)).replace(day=1) if step is Step.MONTH else begin + timedelta(days=7)
    return following - ONE_DAY


def answer_months() -> list[date]:
    """The closed months of which answers are counted, newest first."""
    return list(AnswerMonth.objects.order_by("-month").values_list("month", flat=True).distinct())


def answers(month: date | None = None, *, to: User | None = None) -> list[tuple[date, Answers]]:
    """Answers of one closed month, or of all of them, newest first: all companies together, then each by name.

    Told in full only `to` people of the hub operator, and to a company about itself; to everybody else figures that
    rest on fewer than FEWEST cases are None, and so is the number of cases of all together (the difference to the
    companies shown would tell of the one that is not).
    """
    found = AnswerMonth.objects.select_related("company").order_by("-month", "company__name", "pk")
    rows = sorted(
        found.filter(month=month) if month else found,
        key=lambda row: (-row.month.toordinal(), row.company_id is not None, row.company.name if row.company else ""),
    )
    sees_all = to is not None and may(to, Ability.ADMINISTER)
    own = to.company_id if to else None
    return [
        (row.month, line if sees_all or (own and own == row.company_id) else suppressed(line, row.answered))
        for row in rows
        if (line := _of(row))
    ]


def _of(row: AnswerMonth) -> Answers:
    ended = row.answered + row.expired
    return Answers(
        company_id=row.company_id,
        company=row.company,
        ended=ended,
        median_seconds=row.median_seconds,
        p95_seconds=row.p95_seconds,
        on_time_share=row.on_time / ended if ended else None,
    )


def suppressed(line: Answers, answered: int) -> Answers:
    """The line as everybody may read it; `answered` is the number of cases its times rest on."""
    if (line.ended or 0) < FEWEST:
        return replace(line, ended=None, median_seconds=None, p95_seconds=None, on_time_share=None)
    if answered < FEWEST:
        line = replace(line, median_seconds=None, p95_seconds=None)
    return replace(line, ended=None) if line.company_id is None else line


def total(lines: Sequence[Line]) -> Figures:
    """The sum of lines' own figures."""
    return Figures(
        sum(line.figures.inquiries for line in lines),
        sum(line.figures.switch_starts for line in lines),
        sum(line.figures.others for line in lines),
    )
