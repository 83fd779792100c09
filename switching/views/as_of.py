"""The page of the time machine: a point or case as it was on a day, as the hub knew it at a moment."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from metering.models import SupplyPeriod
from portal import clock
from portal.access import Ability, needs, person
from portal.templatetags.words import badge, class_mark, company_name, jst, point_number
from switching import as_of
from switching.forms_as_of import AsOfForm
from switching.models import Relay
from switching.sentences import sentence
from switching.states import ApplicationState, RelayState
from switching.views import turns

FIELDS = {as_of.NothingToDoWith: "number", as_of.NotYetCome: "at", as_of.TooFarAhead: "day"}


@needs(Ability.SEE_HISTORY)
def page(request: HttpRequest) -> HttpResponse:
    """Ask, and read the answer below the question: the address holds both."""
    user, now = person(request), clock.now()
    needs_purpose = as_of.is_hub(user)
    form = AsOfForm(request.GET if "day" in request.GET else None, needs_purpose=needs_purpose, now=now)
    answer = None
    if not form.is_bound:
        form.initial["number"] = request.GET.get("number", "")
    elif form.is_valid():
        asked = form.cleaned_data
        try:
            point, case = as_of.find(asked["number"], by=user)
            answer = as_of.ask(
                point,
                case=case,
                day=asked["day"],
                at=asked["at"],
                by=user,
                now=now,
                purpose=asked.get("purpose") or as_of.own_purpose(point, by=user),
            )
        except as_of.NotPossible as refusal:
            form.add_error(FIELDS[type(refusal)], sentence(refusal))
    return render(
        request,
        "switching/as_of.html",
        {
            "title": _("As of a day"),
            "form": form,
            **(_told(answer, asked["number"], is_hub=needs_purpose) if answer else {}),
        },
        status=422 if form.errors else 200,
    )


def _told(answer: as_of.Answer, number: str, *, is_hub: bool) -> dict[str, Any]:
    point = answer.point
    return {
        "answer": answer,
        "supply_class": point.supply_class,
        "question": _("%(day)s, as the hub knew it at %(at)s") % {"day": jst(answer.day), "at": jst(answer.at)},
        "asked": _case(answer.asked) if answer.asked else None,
        "is_case_unknown": number != point.number and answer.asked is None,
        "facts": [
            (_("Supply point"), point_number(point.number)),
            (_("Class of supply"), class_mark(point.supply_class)),
            (_("Area"), point.get_area_display()),
            (_("Network operator"), company_name(point.network_operator)),
            (_("Supplied by"), _supplier(answer, answer.period)),
            *([(_("Contract state"), answer.state.label)] if answer.state else []),
            *_period_facts(answer.period),
        ],
        "contract": [
            (_("Contract number"), answer.contract.number),
            (_("Contract holder"), answer.contract.holder_name),
            (_("Contract holder in kana"), answer.contract.holder_kana),
            (_("Address"), answer.contract.holder_address),
            (_("Holder since"), jst(answer.contract.holder_since)),
        ]
        if answer.contract
        else [],
        "may_open": not is_hub,
        "cases": [_case(found) for found in answer.cases],
        "beliefs": [
            {
                "since": belief.since,
                "until": belief.until,
                "words": _supplier(answer, belief.period),
                "is_here": belief.since <= answer.at and (belief.until is None or answer.at < belief.until),
            }
            for belief in answer.beliefs
        ],
    }


def _supplier(answer: as_of.Answer, period: SupplyPeriod | None) -> str:
    if period:
        return company_name(period.retailer)
    return _("nobody") if answer.is_open_to_all else _("not by your company")


def _period_facts(period: SupplyPeriod | None) -> list[tuple[str, Any]]:
    if period is None:
        return []
    return [
        (_("Supply since"), jst(period.during.lower)),
        (_("How it goes on"), period.get_ending_display()),
        (_("Known since"), jst(period.known_from)),
    ]


def _case(found: as_of.CaseThen) -> dict[str, Any]:
    """A case as a row: what it is, its state then as word, shape and colour."""
    case = found.case
    if isinstance(case, Relay):
        words, url, tone = _("cancellation relay"), "switching:relay", turns.RELAY_TONES[RelayState(found.state)]
    else:
        words, url = case.get_kind_display(), "switching:application"
        tone = turns.APPLICATION_TONES[ApplicationState(found.state)]
    return {
        "number": case.number,
        "url": url,
        "words": words,
        "badge": badge(found.state.label, tone),
        "since": found.since,
        "desired_date": case.desired_date,
        "switch_date": found.switch_date,
    }
