"""The hub's published figures: counted once when a day or month is over, read many times, never from the cases."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.market import Area
from portal.models import Company, User


class DayCount(models.Model):
    """What reached the hub in one area on one Japanese day; a row for every area of every counted day, zeros too."""

    day = models.DateField(_("day"))
    area = models.CharField(_("area"), max_length=2, choices=Area)
    inquiries = models.PositiveIntegerField(_("inquiries"))
    switch_starts = models.PositiveIntegerField(_("switch starts"))
    others = models.PositiveIntegerField(_("others"))

    class Meta:
        verbose_name, verbose_name_plural = _("count of a day"), _("counts of days")
        ordering = ["-day", "area"]
        constraints = [models.UniqueConstraint(fields=["day", "area"], name="a_day_is_counted_once_per_area")]

    def __str__(self) -> str:
        return f"{self.day} {self.area}"


class AnswerMonth(models.Model):
    """How a losing retailer answered the relays that were judged or expired in one month; without company: all."""

    month = models.DateField(_("month"))
    company = models.ForeignKey(Company, models.PROTECT, null=True, related_name="+", verbose_name=_("company"))
    answered = models.PositiveIntegerField(_("answered"))
    expired = models.PositiveIntegerField(_("expired without judgement"))
    on_time = models.PositiveIntegerField(_("answered on time"))
    median_seconds = models.PositiveIntegerField(_("median answer time (s)"), null=True)
    p95_seconds = models.PositiveIntegerField(_("95th percentile of the answer time (s)"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("answers of a month"), _("answers of months")
        ordering = ["-month", "company"]
        constraints = [
            models.UniqueConstraint(
                fields=["month", "company"], nulls_distinct=False, name="a_month_is_counted_once_per_company"
            ),
            models.CheckConstraint(condition=Q(on_time__lte=F("answered")), name="only_an_answer_can_be_on_time"),
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.company_id or ''}"


class StatisticsAudience(models.Model):
    """Who may read the statistics, as the operator decided last; without a row: signed-in participants."""

    class Audience(models.TextChoices):
        PARTICIPANTS = "participants", _("participants who are signed in")
        EVERYBODY = "everybody", _("everybody, without signing in")

    audience = models.CharField(_("visible to"), max_length=12, choices=Audience)
    decided_at = models.DateTimeField(_("decided at"))
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"))

    class Meta:
        verbose_name, verbose_name_plural = _("audience of the statistics"), _("audiences of the statistics")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.audience
