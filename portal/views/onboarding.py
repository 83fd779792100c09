"""Applying for use, without signing in: the link by mail, the pages of the application, where it stands."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from portal import companies, demo, letters, onboarding, user_lists
from portal.access import public
from portal.forms_onboarding import (
    AdministratorFormSet,
    CertificatesForm,
    CompanyForm,
    FileForm,
    StartForm,
    UserListForm,
    WantedForm,
)
from portal.market import Area, MarketRole, SupplyClass
from portal.models import UseApplication
from portal.models.onboarding import UseKind, UseState
from portal.onboarding import Named
from portal.templatetags.words import jst
from portal.workdays import jst_date

ROWS_SALT = "use application rows"
REFUSALS = (onboarding.Refused, companies.Refused, letters.Refused)
STEPS: dict[str, str | Promise] = {
    "company": gettext_lazy("Company"),
    "wanted": gettext_lazy("Areas, classes and start"),
    "administrators": gettext_lazy("Administrators"),
    "users": gettext_lazy("General users"),
    "certificates": gettext_lazy("Certificates"),
}
OPTIONAL = frozenset({"users", "certificates"})


@dataclass(frozen=True)
class Rule:
    """A kind of use with its deadline as it applies today."""

    label: str | Promise
    days: int
    earliest: date


@public
@never_cache
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """What is needed, until when, and the address the link goes to."""
    form = StartForm(request.POST) if request.method == "POST" else StartForm()
    now = timezone.now()
    if request.method == "POST" and form.is_valid():
        try:
            letter = onboarding.ask_for_link(
                kind=form.cleaned_data["kind"],
                address=form.cleaned_data["address"],
                asked_from=request.META.get("REMOTE_ADDR") or None,
                now=now,
            )
        except REFUSALS as refused:
            form.add_error(None, str(refused))
        else:
            if demo.is_demo():
                request.session["use_application_link"] = onboarding.link_of(letter)
            return redirect("portal:use-application-sent")
    rules = [
        Rule(kind.label, onboarding.business_days(kind), onboarding.earliest_start(kind, jst_date(now)))
        for kind in onboarding.offered()
    ]
    return render(
        request,
        "portal/use_application_start.html",
        {"title": _("Apply for use"), "form": form, "rules": rules},
        status=422 if form.is_bound else 200,
    )


@public
@never_cache
@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """The mail is on its way; in the demo, where nobody reads mails, the link stands here."""
    link = request.session.get("use_application_link", "") if demo.is_demo() else ""
    return render(
        request, "portal/use_application_sent.html", {"title": _("Please look into your mailbox"), "link": link}
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def begin(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link: the address is proved, the application begins with a click."""
    try:
        asked = onboarding.asked_by(token)
    except onboarding.Refused as refused:
        return render(
            request,
            "portal/use_application_link.html",
            {"title": _("This link does not open an application"), "refusal": str(refused)},
            status=410,
        )
    if request.method == "POST":
        application = onboarding.begin(asked, now=timezone.now())
        return redirect("portal:use-application", key=application.key)
    return render(
        request,
        "portal/use_application_link.html",
        {
            "title": _("Your address is confirmed"),
            "facts": [(_("E-mail"), asked.address), (_("What for"), UseKind(asked.kind).label)],
        },
    )


@public
@never_cache
@require_safe
def application(request: HttpRequest, key: UUID) -> HttpResponse:
    """Where the application stands, what is in it, what can be done now."""
    found = _found(key)
    gaps = onboarding.gaps(found) if _is_open(found) else []
    missing = dict(gaps)
    return render(
        request,
        "portal/use_application.html",
        {
            "title": _("Application for %(kind)s") % {"kind": found.get_kind_display()},
            "application": found,
            "facts": facts(found),
            "people": list(found.people.all()),
            "steps": list(found.steps.all()),
            "is_open": _is_open(found),
            "gaps": gaps,
            "pages": [
                {
                    "label": label,
                    "url": reverse(f"portal:use-application-{step}", args=[found.key]),
                    "missing": missing.get(step, ""),
                    "is_optional": step in OPTIONAL,
                }
                for step, label in STEPS.items()
            ],
            "can_withdraw": UseState.WITHDRAWN in onboarding.MOVES.get(found.state, ()),
            "last_message": next((step.message for step in reversed(list(found.steps.all())) if step.message), ""),
        },
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def company(request: HttpRequest, key: UUID) -> HttpResponse:
    """Who applies."""
    found = _found(key)
    names = ["name", "name_en", "registration_number", "corporate_number", "notice_address", "market_roles"]
    initial = {name: getattr(found, name) for name in names}
    return _page(
        request, found, "company", CompanyForm, initial, lambda values: onboarding.save_company(found, **values)
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def wanted(request: HttpRequest, key: UUID) -> HttpResponse:
    """Where, for which classes, from when."""
    found, now = _found(key), timezone.now()
    earliest = onboarding.earliest_start(found.kind, jst_date(now))
    initial = {
        "areas": found.areas,
        "supply_classes": found.supply_classes,
        "wanted_start": found.wanted_start or earliest,
    }
    return _page(
        request,
        found,
        "wanted",
        WantedForm,
        initial,
        lambda values: onboarding.save_wanted(found, **values, now=now),
        earliest=earliest,
        days=onboarding.business_days(found.kind),
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def certificates(request: HttpRequest, key: UUID) -> HttpResponse:
    """Certificates the company has already."""
    found = _found(key)
    return _page(
        request,
        found,
        "certificates",
        CertificatesForm,
        {"certificate_ids": "\n".join(found.certificate_ids)},
        lambda values: onboarding.save_certificates(found, values["certificate_ids"].splitlines()),
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def administrators(request: HttpRequest, key: UUID) -> HttpResponse:
    """The people who will look after the company's accounts."""
    found = _found(key)
    if not _is_open(found):
        return _past(request, found)
    known = [
        {"username": one.username, "name": one.name, "email": one.email}
        for one in found.people.filter(is_administrator=True)
    ]
    formset = AdministratorFormSet(request.POST or None, initial=known)
    refusal = ""
    if request.method == "POST" and formset.is_valid():
        named = [Named(row["username"], row["name"], row["email"]) for row in formset.cleaned_data if row]
        try:
            onboarding.save_people(found, named, administrators=True)
        except REFUSALS as refused:
            refusal = str(refused)
        else:
            messages.success(request, _("The entries are kept."))
            return redirect("portal:use-application", key=found.key)
    return render(
        request,
        "portal/use_application_administrators.html",
        {**_frame(found, "administrators"), "formset": formset, "refusal": refusal},
        status=422 if request.method == "POST" else 200,
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def users(request: HttpRequest, key: UUID) -> HttpResponse:
    """The list of general users: a file, a preview with what is wrong in each row, and only then entries."""
    found = _found(key)
    if not _is_open(found):
        return _past(request, found)
    form = UserListForm()
    rows: list[user_lists.Row] = []
    status = 200
    if "rows" in request.POST:
        try:
            named = [Named(u, n, e, tuple(r)) for u, n, e, r in _unpack(request.POST["rows"], found)]
            onboarding.save_people(found, named, administrators=False)
        except (signing.BadSignature, ValueError):
            messages.error(request, _("The preview is too old. Please choose the file again."))
        except REFUSALS as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The entries are kept."))
        return redirect("portal:use-application", key=found.key)
    if "none" in request.POST:
        onboarding.save_people(found, [], administrators=False)
        messages.success(request, _("The application names no general users now."))
        return redirect("portal:use-application", key=found.key)
    if request.method == "POST":
        form = UserListForm(request.POST, request.FILES)
        status = 422
        if form.is_valid():
            upload = form.cleaned_data["file"]
            try:
                if upload.size > user_lists.MOST_BYTES:
                    data = b" " * (user_lists.MOST_BYTES + 1)
                else:
                    data = upload.read()
                rows = user_lists.read(
                    data,
                    check=lambda named, seen: onboarding.faults(named, seen, administrator=False),
                    taken=list(found.people.filter(is_administrator=True).values_list("username", flat=True)),
                )
            except user_lists.Unreadable as error:
                form.add_error("file", str(error))
            else:
                status = 422 if any(row.faults for row in rows) else 200
    bad = sum(1 for row in rows if row.faults)
    return render(
        request,
        "portal/use_application_users.html",
        {
            **_frame(found, "users"),
            "form": form,
            "rows": rows,
            "bad": bad,
            "packed": _pack(rows, found) if rows and not bad else "",
            "known": found.people.filter(is_administrator=False).count(),
        },
        status=status,
    )


@public
@require_safe
def sample(request: HttpRequest) -> HttpResponse:
    """A list with one person in it, as spreadsheet programs of this country open it."""
    answer = HttpResponse(user_lists.SAMPLE.encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="users.csv"'
    return answer


@public
@never_cache
@require_http_methods(["GET", "POST"])
def filing(request: HttpRequest, key: UUID) -> HttpResponse:
    """Exactly what will be filed, the statement, and the button."""
    found = _found(key)
    if not _is_open(found):
        return _past(request, found)
    form = FileForm(request.POST) if request.method == "POST" else FileForm()
    if request.method == "POST" and form.is_valid():
        try:
            onboarding.file(found, accepts=form.cleaned_data["accepts"], now=timezone.now())
        except REFUSALS as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The application is filed. Every answer will reach you by mail."))
            return redirect("portal:use-application", key=found.key)
    return render(
        request,
        "portal/use_application_filing.html",
        {
            **_frame(found, ""),
            "title": _("Check and file"),
            "form": form,
            "facts": facts(found),
            "people": list(found.people.all()),
            "statement": statement_of(onboarding.STATEMENT_EDITION),
        },
        status=422 if form.is_bound else 200,
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def withdrawal(request: HttpRequest, key: UUID) -> HttpResponse:
    """Take the application back, after a page that says what follows."""
    found = _found(key)
    if request.method == "POST":
        try:
            onboarding.withdraw(found, now=timezone.now())
        except onboarding.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The application is withdrawn."))
        return redirect("portal:use-application", key=found.key)
    return render(
        request,
        "portal/use_application_withdrawal.html",
        {
            **_frame(found, ""),
            "title": _("Withdraw the application"),
            "intro": _("A withdrawn application cannot be taken up again; you can always begin a new one."),
            "facts": [(_("Company"), found.name), (_("What for"), found.get_kind_display())],
            "action_label": _("Withdraw"),
            "is_danger": True,
            "back_url": reverse("portal:use-application", args=[found.key]),
            "back_label": _("Cancel"),
        },
    )


@public
@require_safe
def statement(request: HttpRequest, edition: str) -> HttpResponse:
    """The statement on joint use of personal data, in the edition an application accepted."""
    return render(
        request,
        "portal/use_application_statement.html",
        {"title": _("Joint use of personal data"), "statement": statement_of(edition), "edition": edition},
    )


def statement_of(edition: str) -> str:
    """The template with the edition's words; an edition that never was is not there (404)."""
    name = f"portal/joint_use/{edition}.html"
    try:
        get_template(name)
    except TemplateDoesNotExist as error:
        raise Http404 from error
    return name


def facts(found: UseApplication) -> list[tuple[str, Any]]:
    """What the application says, in labels and values; the operators read the same."""
    roles = ", ".join(str(MarketRole(role).label) for role in found.market_roles)
    deadline = onboarding.deadline(found.kind, found.wanted_start) if found.wanted_start else None
    return [
        (_("What for"), found.get_kind_display()),
        (_("Company name"), found.name),
        (_("Company name in English"), found.name_en),
        (_("Market roles"), roles),
        (_("Registration number"), found.registration_number),
        (_("Corporate number"), found.corporate_number),
        (_("Address for notices"), found.notice_address),
        (_("Areas"), ", ".join(str(Area(area).label) for area in found.areas)),
        (_("Classes of supply"), ", ".join(str(SupplyClass(one).label) for one in found.supply_classes)),
        (_("Wanted start"), jst(found.wanted_start)),
        (_("To be filed by"), jst(deadline)),
        (_("Client certificates you have already"), ", ".join(found.certificate_ids)),
        (_("Applicant's e-mail"), found.address),
    ]


def _page(
    request: HttpRequest,
    found: UseApplication,
    step: str,
    form_class: type[forms.Form],
    initial: dict[str, Any],
    save: Any,
    **more: Any,
) -> HttpResponse:
    """One page of the application: its form, the verb, back to the overview."""
    if not _is_open(found):
        return _past(request, found)
    form = form_class(request.POST) if request.method == "POST" else form_class(initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            save(form.cleaned_data)
        except REFUSALS as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The entries are kept."))
            return redirect("portal:use-application", key=found.key)
    return render(
        request,
        "portal/use_application_page.html",
        {**_frame(found, step), "form": form, **more},
        status=422 if form.is_bound else 200,
    )


def _frame(found: UseApplication, step: str) -> dict[str, Any]:
    return {
        "title": STEPS.get(step, ""),
        "application": found,
        "overview_url": reverse("portal:use-application", args=[found.key]),
    }


def _found(key: UUID) -> UseApplication:
    return get_object_or_404(UseApplication, key=key)


def _is_open(found: UseApplication) -> bool:
    return found.state in onboarding.EDITABLE


def _past(request: HttpRequest, found: UseApplication) -> HttpResponse:
    messages.error(request, str(onboarding.NotNow.sentence))
    return redirect("portal:use-application", key=found.key)


def _pack(rows: list[user_lists.Row], found: UseApplication) -> str:
    """The checked rows for the hidden field of the preview, signed for this application."""
    values = [[row.named.username, row.named.name, row.named.email, list(row.named.roles)] for row in rows]
    return signing.dumps(values, salt=f"{ROWS_SALT} {found.pk}", compress=True)


def _unpack(packed: str, found: UseApplication) -> list[Any]:
    return signing.loads(packed, salt=f"{ROWS_SALT} {found.pk}", max_age=3600)
