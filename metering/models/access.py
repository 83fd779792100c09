"""Requests for a customer's past usage, the code each one earns, and every use or wrong guess of a code."""

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from metering.models.inquiries import Consent
from metering.models.points import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, User, append_only


class UsageAccessRequestQuerySet(models.QuerySet["UsageAccessRequest"]):
    def visible_to(self, user: User) -> "UsageAccessRequestQuerySet":
        """The own company's requests, inside the person's areas and classes."""
        return self.filter(company=user.company).filter(
            within(user, Ability.INQUIRE, area="point__area", supply_class="point__supply_class")
        )


class UsageAccessRequest(models.Model):
    """One retailer asks for one point's past usage, with what the customer said of the contract and agreed to."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for its code")
        ISSUED = "issued", _("code issued")
        REFUSED = "refused", _("refused")
        CANCELLED = "cancelled", _("cancelled")

    class Validity(models.IntegerChoices):
        DAY = 1, _("1 day")
        WEEK = 7, _("7 days")
        MONTH = 31, _("31 days")

    class Reason(models.TextChoices):
        NOT_SUPPLIED = "not_supplied", _("nobody is supplied at the point")
        DIFFERS = "differs", _("contract number, holder or address do not agree with the contract at the point")

    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="+", verbose_name=_("supply point"))
    consent = models.ForeignKey(Consent, models.PROTECT, related_name="+", verbose_name=_("consent"))
    # As the customer gave them; they are compared with the contract, whose values are never told.
    contract_number = models.CharField(_("contract number"), max_length=40)
    holder_name = models.CharField(_("contract holder"), max_length=80)
    holder_kana = models.CharField(_("contract holder (kana)"), max_length=120, blank=True)
    holder_address = models.CharField(_("address"), max_length=250)
    valid_days = models.PositiveSmallIntegerField(_("code valid for"), choices=Validity)
    # What proves the consent, as `portal.attachments` keeps it; empty where the reference says enough.
    path = models.CharField(_("path"), max_length=200, blank=True)
    name = models.CharField(_("file name"), max_length=120, blank=True)
    content_type = models.CharField(_("media type"), max_length=100, blank=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    registered_at = models.DateTimeField(_("registered at"))
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("registered by"))
    due_on = models.DateField(_("code on"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=15, choices=Reason, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    valid_until = models.DateTimeField(_("valid until"), null=True)
    code_salt = models.CharField(max_length=32, blank=True)
    code_hash = models.CharField(max_length=64, null=True)

    objects = UsageAccessRequestQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("usage access request"), _("usage access requests")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["company", "-id"], name="access_of_a_company"),
            models.Index(fields=["due_on"], condition=Q(state="waiting"), name="access_waiting"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "point"],
                condition=Q(state="waiting"),
                name="a_company_waits_once_for_the_usage_of_a_point",
            ),
            models.UniqueConstraint(fields=["code_hash"], name="an_access_code_is_given_once"),
            models.CheckConstraint(condition=Q(valid_days__in=[1, 7, 31]), name="a_code_is_valid_1_7_or_31_days"),
            models.CheckConstraint(
                condition=Q(state="issued", code_hash__isnull=False, valid_until__isnull=False)
                | (~Q(state="issued") & Q(code_hash__isnull=True, valid_until__isnull=True)),
                name="an_issued_request_alone_has_a_code",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True)
                | (~Q(state="waiting") & Q(decided_at__isnull=False)),
                name="a_decided_access_request_has_a_time",
            ),
            models.CheckConstraint(
                condition=(Q(state="refused") & ~Q(reason="")) | (~Q(state="refused") & Q(reason="")),
                name="a_refused_access_request_has_a_reason",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="keep_access_requests", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="what_was_asked_stays",
                fields=["company", "point", "consent", "path", "sha256", "registered_at", "registered_by"],
            ),
            # What the customer said may be corrected while it waits; then it is what was compared.
            pgtrigger.Protect(
                name="what_was_compared_stays",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__state="waiting")
                & (
                    pgtrigger.Q(old__contract_number__df=pgtrigger.F("new__contract_number"))
                    | pgtrigger.Q(old__holder_name__df=pgtrigger.F("new__holder_name"))
                    | pgtrigger.Q(old__holder_kana__df=pgtrigger.F("new__holder_kana"))
                    | pgtrigger.Q(old__holder_address__df=pgtrigger.F("new__holder_address"))
                    | pgtrigger.Q(old__valid_days__df=pgtrigger.F("new__valid_days"))
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    def is_valid(self, now: datetime) -> bool:
        """True while the code may be used."""
        return self.valid_until is not None and now < self.valid_until


class AccessCorrection(models.Model):
    """One correction of a waiting request: what the customer was said to have told before and after; never changed."""

    request = models.ForeignKey(
        UsageAccessRequest, models.PROTECT, related_name="corrections", verbose_name=_("request")
    )
    number = models.PositiveSmallIntegerField(_("correction"))
    before = models.JSONField(_("before"))
    after = models.JSONField(_("after"))
    reason = models.CharField(_("why"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("corrected access request"), _("corrected access requests")
        ordering = ["request", "number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="corrections_of_a_request_are_numbered_once"),
            models.CheckConstraint(condition=~Q(before=models.F("after")), name="a_correction_changes_something"),
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.request_id}.{self.number}"


class UsageInquiry(models.Model):
    """One use of an access code: who entered it when; the pages of the usage hang on it while the code is valid."""

    request = models.ForeignKey(UsageAccessRequest, models.PROTECT, related_name="inquiries", verbose_name=_("request"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("usage inquiry"), _("usage inquiries")
        ordering = ["-id"]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.pk}"


class WrongCode(models.Model):
    """One code somebody entered that was not the point's: too many within the hour and no more are taken."""

    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False, verbose_name=_("by"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("wrong access code"), _("wrong access codes")
        indexes = [models.Index(fields=["by", "at"], name="wrong_codes_of_a_person")]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.pk}"
