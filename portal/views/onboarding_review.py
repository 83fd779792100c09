"""The operators' side of applications for use and of acts that take two operators, inside the workbench."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import companies, four_eyes, letters, onboarding, people, qualifications
from portal.access import Role, person
from portal.companies import TakesPart
from portal.market import Area, MarketRole
from portal.models import Proposal, UseApplication
from portal.models.onboarding import UseState
from portal.views.onboarding import facts

REFUSALS = (
    *(onboarding.Refused, four_eyes.Refused, companies.Refused, people.Refused, letters.Refused),
    qualifications.Refused,
)


def _code_field(part: TakesPart) -> str:
    return f"code-{part.market_role}-{part.area}"


def review(request: HttpRequest, admin: ModelAdmin, object_id: str) -> HttpResponse:
    """One application: what it says, what happened, and asking back, refusing or proposing the approval."""
    application = admin.get_object(request, object_id)
    if not isinstance(application, UseApplication):
        raise Http404
    parts = onboarding.suggested_codes(application) if application.state == UseState.WAITING else []
    entered = {_code_field(part): part.code for part in parts}
    if request.method == "POST":
        _only_operators(request)
        entered |= {name: request.POST.get(name, "")[:10] for name in entered}
        try:
            done = _decide(request, application, parts, entered)
        except REFUSALS as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, done)
            return redirect("admin:portal_useapplication_change", application.pk)
    moves = onboarding.MOVES.get(application.state, frozenset())
    return render(
        request,
        "admin/use_application_review.html",
        {
            **admin.admin_site.each_context(request),
            "opts": admin.opts,
            "title": str(application),
            "application": application,
            "facts": [(_("State"), application.get_state_display()), *facts(application)],
            "people": list(application.people.all()),
            "steps": list(application.steps.select_related("by")),
            "taken": onboarding.taken_usernames(application),
            "same_company": onboarding.same_company(application),
            "codes": [
                {
                    "name": _code_field(part),
                    "label": f"{MarketRole(part.market_role).label} {Area(part.area).label}",
                    "value": entered[_code_field(part)],
                }
                for part in parts
            ],
            "qualifications": list(application.qualifications.select_related("settled_by")),
            "unqualified": sorted(
                qualifications.missing(application, [role for role, _area in onboarding.parts_wanted(application)])
            ),
            "message": request.POST.get("message", ""),
            "is_operator": Role.OPERATOR in person(request).roles,
            "may_ask": UseState.ASKED_BACK in moves,
            "may_refuse": UseState.REFUSED in moves,
            "may_propose": UseState.PROPOSED in moves,
            "proposal": Proposal.objects.filter(
                act=onboarding.APPROVE.key, subject=f"use application {application.pk}", state=Proposal.State.WAITING
            ).first(),
        },
        status=422 if request.method == "POST" else 200,
    )


def _decide(request: HttpRequest, application: UseApplication, parts: list[TakesPart], entered: dict[str, str]) -> str:
    by, now, deed = person(request), timezone.now(), request.POST.get("deed", "")
    message = request.POST.get("message", "")
    if deed == "ask_back":
        onboarding.ask_back(application, message=message, by=by, now=now)
        return _("The applicant is asked to correct the application.")
    if deed == "refuse":
        onboarding.refuse(application, reason=message, by=by, now=now)
        return _("The application is refused; the applicant gets the reason by mail.")
    if deed == "qualify":
        pack = request.FILES.get("evidence")
        content = pack.read(qualifications.MOST_BYTES + 1) if pack else b""
        qualifications.take_in(application, content, by=by, now=now)
        return _("The qualification is proven.")
    if deed == "waive":
        qualifications.waive(application, request.POST.get("role", ""), reason=message, by=by, now=now)
        return _("The qualification is waived.")
    if deed == "propose":
        codes = [TakesPart(part.market_role, part.area, entered[_code_field(part)]) for part in parts]
        onboarding.propose_approval(application, codes=codes, by=by, now=now)
        return _("The approval is proposed. Another operator has to confirm it.")
    raise onboarding.NotNow


def answer(request: HttpRequest, admin: ModelAdmin, object_id: str) -> HttpResponse:
    """One proposal: exactly what will be done, who proposed it, and the answer of another operator."""
    proposal = admin.get_object(request, object_id)
    if not isinstance(proposal, Proposal):
        raise Http404
    act = four_eyes.act_of(proposal)
    refusals: tuple[type[Exception], ...] = (*REFUSALS, *act.refusals)
    reason = request.POST.get("reason", "")
    if request.method == "POST":
        _only_operators(request)
        by, now = person(request), timezone.now()
        try:
            if request.POST.get("deed") == "confirm":
                four_eyes.confirm(proposal, by=by, now=now)
                done = _("Confirmed and done.")
            else:
                four_eyes.decline(proposal, reason=reason, by=by, now=now)
                done = _("Declined; nothing was changed.")
        except refusals as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, done)
            return redirect("admin:portal_proposal_change", proposal.pk)
    waits = proposal.state == Proposal.State.WAITING
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": act.label,
        "proposal": proposal,
        "facts": list(act.facts(proposal)),
        "reason": reason,
        "is_own": proposal.proposed_by_id == request.user.pk,
        "may_answer": waits and Role.OPERATOR in person(request).roles,
    }
    return render(request, "admin/proposal_answer.html", context, status=422 if request.method == "POST" else 200)


def _only_operators(request: HttpRequest) -> None:
    if Role.OPERATOR not in person(request).roles:
        raise PermissionDenied
