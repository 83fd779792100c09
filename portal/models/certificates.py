"""Client certificates, the requests they come from typing import Self, TypeVar

from and the authorities that may have issued them."""

from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.access import Ability
from portal.models.companies import Company
from portal.models.people import User

HEX_OF_SHA256 = r"^[0-9a-f]{64}$"


class CertificatePurpose(models.TextChoices):
    """Which door the certificate opens."""

    WEB = "web", _("web pages")
    API = "api", _("API")


class CertificateEnvironment(models.TextChoices):
    """Where the certificate holds; one issued for the demo opens nothing in production."""

    PRODUCTION = "production", _("production")
    TEST = "test", _("linkage test")
    DEMO = "demo", _("demo")


Row = TypeVar("Row", bound=models.Model)


class OwnOrCompanyWide(models.QuerySet[Row]):
    """Rows with a company and a `person` path: all of the company for administrators, else the person's own."""

    person = ""

    def visible_to(self, user: User) -> Self:
        """The company's for whoever manages its certificates, else what the person asked for."""
        if user.may(Ability.MANAGE_CERTIFICATES):
            return self.filter(company=user.company_id)
        if user.may(Ability.REQUEST_CERTIFICATE):
            return self.filter(**{"company": user.company_id, self.person: user.pk})
        return self.none()


class CertificateRequestQuerySet(OwnOrCompanyWide["CertificateRequest"]):
    person = "requested_by"


class CertificateQuerySet(OwnOrCompanyWide["Certificate"]):
    person = "request__requested_by"

    def here(self) -> Self:
        """Those bound to this site's environment."""
        return self.filter(environment=settings.ENVIRONMENT_OF_ROWS)


class TrustedAuthority(models.Model):
    """An outside authority whose certificates companies may register; two operators decide on it."""

    name = models.CharField(_("name"), max_length=100)
    pem = models.TextField(_("certificate (PEM)"))
    subject = models.CharField(_("subject"), max_length=500)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    not_after = models.DateTimeField(_("valid until"))
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed at"))
    confirmed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("confirmed by"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    ended_at = models.DateTimeField(_("trust ended at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("trusted authority"), _("trusted authorities")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="a_confirmed_authority_has_a_person_and_a_time",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("proposed_by")),
                name="an_authority_is_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(condition=Q(sha256__regex=HEX_OF_SHA256), name="an_authority_has_a_sha256"),
            models.UniqueConstraint(
                fields=["sha256"], condition=Q(ended_at__isnull=True), name="an_authority_is_trusted_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_trusted(self) -> bool:
        return self.confirmed_at is not None and self.ended_at is None


class CertificateRequest(models.Model):
    """Somebody of a company asks for a certificate; the company's own administrators decide."""

    class Way(models.TextChoices):
        CSR = "csr", _("request made from a key of your own (CSR)")
        BUNDLE = "bundle", _("key and certificate made by the hub (PKCS#12)")

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for approval")
        APPROVED = "approved", _("approved, to be collected")
        ISSUED = "issued", _("issued")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    purpose = models.CharField(pgettext_lazy("certificate", "purpose"), max_length=3, choices=CertificatePurpose)
    environment = models.CharField(_("environment"), max_length=10, choices=CertificateEnvironment)
    terminal = models.CharField(_("terminal"), max_length=40)
    way = models.CharField(_("way"), max_length=6, choices=Way)
    csr = models.TextField(_("CSR (PEM)"), blank=True)
    key_sha256 = models.CharField(_("SHA-256 of the public key"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    requested_at = models.DateTimeField(_("requested at"))
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"))
    decided_at = models.DateTimeField(_("decided at"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = CertificateRequestQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("certificate request"), _("certificate requests")
        ordering = ["-requested_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "withdrawn"], decided_by__isnull=True, decided_at__isnull=True)
                | Q(
                    state__in=["approved", "issued", "refused"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="a_decided_request_has_a_person_and_a_time",
            ),
            models.CheckConstraint(
                condition=(Q(way="csr") & ~Q(csr="")) | Q(way="bundle", csr=""),
                name="a_request_with_its_own_key_holds_a_csr",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.terminal}"


class Certificate(models.Model):
    """A client certificate bound to one company, purpose and environment; matched by its SHA-256, never by a name."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    purpose = models.CharField(pgettext_lazy("certificate", "purpose"), max_length=3, choices=CertificatePurpose)
    environment = models.CharField(_("environment"), max_length=10, choices=CertificateEnvironment)
    terminal = models.CharField(_("terminal"), max_length=40)
    request = models.OneToOneField(
        CertificateRequest, models.PROTECT, null=True, related_name="certificate", verbose_name=_("request")
    )
    authority = models.ForeignKey(
        TrustedAuthority, models.PROTECT, null=True, related_name="+", verbose_name=_("trusted authority")
    )
    pem = models.TextField(_("certificate (PEM)"))
    issuer = models.CharField(_("issuer"), max_length=500)
    serial = models.CharField(_("serial number"), max_length=40)
    subject = models.CharField(_("subject"), max_length=500)
    sha256 = models.CharField(_("SHA-256"), max_length=64, unique=True)
    key_sha256 = models.CharField(_("SHA-256 of the public key"), max_length=64)
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"))
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("registered by"))
    registered_at = models.DateTimeField(_("registered at"))
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("revoked by"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    revocation_reason = models.CharField(_("reason of the revocation"), max_length=200, blank=True)
    reminded_days = models.PositiveSmallIntegerField(_("last reminder, days before the end"), null=True)
    bundle = models.BinaryField(_("PKCS#12 not collected yet"), null=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("client certificate"), _("client certificates")
        ordering = ["-not_after", "-pk"]
        indexes = [models.Index(fields=["company", "purpose", "terminal"], name="certificates_of_a_terminal")]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "serial"], name="an_issuer_gives_a_serial_number_once"),
            models.UniqueConstraint(fields=["key_sha256"], name="a_key_stands_in_one_certificate"),
            models.CheckConstraint(
                condition=Q(revoked_by__isnull=True, revoked_at__isnull=True)
                | Q(revoked_by__isnull=False, revoked_at__isnull=False),
                name="a_revocation_has_a_person_and_a_time",
            ),
            models.CheckConstraint(condition=Q(sha256__regex=HEX_OF_SHA256), name="a_certificate_has_a_sha256"),
            models.CheckConstraint(
                condition=Q(not_before__lt=F("not_after")), name="a_certificate_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=(Q(request__isnull=True) & Q(authority__isnull=False))
                | (Q(request__isnull=False) & Q(authority__isnull=True)),
                name="a_certificate_comes_from_a_request_or_a_trusted_authority",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal} {self.serial}"
