"""Whose turn it is in a case, until when, why that day and what silence leads to: the words of the clock on a page."""

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.models import Company
from portal.templatetags.words import badge, company_name, jst
from portal.workdays import Workdays, jst_date
from switching import case_clock, deadlines
from switching.models import Application, Match, Relay
from switching.states import ApplicationState, RelayState

RELAY_TONES = {
    RelayState.WAITING: "waiting",
    RelayState.ACCEPTED: "going",
    RelayState.REJECTED: "refused",
    RelayState.MATCHED: "frozen",
    RelayState.MATCHING_FAILED: "refused",
    RelayState.WITHDRAWN: "stopped",
    RelayState.EXPIRED: "stopped",
}
APPLICATION_TONES = {
    ApplicationState.DRAFT: "stopped",
    ApplicationState.SUBMITTED: "waiting",
    ApplicationState.ACCEPTED: "going",
    ApplicationState.WAITING: "waiting",
    ApplicationState.MATCHED: "frozen",
    ApplicationState.SCHEDULED: "frozen",
    ApplicationState.IN_EFFECT: "going",
    ApplicationState.COMPLETED: "done",
    ApplicationState.REJECTED: "refused",
    ApplicationState.UNMATCHED: "refused",
    ApplicationState.SUPERSEDED: "refused",
    ApplicationState.CANCELLED: "stopped",
}


def relay_badge(relay: Relay) -> str:
    """The relay's state as word, shape and colour."""
    state = RelayState(relay.state)
    return badge(state.label, RELAY_TONES[state])


def application_badge(application: Application) -> str:
    """The application's state as word, shape and colour; "supply started" and "supply ended" told apart."""
    state = ApplicationState(application.state)
    return badge(application_state(application), APPLICATION_TONES[state])


def application_state(application: Application) -> str:
    """The state in words that fit the kind."""
    if application.state == ApplicationState.IN_EFFECT:
        match application.kind:
            case Application.Kind.SWITCH_START | Application.Kind.RECONNECTION:
                return _("supply started")
            case Application.Kind.SWITCH_TERMINATION | Application.Kind.TERMINATION:
                return _("supply ended")
        return _("the change is in effect")
    return str(ApplicationState(application.state).label)


@dataclass(frozen=True)
class Clock:
    """Whose turn it is, until when, why that day, what happens if nothing is done; "" where it does not apply."""

    turn: str
    until: datetime | date | None = None
    why: str = ""
    silence: str = ""
    happens: bool = False  # at `until` something happens by itself; otherwise somebody has time until then


def not_counted(days: case_clock.ClosedDays) -> str:
    """The closed days of a clock, named; "" when there are none."""
    named = [f"{jst(day)} {why}" for day, why in days]
    return _("Not counted: %(days)s.") % {"days": ", ".join(named)} if named else ""


def skipped_words(calendar: Workdays, after: date, until: date) -> str:
    """The closed days between two days, named; "" when there are none."""
    return not_counted(case_clock.closed_days(calendar, after, until))


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def why_due(relay: Relay, calendar: Workdays) -> str:
    """Why the judgement is due at that moment."""
    deadline = case_clock.judgement(relay, calendar)
    rule = ngettext(
        "17:00 of the next business day after the registration on %(day)s.",
        "17:00 of business day no. %(count)s after the registration on %(day)s.",
        deadline.count,
    ) % {"count": deadline.count, "day": jst(deadline.begun)}
    return _joined(rule, not_counted(deadline.skipped))


def why_filing(relay: Relay, calendar: Workdays) -> str:
    """Why a termination that is filed by hand is due at that moment; "" when none is owed."""
    deadline = case_clock.filing(relay, calendar)
    if deadline is None:
        return ""
    if deadline.is_cut_off:
        return _("The end of the matching cut-off's day.")
    rule = ngettext(
        "17:00 of the next business day after the acceptance on %(day)s.",
        "17:00 of business day no. %(count)s after the acceptance on %(day)s.",
        deadline.count,
    ) % {"count": deadline.count, "day": jst(deadline.begun)}
    return _joined(rule, not_counted(deadline.skipped))


def why_answer(application: Application, calendar: Workdays) -> str:
    """Why the network operator's answer is due at that moment; "" when it was never asked."""
    deadline = case_clock.answer(application, calendar)
    if deadline is None:
        return ""
    if deadline.is_cut_off:
        return _("The end of the matching cut-off's day.") if application.is_switch else _("The desired date.")
    rule = ngettext(
        "The end of the next business day after the submission on %(day)s.",
        "The end of business day no. %(count)s after the submission on %(day)s.",
        deadline.count,
    ) % {"count": deadline.count, "day": jst(deadline.begun)}
    return _joined(rule, not_counted(deadline.skipped))


def why_cut_off(desired: date, calendar: Workdays) -> str:
    """Why start and termination must stand by that day."""
    count = deadlines.cut_off_days(calendar.area)
    rule = ngettext(
        "The last business day before the desired date %(day)s.",
        "%(count)s business days before the desired date %(day)s.",
        count,
    ) % {"count": count, "day": jst(desired)}
    return _joined(rule, skipped_words(calendar, deadlines.matching_cut_off(desired, calendar), desired))


def why_earliest(today: date, *, supply_class: str, meter_work: bool, calendar: Workdays) -> str:
    """Why the first possible day is that day."""
    count = deadlines.lead_days(supply_class, calendar.area)[meter_work]
    last = calendar.add(today, count)
    rule = ngettext(
        "%(count)s business day from today and %(extra)s calendar days.",
        "%(count)s business days from today and %(extra)s calendar days.",
        count,
    ) % {"count": count, "extra": settings.LEAD_EXTRA_DAYS}
    return _joined(rule, skipped_words(calendar, today, last))


def of_relay(
    relay: Relay, *, reader: Company, own: Application | None, match: Match | None, calendar: Workdays
) -> Clock:
    """The relay's clock as one of the two companies may know it; `own` is the reader's application of the relay."""
    is_losing = relay.losing_retailer_id == reader.pk
    if relay.state == RelayState.WAITING:
        return Clock(
            _("Your turn: judge the relay.")
            if is_losing
            else _("%(company)s's turn: it judges the relay.") % {"company": company_name(relay.losing_retailer)},
            relay.due_at,
            why_due(relay, calendar),
            _("Without an answer the relay expires, the customer's contract goes on and the hub operator is told."),
        )
    if relay.termination_due_at:
        return Clock(
            _("Your turn: file the switch termination.")
            if is_losing
            else _("%(company)s's turn: it files the switch termination.")
            % {"company": company_name(relay.losing_retailer)},
            relay.termination_due_at,
            why_filing(relay, calendar),
            _(
                "If it is not filed by then the hub operator is told; not filed by the matching cut-off %(cut_off)s, "
                "the relay ends and the customer's contract goes on."
            )
            % {"cut_off": jst(relay.termination_cut_off)},
        )
    if relay.state == RelayState.ACCEPTED:
        cut_off = deadlines.matching_cut_off(relay.desired_date, calendar)
        if is_losing:
            turn = _("The other retailer's turn: its switch start is paired with your termination.")
        elif own and own.is_open:
            turn = _("The hub's turn: it pairs your switch start with the termination by itself.")
        else:
            turn = _("Your turn: file the switch start.")
        return Clock(
            turn,
            cut_off,
            why_cut_off(relay.desired_date, calendar),
            _("What is not paired by then ends as unmatched, and the customer's contract goes on."),
        )
    if relay.state == RelayState.MATCHED:
        if match and match.handed_over_at:
            return Clock(_("Nobody's turn: the point changed hands on %(day)s.") % {"day": jst(match.changed_on)})
        return Clock(
            _("The hub's turn: it hands the point over at 00:00 of the switch date. Both sides are frozen."),
            match.switch_date if match else None,
            why_switch_date(match, relay.desired_date) if match else "",
            happens=True,
        )
    ended = {
        RelayState.REJECTED: _(
            "Nobody's turn: the relay was rejected. A rejected relay is not reopened; a new one can be registered."
        ),
        RelayState.MATCHING_FAILED: _(
            "Nobody's turn: start and termination were not paired by the cut-off. The customer's contract goes on."
        ),
        RelayState.WITHDRAWN: _("Nobody's turn: the relay was withdrawn. The customer's contract goes on."),
        RelayState.EXPIRED: _(
            "Nobody's turn: the relay expired without an answer. The hub operator was told; a new relay can be "
            "registered."
        ),
    }
    return Clock(ended[RelayState(relay.state)])


def why_switch_date(match: Match, desired: date) -> str:
    """Why the switch happens on that day."""
    if match.switch_date == desired:
        return _("The desired date.")
    return _(
        "Moved from the desired date %(desired)s: matched on %(matched)s, the lead time no longer reached it, so the "
        "first scheduled reading date after the lead time holds."
    ) % {"desired": jst(desired), "matched": jst(jst_date(match.matched_at))}


def of_application(application: Application, *, reader: Company, calendar: Workdays) -> Clock:
    """The application's clock as its retailer or the network operator may know it."""
    is_operator = application.point.network_operator_id == reader.pk
    match application.state:
        case ApplicationState.DRAFT:
            return Clock(_("Your turn: a draft is filed or thrown away. Nobody else sees it."))
        case ApplicationState.SUBMITTED:
            return Clock(
                _("Your turn: accept or reject the application.")
                if is_operator
                else _("The network operator's turn: it accepts or rejects the application."),
                application.answer_due_at,
                why_answer(application, calendar),
                _(
                    "Without an answer by then the hub operator is told; not accepted and paired by the matching "
                    "cut-off %(cut_off)s, it ends as unmatched and the customer's contract goes on."
                )
                % {"cut_off": jst(application.matching_deadline)}
                if application.is_switch
                else _("Without an answer by then the hub operator is told; it stays with the network operator."),
            )
        case ApplicationState.WAITING:
            return Clock(
                _("The hub's turn: it pairs the start with the termination of the same point and date."),
                application.matching_deadline,
                why_cut_off(application.desired_date, calendar),
                _("What is not paired by then ends as unmatched, and the customer's contract goes on."),
            )
        case ApplicationState.ACCEPTED | ApplicationState.SCHEDULED if application.planned_on:
            if application.stuck_because:
                return Clock(
                    _("The hub operator's turn: the application could not be carried out. Please call the helpdesk."),
                    application.planned_on,
                )
            return Clock(
                _("The hub's turn: it carries the application out on its day."),
                application.planned_on,
                _("The desired date.")
                if application.planned_on == application.desired_date
                else _("The day on which the network operator works at the meter."),
                happens=True,
            )
        case ApplicationState.MATCHED | ApplicationState.SCHEDULED if application.match:
            if application.match.stuck_because:
                return Clock(
                    _("The hub operator's turn: the point could not be handed over. Please call the helpdesk."),
                    application.match.switch_date,
                )
            return Clock(
                _("The hub's turn: it hands the point over at 00:00 of the switch date. Both sides are frozen."),
                application.match.switch_date,
                why_switch_date(application.match, application.desired_date),
                happens=True,
            )
        case ApplicationState.IN_EFFECT:
            return Clock(
                _("Your turn: report the paperwork completed.")
                if is_operator
                else _(
                    "The network operator's turn: it reports the paperwork completed. Supply is not touched by that."
                )
            )
        case ApplicationState.COMPLETED:
            return Clock(_("Nobody's turn: everything is done."))
        case ApplicationState.REJECTED:
            return Clock(_("Nobody's turn: the network operator rejected the application. A new one can be filed."))
        case ApplicationState.CANCELLED:
            return Clock(_("Nobody's turn: the application was cancelled."))
        case ApplicationState.SUPERSEDED:
            return Clock(
                _(
                    "Nobody's turn: another switch of the point was accepted first, so this one ended. Please ask your "
                    "customer before you file anew."
                )
            )
    return Clock(
        _("Nobody's turn: no counterpart came by the cut-off. The customer's contract goes on; please file again.")
    )
