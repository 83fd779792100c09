"""How many registrations a retailer may make in a day."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models.companies import Company


class Registration(models.TextChoices):
    """What is counted."""

    RELAY = "relay", _("registrations of cancellation relays")
    SWITCH_START = "switch_start", _("filings of switch starts")


class Over(models.TextChoices):
    """What becomes of a registration over the quota."""

    REFUSE = "refuse", _("refused, to be tried again the next day")
    QUEUE = "queue", _("queued, registered by itself as soon as there is room")


class Quota(models.Model):
    """The most registrations of one kind in a day: one company's own, or what holds for every other retailer."""

    company = models.ForeignKey(
        Company,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("company"),
        help_text=_("Empty: every retailer without a quota of its own."),
    )
    registration = models.CharField(_("what is counted"), max_length=12, choices=Registration)
    most = models.PositiveIntegerField(_("at most per day"))
    over = models.CharField(_("what comes over it"), max_length=6, choices=Over, default=Over.REFUSE)

    class Meta:
        verbose_name, verbose_name_plural = _("daily quota"), _("daily quotas")
        ordering = ["registration", "company"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "registration"], nulls_distinct=False, name="one_quota_per_company_and_registration"
            ),
            models.CheckConstraint(
                condition=models.Q(over=Over.REFUSE) | models.Q(most__gt=0), name="a_quota_that_queues_lets_some_in"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_registration_display()} {self.most}"
