"""Where a company has its events sent, and what came of each sending."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.models.companies import Company
from portal.models.events import Topic
from portal.models.people import User


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def visible_to(self, user: User) -> "WebhookQuerySet":
        """The own company's receivers that were not removed."""
        return self.filter(company=user.company_id).exclude(state=Webhook.State.REMOVED)


class Webhook(models.Model):
    """A receiver: an address, what it wants to hear of, how far it has been told, and why it is paused."""

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        REMOVED = "removed", _("removed")

    class Failure(models.TextChoices):
        """Why a sending did not get through, or why nothing more is sent."""

        ADDRESS = "address", _("the address leads nowhere, or where the hub does not send")
        CONNECTION = "connection", _("no connection could be made, or it was closed without an answer")
        TLS = "tls", _("the certificate of the receiver does not hold")
        TIMEOUT = "timeout", _("the receiver did not answer in time")
        REDIRECT = "redirect", _("the receiver sent us elsewhere; redirects are not followed")
        STATUS = "status", _("the receiver answered with an error")
        GONE = "gone", _("the receiver answered 410: it wants no more")
        BY_HAND = "by_hand", _("a person of your company paused it")

    company = models.ForeignKey(Company, models.PROTECT, related_name="webhooks", verbose_name=_("company"))
    url = models.CharField(_("address"), max_length=400)
    topics = ArrayField(models.CharField(max_length=12, choices=Topic), verbose_name=_("topics"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE)
    # Sealed with the installation's secret key (portal.sealed_box): it must be read to sign.
    secret = models.TextField(editable=False)
    secret_since = models.DateTimeField(_("secret since"))
    former_secret = models.TextField(blank=True, editable=False)
    former_until = models.DateTimeField(_("former secret signs until"), null=True)
    sent_to = models.BigIntegerField(_("told up to number"), default=0)
    resend_next = models.BigIntegerField(_("next number to be sent again"), null=True)
    resend_until = models.BigIntegerField(_("last number to be sent again"), null=True)
    failures = models.PositiveSmallIntegerField(_("failures one after the other"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"))
    claimed_until = models.DateTimeField(null=True, editable=False)
    paused_at = models.DateTimeField(_("paused at"), null=True)
    paused_because = models.CharField(_("paused because"), max_length=12, choices=Failure, blank=True)
    last_success_at = models.DateTimeField(_("last success at"), null=True)
    registered_at = models.DateTimeField(_("registered at"))
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("registered by"))

    objects = WebhookQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("webhook"), _("webhooks")
        ordering = ["pk"]
        indexes = [models.Index(fields=["next_attempt_at"], condition=Q(state="active"), name="webhooks_to_serve")]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "url"], condition=~Q(state="removed"), name="a_company_names_a_receiver_once"
            ),
            models.CheckConstraint(
                condition=Q(state="paused", paused_at__isnull=False) & ~Q(paused_because="")
                | (~Q(state="paused") & Q(paused_at__isnull=True, paused_because="")),
                name="a_paused_webhook_says_since_when_and_why",
            ),
            models.CheckConstraint(
                condition=Q(resend_next__isnull=True, resend_until__isnull=True)
                | Q(resend_next__gt=0, resend_next__lte=F("resend_until")),
                name="what_is_sent_again_runs_from_a_number_to_a_later_one",
            ),
            models.CheckConstraint(condition=~Q(topics=[]), name="a_webhook_has_a_topic"),
            models.CheckConstraint(
                condition=Q(former_secret="", former_until__isnull=True)
                | (~Q(former_secret="") & Q(former_until__isnull=False)),
                name="a_former_secret_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.url}"


class WebhookAttempt(models.Model):
    """One sending of one event (number 0: a test) and what the receiver did."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="tries", verbose_name=_("webhook"))
    number = models.BigIntegerField(_("number"))
    is_again = models.BooleanField(_("sent again on request"), default=False)
    at = models.DateTimeField(_("at"))
    took_ms = models.PositiveIntegerField(_("took (ms)"))
    status = models.PositiveSmallIntegerField(_("answer"), null=True)
    failure = models.CharField(_("failure"), max_length=12, choices=Webhook.Failure, blank=True)
    words = models.CharField(_("what was said"), max_length=200, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("sending"), _("sendings")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.number} {self.failure or 'ok'}"


class DeliveryAlarm(models.Model):
    """Something the hub tells did not get out in time; one stands per company and channel until it is."""

    class Channel(models.TextChoices):
        MAIL = "mail", _("mail")
        LETTER = "letter", _("letter to somebody without an account")
        WEBHOOK = "webhook", _("webhook")

    company = models.ForeignKey(Company, models.PROTECT, null=True, related_name="+", verbose_name=_("company"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    raised_at = models.DateTimeField(_("raised at"))
    since = models.DateTimeField(_("waiting since"))
    count = models.PositiveIntegerField(_("waiting"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("delivery alarm"), _("delivery alarms")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "channel"],
                condition=Q(ended_at__isnull=True),
                nulls_distinct=False,
                name="one_delivery_alarm_stands_per_company_and_channel",
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.company_id}"
