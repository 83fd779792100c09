"""Mails to one person who cannot be reached by a notice to the company, such as an applicant or an invited user."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models.notices import Delivery
from portal.models.people import User


class Letter(models.Model):
    """A mail to one address; a secret link in it is made when it is sent and never stored (see portal.letters)."""

    State = Delivery.State

    address = models.EmailField(_("e-mail address"))
    kind = models.CharField(_("kind"), max_length=40)
    user = models.ForeignKey(
        User, models.CASCADE, null=True, blank=True, related_name="letters", verbose_name=_("user")
    )
    context = models.JSONField(_("context"), default=dict)
    asked_from = models.GenericIPAddressField(_("asked for from"), null=True)
    written_at = models.DateTimeField(_("written at"), db_index=True)
    state = models.CharField(_("state"), max_length=10, choices=Delivery.State, default=Delivery.State.WAITING)
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
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="a_sent_letter_has_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.address} {self.state}"
