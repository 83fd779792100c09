"""Applications for use: what a company tells of itself before it may come in, and what became of it."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.access import Role
from portal.market import Area, MarketRole, SupplyClass
from portal.models.companies import Company
from portal.models.evidence import append_only
from portal.models.people import User


class UseKind(models.TextChoices):
    PRODUCTION = "production", _("production use")
    CONNECTION_TEST = "connection_test", _("connection test")


class UseState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("use application", "being filled in")
    WAITING = "waiting", pgettext_lazy("use application", "filed, being reviewed")
    ASKED_BACK = "asked_back", pgettext_lazy("use application", "asked back, waits for the applicant")
    PROPOSED = "proposed", pgettext_lazy("use application", "approval proposed")
    APPROVED = "approved", pgettext_lazy("use application", "approved")
    REFUSED = "refused", pgettext_lazy("use application", "refused")
    WITHDRAWN = "withdrawn", pgettext_lazy("use application", "withdrawn")


class UseApplication(models.Model):
    """One application for use 利用申請; whoever has the key in its address may follow and, while open, correct it."""

    key = models.UUIDField(_("key"), default=uuid.uuid4, unique=True, editable=False)
    letter_id = models.BigIntegerField(_("confirmed by letter"), unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=UseKind)
    state = models.CharField(_("state"), max_length=12, choices=UseState, default=UseState.DRAFT)
    address = models.EmailField(_("applicant's e-mail"))
    name = models.CharField(_("name"), max_length=120, blank=True)
    name_en = models.CharField(_("name in English"), max_length=120, blank=True)
    registration_number = models.CharField(_("registration number"), max_length=5, blank=True)
    corporate_number = models.CharField(_("corporate number"), max_length=13, blank=True)
    notice_address = models.EmailField(_("address for notices"), blank=True)
    market_roles = ArrayField(models.CharField(max_length=20, choices=MarketRole), default=list, blank=True)
    areas = ArrayField(models.CharField(max_length=2, choices=Area), default=list, blank=True)
    supply_classes = ArrayField(models.CharField(max_length=3, choices=SupplyClass), default=list, blank=True)
    wanted_start = models.DateField(_("wanted start"), null=True)
    certificate_ids = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    statement_edition = models.CharField(_("statement accepted, edition"), max_length=20, blank=True)
    begun_at = models.DateTimeField(_("begun at"))
    filed_at = models.DateTimeField(_("first filed at"), null=True)
    company = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="use_applications", verbose_name=_("company")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("use application"), _("use applications")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(company__isnull=False),
                name="an_approved_use_application_has_its_company",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"])
                | (Q(filed_at__isnull=False, wanted_start__isnull=False) & ~Q(statement_edition="")),
                name="a_filed_use_application_has_a_start_and_a_statement",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.address} ({self.get_kind_display()})"


class UsePerson(models.Model):
    """A person the application names: an administrator or a general user with the roles wanted."""

    application = models.ForeignKey(UseApplication, models.CASCADE, related_name="people")
    is_administrator = models.BooleanField(_("Company administrator"))
    username = models.CharField(_("user id"), max_length=40)
    name = models.CharField(_("name"), max_length=60)
    email = models.EmailField(_("e-mail"))
    roles = ArrayField(models.CharField(max_length=20, choices=Role), default=list, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("person applied for"), _("people applied for")
        ordering = ["-is_administrator", "id"]
        constraints = [models.UniqueConstraint(fields=["application", "username"], name="a_person_is_applied_for_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.username})"


class UseStep(models.Model):
    """What happened to an application, with the words the operator wrote."""

    application = models.ForeignKey(UseApplication, models.PROTECT, related_name="steps")
    at = models.DateTimeField(_("at"))
    state = models.CharField(_("state"), max_length=12, choices=UseState)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("done", "by"))
    message = models.TextField(_("message"), max_length=2000, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("step of a use application"), _("steps of use applications")
        ordering = ["id"]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.at} {self.state}"
