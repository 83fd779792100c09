"""Lists everybody may read: the participants of the market and the own company's notices; the own profile."""

import django_filters
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import lists, passkeys, people, sessions
from portal.access import Ability, needs, person
from portal.filters import Days
from portal.forms import PasswordForm
from portal.lists import Column
from portal.market import Area, MarketRole
from portal.models import Notice, Participation
from portal.notices import tell
from portal.templatetags.words import badge, company_name


class ParticipantFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=gettext_lazy("Name or code"), method="by_words")
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    market_role = django_filters.ChoiceFilter(label=gettext_lazy("Market role"), choices=MarketRole.choices)

    class Meta:
        model = Participation
        fields: list[str] = []

    def by_words(self, rows: QuerySet[Participation], name: str, value: str) -> QuerySet[Participation]:
        return rows.filter(
            Q(company__name__icontains=value) | Q(company__name_en__icontains=value) | Q(code__istartswith=value)
        )


PARTICIPANTS = [
    Column("code", gettext_lazy("Participant code"), sort="code"),
    Column(
        "company",
        gettext_lazy("Company"),
        value=lambda part: company_name(part.company),
        sort="company__name",
    ),
    Column(
        "market_role",
        gettext_lazy("Market role"),
        value=lambda part: part.get_market_role_display(),
        sort="market_role",
    ),
    Column("area", gettext_lazy("Area"), value=lambda part: f"{part.area} {part.get_area_display()}", sort="area"),
    Column("registration_number", gettext_lazy("Registration number"), value="company.registration_number"),
    Column("corporate_number", gettext_lazy("Corporate number"), value="company.corporate_number"),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda part: _("active") if part.company.is_active else _("suspended"),
        draw=lambda part: badge(_("active"), "done") if part.company.is_active else badge(_("suspended"), "stopped"),
        sort="company__is_active",
    ),
]


@needs(Ability.SEE_PARTICIPANTS)
def participants(request: HttpRequest) -> HttpResponseBase:
    """The participant registry 事業者一覧: every company with its code per area."""
    return lists.show(
        request,
        Participation.objects.select_related("company").order_by("area", "market_role", "code"),
        columns=PARTICIPANTS,
        filterset=ParticipantFilter,
        title=_("Participants"),
        empty=_("No company takes part yet. The hub operator registers companies in the workbench."),
    )


class NoticeFilter(django_filters.FilterSet):
    area = django_filters.ChoiceFilter(label=gettext_lazy("Area"), choices=Area.choices)
    posted_at = Days(gettext_lazy("Posted from / until"))

    class Meta:
        model = Notice
        fields: list[str] = []


def _headline(notice: Notice) -> str:
    return tell(notice, language=get_language() or "ja").headline


NOTICES = [
    Column("number", gettext_lazy("No."), value=lambda notice: str(notice.number), sort="number", numeric=True),
    Column("posted_at", gettext_lazy("Posted at"), sort="posted_at"),
    Column("headline", gettext_lazy("Notice"), value=_headline, link=lambda notice: notice.link),
    Column("subject", gettext_lazy("About"), sort="subject"),
    Column("area", gettext_lazy("Area"), value=lambda notice: notice.get_area_display()),
    Column("kind", gettext_lazy("Kind"), csv_only=True),
]


@needs(Ability.ENTER)
def notices(request: HttpRequest) -> HttpResponseBase:
    """What the hub told the own company, as far as it concerns this person."""
    return lists.show(
        request,
        Notice.objects.visible_to(person(request)),
        columns=NOTICES,
        filterset=NoticeFilter,
        title=_("Notices"),
        empty=_("No notice yet. The hub posts one here whenever something changes in a case of your company."),
    )


@needs(Ability.ENTER)
def me(request: HttpRequest) -> HttpResponse:
    """The own profile: who I am for the hub, what I may do, my second factor."""
    user = person(request)
    device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    return render(
        request,
        "portal/me.html",
        {
            "title": _("My profile"),
            "facts": [
                (_("Name"), user.name),
                (_("User id"), user.username),
                (_("E-mail"), user.email),
                (_("Company"), company_name(user.company)),
            ],
            "grants": user.grant_list,
            "device": device,
            "passkeys": passkeys.of(user),
            "codes_left": people.recovery_codes_left(user),
            "sign_ins": len(sessions.own(user, now=timezone.now())),
        },
    )


@needs(Ability.ENTER)
@sensitive_post_parameters("current", "new")
def password(request: HttpRequest) -> HttpResponse:
    """Change the own password; other sessions of the account end."""
    user = person(request)
    form = PasswordForm(request.POST) if request.method == "POST" else PasswordForm()
    if request.method == "POST" and form.is_valid():
        if not user.check_password(form.cleaned_data["current"]):
            form.add_error("current", _("This is not your password now."))
        else:
            try:
                people.set_password(
                    user,
                    password=form.cleaned_data["new"],
                    by=user,
                    now=timezone.now(),
                    keep=request.session.session_key,
                )
            except people.WeakPassword as error:
                form.add_error("new", str(error))
            else:
                user.refresh_from_db(fields=["password"])
                with sessions.renamed(request):
                    update_session_auth_hash(request, user)
                messages.success(request, _("Your password is changed. Other sign-ins of yours have ended."))
                return redirect("portal:me")
    return render(
        request,
        "portal/password.html",
        {"title": _("Change the password"), "form": form},
        status=422 if form.is_bound else 200,
    )
