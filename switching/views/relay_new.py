"""The page on which a retailer registers a relay: entries, what will be registered, and the way that leads there."""

from datetime import date, datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from metering.models import FacilityInquiry, SupplyPoint
from metering.points import next_reading_date
from portal import clock, quotas, workdays
from portal.access import Ability, needs, person
from portal.market import MarketRole
from portal.models import Company, Registration, User
from portal.templatetags.words import company_name, jst, point_number
from portal.workdays import jst_date
from switching import (
    applications,
    deadlines,
    disclosures,
    dry_runs,
    policies,
    registration_queue,
    relays,
)
from switching.forms import RelayForm, hidden, hint
from switching.models import Disclosure, QueuedRegistration, Relay
from switching.sentences import field_of, sentence
from switching.states import OPEN_RELAYS, RelayState
from switching.views import inquiries, queue, turns

OFFERED_READING_DATES = 3


@needs(Ability.REGISTER_RELAY)
def new(request: HttpRequest) -> HttpResponseBase:
    """A new relay for the point of a facility inquiry: entries, then exactly what will be filed, then filed."""
    user: User = request.user  # type: ignore[assignment]
    inquiry = inquiries.asked_for(request, Ability.REGISTER_RELAY)
    if inquiry is None:
        return inquiries.choose(
            request,
            Ability.REGISTER_RELAY,
            next_page="switching:relay-new",
            title=_("New relay: choose the supply point"),
            template="switching/choose_inquiry.html",
            context={"may_inquire": user.may(Ability.INQUIRE)},
        )
    now = clock.now()
    today = jst_date(now)
    disclosure = disclosures.usable(inquiry.point, user=user, today=today)
    if disclosure is None:
        return redirect(f"{reverse('switching:disclosure-new')}?inquiry={inquiry.pk}")
    retailers = (
        Company.objects.filter(
            # The network operator as well: some customers leave its last-resort supply.
            Q(participations__market_role=MarketRole.RETAILER) | Q(pk=inquiry.point.network_operator_id),
            participations__area=inquiry.area,
            is_active=True,
        )
        .exclude(pk=user.company_id)
        .distinct()
    )
    if request.method != "POST":
        first = next(iter(reading_dates(inquiry.point, today)), None)
        initial = {
            "contact_person": user.name,
            "desired_date": first or _window(inquiry.point, today)[0],
            "losing_retailer": disclosure.losing_retailer_id,
        }
        form = RelayForm(retailers=retailers, initial=initial)
        return _entries(request, form, inquiry, disclosure, today)
    if "show_rule" in request.POST or "edit" in request.POST:
        form = RelayForm(retailers=retailers, initial=request.POST.dict())
        return _entries(request, form, inquiry, disclosure, today)
    form = RelayForm(request.POST, retailers=retailers)
    if not form.is_valid():
        return _entries(request, form, inquiry, disclosure, today, status=422)
    wanted = relays.Request(point=inquiry.point, disclosure=disclosure, **form.cleaned_data)
    is_confirmed, only_check = "confirmed" in request.POST, "only_check" in request.POST
    subject = f"supply point {inquiry.point.number}"
    tell = partial(dry_runs.outcome, deed="relay.register", subject=subject, by=user, now=now)
    try:
        relay = registration_queue.register_relay(wanted, by=user, now=now, dry_run=only_check or not is_confirmed)
    except (relays.NotPossible, applications.NotPossible, registration_queue.NotPossible) as refusal:
        checked = tell(refusal) if only_check else None
        form.add_error(field_of(refusal, form), sentence(refusal))
        own = Relay.objects.visible_to(user).filter(point=inquiry.point, state__in=OPEN_RELAYS).first()
        busy = own if isinstance(refusal, relays.PointBusy | applications.PointBusy) else None
        return _entries(request, form, inquiry, disclosure, today, status=422, busy=busy, checked=checked)
    if only_check:
        notes = tuple(_relay_to_confirm(form, relay, disclosure, now)["notes"])
        return _entries(request, form, inquiry, disclosure, today, checked=tell(None, notes=notes))
    if is_confirmed:
        if isinstance(relay, QueuedRegistration):
            return queue.entered(request, relay, now=now)
        messages.success(
            request,
            _("Relay %(number)s is registered and was accepted at once.") % {"number": relay.number}
            if relay.state == RelayState.ACCEPTED
            else _("Relay %(number)s is registered. %(company)s judges it by %(due)s.")
            % {"number": relay.number, "company": company_name(relay.losing_retailer), "due": jst(relay.due_at)},
        )
        return redirect("switching:relay", relay.number)
    return render(request, "switching/confirm.html", _relay_to_confirm(form, relay, disclosure, now))


def _relay_to_confirm(
    form: RelayForm, relay: Relay | QueuedRegistration, disclosure: Disclosure, now: datetime
) -> dict[str, Any]:
    waits = isinstance(relay, QueuedRegistration)
    return {
        "title": _("Put this relay into the queue?") if waits else _("Register this relay?"),
        "supply_class": relay.point.supply_class,
        "trail": [(_("Cancellation relays"), reverse("switching:relays"))],
        "steps": way(3),
        "facts": [
            (_("Supply point"), point_number(relay.point.number)),
            (_("Present retailer"), company_name(relay.losing_retailer)),
            (_("Contract number at the present retailer"), relay.contract_number),
            (_("Contract holder"), relay.holder_name),
            (_("Contract holder in kana"), relay.holder_kana),
            (_("Address"), relay.holder_address),
            (_("Desired date"), jst(relay.desired_date)),
            (_("Contact person at your company"), relay.contact_person),
            (_("Disadvantages explained"), f"{jst(disclosure.explained_on)} {disclosure.get_channel_display()}"),
        ],
        "notes": queue.notes(relay, now=now) if isinstance(relay, QueuedRegistration) else _what_follows(relay),
        "entries": hidden(form),
        "action_label": _("Put into the queue") if waits else _("Register the relay"),
    }


def _what_follows(relay: Relay) -> list[str]:
    calendar = workdays.of_area(relay.point.area)
    return [
        _("%(company)s has to judge it by %(due)s. %(why)s")
        % {
            "company": company_name(relay.losing_retailer),
            "due": jst(relay.due_at),
            "why": turns.why_due(relay, calendar),
        },
        _("Your switch start must stand by %(day)s.")
        % {"day": jst(deadlines.matching_cut_off(relay.desired_date, calendar))},
    ]


def _entries(
    request: HttpRequest,
    form: RelayForm,
    inquiry: FacilityInquiry,
    disclosure: Disclosure,
    today: date,
    *,
    status: int = 200,
    busy: Relay | None = None,
    checked: dry_runs.Outcome | None = None,
) -> HttpResponse:
    """The form: the number rule of the chosen retailer at its field, all rules below, the dates that can be had."""
    point = inquiry.point
    field = form.fields["losing_retailer"]
    assert isinstance(field, forms.ModelChoiceField) and field.queryset is not None
    rules = _rules(field.queryset)
    chosen = next((rule for rule in rules if str(rule.retailer_id) == str(form["losing_retailer"].value() or "")), None)
    if chosen:
        hint(form, "contract_number", _rule_words(chosen))
    earliest, latest = _window(point, today)
    readings = reading_dates(point, today)
    calendar = workdays.of_area(point.area)
    hint(
        form,
        "desired_date",
        _("From %(earliest)s to %(latest)s. %(why)s")
        % {
            "earliest": jst(earliest),
            "latest": jst(latest),
            "why": turns.why_earliest(today, supply_class=point.supply_class, meter_work=False, calendar=calendar),
        },
    )
    return render(
        request,
        "switching/relay_new.html",
        {
            "title": _("New relay"),
            "supply_class": point.supply_class,
            "form": form,
            "inquiry": inquiry,
            "disclosure": disclosure,
            "rules": [(rule.retailer, _rule_words(rule)) for rule in rules],
            "dates": [earliest, *readings],
            "reading_dates": readings,
            "steps": way(2),
            "busy": busy,
            "checked": checked,
            "quotas": quotas.standing(person(request).company, now=clock.now(), registration=Registration.RELAY),
        },
        status=status,
    )


def way(at: int) -> list[tuple[str, str]]:
    """The steps of the gaining retailer's clerk, each done, now or still to come."""
    names = [_("Facility inquiry"), _("Explanation"), _("Relay"), _("Confirmation"), _("Switch start")]
    return [(name, "done" if place < at else "now" if place == at else "ahead") for place, name in enumerate(names)]


def _rules(retailers: QuerySet[Company]) -> list[policies.Policy]:
    laid_down = policies.Policy.objects.in_bulk(retailers.values_list("pk", flat=True))
    return [laid_down.get(retailer.pk) or policies.Policy(retailer=retailer) for retailer in retailers]


def _rule_words(rule: policies.Policy) -> str:
    if not (rule.number_hint or rule.number_sample):
        return _("%(company)s has laid down no rule; as printed on the bill.") % {
            "company": company_name(rule.retailer)
        }
    words = rule.number_hint
    if rule.number_sample:
        words = f"{words} " + _("Sample: %(sample)s") % {"sample": rule.number_sample}
    return f"{company_name(rule.retailer)}: {words}".strip()


def _window(point: SupplyPoint, today: date) -> tuple[date, date]:
    return applications.date_window(point, meter_work=False, today=today)


def reading_dates(point: SupplyPoint, today: date) -> list[date]:
    """The next scheduled reading dates that can be had."""
    day, latest = _window(point, today)
    found: list[date] = []
    while len(found) < OFFERED_READING_DATES and (following := next_reading_date(point, on_or_after=day)):
        if following > latest:
            break
        found.append(following)
        day = date.fromordinal(following.toordinal() + 1)
    return found
