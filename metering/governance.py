"""Watching over inquiries, so that nobody leafs through others' customers: budget, alarms, explain or be locked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Exists, Max, Q, QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from metering.models import Consent, FacilityInquiry, InquiryAlarm, InquiryCount, InquiryRules
from portal import ledger
from portal.access import Ability, Role
from portal.companies import Refused
from portal.models import Company, User
from portal.outbox import Post, post_many
from portal.workdays import JST, ONE_DAY, jst_date

Kind = InquiryAlarm.Kind
FollowUp = Callable[[], Exists]

# Other rooms tell here what an inquiry may lead to: a condition on FacilityInquiry rows, true where something followed.
follow_ups: list[FollowUp] = []

NUMBERS_KEPT = 100


class NotYours(Refused):
    sentence = _("Only the person whom the alarm is about can explain it.")


class TooLate(Refused):
    sentence = _(
        "The time to explain has passed and inquiries are locked. Please talk to your company's administrator or the "
        "hub operator's helpdesk."
    )


class AnsweredAlready(Refused):
    sentence = _("This alarm is answered already; nothing more is to be done.")


class WordsMissing(Refused):
    sentence = _("Say in a sentence or two what was behind it.")


class NotLocked(Refused):
    sentence = _("Nothing is locked yet: the person still has time to explain.")


class NotAllowed(Refused):
    sentence = _("Only an administrator of the same company or a hub operator can lift the lock, and not the own one.")


class OnlyTheHub(Refused):
    sentence = _("Only a hub operator may change the rules of inquiries.")


class AlarmBelowOne(Refused):
    sentence = _("An alarm at no inquiry at all would never end. Give at least one inquiry per hour.")


@dataclass(frozen=True)
class Rules:
    """What holds for a company's people."""

    daily_budget: int
    hourly_alarm: int
    is_watched: bool


def rules_of(company: Company | int) -> Rules:
    """The company's own rules, or the settings' defaults (one query)."""
    own = InquiryRules.objects.filter(company=company).first()
    if own:
        return Rules(own.daily_budget, own.hourly_alarm, own.is_watched)
    return Rules(settings.INQUIRIES_PER_PERSON_AND_DAY, settings.INQUIRIES_PER_HOUR_ALARM, True)


def set_rules(
    company: Company, *, daily_budget: int, hourly_alarm: int, is_watched: bool = True, by: User | None, now: datetime
) -> InquiryRules:
    """Give a company rules of its own. Raises OnlyTheHub, AlarmBelowOne."""
    _only_the_hub(by)
    if hourly_alarm < 1:
        raise AlarmBelowOne
    values: dict[str, Any] = {"daily_budget": daily_budget, "hourly_alarm": hourly_alarm, "is_watched": is_watched}
    with transaction.atomic():
        rules, _is_new = InquiryRules.objects.update_or_create(company=company, defaults=values)
        ledger.record("inquiry rules set", f"company {company.pk}", by=by, now=now, **values)
    return rules


def drop_rules(rules: InquiryRules, *, by: User | None, now: datetime) -> None:
    """Let the defaults hold for the company again. Raises OnlyTheHub."""
    _only_the_hub(by)
    with transaction.atomic():
        gone, _rows = InquiryRules.objects.filter(pk=rules.pk).delete()
        if gone:
            ledger.record("inquiry rules dropped", f"company {rules.company_id}", by=by, now=now)


# --- Counting -----------------------------------------------------------------------------------------------------


def is_locked(user: User, *, now: datetime) -> bool:
    """True while an alarm about the person is unexplained beyond its hour and not lifted."""
    return InquiryAlarm.objects.locking(now).filter(user=user).exists()


def left_today(user: User, *, now: datetime) -> tuple[int, int]:
    """How many inquiries the person may still make today, and of how many."""
    budget = rules_of(user.company_id).daily_budget
    used = _counts_today(user, now).aggregate(used=Sum("count"))["used"] or 0
    return max(0, budget - used), budget


def count(user: User, *, number: str = "", now: datetime) -> bool:
    """Count one question, whatever its answer; False when it is beyond the person's budget of the Japanese day.

    Counted by the database in one statement, so that questions sent at the same time are each counted. Raises the
    alarms of many inquiries within the hour and of numbers asked one after the other (domain notes, switching §9).
    Call it outside a transaction that a refusal would roll back.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO metering_inquirycount AS held (user_id, hour, count, numbers) VALUES (%s, %s, 1, %s::varchar[])
            ON CONFLICT (user_id, hour) DO UPDATE
               SET count = held.count + 1,
                   numbers = (excluded.numbers || held.numbers)[1:%s]
            RETURNING count
            """,
            [user.pk, hour, [number] if number else [], NUMBERS_KEPT],
        )
        (this_hour,) = cursor.fetchone()
    rules = rules_of(user.company_id)
    today = list(_counts_today(user, now))
    if rules.is_watched:
        if this_hour >= rules.hourly_alarm:
            _raise_alarm(user, Kind.HOURLY, count=this_hour, now=now)
        run = longest_run([number for row in today for number in row.numbers])
        if len(run) >= settings.INQUIRY_RUN_ALARM:
            _raise_alarm(user, Kind.ENUMERATION, count=len(run), numbers=run, now=now)
    # this question's own place in the hour: those that came after it in the meantime are not held against it
    return this_hour + sum(row.count for row in today if row.hour != hour) <= rules.daily_budget


def longest_run(numbers: Sequence[str], *, step: int = 2) -> list[str]:
    """The longest row of different numbers each at most `step` above the one before, in their order.

    >>> longest_run(["0300000000000000000009", "0300000000000000000002", "0300000000000000000003"])
    ['0300000000000000000002', '0300000000000000000003']
    """
    longest: list[str] = []
    run: list[str] = []
    for number in sorted(set(numbers)):
        run = [*run, number] if run and int(number) - int(run[-1]) <= step else [number]
        longest = max(longest, run, key=len)
    return longest


# --- Alarms from elsewhere ----------------------------------------------------------------------------------------


def identity_rejected(user: User, *, rejections_since: Callable[[datetime], int], now: datetime) -> None:
    """A case the person registered was rejected because the customer was not the holder.

    `rejections_since` counts the person's such rejections from a moment on. Call it after the rejection's transaction.
    """
    since = max(filter(None, [now - settings.INQUIRY_IDENTITY_SPAN, _last_raised(user, Kind.IDENTITY)]))
    count = rejections_since(since)
    if count >= settings.INQUIRY_IDENTITY_ALARM and rules_of(user.company_id).is_watched:
        _raise_alarm(user, Kind.IDENTITY, count=count, now=now)


def look_for_inquiries_without_result(*, now: datetime) -> int:
    """Raise an alarm about everybody most of whose inquiries for a switch led to nothing; returns how many.

    Looked at are inquiries older than INQUIRY_FOLLOW_UP_DAYS, younger than that and a month more, and not yet told of
    in an alarm before. An inquiry that another person of the company followed up led to something.
    """
    until = now - timedelta(days=settings.INQUIRY_FOLLOW_UP_DAYS)
    followed = Q(pk__in=[])
    for condition in follow_ups:
        followed |= Q(condition())
    idle = FacilityInquiry.objects.filter(
        ~followed, consent__purpose=Consent.Purpose.SWITCH, at__gte=until - timedelta(days=30), at__lt=until
    )
    found = dict(
        idle.values_list("by").annotate(Count("pk")).filter(pk__count__gte=settings.INQUIRIES_WITHOUT_RESULT_ALARM)
    )
    told = dict(
        InquiryAlarm.objects.filter(kind=Kind.WITHOUT_RESULT, user__in=found)
        .values_list("user")
        .annotate(Max("raised_at"))
    )
    raised = 0
    for user in User.objects.filter(pk__in=found).select_related("company").order_by("pk"):
        mine = FacilityInquiry.objects.filter(
            by=user, consent__purpose=Consent.Purpose.SWITCH, at__gte=until - timedelta(days=30), at__lt=until
        )
        if user.pk in told:
            mine = mine.filter(at__gte=told[user.pk] - timedelta(days=settings.INQUIRY_FOLLOW_UP_DAYS))
        asked = mine.aggregate(all=Count("pk"), idle=Count("pk", filter=~followed))
        enough = asked["idle"] >= settings.INQUIRIES_WITHOUT_RESULT_ALARM and 2 * asked["idle"] > asked["all"]
        if enough and rules_of(user.company_id).is_watched:
            with transaction.atomic():
                raised += _raise_alarm(user, Kind.WITHOUT_RESULT, count=asked["idle"], now=now)
    return raised


# --- Explain or be locked -----------------------------------------------------------------------------------------


def explain(alarm: InquiryAlarm, *, explanation: str, by: User, now: datetime) -> InquiryAlarm:
    """The person says what was behind it; administrators and the hub can read it.

    Raises NotYours, AnsweredAlready, TooLate, WordsMissing.
    """
    with transaction.atomic():
        alarm = _locked_row(alarm)
        if alarm.user_id != by.pk:
            raise NotYours
        if alarm.explained_at or alarm.lifted_at:
            raise AnsweredAlready
        if alarm.explain_by <= now:
            raise TooLate
        if not explanation.strip():
            raise WordsMissing
        alarm.explanation, alarm.explained_at = explanation.strip()[:1000], now
        alarm.save(update_fields=["explanation", "explained_at"])
        ledger.record("inquiry alarm explained", _subject(alarm), by=by, now=now, explanation=alarm.explanation)
    return alarm


def lift(alarm: InquiryAlarm, *, reason: str, by: User, now: datetime) -> InquiryAlarm:
    """An administrator of the company or a hub operator lets the person ask again; never the person.

    Raises NotAllowed, AnsweredAlready, NotLocked, WordsMissing.
    """
    with transaction.atomic():
        alarm = _locked_row(alarm)
        if not may_lift(alarm, by):
            raise NotAllowed
        if alarm.explained_at or alarm.lifted_at:
            raise AnsweredAlready
        if alarm.explain_by > now:
            raise NotLocked
        if not reason.strip():
            raise WordsMissing
        alarm.lift_reason, alarm.lifted_at, alarm.lifted_by = reason.strip()[:200], now, by
        alarm.save(update_fields=["lift_reason", "lifted_at", "lifted_by"])
        ledger.record("inquiry lock lifted", _subject(alarm), by=by, now=now, reason=alarm.lift_reason)
        _tell(alarm, "inquiry_lifted", now=now)
    return alarm


def may_lift(alarm: InquiryAlarm, by: User) -> bool:
    """True for another person who is a hub operator or an administrator of the alarm's company."""
    if by.pk == alarm.user_id or not by.is_active:
        return False
    if by.company.is_hub_operator:
        return Role.OPERATOR in by.roles
    return by.company_id == alarm.company_id and Role.ADMINISTRATOR in by.roles


def tell_of_locks(*, now: datetime, limit: int = 500) -> int:
    """Record and tell the locks that have fallen since the last run; returns how many."""
    with transaction.atomic():
        fallen = list(
            InquiryAlarm.objects.locking(now)
            .filter(locked_at__isnull=True)
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("user")[:limit]
        )
        for alarm in fallen:
            alarm.locked_at = now
            ledger.record("inquiries locked", _subject(alarm), by=None, now=now, user=alarm.user.username)
            _tell(alarm, "inquiry_locked", now=now)
        InquiryAlarm.objects.bulk_update(fallen, ["locked_at"])
    return len(fallen)


def _raise_alarm(user: User, kind: Kind, *, count: int, now: datetime, numbers: Sequence[str] = ()) -> bool:
    """Raise one alarm of a kind per person and day, and none while one waits for its answer; True when it is new."""
    waits = Q(explained_at__isnull=True, lifted_at__isnull=True)
    if InquiryAlarm.objects.filter(Q(raised_at__gte=_midnight(now)) | waits, user=user, kind=kind).exists():
        return False
    try:
        with transaction.atomic():
            alarm = InquiryAlarm.objects.create(
                user=user,
                company_id=user.company_id,
                kind=kind,
                raised_at=now,
                explain_by=now + settings.INQUIRY_EXPLAIN_WITHIN,
                count=count,
                numbers=list(numbers),
            )
            ledger.record(
                "inquiry alarm", _subject(alarm), by=None, now=now, kind=str(kind), user=user.username, count=count
            )
            _tell(alarm, "inquiry_alarm", now=now)
    except IntegrityError:
        return False  # somebody else's question raised it at the same moment
    return True


def _tell(alarm: InquiryAlarm, kind: str, *, now: datetime) -> None:
    """The company's administrators and the hub's people; the person finds it in the inbox."""
    hub = Company.objects.filter(is_hub_operator=True).values_list("pk", flat=True)
    context = {"username": alarm.user.username, "alarm_kind": alarm.kind, "explain_by": alarm.explain_by.isoformat()}
    post_many(
        [
            Post(
                recipient_id=recipient_id,
                kind=kind,
                subject=_subject(alarm),
                link=reverse("metering:alarm", args=[alarm.pk]),
                ability=ability,
                context=context,
            )
            for recipient_id, ability in [
                (alarm.company_id, Ability.MANAGE_PEOPLE),
                *((pk, Ability.ADMINISTER) for pk in hub),
            ]
        ],
        now=now,
    )


def _counts_today(user: User, now: datetime) -> QuerySet[InquiryCount]:
    return InquiryCount.objects.filter(user=user, hour__gte=_midnight(now), hour__lt=_midnight(now) + ONE_DAY)


def _midnight(now: datetime) -> datetime:
    return datetime.combine(jst_date(now), time(), JST)


def _last_raised(user: User, kind: Kind) -> datetime | None:
    last: datetime | None = InquiryAlarm.objects.filter(user=user, kind=kind).aggregate(last=Max("raised_at"))["last"]
    return last


def _locked_row(alarm: InquiryAlarm) -> InquiryAlarm:
    return InquiryAlarm.objects.select_for_update(of=("self",)).select_related("user", "company").get(pk=alarm.pk)


def _subject(alarm: InquiryAlarm) -> str:
    return f"inquiry alarm {alarm.pk}"


def _only_the_hub(by: User | None) -> None:
    if by is not None and not by.is_operator:
        raise OnlyTheHub
