"""Qualifications: evidence signed in a market, and what was handed over of it to the lobby, by company and role."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access import Ability
from portal.models import Company, User
from switching.partners.behaviours import Partner


class QualificationQuerySet(models.QuerySet["Qualification"]):
    def visible_to(self, user: User) -> "QualificationQuerySet":
        """The own company's; the hub's operators see all."""
        return self if user.may(Ability.WORK_ESCALATIONS) else self.filter(company=user.company_id)


class Qualification(models.Model):
    """In the lobby's database: it stays when the market is reset."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="qualifications", verbose_name=_("company"))
    role = models.CharField(_("role"), max_length=10, choices=Partner)
    version = models.CharField(_("version of the API"), max_length=10)
    handed_over_at = models.DateTimeField(_("evidence handed over at"))
    name = models.CharField(_("file name"), max_length=80)
    pack = models.BinaryField(_("evidence"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)

    objects = QualificationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("qualification"), _("qualifications")
        ordering = ["-handed_over_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "role", "version"], name="a_company_qualifies_once_per_role_and_version"
            ),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="evidence_has_its_hash"),
        ]

    def __str__(self) -> str:
        return f"{self.company} {self.role} {self.version}"


class Evidence(models.Model):
    """In the market's database: signed there in the writer's transaction, handed over to the lobby after it."""

    role = models.CharField(_("role"), max_length=10, choices=Partner)
    version = models.CharField(_("version of the API"), max_length=10)
    signed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("signed for"))
    signed_at = models.DateTimeField(_("signed at"))
    handed_over_at = models.DateTimeField(_("evidence handed over at"), null=True)
    name = models.CharField(_("file name"), max_length=80)
    pack = models.BinaryField(_("evidence"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)

    class Meta:
        verbose_name, verbose_name_plural = _("signed evidence"), _("signed evidence")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="signed_evidence_has_its_hash"),
            models.CheckConstraint(
                condition=Q(handed_over_at__isnull=True) | Q(handed_over_at__gte=models.F("signed_at")),
                name="evidence_is_signed_before_it_is_handed_over",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.version}"
