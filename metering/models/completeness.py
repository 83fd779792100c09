"""Whether every day of every point arrived: counts per day, gaps as things, days whose publication is held up."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from metering.models.points import SupplyPoint
from metering.models.supply import SupplyPeriod
from metering.models.usage import Layer
from portal.access import Ability, within
from portal.market import Area, SupplyClass
from portal.models import Company, User


class DayCountQuerySet(models.QuerySet["DayCount"]):
    def visible_to(self, user: User) -> "DayCountQuerySet":
        """The hub sees everything, a network operator its network, a retailer what it supplies."""
        inside = within(user, Ability.SEE_COMPLETENESS, area="area", supply_class="supply_class")
        if user.company.is_hub_operator:
            return self.filter(inside)
        return self.filter(Q(network_operator=user.company) | Q(retailer=user.company)).filter(inside)


class DayCount(models.Model):
    """How complete a day is: points of one network, retailer (null: nobody), area and class, each counted once.

    `day` is a day of usage, in the fixed layer a reading day. `due` points are supplied that day and read half-hourly,
    in the fixed layer are of a group that is read that day; each arrived on time, late, or is missing because its row
    was refused or because none came. `held` arrived and is not published; `unsupplied` arrived though nobody supplied.
    """

    layer = models.CharField(_("layer"), max_length=1, choices=Layer, default=Layer.DAILY, db_default=Layer.DAILY)
    day = models.DateField(_("day"))
    network_operator = models.ForeignKey(
        Company, models.PROTECT, related_name="+", verbose_name=_("network operator"), db_index=False
    )
    retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="+", verbose_name=_("retailer"), db_index=False
    )
    area = models.CharField(_("area"), max_length=2, choices=Area)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass)
    due = models.PositiveIntegerField(pgettext_lazy("completeness", "due"))
    on_time = models.PositiveIntegerField(_("on time"))
    late_day = models.PositiveIntegerField(_("up to 1 day late"))
    late_days = models.PositiveIntegerField(_("2 to 3 days late"))
    late_week = models.PositiveIntegerField(_("4 to 7 days late"))
    late_more = models.PositiveIntegerField(_("more than 7 days late"))
    refused = models.PositiveIntegerField(_("missing: row refused"))
    not_sent = models.PositiveIntegerField(_("missing: no row came"))
    held = models.PositiveIntegerField(_("arrived, not published"))
    unsupplied = models.PositiveIntegerField(_("delivered, not supplied"))
    counted_at = models.DateTimeField(_("counted at"))

    objects = DayCountQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("completeness of a day"), _("completeness of days")
        ordering = ["-day", "network_operator", "retailer", "area", "supply_class"]
        indexes = [
            models.Index(fields=["network_operator", "day"], name="day_counts_of_a_network"),
            models.Index(fields=["retailer", "day"], name="day_counts_of_a_retailer"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["layer", "day", "network_operator", "retailer", "area", "supply_class"],
                nulls_distinct=False,
                name="a_day_is_counted_once_per_network_retailer_area_and_class",
            ),
            models.CheckConstraint(
                condition=Q(
                    due=F("on_time")
                    + F("late_day")
                    + F("late_days")
                    + F("late_week")
                    + F("late_more")
                    + F("refused")
                    + F("not_sent")
                ),
                name="what_is_due_is_on_time_late_or_missing",
            ),
            models.CheckConstraint(
                condition=Q(retailer__isnull=True, due=0) | Q(retailer__isnull=False, unsupplied=0),
                name="due_is_what_somebody_supplies",
            ),
            models.CheckConstraint(condition=Q(layer__in=["D", "F"]), name="daily_and_fixed_usage_are_counted"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.area} {self.supply_class}"


class GapQuerySet(models.QuerySet["Gap"]):
    def visible_to(self, user: User) -> "GapQuerySet":
        """The hub sees every gap, a network operator those of its network, a retailer those in days it supplies."""
        inside = within(user, Ability.SEE_COMPLETENESS, area="point__area", supply_class="point__supply_class")
        if user.company.is_hub_operator:
            return self.filter(inside)
        supplied = SupplyPeriod.objects.filter(
            point=OuterRef("point"),
            retailer=user.company,
            known_until__isnull=True,
            during__overlap=OuterRef("during"),
        )
        return self.filter(Q(point__network_operator=user.company) | Exists(supplied)).filter(inside)


class Gap(models.Model):
    """Days of a point that were due and did not arrive: opened by the check, closed by arriving data or given up."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("gap", "open")
        ARRIVED = "arrived", pgettext_lazy("gap", "arrived")
        NOT_DUE = "not_due", _("no longer due")
        GIVEN_UP = "given_up", _("no values will come")

    point = models.ForeignKey(
        SupplyPoint, models.PROTECT, related_name="gaps", verbose_name=_("supply point"), db_index=False
    )
    during = DateRangeField(_("days"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField(pgettext_lazy("gap", "opened at"))
    closed_at = models.DateTimeField(pgettext_lazy("gap", "closed at"), null=True)
    assigned_to = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=pgettext_lazy("gap", "assigned to")
    )
    follow_up_on = models.DateField(_("look again on"), null=True)
    note = models.CharField(pgettext_lazy("gap", "note"), max_length=500, blank=True)

    objects = GapQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("gap"), _("gaps")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["point"], name="gaps_of_a_point"),
            models.Index(fields=["id"], condition=Q(closed_at__isnull=True), name="gaps_open"),
        ]
        constraints = [
            ExclusionConstraint(
                name="one_gap_per_point_and_day",
                expressions=[("point", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                condition=Q(state__in=["open", "given_up"]),
            ),
            models.CheckConstraint(
                condition=Q(during__startswith__isnull=False, during__endswith__isnull=False, during__isempty=False),
                name="a_gap_has_a_first_and_a_last_day",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True) | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="a_closed_gap_has_a_time",
            ),
            models.CheckConstraint(condition=~Q(state="given_up") | ~Q(note=""), name="a_gap_is_given_up_for_a_reason"),
        ]
        triggers = [pgtrigger.Protect(name="keep_what_was_missing", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.point_id} {self.during}"


class HeldDay(models.Model):
    """A day whose publication waits for hand-overs that do not get done: since when, and when it went on."""

    day = models.DateField(_("day"))
    since = models.DateTimeField(_("since"))
    last_tried_at = models.DateTimeField(_("last tried at"))
    released_at = models.DateTimeField(_("released at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("day held up"), _("days held up")
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(fields=["day"], condition=Q(released_at__isnull=True), name="a_day_is_held_up_once")
        ]

    def __str__(self) -> str:
        return f"{self.day}"
