"""What the simulated partners of a market were told to do, beside what the supply point's last digit says."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from switching.partners.behaviours import LAST_DIGITS, Partner


class Script(models.Model):
    """A partner behaves at one supply point, or at those with one last digit, as at the points of another digit."""

    partner = models.CharField(_("partner"), max_length=10, choices=Partner)
    number = models.CharField(_("supply point number or its last digit"), max_length=22)
    behaves_as = models.CharField(_("behaves as at points ending in"), max_length=1, choices=LAST_DIGITS)
    set_at = models.DateTimeField(_("set at"))

    class Meta:
        verbose_name, verbose_name_plural = _("script of a partner"), _("scripts of partners")
        ordering = ["partner", "number"]
        constraints = [
            models.UniqueConstraint(fields=["partner", "number"], name="one_script_per_partner_and_point"),
            models.CheckConstraint(
                condition=Q(number__regex=r"^([0-9]|[0-9]{22})$"), name="a_script_is_for_a_point_or_a_digit"
            ),
            models.CheckConstraint(condition=Q(behaves_as__regex=r"^[0-9]$"), name="a_script_names_a_digit"),
        ]

    def __str__(self) -> str:
        return f"{self.partner} {self.number} → {self.behaves_as}"
