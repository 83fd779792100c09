"""Acts that one operator proposes and another one confirms."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.models.people import User


class Proposal(models.Model):
    """An act that gives access, waiting for a second operator (see portal.four_eyes)."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second operator")
        CONFIRMED = "confirmed", _("confirmed and done")
        DECLINED = "declined", _("declined")

    act = models.CharField(_("act"), max_length=40)
    subject = models.CharField(_("subject"), max_length=80)
    payload = models.JSONField(_("what is to be done"), default=dict)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    proposed_at = models.DateTimeField(_("proposed at"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("answered by"))
    answered_at = models.DateTimeField(_("answered at"), null=True)
    reason = models.CharField(_("reason"), max_length=400, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("proposal"), _("proposals")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="confirmed") | ~Q(answered_by=F("proposed_by")),
                name="nobody_confirms_the_own_proposal",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", answered_by=None, answered_at=None)
                | (~Q(state="waiting") & Q(answered_by__isnull=False, answered_at__isnull=False)),
                name="an_answered_proposal_has_a_person_and_a_time",
            ),
            models.UniqueConstraint(
                fields=["act", "subject"], condition=Q(state="waiting"), name="an_act_is_proposed_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.subject}"
