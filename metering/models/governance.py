"""Watching over inquiries: how many each person asks, what the hub expects of a company, alarms and their answers."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.access import Ability, Role
from portal.models import Company, User


class InquiryRules(models.Model):
    """What holds for one company's people instead of the settings' defaults."""

    company = models.OneToOneField(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    daily_budget = models.PositiveIntegerField(_("inquiries per person and day"))
    hourly_alarm = models.PositiveIntegerField(_("inquiries per hour that raise an alarm"))
    is_watched = models.BooleanField(
        _("watched"), default=True, help_text=_("Without it no alarm is raised; the daily budget holds all the same.")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("inquiry rules of a company"), _("inquiry rules of companies")
        ordering = ["company"]

    def __str__(self) -> str:
        return str(self.company)


class InquiryCount(models.Model):
    """How often one person asked within an hour, refused questions included, and the newest numbers asked about."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("user"), db_index=False)
    hour = models.DateTimeField(_("hour"))
    count = models.PositiveIntegerField(_("inquiries"))
    numbers = ArrayField(models.CharField(max_length=22), verbose_name=_("newest numbers"), default=list)

    class Meta:
        verbose_name, verbose_name_plural = _("inquiry count"), _("inquiry counts")
        ordering = ["-hour"]
        constraints = [models.UniqueConstraint(fields=["user", "hour"], name="one_inquiry_count_per_person_and_hour")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.hour:%Y-%m-%d %H:%M %Z} {self.count}"


class InquiryAlarmQuerySet(models.QuerySet["InquiryAlarm"]):
    def visible_to(self, user: User) -> "InquiryAlarmQuerySet":
        """The hub's people see every alarm, an administrator the own company's, everybody else the own."""
        if not user.may(Ability.SEE_ALARMS):
            return self.none()
        if user.company.is_hub_operator:
            return self
        own = self.filter(company=user.company_id)
        return own if Role.ADMINISTRATOR in user.roles else own.filter(user=user)

    def locking(self, now: datetime) -> "InquiryAlarmQuerySet":
        """Those whose explanation is overdue and that nobody has lifted."""
        return self.filter(explained_at__isnull=True, lifted_at__isnull=True, explain_by__lte=now)


class InquiryAlarm(models.Model):
    """Something strange in a person's inquiries: explained in time, or no inquiry more until it is lifted."""

    class Kind(models.TextChoices):
        HOURLY = "hourly", _("many inquiries within an hour")
        ENUMERATION = "enumeration", _("numbers asked one after the other")
        WITHOUT_RESULT = "without_result", _("inquiries that led to nothing")
        IDENTITY = "identity", _("repeated rejections for identity")

    class State(models.TextChoices):
        OPEN = "open", _("explanation wanted")
        EXPLAINED = "explained", pgettext_lazy("alarm", "explained")
        LOCKED = "locked", _("inquiries locked")
        LIFTED = "lifted", _("lifted")

    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("user"))
    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    kind = models.CharField(_("kind"), max_length=15, choices=Kind)
    raised_at = models.DateTimeField(_("raised at"))
    explain_by = models.DateTimeField(_("to be explained by"))
    count = models.PositiveIntegerField(_("how many"))
    numbers = ArrayField(models.CharField(max_length=22), verbose_name=_("supply points"), default=list)
    explanation = models.CharField(_("explanation"), max_length=1000, blank=True)
    explained_at = models.DateTimeField(_("explained at"), null=True)
    locked_at = models.DateTimeField(_("lock told at"), null=True)
    lifted_at = models.DateTimeField(_("lifted at"), null=True)
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("lifted by"))
    lift_reason = models.CharField(_("reason of lifting"), max_length=200, blank=True)

    objects = InquiryAlarmQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("inquiry alarm"), _("inquiry alarms")
        ordering = ["-raised_at", "-pk"]
        indexes = [
            models.Index(fields=["company", "-raised_at"], name="alarms_of_a_company"),
            models.Index(
                fields=["explain_by"],
                condition=Q(explained_at__isnull=True, lifted_at__isnull=True),
                name="alarms_without_an_answer",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind"],
                condition=Q(explained_at__isnull=True, lifted_at__isnull=True),
                name="one_open_alarm_per_person_and_kind",
            ),
            models.CheckConstraint(
                condition=Q(explained_at__isnull=True, explanation="")
                | (Q(explained_at__isnull=False) & ~Q(explanation="")),
                name="an_explained_alarm_has_an_explanation",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by__isnull=True, lift_reason="")
                | (Q(lifted_at__isnull=False, lifted_by__isnull=False) & ~Q(lift_reason="")),
                name="a_lifted_alarm_has_a_person_and_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(lifted_by__isnull=True) | ~Q(lifted_by=models.F("user")),
                name="nobody_lifts_the_own_lock",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_kind_display()}"

    def state(self, now: datetime) -> State:
        """Where the alarm stands; the lock falls with the hour, whether or not a worker has told of it."""
        if self.lifted_at:
            return self.State.LIFTED
        if self.explained_at:
            return self.State.EXPLAINED
        return self.State.LOCKED if self.explain_by <= now else self.State.OPEN
