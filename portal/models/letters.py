"""Mails to one address that belong to no company: applicants for use, people who are to set a password."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Letter(models.Model):
    """A mail without a notice; what fills its template is erased once it is through (see portal.letters)."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        GIVEN_UP = "given_up", _("given up")

    kind = models.CharField(_("kind"), max_length=40)
    address = models.EmailField(_("e-mail address"))
    language = models.CharField(_("language"), max_length=2, default="ja")
    context = models.JSONField(_("context"), default=dict)
    asked_from = models.GenericIPAddressField(_("asked for from"), null=True)
    posted_at = models.DateTimeField(_("posted at"), db_index=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("letter"), _("letters")
        ordering = ["-id"]
        indexes = [models.Index(fields=["next_attempt_at"], condition=Q(state="waiting"), name="letters_waiting")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False, context={}) | (~Q(state="sent") & Q(sent_at=None)),
                name="a_sent_letter_has_a_time_and_keeps_no_link",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.address} {self.state}"
