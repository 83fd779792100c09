"""Duties a company let pass, for the hub operator to work through: one row per case and duty, with notes."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.models import Company, User, append_only
from switching.models.applications import Application
from switching.models.relays import Relay


class Escalation(models.Model):
    """A relay whose answer or switch termination, or an application whose answer, did not come in time."""

    class Duty(models.TextChoices):
        JUDGEMENT = "judgement", _("judgement of a relay")
        TERMINATION = "termination", _("filing of the switch termination")
        ANSWER = "answer", _("answer to an application")

    relay = models.ForeignKey(Relay, models.PROTECT, null=True, related_name="escalations", verbose_name=_("relay"))
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, related_name="escalations", verbose_name=_("application")
    )
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
            models.UniqueConstraint(fields=["application", "duty"], name="a_duty_is_escalated_once_per_application"),
            models.CheckConstraint(
                condition=Q(duty="answer", relay__isnull=True, application__isnull=False)
                | (~Q(duty="answer") & Q(relay__isnull=False, application__isnull=True)),
                name="an_escalation_belongs_to_the_case_of_its_duty",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
                name="an_escalation_is_closed_by_a_person_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case} {self.duty}"

    @property
    def case(self) -> Relay | Application:
        """The one case whose duty was missed."""
        case = self.relay or self.application
        assert case  # the database holds it
        return case

    @property
    def point(self) -> SupplyPoint:
        return self.case.point

    @property
    def company(self) -> Company:
        """Who let the duty pass."""
        return self.relay.losing_retailer if self.relay else self.point.network_operator

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
