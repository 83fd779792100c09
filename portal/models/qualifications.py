"""How an applicant's qualification in the linkage test was settled: proven by signed evidence, or waived."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models.onboarding import UseApplication
from portal.models.people import User


class UseQualification(models.Model):
    """One role of one application for use, settled once by an operator."""

    application = models.ForeignKey(
        UseApplication, models.CASCADE, related_name="qualifications", verbose_name=_("application for use")
    )
    role = models.CharField(_("role"), max_length=10)
    version = models.CharField(_("version of the API"), max_length=10)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    key = models.CharField(_("public key"), max_length=64, blank=True)
    waived_because = models.CharField(_("waived because"), max_length=400, blank=True)
    settled_at = models.DateTimeField(_("qualification settled at"))
    settled_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("settled by"))

    class Meta:
        verbose_name, verbose_name_plural = _("qualification"), _("qualifications")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "role", "version"], name="a_qualification_is_settled_once_per_role"
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$", key__regex=r"^[0-9a-f]{64}$", waived_because="")
                | (Q(sha256="", key="") & ~Q(waived_because="")),
                name="a_qualification_is_proven_or_waived",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} {self.role} {self.version}"
