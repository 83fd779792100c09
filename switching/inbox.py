"""What waits in this room for a person, one query per sort of work."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from django.db.models import Count, Exists, F, Min, OuterRef, Q, Subquery, Window
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import workdays
from portal.access import Ability, within
from portal.inbox import Task
from portal.models import User
from portal.templatetags.words import jst
from portal.workdays import JST, Workdays, jst_date
from switching import case_clock, network_work, threads, undoing
from switching.models import Application, Escalation, Match, QueuedRegistration, Relay, UndoCase, Upload
from switching.network_work import Duty
from switching.states import BEFORE_MATCH, FROZEN, OPEN_APPLICATIONS, ApplicationState, RelayState
from switching.undo_states import UndoKind, UndoState

LAST_MINUTE = time(23, 59)
LOOK_AHEAD, LOOK_BACK = timedelta(days=7), timedelta(days=7)


def _note(relay: Relay, calendars: dict[str, Workdays], silence: str) -> str:
    """Why the first of them is due then, in the days that were not counted, and what silence leads to."""
    deadline = case_clock.of_relay(relay, calendars[relay.point.area])
    days = [f"{jst(day)} {why}" for day, why in deadline.skipped] if deadline else []
    return " ".join([*([_("Not counted: %(days)s.") % {"days": ", ".join(days)}] if days else []), silence])


def to_judge(user: User, now: datetime) -> Iterator[Task]:
    """The losing retailer's relays without an answer, per class of supply, the first deadline of each."""
    if not user.may(Ability.JUDGE_RELAY):
        return
    firsts = list(
        Relay.objects.filter(
            within(user, Ability.JUDGE_RELAY, area="point__area", supply_class="point__supply_class"),
            losing_retailer=user.company,
            state=RelayState.WAITING,
        )
        .select_related("point")
        .annotate(count=Window(Count("pk"), partition_by="point__supply_class"))
        .order_by("point__supply_class", "due_at", "pk")
        .distinct("point__supply_class")
    )
    calendars = workdays.of_areas() if firsts else {}
    for first in firsts:
        count: int = first.__dict__["count"]  # annotated above
        yield Task(
            ngettext("relay to judge", "relays to judge", count),
            f"{reverse('switching:relays')}?tab=judge&supply_class={first.point.supply_class}",
            first.due_at,
            count,
            "relays.judge",
            first.point.supply_class,
            _note(first, calendars, _("Without an answer it expires, and the hub operator is told.")),
        )


def to_file(user: User, now: datetime) -> Iterator[Task]:
    """Accepted relays whose switch termination the losing retailer still has to file by hand, the first due date."""
    if not user.may(Ability.JUDGE_RELAY):
        return
    owed = Relay.objects.filter(
        within(user, Ability.JUDGE_RELAY, area="point__area", supply_class="point__supply_class"),
        losing_retailer=user.company,
        termination_due_at__isnull=False,
    )
    first = (
        owed.select_related("point").annotate(count=Window(Count("pk"))).order_by("termination_due_at", "pk").first()
    )
    if first is None:
        return
    count: int = first.__dict__["count"]  # annotated above
    yield Task(
        ngettext("switch termination to file", "switch terminations to file", count),
        f"{reverse('switching:relays')}?tab=to_file",
        first.termination_due_at,
        count,
        "relays.file_termination",
        note=_note(first, workdays.of_areas(), _("If it is not filed by then the hub operator is told.")),
    )


def questions(user: User, now: datetime) -> Iterator[Task]:
    """Waiting relays whose last message is the other retailer's: questions to answer, answers to read."""
    if not user.may(Ability.SEE_RELAYS):
        return
    mine = Relay.objects.visible_to(user).filter(state=RelayState.WAITING, due_at__gt=now)
    for row in (
        threads.other_wrote_last(mine, user.company_id)
        .values(is_losing=Q(losing_retailer=user.company))
        .annotate(count=Count("pk"), first=Min("due_at"))
        .order_by("is_losing")
    ):
        count = row["count"]
        yield Task(
            ngettext("relay with an answer to read", "relays with an answer to read", count)
            if row["is_losing"]
            else ngettext("relay with a question to answer", "relays with a question to answer", count),
            f"{reverse('switching:relays')}?tab={'judge' if row['is_losing'] else 'sent'}&asked=yes",
            row["first"],
            count,
            "relays.answered" if row["is_losing"] else "relays.asked",
        )


def escalated(user: User, now: datetime) -> Iterator[Task]:
    """Escalations to work through, for the hub operator."""
    if not user.may(Ability.WORK_ESCALATIONS):
        return
    count = Escalation.objects.filter(closed_at__isnull=True).count()
    yield Task(
        ngettext("escalation to work on", "escalations to work on", count),
        f"{reverse('switching:escalations')}?open=yes",
        None,
        count,
        "escalations.open",
    )


def rejected(user: User, now: datetime) -> Iterator[Task]:
    """Relays of the own company rejected in the last seven days after which no new one was registered."""
    if not user.may(Ability.REGISTER_RELAY):
        return
    later = Relay.objects.filter(point=OuterRef("point"), gaining_retailer=user.company, pk__gt=OuterRef("pk"))
    count = Relay.objects.filter(
        within(user, Ability.REGISTER_RELAY, area="point__area", supply_class="point__supply_class"),
        ~Exists(later),
        gaining_retailer=user.company,
        state=RelayState.REJECTED,
        judged_at__gte=now - LOOK_BACK,
    ).count()
    yield Task(
        ngettext("rejected relay to look at", "rejected relays to look at", count),
        f"{reverse('switching:relays')}?tab=sent&state={RelayState.REJECTED}",
        None,
        count,
        "relays.rejected",
    )


def without_start(user: User, now: datetime) -> Iterator[Task]:
    """Accepted relays of the own company whose switch start is missing; due with the first matching cut-off."""
    if not user.may(Ability.FILE_APPLICATION):
        return
    starts = Application.objects.filter(
        relay=OuterRef("pk"), kind=Application.Kind.SWITCH_START, state__in=OPEN_APPLICATIONS
    )
    # The cut-off that holds for the start as well stands on the termination, or on the relay while that is owed.
    terminations = Application.objects.filter(
        relay=OuterRef("pk"), kind=Application.Kind.SWITCH_TERMINATION, state__in=BEFORE_MATCH
    )
    found = Relay.objects.filter(
        within(user, Ability.FILE_APPLICATION, area="point__area", supply_class="point__supply_class"),
        ~Exists(starts),
        state=RelayState.ACCEPTED,
        gaining_retailer=user.company,
    ).aggregate(
        count=Count("pk"),
        first=Min(Coalesce("termination_cut_off", Subquery(terminations.values("matching_deadline")[:1]))),
    )
    yield Task(
        ngettext(
            "accepted relay: file the switch start",
            "accepted relays: file the switch starts",
            found["count"],
        ),
        reverse("switching:start-new"),
        datetime.combine(found["first"], LAST_MINUTE, JST) if found["first"] else None,
        found["count"],
        "applications.file_start",
    )


def paperwork(user: User, now: datetime) -> Iterator[Task]:
    """Applications on the own network whose supply has changed and whose paperwork is open."""
    if not user.may(Ability.COMPLETE_APPLICATION):
        return
    count = Application.objects.filter(
        within(user, Ability.COMPLETE_APPLICATION, area="point__area", supply_class="point__supply_class"),
        point__network_operator=user.company,
        state=ApplicationState.IN_EFFECT,
    ).count()
    yield Task(
        ngettext("application: report the paperwork", "applications: report the paperwork", count),
        f"{reverse('switching:applications')}?state={ApplicationState.IN_EFFECT}",
        None,
        count,
        "applications.complete",
    )


def on_the_network(user: User, now: datetime) -> Iterator[Task]:
    """Applications the network operator has to answer, and work at meters it has to plan and to report."""
    if not user.may(Ability.ANSWER_APPLICATION):
        return
    words = {
        Duty.ANSWER: lambda n: ngettext("application to accept or reject", "applications to accept or reject", n),
        Duty.STOP: lambda n: ngettext("request to stop an application", "requests to stop applications", n),
        Duty.PLAN: lambda n: ngettext("work at a meter to plan", "works at meters to plan", n),
        Duty.REPORT: lambda n: ngettext("work at a meter to report", "works at meters to report", n),
    }
    for duty, count, first in (
        network_work.of(user)
        .filter(duty__in=words)
        .order_by("duty")
        .values_list("duty")
        .annotate(count=Count("pk"), first=Min("duty_due"))
    ):
        yield Task(
            words[Duty(duty)](count),
            f"{reverse('switching:network-work')}?duty={duty}",
            datetime.combine(first, LAST_MINUTE, JST) if first else None,
            count,
            f"network.{duty}",
            note=_("Without an answer by then the hub operator is told.") if duty == Duty.ANSWER else "",
        )


def soon(user: User, now: datetime) -> Iterator[Task]:
    """Points that change hands within seven days: gained or lost for a retailer, switched on the own network."""
    if not user.may(Ability.SEE_APPLICATIONS):
        return
    today = jst_date(now)
    found = (
        Application.objects.visible_to(user)
        .filter(
            Q(retailer=user.company) | Q(kind=Application.Kind.SWITCH_START),
            state__in=FROZEN,
            match__switch_date__range=(today, today + LOOK_AHEAD),
        )
        .values("kind", is_own=Q(retailer=user.company))
        .annotate(count=Count("pk"), first=Min(F("match__switch_date")))
        .order_by("kind")
    )
    for row in found:
        words = {
            (Application.Kind.SWITCH_START, True): _("supply starts within seven days"),
            (Application.Kind.SWITCH_TERMINATION, True): _("supply ends within seven days"),
            (Application.Kind.SWITCH_START, False): _("switches on your network within seven days"),
        }[row["kind"], row["is_own"]]
        yield Task(
            words,
            f"{reverse('switching:applications')}?kind={row['kind']}&state={ApplicationState.MATCHED}"
            f"&switch_min={today}&switch_max={today + LOOK_AHEAD}",
            datetime.combine(row["first"], time(), JST),
            row["count"],
            "applications.soon",
        )


def stuck(user: User, now: datetime) -> Iterator[Task]:
    """Matches that could not be handed over, for the hub operator."""
    if not user.may(Ability.ADMINISTER):
        return
    count = (
        Match.objects.filter(handed_over_at__isnull=True, dissolved_at__isnull=True).exclude(stuck_because="").count()
    )
    yield Task(
        ngettext("stuck match", "stuck matches", count),
        reverse("admin:switching_match_changelist") + "?handing_over=stuck",
        None,
        count,
        "matches.stuck",
    )


def stuck_applications(user: User, now: datetime) -> Iterator[Task]:
    """Applications that could not be carried out on their day, for the hub operator."""
    if not user.may(Ability.ADMINISTER):
        return
    count = Application.objects.filter(state__in=OPEN_APPLICATIONS).exclude(stuck_because="").count()
    yield Task(
        ngettext("stuck application", "stuck applications", count),
        reverse("admin:switching_application_changelist") + "?carrying_out=stuck",
        None,
        count,
        "applications.stuck",
    )


def refused_from_queue(user: User, now: datetime) -> Iterator[Task]:
    """Registrations that waited over the quota and were refused in the last seven days."""
    if not user.may(Ability.SEE_QUEUE):
        return
    refused = QueuedRegistration.State.REFUSED
    count = QueuedRegistration.objects.visible_to(user).filter(state=refused, ended_at__gte=now - LOOK_BACK).count()
    yield Task(
        ngettext("registration refused from the queue", "registrations refused from the queue", count),
        f"{reverse('switching:queue')}?state={refused}",
        None,
        count,
        "queue.refused",
    )


def undoings(user: User, now: datetime) -> Iterator[Task]:
    """Undoing cases that wait for an answer of this person, per kind, the first deadline of each."""
    if not user.may(Ability.SEE_UNDOING):
        return
    found = (
        UndoCase.objects.filter(undoing.waiting_for(user))
        .values("kind", "state")
        .annotate(count=Count("pk"), first=Min("due_at"), day=Min("effective_on"))
        .order_by("kind", "state")
    )
    for row in found:
        first = row["first"] if row["state"] == UndoState.ASKED else None
        if row["state"] == UndoState.OFFERED:
            first = datetime.combine(row["day"], time(), JST)
        yield Task(
            undo_words(row["kind"], row["state"]),
            f"{reverse('switching:undoing')}?turn=mine&kind={row['kind']}&state={row['state']}",
            first,
            row["count"],
            "undoing.answer",
        )


def undo_words(kind: str, state: str) -> str:
    """What an undoing case asks of whoever it waits for."""
    if state == UndoState.ESCALATED:
        return _("%(kind)s: decide") % {"kind": UndoKind(kind).label}
    return {
        UndoKind.COOLING_OFF: _("cooling-off: stop the switch or say why not"),
        UndoKind.REVERSAL: _("reversal of a switch: agree or refuse"),
        UndoKind.FRAUD: _("customer denies the switch: give your evidence"),
        UndoKind.DARK_POINT: _("no switch start came: offer last-resort supply")
        if state == UndoState.OFFERED
        else _("no switch start came: does your contract go on?"),
    }[UndoKind(kind)]


def to_confirm(user: User, now: datetime) -> Iterator[Task]:
    """Files of many cases that are checked and wait for a person's word."""
    if not user.may(Ability.SEND_MANY):
        return
    count = Upload.objects.visible_to(user).filter(state=Upload.State.CHECKED).count()
    yield Task(
        ngettext("checked file: carry it out or discard it", "checked files: carry them out or discard them", count),
        f"{reverse('switching:uploads')}?state={Upload.State.CHECKED}",
        None,
        count,
        "uploads.confirm",
    )


PROVIDERS = (
    to_judge,
    to_file,
    questions,
    escalated,
    rejected,
    without_start,
    paperwork,
    on_the_network,
    soon,
    to_confirm,
    stuck,
    stuck_applications,
    refused_from_queue,
    undoings,
)
