"""The own company's accounts: inviting, roles, second factors, suspending, letting in again, leaving."""

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
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import lists, passkeys, people, sessions
from portal.access import Ability, needs, person
from portal.demo import roles_of
from portal.forms_people import HoldFormSet, InvitationForm, PersonForm, ReasonForm
from portal.lists import Column
from portal.models import User
from portal.people import Hold
from portal.sessions import freshly_proven
from portal.templatetags.words import badge, jst


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
    frozen = people.frozen_usernames(person(request).company)
    return lists.show(
        request,
        User.objects.visible_to(person(request)).prefetch_related("grants"),
        columns=[
            Column("username", gettext_lazy("User id"), sort="username", link=_page),
            Column("name", gettext_lazy("Name"), sort="name"),
            Column("email", gettext_lazy("E-mail")),
            Column("roles", gettext_lazy("Roles"), value=roles_of),
            Column(
                "state",
                gettext_lazy("State"),
                value=lambda user: _state(user, frozen),
                draw=lambda user: _drawn(user, frozen),
                sort="is_active",
            ),
            Column(
                "deed",
                gettext_lazy("What can be done"),
                value=lambda user: "",
                draw=lambda user: _first_deed(user, frozen),
            ),
        ],
        filterset=AccountFilter,
        title=_("Accounts"),
        empty=_("No account yet."),
        template="portal/people.html",
    )


@needs(Ability.MANAGE_PEOPLE)
def account(request: HttpRequest, username: str) -> HttpResponse:
    """One account: who it is, what it may do, how it signs in, what can be done."""
    user = _own(request, username)
    frozen = frozenset({user.username} if people.is_frozen(user) else ())
    app = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    last = sessions.own(user, now=timezone.now())[:1]
    return render(
        request,
        "portal/person.html",
        {
            "title": str(user),
            "account": user,
            "is_shut": not user.is_active or bool(frozen),
            "facts": [
                (_("User id"), user.username),
                (_("Name"), user.name),
                (_("E-mail"), user.email),
                (_("State"), _drawn(user, frozen)),
                (_("Registered at"), jst(user.created_at)),
                (_("Password"), _("set") if user.has_usable_password() else _("not set yet")),
                (_("Authenticator app"), _("set up %(at)s") % {"at": jst(app.created_at)} if app else _("not set up")),
                (_("Passkeys"), ", ".join(key.name for key in passkeys.of(user)) or _("not set up")),
                (_("Signed in now"), _("yes, seen %(at)s") % {"at": jst(last[0].seen_at)} if last else _("no")),
            ],
            "grants": user.grant_list,
        },
    )


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def invitation_new(request: HttpRequest) -> HttpResponse:
    """Invite a person of the own company: the link to set the password goes to the e-mail address."""
    company = person(request).company
    form = InvitationForm(request.POST if request.method == "POST" else None, company=company)
    if request.method == "POST" and form.is_valid():
        try:
            user = people.invite(company=company, **form.cleaned_data, by=person(request), now=timezone.now())
        except people.Refused as refused:
            form.add_error(_field_of(refused), str(refused))
        else:
            messages.success(request, _("The invitation goes to %(address)s.") % {"address": user.email})
            return redirect("portal:person", user.username)
    return _form(request, form, title=_("Invite a person"), action_label=_("Invite"), back=reverse("portal:people"))


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def change(request: HttpRequest, username: str) -> HttpResponse:
    """Correct name and e-mail of an account."""
    user = _own(request, username)
    form = PersonForm(request.POST or None, initial={"name": user.name, "email": user.email})
    if request.method == "POST" and form.is_valid():
        try:
            people.change(user, **form.cleaned_data, by=person(request), now=timezone.now())
        except people.Refused as refused:
            form.add_error(_field_of(refused), str(refused))
        else:
            messages.success(request, _("The account is changed."))
            return redirect("portal:person", user.username)
    return _form(
        request, form, title=_("Name and e-mail of %(name)s") % {"name": user}, action_label=_("Save"), back=_page(user)
    )


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def roles(request: HttpRequest, username: str) -> HttpResponse:
    """Set the roles of an account, each for an area and class of supply or for all of them."""
    user = _own(request, username)
    held = [{"role": g.role, "area": g.area, "supply_class": g.supply_class} for g in user.grant_list]
    formset = HoldFormSet(
        request.POST if request.method == "POST" else None,
        initial=held,
        form_kwargs={"company": user.company},
        prefix="roles",
    )
    refusal = ""
    if request.method == "POST" and formset.is_valid():
        wanted: list[Hold] = [hold for form in formset if (hold := form.hold)]
        try:
            people.set_roles(user, roles=wanted, by=person(request), now=timezone.now())
        except people.Refused as refused:
            refusal = str(refused)
        else:
            messages.success(request, _("The roles of %(name)s are set.") % {"name": user})
            return redirect("portal:person", user.username)
    return render(
        request,
        "portal/person_roles.html",
        {
            "title": _("Roles of %(name)s") % {"name": user},
            "trail": [
                (_("Accounts"), reverse("portal:people")),
                (user, _page(user)),
            ],
            "formset": formset,
            "refusal": refusal,
            "cancel_url": _page(user),
        },
        status=422 if request.method == "POST" else 200,
    )


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def suspension(request: HttpRequest, username: str) -> HttpResponse:
    """Suspend an account, after a page that says what follows."""
    user = _own(request, username)
    return _deed(
        request,
        user,
        deed=people.suspend,
        done=_("%(name)s can no longer sign in.") % {"name": user},
        title=_("Suspend %(name)s") % {"name": user},
        intro=_("The person is signed out at once and cannot sign in until an administrator thaws the account."),
        action_label=_("Suspend"),
        is_danger=True,
        has_reason=True,
    )


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def thaw(request: HttpRequest, username: str) -> HttpResponse:
    """Let a suspended or frozen person sign in again, after a page that asks to make sure who is asking."""
    user = _own(request, username)
    return _deed(
        request,
        user,
        deed=people.thaw,
        done=_("%(name)s can sign in again.") % {"name": user},
        title=_("Thaw %(name)s") % {"name": user},
        intro=_("Please make sure who is asking: a frozen account means that somebody tried wrong passwords."),
        action_label=_("Thaw"),
    )


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def second_factor_reset(request: HttpRequest, username: str) -> HttpResponse:
    """Take the second factors of an account away, so that the person sets up a new one."""
    user = _own(request, username)
    return _deed(
        request,
        user,
        deed=people.reset_second_factor,
        done=_("%(name)s sets up a new second factor at the next sign-in.") % {"name": user},
        title=_("Reset the second factor of %(name)s") % {"name": user},
        intro=_(
            "Please make sure who is asking, for example by calling back: until the new one is set up, the password "
            "alone protects the account. Authenticator app, recovery codes and passkeys end."
        ),
        action_label=_("Reset"),
        is_danger=True,
    )


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def password_link(request: HttpRequest, username: str) -> HttpResponse:
    """Take the password back and mail a link to set a new one."""
    user = _own(request, username)
    return _deed(
        request,
        user,
        deed=people.send_password_link,
        done=_("A link to set a new password goes to %(address)s.") % {"address": user.email},
        title=_("Send %(name)s a link to set the password") % {"name": user},
        intro=_(
            "The password now, links sent earlier and the person's sign-ins end; the link is good once and for seven "
            "days and goes to the e-mail address below."
        ),
        action_label=_("Send the link"),
    )


@needs(Ability.MANAGE_PEOPLE)
@freshly_proven
def departure(request: HttpRequest, username: str) -> HttpResponse:
    """The person has left: the account ends for good."""
    user = _own(request, username)
    return _deed(
        request,
        user,
        deed=people.leave,
        done=_("%(name)s is removed.") % {"name": user},
        title=_("Remove %(name)s") % {"name": user},
        intro=_(
            "Roles, second factors, password and sign-ins end at once and for good. What the person did stays in the "
            "books; the user id is never given again. For a while only? Then please suspend the account instead."
        ),
        action_label=_("Remove"),
        is_danger=True,
        has_reason=True,
    )


def _own(request: HttpRequest, username: str) -> User:
    return get_object_or_404(User.objects.visible_to(person(request)).select_related("company"), username=username)


def _page(user: User) -> str:
    return reverse("portal:person", args=[user.username])


def _state(user: User, frozen: frozenset[str]) -> str:
    if not user.is_active:
        return _("suspended")
    return _("frozen") if user.username in frozen else _("active")


def _drawn(user: User, frozen: frozenset[str]) -> SafeString:
    shut = not user.is_active or user.username in frozen
    return badge(_state(user, frozen), "stopped" if shut else "done")


def _first_deed(user: User, frozen: frozenset[str]) -> SafeString:
    """The deed asked for most, as a link; the rest stands on the account's page."""
    shut = not user.is_active or user.username in frozen
    name, words = ("portal:thaw", _("Thaw")) if shut else ("portal:suspension", _("Suspend"))
    return format_html('<a href="{}">{}</a>', reverse(name, args=[user.username]), words)


def _field_of(refused: people.Refused) -> str | None:
    fields: dict[type[people.Refused], str] = {
        people.BadUsername: "username",
        people.UsernameTaken: "username",
        people.BadName: "name",
        people.BadEmail: "email",
        people.EmailNeeded: "email",
        people.RoleNotForCompany: "roles",
    }
    return fields.get(type(refused))


def _form(request: HttpRequest, form: PersonForm, *, title: str, action_label: str, back: str) -> HttpResponse:
    return render(
        request,
        "portal/person_form.html",
        {"title": title, "form": form, "action_label": action_label, "cancel_url": back},
        status=422 if form.is_bound else 200,
    )


def _deed(
    request: HttpRequest,
    user: User,
    *,
    deed: people.Deed,
    done: str,
    title: str,
    intro: str,
    action_label: str,
    is_danger: bool = False,
    has_reason: bool = False,
) -> HttpResponse:
    """A page that says what follows; its button does it."""
    form = ReasonForm(request.POST if request.method == "POST" else None) if has_reason else None
    if request.method == "POST" and (form is None or form.is_valid()):
        reason = {"reason": form.cleaned_data["reason"]} if form else {}
        try:
            deed(user, by=person(request), now=timezone.now(), **reason)
        except people.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, done)
        return redirect("portal:people")
    return render(
        request,
        "portal/account_deed.html",
        {
            "title": title,
            "intro": intro,
            "facts": [
                (_("User id"), user.username),
                (_("Name"), user.name),
                (_("E-mail"), user.email),
                (_("Roles"), roles_of(user)),
            ],
            "form": form,
            "action_label": action_label,
            "is_danger": is_danger,
            "back_url": _page(user),
            "back_label": _("Cancel"),
        },
        status=422 if request.method == "POST" else 200,
    )
