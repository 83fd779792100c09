"""Help before signing in: which of the usual failures a person has, and who can mend it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal import certificate_gate, certificates, diagnosis, gates
from portal.access import public
from portal.certificates import Standing
from portal.diagnosis import Diagnosis, Fault
from portal.forms_people import HelpForm
from portal.gates import Function
from portal.models import CertificatePurpose
from portal.templatetags.words import jst
from portal.workdays import jst_date


@dataclass(frozen=True)
class Finding:
    """One line of the answer: what was looked at, how it stands, in which tone, and what to do."""

    what: str
    state: str
    tone: str
    advice: str = ""


@public
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in_help(request: HttpRequest) -> HttpResponse:
    """What keeps me out? Asks for user id and password, signs nobody in, and says what is wrong and who can mend it."""
    now = timezone.now()
    form = HelpForm(request.POST) if request.method == "POST" else HelpForm()
    findings: list[Finding] = []
    found: Diagnosis | None = None
    if request.method == "POST" and form.is_valid():
        found = diagnosis.diagnose(request, **form.cleaned_data, now=now)
        findings.append(_of_the_account(found))
    if found is None or found.fault != Fault.TOO_MANY:
        findings += [_of_the_certificate(request, found), *_of_the_functions(gates.Hours(now))]
        findings += _of_the_start(found, now)
    status = 429 if found and found.fault == Fault.TOO_MANY else 422 if form.errors else 200
    return render(
        request,
        "portal/sign_in_help.html",
        {"title": _("What keeps me from signing in?"), "form": form, "findings": findings, "is_asked": found},
        status=status,
    )


def _of_the_account(found: Diagnosis) -> Finding:
    what = _("User id and password")
    names = ", ".join(user.name for user in found.helpers)
    who = (
        _("An administrator of your company can thaw it: %(names)s.") % {"names": names}
        if found.helpers
        else _("Your company has no administrator who can thaw it: please call the hub's helpdesk.")
    )
    if found.fault == Fault.WRONG:
        advice = _(
            "Please compare the user id (small letters), check caps lock and the keyboard's input mode. After five "
            "wrong passwords, here and on the sign-in page together, the user id is frozen. Password forgotten: an "
            "administrator of your company sends a link to set a new one."
        )
        return Finding(what, _("User id or password is wrong."), "stopped", advice)
    if found.fault == Fault.TOO_MANY:
        advice = _("Please try again in an hour, or call the hub's helpdesk.")
        return Finding(what, _("This user id was asked about too often."), "stopped", advice)
    if found.fault == Fault.FROZEN:
        return Finding(
            what, _("The password is right, but the user id is frozen after wrong passwords."), "stopped", who
        )
    if found.fault == Fault.SUSPENDED:
        return Finding(what, _("The password is right, but the user id is suspended."), "stopped", who)
    if found.fault == Fault.COMPANY_SUSPENDED:
        advice = _("Please ask the hub operator.")
        return Finding(what, _("The password is right, but your company's use is suspended."), "stopped", advice)
    return Finding(what, _("The user id and the password are right, and the user id is not frozen."), "done")


def _of_the_certificate(request: HttpRequest, found: Diagnosis | None) -> Finding:
    """Only what the visitor's own connection shows; the company's rule only to who belongs to it."""
    user = found.user if found else None
    company_id = user.company_id if user else None
    standing = certificate_gate.standing(request, company_id=company_id, purpose=CertificatePurpose.WEB)
    is_required = user is not None and certificates.is_required(user.company, CertificatePurpose.WEB)
    advice = {
        Standing.VALID: "",
        Standing.NONE: _(
            "Choose the certificate when the browser asks; close all its windows and open the page again."
        ),
        Standing.EXPIRED: _(
            "Ask for a new one on the page of certificates; your company's administrator can do it for you."
        ),
        Standing.REVOKED: _(
            "Ask for a new one on the page of certificates; your company's administrator can do it for you."
        ),
    }.get(standing, _("Choose another one, or ask your company's administrator to have this one registered."))
    if user is not None and not is_required and standing == Standing.NONE:
        return Finding(
            _("Client certificate"), str(standing.label), "done", _("Your company does not ask for one here.")
        )
    if user is None and standing == Standing.NONE:
        advice = _("Where your company asks for one: %(advice)s") % {"advice": advice}
        return Finding(_("Client certificate"), str(standing.label), "waiting", advice)
    tone = "done" if standing == Standing.VALID else "stopped" if is_required else "waiting"
    return Finding(_("Client certificate"), str(standing.label), tone, advice)


def _of_the_start(found: Diagnosis | None, now: datetime) -> list[Finding]:
    """Told only to who gave the right password: the company's own start of use while it lies ahead."""
    company = found.user.company if found and found.user else None
    if company is None or company.starts_on is None or company.starts_on <= jst_date(now):
        return []
    advice = _("You can sign in and try your access; the functions open to your company on that day.")
    return [Finding(_("Start of use"), _("It begins on %(day)s.") % {"day": jst(company.starts_on)}, "waiting", advice)]


def _of_the_functions(hours: gates.Hours) -> list[Finding]:
    """The calendar is public: what is closed now, and when it opens."""
    closed: list[tuple[Any, Any]] = [
        (function, closure) for function in Function if (closure := hours.closure(function)) is not None
    ]
    if not closed:
        return [Finding(_("Opening hours"), _("Every function is open."), "done")]
    head = ngettext("%(count)s function is closed.", "%(count)s functions are closed.", len(closed))
    lines = [
        _("%(function)s opens %(at)s.") % {"function": function.label, "at": jst(closure.opens_at)}
        if closure.opens_at
        else _("%(function)s: the opening is not settled yet.") % {"function": function.label}
        for function, closure in closed
    ]
    return [Finding(_("Opening hours"), head % {"count": len(closed)}, "waiting", " ".join(lines))]
