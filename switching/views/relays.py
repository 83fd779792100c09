"""Pages of the cancellation relay: the list, a new one, the case, its judgement, its withdrawal.

Against win-back selling (domain notes, switching §5) the list of received relays and its CSV carry the case and never
the customer: no supply point number, contract number, name or address. Which customer is leaving is seen one case at
a time; what the identity check needs, on the judgement page alone, where every read is kept in the ledger.
"""

import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from functools import partial
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from metering.models import FacilityInquiry, SupplyPoint
from metering.points import next_reading_date
from portal import clock, ledger, lists, quotas, workdays
from portal.access import Ability, covers, needs, person
from portal.lists import Column
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, Registration, User
from portal.templatetags.words import class_mark, company_name, jst, point_number
from portal.workdays import jst_date
from switching import (
    applications,
    deadlines,
    disclosures,
    dry_runs,
    identity,
    policies,
    registration_queue,
    relays,
    sights,
    threads,
    traces,
)
from switching.forms import RejectForm, RelayForm, hidden, hint
from switching.models import Application, Disclosure, QueuedRegistration, Relay
from switching.reasons import Reason
from switching.sentences import field_of, sentence
from switching.states import OPEN_RELAYS, RelayMove, RelayState
from switching.views import inquiries, moves, queue, timeline, turns, undo_links

VERDICT_TONES = {
    identity.Verdict.EXACT: "done",
    identity.Verdict.NORMALISED: "going",
    identity.Verdict.WEAK: "waiting",
    identity.Verdict.DIFFERENT: "refused",
    identity.Verdict.MISSING: "stopped",
}
TABS: dict[str, str | Promise] = {
    "judge": gettext_lazy("To judge"),
    "to_file": gettext_lazy("To file"),
    "received": pgettext_lazy("relays", "Received"),
    "sent": pgettext_lazy("relays", "Sent"),
}
OFFERED_READING_DATES = 3


def typed_number(text: str) -> str:
    """A case or point number as typed into a search: plain width, capitals, without gaps and hyphens."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return "".join(letter for letter in plain if letter.isalnum())


def in_words(relay: Relay) -> list[str]:
    """The reasons of a rejection in the reader's language."""
    return _told(relay.reasons, relay.reason_text)


def _told(reasons: Iterable[int], other: str) -> list[str]:
    return [
        _("Other: %(text)s") % {"text": other} if code == Reason.OTHER else str(Reason(code).label)
        for code in sorted(reasons)
    ]


class RelayFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=gettext_lazy("Relay or supply point number"), method="by_number")
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=RelayState.choices)
    supply_class = django_filters.ChoiceFilter(
        label=gettext_lazy("Class of supply"), choices=SupplyClass.choices, field_name="point__supply_class"
    )
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices, field_name="point__area")
    desired = django_filters.DateFromToRangeFilter(
        label=gettext_lazy("Desired date from / until"),
        field_name="desired_date",
        widget=django_filters.widgets.RangeWidget(attrs={"type": "date", "class": "form-control"}),
    )
    asked = django_filters.ChoiceFilter(
        label=gettext_lazy("Questions"),
        choices=[
            ("yes", gettext_lazy("the other retailer wrote last")),
            ("no", gettext_lazy("nothing to answer or read")),
        ],
        method="by_last_message",
    )
    tab = django_filters.ChoiceFilter(choices=list(TABS.items()), method="as_it_is", widget=forms.HiddenInput)

    class Meta:
        model = Relay
        fields: list[str] = []

    def by_number(self, rows: QuerySet[Relay], name: str, value: str) -> QuerySet[Relay]:
        number = typed_number(value)
        return rows.filter(Q(number__startswith=number) | Q(point__number=number))

    def by_last_message(self, rows: QuerySet[Relay], name: str, value: str) -> QuerySet[Relay]:
        return threads.other_wrote_last(rows, self.request.user.company_id, wanted=value == "yes")

    def as_it_is(self, rows: QuerySet[Relay], name: str, value: str) -> QuerySet[Relay]:
        """The tab is carried along; what it shows is chosen in the view."""
        return rows


def _link(relay: Relay) -> str:
    return reverse("switching:relay", args=[relay.number])


_NUMBER = Column("number", gettext_lazy("Relay"), sort="id", link=_link)
_CLASS = Column(
    "supply_class",
    gettext_lazy("Class of supply"),
    value="point.supply_class",
    show=class_mark,
    sort="point__supply_class",
)
_STATE = Column(
    "state", gettext_lazy("State"), value=lambda relay: relay.get_state_display(), draw=turns.relay_badge, sort="state"
)
_AREA = Column("area", gettext_lazy("Area"), value=lambda relay: relay.point.get_area_display(), sort="point__area")
_DESIRED = Column("desired_date", gettext_lazy("Desired date"), sort="desired_date")
_DUE = Column("due_at", gettext_lazy("Judgement due"), sort="due_at")
_REGISTERED = Column("registered_at", gettext_lazy("Registered at"), sort="registered_at")
_GAINING = Column(
    "gaining_retailer",
    gettext_lazy("Gaining retailer"),
    value=lambda relay: company_name(relay.gaining_retailer),
    sort="gaining_retailer__name",
)
_JUDGED = Column("judged_at", gettext_lazy("Judged at"), sort="judged_at")
_REASONS = Column("reasons", gettext_lazy("Reasons"), value=lambda relay: " / ".join(in_words(relay)))
_POLICY = Column("judged_by_policy", gettext_lazy("Accepted by policy"), csv_only=True)
_CODES = Column(
    "reason_codes",
    gettext_lazy("Reason codes"),
    value=lambda relay: " ".join(map(str, relay.reasons)),
    csv_only=True,
)

JUDGE = [
    Column(
        "number",
        gettext_lazy("Relay"),
        sort="id",
        link=lambda relay: reverse("switching:judgement", args=[relay.number]),
    ),
    _CLASS,
    _DUE,
    _DESIRED,
    _AREA,
    _GAINING,
    _REGISTERED,
]
_TIMES = moves.columns(RelayMove)
TO_FILE = [
    Column(
        "number", gettext_lazy("Relay"), sort="id", link=lambda relay: reverse("switching:filing", args=[relay.number])
    ),
    _CLASS,
    Column("termination_due_at", gettext_lazy("Termination due by"), sort="termination_due_at"),
    Column("termination_cut_off", gettext_lazy("Matching cut-off"), sort="termination_cut_off"),
    _DESIRED,
    _AREA,
    _GAINING,
    _JUDGED,
]
RECEIVED = [
    *[_NUMBER, _CLASS, _STATE, _AREA, _GAINING, _DESIRED, _DUE, _REGISTERED, _JUDGED, _REASONS, _CODES, _POLICY],
    *_TIMES,
]
SENT = [
    _NUMBER,
    _CLASS,
    _STATE,
    Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number),
    Column(
        "losing_retailer",
        gettext_lazy("Losing retailer"),
        value=lambda relay: company_name(relay.losing_retailer),
        sort="losing_retailer__name",
    ),
    _AREA,
    _DESIRED,
    _DUE,
    _REGISTERED,
    _JUDGED,
    _REASONS,
    _CODES,
    _POLICY,
    Column(
        "starts",
        gettext_lazy("Switch start"),
        value=lambda relay: " ".join(start.number for start in relay.own_starts),
        csv_only=True,
    ),
    Column("contract_number", gettext_lazy("Contract number at the present retailer"), private=True),
    Column("holder_name", gettext_lazy("Contract holder"), private=True),
    Column("holder_kana", gettext_lazy("Contract holder in kana"), private=True),
    Column("holder_address", gettext_lazy("Address"), private=True),
    Column("contact_person", gettext_lazy("Contact person at your company"), csv_only=True),
    Column("registered_by", gettext_lazy("Registered by"), value="registered_by.name", csv_only=True),
    *_TIMES,
]


@needs(Ability.SEE_RELAYS)
def listing(request: HttpRequest) -> HttpResponseBase:
    """Relays to judge (the first deadline first), received, sent; CSV of the rows shown."""
    user: User = request.user  # type: ignore[assignment]
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "judge"
    rows = moves.with_times(Relay.objects.visible_to(user), "relay").select_related(
        "point", "gaining_retailer", "losing_retailer", "registered_by"
    )
    if tab == "sent":
        starts = Application.objects.filter(kind=Application.Kind.SWITCH_START).only("number", "relay_id")
        rows = rows.filter(gaining_retailer=user.company).prefetch_related(
            Prefetch("applications", starts, to_attr="own_starts")
        )
        columns, empty = SENT, _("No relay sent yet. Each begins with a facility inquiry.")
        if lists.wants_csv(request):
            ledger.record(
                "relay.export", "relays sent", by=user, now=clock.now(), purpose="CSV of the own company's relays"
            )
    else:
        rows = rows.filter(losing_retailer=user.company)
        columns, empty = RECEIVED, _("No relay received yet.")
        if tab == "judge":
            rows = rows.filter(state=RelayState.WAITING).order_by("due_at", "pk")
            columns, empty = JUDGE, _("Nothing to judge. New relays stand here and are told by mail.")
        elif tab == "to_file":
            rows = rows.filter(termination_due_at__isnull=False).order_by("termination_due_at", "pk")
            columns, empty = TO_FILE, _("No switch termination is owed.")
    return lists.show(
        request,
        rows,
        columns=columns,
        filterset=RelayFilter,
        title=_("Cancellation relays"),
        empty=empty,
        template="switching/relays.html",
        context={
            "tabs": [(label, f"?tab={name}", name == tab) for name, label in TABS.items()],
            "may_register": user.may(Ability.REGISTER_RELAY),
        },
        filename=f"relays-{tab}",
    )


@needs(Ability.SEE_RELAYS)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """One relay for either side: what it is, whose turn, how it got there, what can be done now."""
    user: User = request.user  # type: ignore[assignment]
    relay = _visible(user, number)
    if sights.note(relay, by=user, now=clock.now()):
        relay = _visible(user, number)
    calendar = workdays.of_area(relay.point.area)
    is_losing = relay.losing_retailer_id == user.company_id
    own = list(
        Application.objects.filter(relay=relay, retailer=user.company).select_related("match", "point").order_by("pk")
    )
    own_open = next((application for application in own if application.is_open), None)
    match = next((application.match for application in own if application.match), None)
    point = relay.point
    may_file = covers(user, Ability.FILE_APPLICATION, area=point.area, supply_class=point.supply_class)
    facts: list[tuple[str, Any]] = [
        (_("Supply point"), point_number(point.number)),
        (_("Area"), point.get_area_display()),
        (_("Gaining retailer"), company_name(relay.gaining_retailer)),
        (_("Losing retailer"), company_name(relay.losing_retailer)),
        (_("Desired date"), jst(relay.desired_date)),
        (_("Registered at"), jst(relay.registered_at)),
        (_("Judgement due"), jst(relay.due_at)),
    ]
    if relay.judged_at:
        who = _("by the losing retailer's standing order, after the identity check") if relay.judged_by_policy else ""
        facts.append((_("Judged at"), f"{jst(relay.judged_at)} {who}".strip()))
    if match:
        facts.append((_("Switch date"), jst(match.switch_date)))
    events = timeline.of([relay, *own], reader=user)
    if "print" in request.GET:
        linked: list[tuple[str, Any]] = [
            (a.number, f"{a.get_kind_display()} {turns.application_state(a)}") for a in own
        ]
        return timeline.on_paper(
            request,
            relay,
            title=_("Relay %(number)s") % {"number": relay.number},
            badge=turns.relay_badge(relay),
            facts=facts,
            sections=[
                (_("What your company sent"), [] if is_losing else _sent(relay)),
                (_("Your company's applications"), linked),
            ],
            reasons=in_words(relay),
            events=events,
        )
    return render(
        request,
        "switching/relay.html",
        {
            "title": _("Relay %(number)s") % {"number": relay.number},
            "relay": relay,
            "badge": turns.relay_badge(relay),
            "clock": turns.of_relay(relay, reader=user.company, own=own_open, match=match, calendar=calendar),
            "facts": facts,
            "sent": [] if is_losing else _sent(relay),
            "evidence": relay.evidence.select_related("attached_by"),
            "may_attach": not is_losing and _may(user, Ability.REGISTER_RELAY, relay),
            "reasons": in_words(relay),
            "undoings": undo_links.of_relay(relay, user, now=clock.now()),
            "events": events,
            "number": relay.number,
            "own": [(application, turns.application_badge(application)) for application in own],
            "may_see_applications": user.may(Ability.SEE_APPLICATIONS),
            "is_losing": is_losing,
            "may_judge": is_losing
            and relay.state == RelayState.WAITING
            and not relay.is_overdue(clock.now())
            and _may(user, Ability.JUDGE_RELAY, relay),
            "may_file_termination": is_losing and relay.owes_termination and _may(user, Ability.JUDGE_RELAY, relay),
            "asked": relay.messages.count(),
            "may_ask": is_losing and relay.state == RelayState.WAITING,
            "may_withdraw": not is_losing and relay.is_open and _may(user, Ability.REGISTER_RELAY, relay),
            "wants_start": not is_losing and relay.is_open and not own_open,
            "may_file": may_file,
            "may_register_again": not is_losing
            and relay.state in (RelayState.REJECTED, RelayState.EXPIRED, RelayState.MATCHING_FAILED)
            and _may(user, Ability.REGISTER_RELAY, relay),
            "inquiry": inquiries.of_company(user, Ability.REGISTER_RELAY).filter(point=point).first(),
        },
    )


def _sent(relay: Relay) -> list[tuple[str, Any]]:
    disclosure = relay.disclosure
    return [
        (_("Contract number at the present retailer"), relay.contract_number),
        (_("Contract holder"), relay.holder_name),
        (_("Contract holder in kana"), relay.holder_kana),
        (_("Address"), relay.holder_address),
        (_("Contact person at your company"), relay.contact_person),
        (_("Registered by"), relay.registered_by.name),
        (
            _("Disadvantages explained"),
            f"{jst(disclosure.explained_on)} {disclosure.get_channel_display()}",
        ),
    ]


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


@needs(Ability.JUDGE_RELAY)
def judgement(request: HttpRequest, number: str) -> HttpResponse:
    """The losing retailer compares and answers; the page asks once more before it accepts or rejects."""
    user: User = request.user  # type: ignore[assignment]
    received = _detailed(Relay.objects.visible_to(user).filter(losing_retailer=user.company))
    relay = get_object_or_404(received, number=number)
    now = clock.now()
    if sights.note(relay, by=user, now=now):
        relay = received.get(pk=relay.pk)
    if relay.state != RelayState.WAITING:
        return _see_the_case(request, relay, relays.AlreadyMoved(RelayState(relay.state)))
    only_check = request.POST.get("only_check", "")
    verdict = only_check or request.POST.get("verdict", "")
    reject = RejectForm(request.POST) if verdict == "reject" else RejectForm()
    is_ready = verdict == "accept" or (verdict == "reject" and _names_a_reason(reject))
    checked = _judgement_checked(relay, verdict, reject, by=user, now=now) if is_ready and only_check else None
    is_ready = is_ready and not only_check
    refusal: Exception | None = None
    if is_ready and "confirmed" in request.POST:
        try:
            judged = relays.judge(
                relay_id=relay.pk,
                verdict=relays.Verdict(verdict),
                reasons=reject.cleaned_data["reasons"] if verdict == "reject" else (),
                reason_text=reject.cleaned_data["reason_text"] if verdict == "reject" else "",
                with_termination="later" not in request.POST,
                by=user,
                now=now,
            )
        except (relays.AlreadyMoved, relays.Overdue) as moved:
            return _see_the_case(request, relay, moved)
        except (relays.NotPossible, applications.NotPossible) as other:
            refusal, is_ready = other, False
        else:
            messages.success(request, _answered(judged) % {"number": relay.number})
            return redirect("switching:relay", relay.number)
    try:
        report = relays.read_for_judgement(relay, by=user, now=now)
    except relays.NotPossible as not_yours:
        return _see_the_case(request, relay, not_yours)
    contract = relays.held_contract(relay, today=jst_date(now))
    return render(
        request,
        "switching/judgement.html",
        {
            "title": _("Judge relay %(number)s") % {"number": relay.number},
            "relay": relay,
            "rows": _compared(relay, contract, report),
            "contract": contract,
            "clock": turns.of_relay(
                relay, reader=user.company, own=None, match=None, calendar=workdays.of_area(relay.point.area)
            ),
            "form": reject,
            "verdict": verdict if is_ready else "",
            "entries": hidden(reject) if is_ready and verdict == "reject" else [],
            "chosen": _chosen(reject) if is_ready and verdict == "reject" else [],
            "refusal": sentence(refusal) if refusal else "",
            "checked": checked,
            "filing": policies.of(user.company).filing,
            "asked": relay.messages.count(),
            "evidence": relay.evidence.select_related("attached_by"),
            "is_losing": True,
        },
        status=422 if refusal or reject.errors else 200,
    )


def _judgement_checked(
    relay: Relay, verdict: str, form: RejectForm, *, by: User, now: datetime
) -> dry_runs.Outcome | None:
    """What would become of this judgement."""
    is_reject = verdict == relays.Verdict.REJECT
    refusal: Exception | None = None
    try:
        relays.judge(
            relay_id=relay.pk,
            verdict=relays.Verdict(verdict),
            reasons=form.cleaned_data["reasons"] if is_reject else (),
            reason_text=form.cleaned_data["reason_text"] if is_reject else "",
            by=by,
            now=now,
            dry_run=True,
        )
    except (relays.NotPossible, applications.NotPossible) as found:
        refusal = found
    return dry_runs.outcome(refusal, deed=f"relay.{verdict}", subject=traces.subject_of(relay), by=by, now=now)


def _answered(relay: Relay) -> str:
    if relay.state == RelayState.REJECTED:
        return _("Relay %(number)s is rejected. The other retailer is told the reasons.")
    if relay.owes_termination:
        return _("Relay %(number)s is accepted. Your switch termination is still to be filed.")
    return _("Relay %(number)s is accepted and the switch termination is filed.")


def _names_a_reason(form: RejectForm) -> bool:
    if not form.is_valid():
        return False
    reasons, text = form.cleaned_data["reasons"], form.cleaned_data["reason_text"]
    if Reason.OTHER not in reasons or text:
        return True
    form.add_error("reason_text", sentence(relays.ReasonsMissing()))
    return False


def _chosen(form: RejectForm) -> list[str]:
    return _told(form.cleaned_data["reasons"], form.cleaned_data["reason_text"])


def _compared(relay: Relay, contract: Any, report: identity.Report) -> list[dict[str, Any]]:
    """One line per field: what was given, what is held, how they agree and by which rules."""
    values = {
        identity.Field.CONTRACT_NUMBER: (relay.contract_number, contract.number if contract else ""),
        identity.Field.HOLDER_NAME: (relay.holder_name, contract.holder_name if contract else ""),
        identity.Field.HOLDER_KANA: (relay.holder_kana, contract.holder_kana if contract else ""),
        identity.Field.ADDRESS: (relay.holder_address, contract.holder_address if contract else ""),
    }
    return [
        {
            "label": comparison.field.label,
            "given": values.get(comparison.field, ("", ""))[0],
            "held": values.get(comparison.field, ("", ""))[1],
            "is_part": comparison.field not in values,
            "verdict": comparison.verdict,
            "tone": VERDICT_TONES[comparison.verdict],
            "rules": [rule.label for rule in comparison.rules],
            "is_loose": any(rule.is_loose for rule in comparison.rules),
        }
        for comparison in report.comparisons
    ]


@needs(Ability.REGISTER_RELAY)
def withdrawal(request: HttpRequest, number: str) -> HttpResponse:
    """The gaining retailer withdraws before the match, after a page that says what ends with it."""
    user: User = request.user  # type: ignore[assignment]
    relay = get_object_or_404(_detailed(Relay.objects.visible_to(user)), number=number, gaining_retailer=user.company)
    if not relay.is_open:
        return _see_the_case(request, relay, relays.AlreadyMoved(RelayState(relay.state)))
    checked = None
    if only_check := "only_check" in request.POST:
        checked = _withdrawal_checked(relay, by=user, now=clock.now())
    if not only_check and "confirmed" in request.POST:
        try:
            relays.withdraw(relay_id=relay.pk, by=user, now=clock.now())
        except (relays.NotPossible, applications.NotPossible) as refusal:
            return _see_the_case(request, relay, refusal)
        messages.success(request, _("Relay %(number)s is withdrawn.") % {"number": relay.number})
        return redirect("switching:relay", relay.number)
    return render(
        request,
        "switching/confirm.html",
        {
            "title": _("Withdraw this relay?"),
            "supply_class": relay.point.supply_class,
            "trail": [(_("Cancellation relays"), reverse("switching:relays")), (relay.number, _link(relay))],
            "facts": [
                (_("Relay"), relay.number),
                (_("Supply point"), point_number(relay.point.number)),
                (_("Losing retailer"), company_name(relay.losing_retailer)),
                (_("Desired date"), jst(relay.desired_date)),
                (_("State"), turns.relay_badge(relay)),
            ],
            "notes": [
                _("The relay, your switch start and the other retailer's switch termination end together."),
                _("This cannot be undone; for another try a new relay is registered."),
            ],
            "is_danger": True,
            "action_label": _("Withdraw the relay"),
            "may_check": True,
            "checked": checked,
            "back_url": _link(relay),
            "back_label": _("Back to the relay"),
        },
    )


def _withdrawal_checked(relay: Relay, *, by: User, now: datetime) -> dry_runs.Outcome:
    refusal: Exception | None = None
    try:
        relays.withdraw(relay_id=relay.pk, by=by, now=now, dry_run=True)
    except (relays.NotPossible, applications.NotPossible) as found:
        refusal = found
    return dry_runs.outcome(refusal, deed="relay.withdraw", subject=traces.subject_of(relay), by=by, now=now)


def _detailed(rows: QuerySet[Relay]) -> QuerySet[Relay]:
    return rows.select_related("point", "gaining_retailer", "losing_retailer", "registered_by", "disclosure")


def _visible(user: User, number: str) -> Relay:
    return get_object_or_404(_detailed(Relay.objects.visible_to(user)), number=number)


def _may(user: User, ability: Ability, relay: Relay) -> bool:
    return covers(user, ability, area=relay.point.area, supply_class=relay.point.supply_class)


def _see_the_case(request: HttpRequest, relay: Relay, refusal: Exception) -> HttpResponseRedirect:
    """The refusal in words on the page that shows how the relay stands."""
    messages.error(request, sentence(refusal))
    return redirect("switching:relay", relay.number)
