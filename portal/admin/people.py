"""Accounts in the workbench, and the roles each holds."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal import onboarding, people
from portal.access import Role
from portal.admin.base import ByVerbs, Hanging, TriedFormSet, VerbForm, each
from portal.admin.people_deeds import PeopleDeeds
from portal.models import Grant, User
from portal.people import Hold
from portal.templatetags.words import jst


class GrantFormSet(TriedFormSet):
    def do(self) -> None:
        wanted = [Hold(row["role"], row["area"], row["supply_class"]) for row in self.wanted()]
        people.set_roles(self.instance, roles=wanted, by=self.request.user, now=timezone.now())  # type: ignore[arg-type]


class GrantInline(Hanging):
    model = Grant
    formset = GrantFormSet


class UserForm(VerbForm):
    """Nobody at the hub sets or knows a person's password: a link that sets it is mailed to the person."""

    class Meta:
        model = User
        fields = ["company", "username", "name", "email"]
        help_texts = {
            "email": _(
                "A link that sets the password is mailed there, now or later by the action. Without an address nobody "
                "can sign in."
            )
        }


@admin.register(User)
class UserAdmin(PeopleDeeds, ByVerbs):
    form = UserForm
    list_display = ["username", "name", "company", "roles_held", "is_active"]
    list_filter = ["is_active", "grants__role", "company"]
    search_fields = ["username", "name", "email"]
    autocomplete_fields = ["company"]
    list_select_related = ["company"]
    fields = ["company", "username", "name", "email"]
    inlines = [GrantInline]
    actions = [
        *["suspend", "thaw", "send_password_link", "reset_second_factor", "leave"],
        *["propose_administrator", "propose_operator"],
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("grants")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["company", "username", "is_active", "is_frozen", "registered_at", "left"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        fields = list(self.fields)
        return [*fields, "is_active", "is_frozen", "registered_at", "left"] if obj else fields

    @admin.display(description=_("roles"))
    def roles_held(self, user: User) -> str:
        return ", ".join(str(grant) for grant in user.grants.all())

    @admin.display(description=_("frozen"), boolean=True)
    def is_frozen(self, user: User) -> bool:
        return people.is_frozen(user)

    @admin.display(description=_("left at"))
    def left(self, user: User) -> str:
        return jst(user.left_at) if user.left_at else "–"

    @admin.display(description=_("registered at"))
    def registered_at(self, user: User) -> str:
        return jst(user.created_at)

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> User:
        by, now, values = request.user, timezone.now(), form.cleaned_data
        if obj is None:
            enter = people.invite if values["email"] else people.register
            return enter(
                company=values["company"],
                username=values["username"],
                name=values["name"],
                email=values["email"],
                by=by,  # type: ignore[arg-type]
                now=now,
            )
        return people.change(obj, name=values["name"], email=values["email"], by=by, now=now)  # type: ignore[arg-type]

    @admin.action(description=_("Suspend the chosen users"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, people.suspend)

    @admin.action(description=_("Thaw the chosen users (suspended or frozen)"), permissions=["thaw"])
    def thaw(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, people.thaw)

    @admin.action(description=_("Send the chosen users a link to set the password"), permissions=["change"])
    def send_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, people.send_password_link)

    @admin.action(description=_("Remove the chosen users (they have left)"), permissions=["change"])
    def leave(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, people.leave)

    @admin.action(description=_("Reset the second factor of the chosen users"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, people.reset_second_factor)

    @admin.action(
        description=_("Propose the chosen users as administrators (a second operator confirms)"), permissions=["change"]
    )
    def propose_administrator(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, onboarding.propose_role, role=Role.ADMINISTRATOR)

    @admin.action(
        description=_("Propose the chosen users as hub operators (a second operator confirms)"), permissions=["change"]
    )
    def propose_operator(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, onboarding.propose_role, role=Role.OPERATOR)
