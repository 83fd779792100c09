"""Numbered messages to companies and the mails that carry them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access import Ability, abilities, within
from portal.market import Area
from portal.models.companies import Company
from portal.models.evidence import append_only
from portal.models.people import User


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: User) -> "NoticeQuerySet":
        """The own company's notices that concern the person: for everybody, or by ability and area."""
        concerns = Q(ability="")
        for ability in Ability:
            if user.may(ability):
                concerns |= Q(ability=ability) & (Q(area="") | within(user, ability, area="area"))
        return self.filter(concerns, recipient=user.company_id).select_related("recipient")


class Notice(models.Model):
    """A numbered message to one company; numbers per recipient have no gaps (see portal.outbox)."""

    recipient = models.ForeignKey(Company, models.PROTECT, related_name="notices", verbose_name=_("recipient"))
    number = models.BigIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(_("subject"), max_length=80)
    link = models.CharField(_("link"), max_length=200, blank=True)
    context = models.JSONField(_("context"), default=dict)
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    ability = models.CharField(_("for people who may"), max_length=40, choices=abilities, blank=True)
    posted_at = models.DateTimeField(_("posted at"))

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("notice"), _("notices")
        ordering = ["-posted_at", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "number"], name="a_notice_number_is_used_once_per_recipient")
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.subject}"


class Delivery(models.Model):
    """The sending of a notice by mail; written with the notice, sent by a worker, tried again until it is through."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        GIVEN_UP = "given_up", _("given up")

    notice = models.OneToOneField(Notice, models.PROTECT, related_name="delivery", verbose_name=_("notice"))
    address = models.EmailField(_("e-mail address"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("delivery"), _("deliveries")
        ordering = ["-id"]
        indexes = [models.Index(fields=["next_attempt_at"], condition=Q(state="waiting"), name="deliveries_waiting")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="a_sent_delivery_has_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.address} {self.state}"
