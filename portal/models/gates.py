"""When which function of which environment is open, and the hours of maintenance."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Environment(models.TextChoices):
    """What KIRIKAE_ENV may say."""

    PRODUCTION = "production", _("Production")
    TEST = "test", _("Linkage test")
    DEMO = "demo", _("Demo – invented data")


class Function(models.TextChoices):
    """A group of pages and verbs that opens and closes together."""

    EVERYTHING = "everything", _("Everything")
    FACILITY_INQUIRY = "facility_inquiry", _("Facility inquiries")
    RELAYS = "relays", _("Cancellation relays")
    APPLICATIONS = "applications", _("Applications")
    USAGE = "usage", _("Supply points and usage")


class Gate(models.Model):
    """One stretch of time in which a function is open; a function without any row is open always."""

    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    function = models.CharField(_("function"), max_length=20, choices=Function)
    opened_from = models.DateTimeField(_("open from"))
    closed_from = models.DateTimeField(_("closed from"), null=True, blank=True, help_text=_("Empty: it stays open."))
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("opening gate"), _("opening gates")
        ordering = ["environment", "opened_from", "function"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "function", "opened_from"], name="a_gate_opens_once_at_a_moment"
            ),
            models.CheckConstraint(
                condition=Q(closed_from__isnull=True) | Q(closed_from__gt=F("opened_from")),
                name="a_gate_closes_after_it_opens",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.function} {self.opened_from:%Y-%m-%d %H:%M %Z}"


class MaintenanceWindow(models.Model):
    """Hours in which a function is shut for maintenance, told on every page from `announced_from` on."""

    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    function = models.CharField(_("function"), max_length=20, choices=Function, default=Function.EVERYTHING)
    begins_at = models.DateTimeField(_("begins at"))
    ends_at = models.DateTimeField(_("ends at"))
    announced_from = models.DateTimeField(_("announced from"))
    words_ja = models.CharField(_("what is done (Japanese)"), max_length=200)
    words_en = models.CharField(_("what is done (English)"), max_length=200)

    class Meta:
        verbose_name, verbose_name_plural = _("maintenance window"), _("maintenance windows")
        ordering = ["begins_at"]
        indexes = [models.Index(fields=["environment", "ends_at"], name="maintenance_ahead")]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("begins_at")), name="maintenance_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(announced_from__lte=F("begins_at")), name="maintenance_is_announced_before_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.begins_at:%Y-%m-%d %H:%M %Z}"
