"""The own company's accounts: who has one, who is suspended or frozen, and letting them in again."""

import django_filters
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import lists, people
from portal.access import Ability, needs, person
from portal.demo import roles_of
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import badge


class AccountFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=gettext_lazy("Name"), method="by_words")

    class Meta:
        model = User
        fields: list[str] = []

    def by_words(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        return rows.filter(Q(name__icontains=value) | Q(username__icontains=value))


@needs(Ability.MANAGE_PEOPLE)
def accounts(request: HttpRequest) -> HttpResponseBase:
    """Every account of the own company with its roles and state."""
    company = person(request).company
    frozen = people.frozen_usernames(company)

    def state(user: User) -> str:
        if not user.is_active:
            return _("suspended")
        return _("frozen") if user.username in frozen else _("active")

    def drawn(user: User) -> SafeString:
        shut = not user.is_active or user.username in frozen
        return badge(state(user), "stopped" if shut else "done")

    def deed(user: User) -> SafeString:
        shut = not user.is_active or user.username in frozen
        name, words = ("portal:thaw", _("Thaw")) if shut else ("portal:suspension", _("Suspend"))
        return format_html('<a href="{}">{}</a>', reverse(name, args=[user.username]), words)

    return lists.show(
        request,
        User.objects.visible_to(person(request)).prefetch_related("grants"),
        columns=[
            Column("username", gettext_lazy("User id"), sort="username"),
            Column("name", gettext_lazy("Name"), sort="name"),
            Column("email", gettext_lazy("E-mail")),
            Column("roles", gettext_lazy("Roles"), value=roles_of),
            Column("state", gettext_lazy("State"), value=state, draw=drawn, sort="is_active"),
            Column("deed", gettext_lazy("What can be done"), value=lambda user: "", draw=deed),
        ],
        filterset=AccountFilter,
        title=_("Accounts"),
        empty=_("No account yet."),
    )


@needs(Ability.MANAGE_PEOPLE)
def suspension(request: HttpRequest, username: str) -> HttpResponse:
    """Suspend an account, after a page that says what follows."""
    user = get_object_or_404(User.objects.visible_to(person(request)), username=username)
    if request.method == "POST":
        try:
            people.suspend(user, by=person(request), now=timezone.now())
        except people.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("%(name)s can no longer sign in.") % {"name": user})
        return redirect("portal:people")
    return _confirm(
        request,
        user,
        title=_("Suspend %(name)s") % {"name": user},
        intro=_("The person is signed out at once and cannot sign in until an administrator thaws the account."),
        action_label=_("Suspend"),
        is_danger=True,
    )


@needs(Ability.MANAGE_PEOPLE)
def thaw(request: HttpRequest, username: str) -> HttpResponse:
    """Let a suspended or frozen person sign in again, after a page that asks to make sure who is asking."""
    user = get_object_or_404(User.objects.visible_to(person(request)), username=username)
    if request.method == "POST":
        people.thaw(user, by=person(request), now=timezone.now())
        messages.success(request, _("%(name)s can sign in again.") % {"name": user})
        return redirect("portal:people")
    return _confirm(
        request,
        user,
        title=_("Thaw %(name)s") % {"name": user},
        intro=_("Please make sure who is asking: a frozen account means that somebody tried wrong passwords."),
        action_label=_("Thaw"),
        is_danger=False,
    )


def _confirm(
    request: HttpRequest, user: User, *, title: str, intro: str, action_label: str, is_danger: bool
) -> HttpResponse:
    facts = [(_("User id"), user.username), (_("Name"), user.name), (_("Roles"), roles_of(user))]
    return render(
        request,
        "portal/account_deed.html",
        {
            "title": title,
            "intro": intro,
            "facts": facts,
            "action_label": action_label,
            "is_danger": is_danger,
            "back_url": reverse("portal:people"),
            "back_label": _("Cancel"),
        },
    )
