"""What was done to an application after it was made: its revisions, and requests to stop it when it is frozen."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models import User, append_only
from switching.models.applications import Application


class Revision(models.Model):
    """One state of an application's entries: registered, corrected or cancelled 登録・訂正・取消; never changed."""

    class Act(models.TextChoices):
        REGISTERED = "registered", _("registered")
        CORRECTED = "corrected", _("corrected")
        CANCELLED = "cancelled", _("cancelled")

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="revisions", verbose_name=_("application"), db_index=False
    )
    number = models.PositiveSmallIntegerField(_("revision"))
    act = models.CharField(_("what was done"), max_length=10, choices=Act)
    entries = models.JSONField(_("entries"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("revision"), _("revisions")
        ordering = ["application", "number"]
        constraints = [
            models.UniqueConstraint(fields=["application", "number"], name="a_revision_number_stands_once"),
            models.CheckConstraint(
                condition=Q(act="registered", number=1) | (~Q(act="registered") & Q(number__gt=1)),
                name="the_first_revision_registers_and_the_others_do_not",
            ),
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.application_id} {self.number}"


class Cancellation(models.Model):
    """A request to the network operator to stop an application that can no longer be cancelled freely."""

    class Status(models.TextChoices):
        REQUESTED = "requested", _("requested")
        DONE = "done", _("stopped")
        REFUSED = "refused", _("refused")

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="cancellations", verbose_name=_("application")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.REQUESTED)
    reason = models.CharField(_("reason"), max_length=200)
    requested_at = models.DateTimeField(_("requested at"))
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    answered_at = models.DateTimeField(_("answered at"), null=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("answered by"))
    answer = models.CharField(_("answer"), max_length=200, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("cancellation"), _("cancellations")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(status="requested"),
                name="one_open_cancellation_per_application",
            ),
            models.CheckConstraint(
                condition=Q(status="requested", answered_at__isnull=True, answered_by__isnull=True)
                | (~Q(status="requested") & Q(answered_at__isnull=False, answered_by__isnull=False)),
                name="an_answered_cancellation_has_a_person_and_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="refused") | ~Q(answer=""), name="a_refused_cancellation_says_why"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="a_cancellation_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.application_id} {self.status}"
