"""Duties a losing retailer let pass, for the hub operator to work through: one row per relay and duty, with notes."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models import User, append_only
from switching.models.relays import Relay


class Escalation(models.Model):
    """A relay whose answer, or whose switch termination, did not come in time."""

    class Duty(models.TextChoices):
        JUDGEMENT = "judgement", _("judgement of a relay")
        TERMINATION = "termination", _("filing of the switch termination")

    relay = models.ForeignKey(Relay, models.PROTECT, related_name="escalations", verbose_name=_("relay"))
    duty = models.CharField(_("what was missed"), max_length=12, choices=Duty)
    due_at = models.DateTimeField(_("was due"))
    opened_at = models.DateTimeField(_("escalated at"))
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("closed by"))

    class Meta:
        verbose_name, verbose_name_plural = _("escalation"), _("escalations")
        ordering = ["-id"]
        indexes = [models.Index(fields=["opened_at"], condition=Q(closed_at__isnull=True), name="escalations_open")]
        constraints = [
            models.UniqueConstraint(fields=["relay", "duty"], name="a_duty_is_escalated_once_per_relay"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
                name="an_escalation_is_closed_by_a_person_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.relay} {self.duty}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class EscalationNote(models.Model):
    """What an operator found out or arranged; never changed."""

    escalation = models.ForeignKey(Escalation, models.PROTECT, related_name="notes", verbose_name=_("escalation"))
    text = models.CharField(_("operator's note"), max_length=500)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("operator's note"), _("operator's notes")
        ordering = ["id"]
        triggers = [append_only]

    def __str__(self) -> str:
        return self.text
