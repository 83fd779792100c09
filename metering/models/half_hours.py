"""Preliminary half-hours: what trickles in every thirty minutes, kept as it came and never rewritten."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models.usage import UsageBatch


class SlotSegment(models.Model):
    """One half-hour of up to 1,024 points, sorted by point and meter (decision 20); segments are only ever added.

    `points` holds the steps from `first_point` on, `packed` the values, both laid out by `metering.halfhours`; of a
    point that stands in several segments the one of the newest file counts (`metering.slots`).
    """

    batch = models.ForeignKey(UsageBatch, models.PROTECT, related_name="segments", verbose_name=_("usage batch"))
    day = models.DateField(_("day"))
    slot = models.PositiveSmallIntegerField(_("half-hour"))
    first_point = models.BigIntegerField()
    last_point = models.BigIntegerField()
    rows = models.PositiveSmallIntegerField(_("rows"))
    points = models.BinaryField()
    packed = models.BinaryField()
    meters = ArrayField(models.CharField(max_length=16), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("segment of half-hours"), _("segments of half-hours")
        indexes = [models.Index(fields=["day", "slot", "first_point"], name="segments_of_a_half_hour")]
        constraints = [
            models.CheckConstraint(condition=Q(slot__gte=1, slot__lte=48), name="a_segment_is_of_slot_1_to_48"),
            models.CheckConstraint(
                condition=Q(rows__gte=1, first_point__lte=F("last_point")), name="a_segment_holds_points"
            ),
        ]
        triggers = [pgtrigger.Protect(name="half_hours_are_added_never_changed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.day} {self.slot} {self.first_point}"
