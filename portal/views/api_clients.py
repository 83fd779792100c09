"""The company's programs that call the API: registering, roles, a new secret, revoking; all of them for the hub."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import api_clients, lists
from portal.access import Ability, may, needs, person
from portal.demo import roles_of
from portal.forms_api import ApiClientForm, ClientHoldFormSet, RotationForm
from portal.lists import Column
from portal.models import ApiClient
from portal.people import Hold
from portal.sessions import freshly_proven
from portal.templatetags.words import badge, company_name, jst

View = Callable[..., HttpResponseBase]


class ClientFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=gettext_lazy("Name of the program"), method="by_words")

    class Meta:
        model = ApiClient
        fields: list[str] = []

    def by_words(self, rows: QuerySet[ApiClient], name: str, value: str) -> QuerySet[ApiClient]:
        return rows.filter(
            Q(user__name__icontains=value)
            | Q(user__username__icontains=value)
            | Q(user__company__name__icontains=value)
        )


def _page(client: ApiClient) -> str:
    return reverse("portal:api-client", args=[client.client_id])


def _state(client: ApiClient) -> tuple[str, str]:
    if client.revoked_at:
        return _("revoked"), "refused"
    return (_("active"), "done") if client.is_open else (_("suspended"), "stopped")


_NAME = Column("name", gettext_lazy("Name of the program"), value="user.name", sort="user__name", link=_page)
_COMPANY = Column(
    "company",
    gettext_lazy("Company"),
    value=lambda client: company_name(client.user.company),
    sort="user__company__name",
)
_REST = [
    Column("client_id", gettext_lazy("Client id"), value="user.username"),
    Column("roles", gettext_lazy("Roles"), value=lambda client: roles_of(client.user)),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda client: _state(client)[0],
        draw=lambda client: badge(*_state(client)),
        sort="revoked_at",
    ),
    Column("secret_at", gettext_lazy("Secret made at"), sort="secret_at", show=jst),
    Column("registered_at", gettext_lazy("Registered at"), sort="registered_at", show=jst),
]


def _listed(request: HttpRequest, columns: list[Column], template: str) -> HttpResponseBase:
    rows = ApiClient.objects.visible_to(person(request)).select_related("user__company")
    return lists.show(
        request,
        rows.prefetch_related("user__grants").order_by("-pk"),
        columns=columns,
        filterset=ClientFilter,
        title=_("API clients"),
        empty=_("No program calls the API yet."),
        template=template,
    )


@needs(Ability.MANAGE_API_CLIENTS)
def own(request: HttpRequest) -> HttpResponseBase:
    """The own company's API clients."""
    return _listed(request, [_NAME, *_REST], "portal/api_clients.html")


@needs(Ability.SEE_EVERY_API_CLIENT)
def every(request: HttpRequest) -> HttpResponseBase:
    """Every company's API clients, for the hub's operators."""
    return _listed(request, [_COMPANY, _NAME, *_REST], "portal/api_clients_of_all.html")


@needs(Ability.ENTER)
def one(request: HttpRequest, client_id: str) -> HttpResponse:
    """One API client: what it may do, since when its secret stands, what can be done."""
    client = _visible(request, client_id)
    return render(
        request,
        "portal/api_client.html",
        {
            "title": client.user.name,
            "client": client,
            "facts": _facts(client),
            "grants": client.user.grants.all(),
            "may_manage": _is_own(request, client) and client.revoked_at is None,
            "may_revoke": client.revoked_at is None,
            "back": _back(request),
        },
    )


def _facts(client: ApiClient) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Company"), company_name(client.company)),
        (_("Client id"), client.client_id),
        (_("State"), _drawn(client)),
        (_("Registered at"), f"{jst(client.registered_at)} {client.registered_by.name}"),
        (_("Secret made at"), jst(client.secret_at)),
    ]
    if client.former_until and timezone.now() < client.former_until:
        facts.append((_("Former secret good until"), jst(client.former_until)))
    if client.revoked_at and client.revoked_by:
        facts.append((_("Revoked at"), f"{jst(client.revoked_at)} {client.revoked_by.name}"))
    return facts


def _drawn(client: ApiClient) -> SafeString:
    return badge(*_state(client))


@needs(Ability.MANAGE_API_CLIENTS)
@freshly_proven
def new(request: HttpRequest) -> HttpResponse:
    """Register a program; the page that follows shows its secret, and never again."""
    form = ApiClientForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            client, secret = api_clients.register(**form.cleaned_data, by=person(request), now=timezone.now())
        except api_clients.Refused as refused:
            form.add_error(None, str(refused))
        else:
            return _secret(request, client, secret)
    return _form(request, form, title=_("Register an API client"), action_label=_("Register"), back=None)


@needs(Ability.MANAGE_API_CLIENTS)
@freshly_proven
def rotation(request: HttpRequest, client_id: str) -> HttpResponse:
    """A new secret, shown once; the one of now may stay good for a while."""
    client = _own_open(request, client_id)
    form = RotationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            secret = api_clients.rotate(client, **form.cleaned_data, by=person(request), now=timezone.now())
        except api_clients.Refused as refused:
            form.add_error(None, str(refused))
        else:
            return _secret(request, client, secret)
    title = _("A new secret for %(name)s") % {"name": client.user.name}
    return _form(request, form, title=title, action_label=_("Make a new secret"), back=client)


@needs(Ability.MANAGE_API_CLIENTS)
@freshly_proven
def roles(request: HttpRequest, client_id: str) -> HttpResponse:
    """Set the roles of a program, each for an area and class of supply or for all of them."""
    client = _own_open(request, client_id)
    held = [{"role": g.role, "area": g.area, "supply_class": g.supply_class} for g in client.user.grants.all()]
    formset = ClientHoldFormSet(
        request.POST if request.method == "POST" else None,
        initial=held,
        form_kwargs={"company": client.company},
        prefix="roles",
    )
    refusal = ""
    if request.method == "POST" and formset.is_valid():
        wanted: list[Hold] = [hold for form in formset if (hold := form.hold)]
        try:
            api_clients.set_roles(client, roles=wanted, by=person(request), now=timezone.now())
        except api_clients.Refused as refused:
            refusal = str(refused)
        else:
            messages.success(request, _("The roles of %(name)s are set.") % {"name": client.user.name})
            return redirect(_page(client))
    return render(
        request,
        "portal/person_roles.html",
        {
            "title": _("Roles of %(name)s") % {"name": client.user.name},
            "trail": [(_("API clients"), reverse("portal:api-clients")), (client.user.name, _page(client))],
            "formset": formset,
            "refusal": refusal,
            "cancel_url": _page(client),
        },
        status=422 if request.method == "POST" else 200,
    )


@needs(Ability.ENTER)
@freshly_proven
def revocation(request: HttpRequest, client_id: str) -> HttpResponse:
    """Shut a program out for good, after a page that says what follows; by its company or the hub."""
    client = _visible(request, client_id)
    if request.method == "POST":
        try:
            api_clients.revoke(client, by=person(request), now=timezone.now())
        except api_clients.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("%(name)s is shut out.") % {"name": client.user.name})
        return redirect(_page(client))
    return render(
        request,
        "portal/api_client_deed.html",
        {
            "title": _("Revoke %(name)s") % {"name": client.user.name},
            "intro": _("Secret and tokens end at once and for good; what the program did stays in the books."),
            "facts": _facts(client),
            "action_label": _("Revoke"),
            "is_danger": True,
            "back_url": _page(client),
            "back_label": _("Cancel"),
            "back": _back(request),
        },
    )


def _visible(request: HttpRequest, client_id: str) -> ApiClient:
    rows = ApiClient.objects.visible_to(person(request)).select_related("user__company", "registered_by", "revoked_by")
    return get_object_or_404(rows, user__username=client_id)


def _is_own(request: HttpRequest, client: ApiClient) -> bool:
    user = person(request)
    return may(user, Ability.MANAGE_API_CLIENTS) and client.company.pk == user.company_id


def _own_open(request: HttpRequest, client_id: str) -> ApiClient:
    client = _visible(request, client_id)
    if not _is_own(request, client) or client.revoked_at:
        raise Http404
    return client


def _back(request: HttpRequest) -> str:
    name = "api-clients" if may(person(request), Ability.MANAGE_API_CLIENTS) else "api-clients-of-all"
    return reverse(f"portal:{name}")


def _secret(request: HttpRequest, client: ApiClient, secret: str) -> HttpResponse:
    return render(
        request,
        "portal/api_client_secret.html",
        {"title": _("The secret of %(name)s") % {"name": client.user.name}, "client": client, "secret": secret},
    )


def _form(request: HttpRequest, form: Any, *, title: str, action_label: str, back: ApiClient | None) -> HttpResponse:
    return render(
        request,
        "portal/api_client_form.html",
        {
            "title": title,
            "form": form,
            "action_label": action_label,
            "cancel_url": _page(back) if back else reverse("portal:api-clients"),
            "back": _back(request),
        },
        status=422 if form.is_bound else 200,
    )
