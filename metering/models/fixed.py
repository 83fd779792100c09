"""What messages of family W5 say of a point: its fixed month, an exchange of its meter, an off-cycle reading."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models.points import SupplyPoint
from metering.models.usage import UsageBatch


class FixedRow(models.Model):
    """One point and meter of a W5 file, kept whole; a correction is a higher revision, nothing is changed.

    `whole` and `sorted` hold 48 slots of each of `days`, one after the other, laid out by `metering.halfhours`; `rest`
    what the message says besides, unknown tags included, so that it can be written again as it stood.
    """

    class Kind(models.TextChoices):
        FIXED = "12", _("fixed monthly usage")
        EXCHANGE = "13", _("meter exchange")
        OFF_CYCLE = "14", _("off-cycle reading")

    batch = models.ForeignKey(UsageBatch, models.PROTECT, related_name="fixed_rows", verbose_name=_("usage batch"))
    kind = models.CharField(_("kind"), max_length=2, choices=Kind)
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="fixed_rows", verbose_name=_("supply point"))
    meter = models.CharField(_("meter number"), max_length=16, blank=True)
    read_on = models.DateField(_("read on"))
    revision = models.PositiveSmallIntegerField(_("revision"), default=0)
    month = models.DateField(_("month"), null=True)
    provided = models.BooleanField(_("provided"), default=True)
    wh = models.BigIntegerField(_("usage (Wh)"), null=True)
    sorted_wh = models.BigIntegerField(_("usage after sorting (Wh)"), null=True)
    max_demand_w = models.BigIntegerField(_("maximum demand (W)"), null=True)
    days = ArrayField(models.DateField(), default=list)
    whole = models.BinaryField(default=b"")
    sorted = models.BinaryField(null=True)
    rest = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name, verbose_name_plural = _("row of a W5 file"), _("rows of W5 files")
        ordering = ["point", "read_on", "meter", "revision"]
        indexes = [models.Index(fields=["point", "month"], name="fixed_rows_of_a_month")]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "kind", "read_on", "meter", "revision"], name="a_fixed_row_stands_once_per_revision"
            ),
            models.CheckConstraint(
                condition=~Q(kind="12") | Q(month__isnull=False), name="a_fixed_amount_is_of_a_month"
            ),
            models.CheckConstraint(
                condition=Q(month__isnull=True) | Q(month__day=1), name="a_fixed_month_is_named_by_its_first_day"
            ),
            models.CheckConstraint(
                condition=Q(wh__isnull=True) | Q(sorted_wh__isnull=True) | Q(sorted_wh__lte=F("wh")),
                name="sorted_energy_is_part_of_the_whole",
            ),
        ]
        triggers = [pgtrigger.Protect(name="fixed_rows_are_added_never_changed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.point_id} {self.kind} {self.read_on}"
