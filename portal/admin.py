"""The ground floor in the operator's workbench: every change goes through the verbs, so that evidence is left."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal import (
    certificates,
    companies,
    four_eyes,
    gates,
    holidays,
    onboarding,
    outbox,
    people,
    quotas,
    trusted_authorities,
)
from portal.access import Role, person
from portal.admin_people import PeopleDeeds
from portal.certificate_files import MOST_BYTES
from portal.companies import TakesPart
from portal.models import (
    Certificate,
    CertificateRequest,
    Company,
    Delivery,
    ExtraHoliday,
    Gate,
    Grant,
    JobRun,
    LedgerEntry,
    Letter,
    MaintenanceWindow,
    Notice,
    Participation,
    Proposal,
    Quota,
    TrustedAuthority,
    UseApplication,
    User,
)
from portal.people import Hold
from portal.templatetags.words import jst
from portal.views import onboarding_review

REFUSALS = (certificates.Refused, companies.Refused, people.Refused, four_eyes.Refused, onboarding.Refused)


def refusal_of(deed: Callable[[], Any]) -> str:
    """What the verb would refuse, as a sentence, "" when it would not: it is tried and taken back."""
    try:
        with transaction.atomic():
            deed()
            transaction.set_rollback(True)
    except REFUSALS as refused:
        return str(refused)
    return ""


class ReadOnly(admin.ModelAdmin):
    """A table that only verbs write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class VerbForm(forms.ModelForm):
    """Uniqueness and constraints are the verb's to refuse, in its own sentences."""

    def _get_validation_exclusions(self) -> set[str]:
        return {field.name for field in self._meta.model._meta.fields}


class ByVerbs(admin.ModelAdmin):
    """A form whose deed is a verb: tried while the form is checked, done when it is saved."""

    form = VerbForm

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        base = super().get_form(request, obj, change=change, **kwargs)
        deed = self.deed

        class Tried(base):  # type: ignore[valid-type,misc]
            def _post_clean(self) -> None:
                super()._post_clean()
                if not self.errors and (refusal := refusal_of(lambda: deed(request, self, obj))):
                    self.add_error(None, refusal)

        return Tried

    def save_model(self, request: HttpRequest, obj: Model, form: forms.ModelForm, change: bool) -> None:
        obj.pk = self.deed(request, form, obj if change else None).pk

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Model:
        """Call the verb with the form's values and return the row it made or changed."""
        raise NotImplementedError

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.carry_out()

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> list[Any]:
        """What hangs on a row is entered after the row stands."""
        return list(self.inlines) if obj else []

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        if self.inlines and "_addanother" not in request.POST:
            entries = request.POST.copy()
            entries["_continue"] = "1"
            request.POST = entries  # type: ignore[assignment]
        return super().response_add(request, obj, post_url_continue)


class TriedFormSet(forms.BaseInlineFormSet):
    """Rows that hang on another: taken together, tried while they are checked, carried out when they are saved."""

    request: HttpRequest
    new_objects: list[Model]
    changed_objects: list[Any]
    deleted_objects: list[Model]

    def clean(self) -> None:
        super().clean()
        if not any(self.errors) and (refusal := refusal_of(self.carry_out)):
            raise forms.ValidationError(refusal)

    def wanted(self) -> list[dict[str, Any]]:
        return [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE") and (form.instance.pk or form.has_changed())
        ]

    def carry_out(self) -> None:
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []
        self.do()

    def do(self) -> None:
        raise NotImplementedError


class ParticipationFormSet(TriedFormSet):
    def do(self) -> None:
        by, now, company = self.request.user, timezone.now(), self.instance
        wanted = [TakesPart(row["market_role"], row["area"], row["code"]) for row in self.wanted()]
        kept = {(part.market_role, part.area) for part in wanted}
        for part in company.participations.all():
            if (part.market_role, part.area) not in kept:
                companies.leave(company, market_role=part.market_role, area=part.area, by=by, now=now)  # type: ignore[arg-type]
        for part in wanted:
            companies.take_part(company, part, by=by, now=now)  # type: ignore[arg-type]


class GrantFormSet(TriedFormSet):
    def do(self) -> None:
        wanted = [Hold(row["role"], row["area"], row["supply_class"]) for row in self.wanted()]
        people.set_roles(self.instance, roles=wanted, by=self.request.user, now=timezone.now())  # type: ignore[arg-type]


class Hanging(admin.TabularInline):
    extra = 0
    form = VerbForm

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        return type("Bound" + formset.__name__, (formset,), {"request": request})


class ParticipationInline(Hanging):
    model = Participation
    formset = ParticipationFormSet


class GrantInline(Hanging):
    model = Grant
    formset = GrantFormSet


@admin.register(Company)
class CompanyAdmin(ByVerbs):
    list_display = ["name", "registration_number", "codes", "is_active", "starts_on"]
    list_filter = ["is_active", "participations__market_role", "participations__area"]
    search_fields = ["name", "name_en", "registration_number", "corporate_number", "participations__code"]
    fields = [
        *["name", "name_en", "registration_number", "corporate_number", "notice_address"],
        *["is_active", "starts_on", "web_certificate_required"],
    ]
    readonly_fields = ["is_active", "starts_on", "web_certificate_required"]
    inlines = [ParticipationInline]
    actions = ["begin_now", "suspend", "thaw", "let_in_without_certificate"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Company]:
        return super().get_queryset(request).prefetch_related("participations")

    @admin.display(description=_("participant code"))
    def codes(self, company: Company) -> str:
        return " ".join(part.code for part in company.participations.all())

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Company:
        by, now = request.user, timezone.now()
        values = {name: form.cleaned_data[name] for name in companies.CHANGEABLE}
        if obj is None:
            return companies.register(**values, by=by, now=now)  # type: ignore[arg-type]
        return companies.change(obj, **values, by=by, now=now)  # type: ignore[arg-type]

    @admin.action(description=_("Let the chosen companies begin now, before their start of use"), permissions=["begin"])
    def begin_now(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(request, queryset, lambda company: companies.begin_now(company, by=person(request), now=timezone.now()))

    def has_begin_permission(self, request: HttpRequest) -> bool:
        return bool({Role.OPERATOR, Role.HELPDESK} & person(request).roles)

    @admin.action(description=_("Suspend the chosen companies"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(request, queryset, lambda company: companies.suspend(company, by=request.user, now=timezone.now()))  # type: ignore[arg-type]

    @admin.action(description=_("Let the chosen companies in again"), permissions=["change"])
    def thaw(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(request, queryset, lambda company: companies.thaw(company, by=request.user, now=timezone.now()))  # type: ignore[arg-type]

    @admin.action(description=_("Let the chosen companies in without a client certificate"), permissions=["change"])
    def let_in_without_certificate(self, request: HttpRequest, queryset: QuerySet[Company]) -> None:
        each(
            request,
            queryset,
            lambda company: certificates.require_for_web(
                company,
                required=False,
                by=request.user,  # type: ignore[arg-type]
                now=timezone.now(),
            ),
        )


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
        each(request, queryset, lambda user: people.suspend(user, by=request.user, now=timezone.now()))  # type: ignore[arg-type]

    @admin.action(description=_("Thaw the chosen users (suspended or frozen)"), permissions=["thaw"])
    def thaw(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, lambda user: people.thaw(user, by=request.user, now=timezone.now()))  # type: ignore[arg-type]

    @admin.action(description=_("Send the chosen users a link to set the password"), permissions=["change"])
    def send_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(
            request,
            queryset,
            lambda user: people.send_password_link(user, by=request.user, now=timezone.now()),  # type: ignore[arg-type]
        )

    @admin.action(description=_("Remove the chosen users (they have left)"), permissions=["change"])
    def leave(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(request, queryset, lambda user: people.leave(user, by=request.user, now=timezone.now()))  # type: ignore[arg-type]

    @admin.action(description=_("Reset the second factor of the chosen users"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(
            request,
            queryset,
            lambda user: people.reset_second_factor(user, by=request.user, now=timezone.now()),  # type: ignore[arg-type]
        )

    @admin.action(
        description=_("Propose the chosen users as administrators (a second operator confirms)"), permissions=["change"]
    )
    def propose_administrator(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(
            request,
            queryset,
            lambda user: onboarding.propose_role(user, role=Role.ADMINISTRATOR, by=request.user, now=timezone.now()),  # type: ignore[arg-type]
        )

    @admin.action(
        description=_("Propose the chosen users as hub operators (a second operator confirms)"), permissions=["change"]
    )
    def propose_operator(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        each(
            request,
            queryset,
            lambda user: onboarding.propose_role(user, role=Role.OPERATOR, by=request.user, now=timezone.now()),  # type: ignore[arg-type]
        )


def each(request: HttpRequest, queryset: QuerySet[Any], deed: Callable[[Any], None]) -> None:
    """Do the deed for each row; what is refused is told with its row, the rest is done."""
    done = 0
    for row in queryset:
        try:
            deed(row)
        except REFUSALS as refused:
            messages.error(request, f"{row}: {refused}")
        else:
            done += 1
    if done:
        messages.success(
            request, ngettext("Done for %(count)s row.", "Done for %(count)s rows.", done) % {"count": done}
        )


@admin.register(ExtraHoliday)
class ExtraHolidayAdmin(ByVerbs):
    list_display = ["day", "area", "name", "is_business_day"]
    list_filter = ["area", "is_business_day"]
    date_hierarchy = "day"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A holiday is set or taken back, never turned into another one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("portal.delete_extraholiday")

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> ExtraHoliday:
        values = form.cleaned_data
        return holidays.close_day(
            area=values["area"],
            day=values["day"],
            name=values["name"],
            is_business_day=values["is_business_day"],
            by=request.user,  # type: ignore[arg-type]
            now=timezone.now(),
        )

    def delete_model(self, request: HttpRequest, obj: ExtraHoliday) -> None:
        holidays.open_day(area=obj.area, day=obj.day, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ExtraHoliday]) -> None:
        for holiday in queryset:
            self.delete_model(request, holiday)


@admin.register(LedgerEntry)
class LedgerAdmin(ReadOnly):
    list_display = ["id", "at", "company", "user", "action", "subject", "purpose"]
    list_filter = ["action", "company"]
    search_fields = ["subject", "action", "user__username"]
    list_select_related = ["company", "user"]
    date_hierarchy = "at"


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    list_display = ["posted_at", "recipient", "number", "kind", "subject"]
    list_filter = ["kind", "recipient"]
    search_fields = ["subject"]
    list_select_related = ["recipient"]
    date_hierarchy = "posted_at"


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["notice", "address", "state", "attempts", "next_attempt_at", "sent_at", "last_error"]
    list_filter = ["state"]
    search_fields = ["address", "notice__subject"]
    list_select_related = ["notice"]
    actions = ["send_again"]

    @admin.action(description=_("Send the given-up ones again"), permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = outbox.send_again(queryset.values_list("pk", flat=True), now=timezone.now())
        messages.success(
            request,
            ngettext("%(count)s mail is in the queue again.", "%(count)s mails are in the queue again.", count)
            % {"count": count},
        )

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_delivery")


@admin.register(JobRun)
class JobRunAdmin(ReadOnly):
    list_display = ["job", "key", "started_at", "finished_at", "counts"]
    list_filter = ["job"]


@admin.register(UseApplication)
class UseApplicationAdmin(ReadOnly):
    list_display = ["name", "kind", "state", "wanted_start", "filed_at", "address"]
    list_filter = ["state", "kind"]
    search_fields = ["name", "name_en", "corporate_number", "registration_number", "address"]
    date_hierarchy = "filed_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[UseApplication]:
        """What was not filed yet is the applicant's alone."""
        return super().get_queryset(request).filter(filed_at__isnull=False)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return onboarding_review.review(request, self, object_id)


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ["what", "subject", "state", "proposed_by", "proposed_at", "answered_by", "answered_at"]
    list_filter = ["state", "act"]
    search_fields = ["subject", "proposed_by__username"]
    list_select_related = ["proposed_by", "answered_by"]

    @admin.display(description=_("act"))
    def what(self, proposal: Proposal) -> str:
        return str(four_eyes.act_of(proposal).label)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return onboarding_review.answer(request, self, object_id)


@admin.register(Letter)
class LetterAdmin(ReadOnly):
    list_display = ["written_at", "kind", "address", "state", "attempts", "next_attempt_at", "sent_at", "last_error"]
    list_filter = ["state", "kind"]
    search_fields = ["address"]
    fields = ["kind", "address", "state", "attempts", "next_attempt_at", "sent_at", "last_error"]


# --- What is open when, and how much of it ------------------------------------------------------------------------


class SetOrTakenBack(ByVerbs):
    """A row is entered or taken back, never turned into another one."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


@admin.register(Gate)
class GateAdmin(SetOrTakenBack):
    list_display = ["environment", "function", "opened_from", "closed_from", "note"]
    list_filter = ["environment", "function"]

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Gate:
        return gates.open_function(**form.cleaned_data, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Gate) -> None:
        gates.take_back(obj, by=request.user, now=timezone.now())  # type: ignore[arg-type]


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(SetOrTakenBack):
    list_display = ["begins_at", "ends_at", "announced_from", "environment", "function", "words_ja"]
    list_filter = ["environment", "function"]
    date_hierarchy = "begins_at"

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> MaintenanceWindow:
        return gates.announce(**form.cleaned_data, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: MaintenanceWindow) -> None:
        gates.call_off(obj, by=request.user, now=timezone.now())  # type: ignore[arg-type]


@admin.register(Quota)
class QuotaAdmin(SetOrTakenBack):
    list_display = ["registration", "company", "most", "over"]
    list_filter = ["registration", "over"]
    list_select_related = ["company"]
    autocomplete_fields = ["company"]

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> Quota:
        return quotas.set_quota(**form.cleaned_data, by=request.user, now=timezone.now())  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Quota) -> None:
        quotas.lift(obj, by=request.user, now=timezone.now())  # type: ignore[arg-type]


class AuthorityForm(VerbForm):
    file = forms.FileField(
        label=_("Certificate file"),
        help_text=_("The authority's own certificate, then those above it up to the root, as PEM."),
    )

    class Meta:
        model = TrustedAuthority
        fields = ["name"]


@admin.register(TrustedAuthority)
class TrustedAuthorityAdmin(ByVerbs):
    form = AuthorityForm
    list_display = ["name", "subject", "not_after", "proposed_by", "confirmed_by", "ended_at"]
    list_select_related = ["proposed_by", "confirmed_by"]
    search_fields = ["name", "subject", "sha256"]
    fields = ["name", "file"]
    actions = ["end_trust"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What was proposed is confirmed or ended, never turned into another authority."""
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        shown = ["name", "subject", "sha256", "not_after", "proposed_by", "proposed_at", "confirmed_by"]
        return [*shown, "confirmed_at", "ended_at", "pem"] if obj else list(self.fields)

    def deed(self, request: HttpRequest, form: forms.ModelForm, obj: Model | None) -> TrustedAuthority:
        file = form.cleaned_data["file"]
        file.seek(0)
        return trusted_authorities.propose(
            name=form.cleaned_data["name"],
            content=file.read(MOST_BYTES + 1),
            by=request.user,  # type: ignore[arg-type]
            now=timezone.now(),
        )

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_trustedauthority")

    @admin.action(description=_("End the trust in the chosen authorities"), permissions=["decide"])
    def end_trust(self, request: HttpRequest, queryset: QuerySet[TrustedAuthority]) -> None:
        each(request, queryset, lambda row: trusted_authorities.end_trust(row, by=request.user, now=timezone.now()))  # type: ignore[arg-type]


@admin.register(CertificateRequest)
class CertificateRequestAdmin(ReadOnly):
    list_display = ["id", "company", "terminal", "purpose", "way", "state", "requested_by", "requested_at"]
    list_filter = ["state", "purpose", "way", "company"]
    list_select_related = ["company", "requested_by"]
    search_fields = ["terminal", "key_sha256", "company__name"]


@admin.register(Certificate)
class CertificateAdmin(ReadOnly):
    list_display = ["terminal", "company", "purpose", "environment", "serial", "not_after", "revoked_at"]
    list_filter = ["purpose", "environment", "company"]
    list_select_related = ["company"]
    search_fields = ["terminal", "serial", "sha256", "subject", "issuer", "company__name"]
    exclude = ["bundle"]
    date_hierarchy = "not_after"
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("portal.change_certificate")

    @admin.action(description=_("Revoke the chosen certificates"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Certificate]) -> None:
        reason = str(_("Revoked by the hub operator"))
        each(
            request,
            queryset,
            lambda row: certificates.revoke(row, reason=reason, by=request.user, now=timezone.now()),  # type: ignore[arg-type]
        )
