"""The network operator's side of an application: what needs a person there, its answers, its work at the meter."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from metering.models import Meter, SupplyPoint
from portal.market import SupplyClass
from portal.models import Company, User, append_only
from switching.codes import ACCEPTANCES, REJECTIONS, AnswerCode
from switching.models.applications import Application


class NetworkPolicy(models.Model):
    """Whether a person at the network operator looks at a kind of application before it goes on.

    Where a network operator has no row, `switching.network_policies` says what holds.
    """

    network_operator = models.ForeignKey(
        Company, models.PROTECT, related_name="network_policies", verbose_name=_("network operator")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Application.Kind)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass)
    meter_work = models.BooleanField(_("with meter work"))
    needs_person = models.BooleanField(_("a person accepts"))

    class Meta:
        verbose_name, verbose_name_plural = _("network operator's policy"), _("network operators' policies")
        ordering = ["network_operator", "kind", "supply_class", "meter_work"]
        constraints = [
            models.UniqueConstraint(
                fields=["network_operator", "kind", "supply_class", "meter_work"],
                name="a_network_policy_stands_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.network_operator} {self.kind} {self.supply_class}"


class NetworkAnswer(models.Model):
    """The network operator's answer to an application: accepted or rejected, with codes and words; never changed."""

    class Verdict(models.TextChoices):
        ACCEPT = "accept", pgettext_lazy("application", "accepted")
        REJECT = "reject", pgettext_lazy("application", "rejected")

    application = models.ForeignKey(Application, models.PROTECT, related_name="answers", verbose_name=_("application"))
    verdict = models.CharField(_("verdict"), max_length=6, choices=Verdict)
    codes = ArrayField(models.CharField(max_length=3, choices=AnswerCode), verbose_name=_("codes"))
    text = models.CharField(_("in words"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("network operator's answer"), _("network operator's answers")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="accept", codes__contained_by=sorted(ACCEPTANCES))
                | Q(verdict="reject", codes__contained_by=sorted(REJECTIONS)),
                name="the_codes_of_an_answer_fit_its_verdict",
            ),
            models.CheckConstraint(condition=Q(codes__len__gte=1), name="an_answer_names_a_code"),
            models.CheckConstraint(
                condition=~Q(codes__contains=[AnswerCode.OTHER]) | ~Q(text=""),
                name="an_other_answer_is_told_in_words",
            ),
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.application_id} {self.verdict}"


class ActualDay(models.Model):
    """The day on which supply really began, ended or changed hands, as the network operator reported it; kept."""

    class Cause(models.TextChoices):
        WORK = "work", _("the work at the meter was done on that day")
        READING = "reading", _("the meter was read on that day")
        ACCESS = "access", _("the meter could not be reached on the planned day")
        RECORD = "record", _("the day had been recorded wrongly")

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="actual_days", verbose_name=_("application")
    )
    believed = models.DateField(_("day until then"))
    actual = models.DateField(_("actual day"))
    cause = models.CharField(_("why"), max_length=7, choices=Cause)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("actual day"), _("actual days")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(believed=models.F("actual")), name="an_actual_day_is_another_than_was_believed"
            ),
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.application_id} {self.actual}"


class MeterWork(models.Model):
    """Work at a point's meter: planned, then reported done with the meters and their readings."""

    class Kind(models.TextChoices):
        EXCHANGE = "exchange", _("meter exchange")
        INSTALL = "install", _("meter installed")
        REMOVE = "remove", _("meter removed")
        AMPERE = "ampere", _("ampere set")

    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="meter_works", verbose_name=_("supply point"))
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, related_name="meter_works", verbose_name=_("application")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    planned_on = models.DateField(_("planned on"))
    planned_at = models.DateTimeField(_("planned at"))
    planned_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("planned by"))
    done_on = models.DateField(_("done on"), null=True)
    old_meter = models.ForeignKey(Meter, models.PROTECT, null=True, related_name="+", verbose_name=_("old meter"))
    new_meter = models.ForeignKey(Meter, models.PROTECT, null=True, related_name="+", verbose_name=_("new meter"))
    old_reading_wh = models.BigIntegerField(_("last reading of the old meter (Wh)"), null=True)
    new_reading_wh = models.BigIntegerField(_("first reading of the new meter (Wh)"), null=True)
    reported_at = models.DateTimeField(_("reported at"), null=True)
    reported_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("reported by"))
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("meter work"), _("meter work")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["planned_on"],
                condition=Q(done_on__isnull=True, cancelled_at__isnull=True),
                name="meter_work_to_do",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(done_on__isnull=True, cancelled_at__isnull=True),
                name="one_meter_work_to_do_per_application",
            ),
            models.CheckConstraint(
                condition=Q(done_on__isnull=True, reported_at__isnull=True, reported_by__isnull=True)
                | Q(done_on__isnull=False, reported_at__isnull=False, reported_by__isnull=False),
                name="done_work_has_a_person_and_a_time",
            ),
            models.CheckConstraint(
                condition=Q(done_on__isnull=True) | Q(cancelled_at__isnull=True),
                name="done_work_is_not_cancelled",
            ),
            models.CheckConstraint(
                condition=Q(done_on__isnull=True)
                | Q(kind="ampere")
                | Q(kind="exchange", old_meter__isnull=False, new_meter__isnull=False)
                | Q(kind="install", old_meter__isnull=True, new_meter__isnull=False)
                | Q(kind="remove", old_meter__isnull=False, new_meter__isnull=True),
                name="done_work_names_the_meters_of_its_kind",
            ),
            models.CheckConstraint(
                condition=(Q(old_reading_wh__isnull=True) | Q(old_reading_wh__gte=0, old_meter__isnull=False))
                & (Q(new_reading_wh__isnull=True) | Q(new_reading_wh__gte=0, new_meter__isnull=False)),
                name="a_reading_is_not_negative_and_belongs_to_a_meter",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.kind} {self.planned_on}"
