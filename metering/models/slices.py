"""A big day's publication while it is being written: cut into slices that several workers take, then shown at once."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models.usage import Layer


class CutDay(models.Model):
    """What is to be published of a day, laid down before the first slice is written; gone when it is published."""

    day = models.DateField(_("day"))
    layer = models.CharField(_("layer"), max_length=1, choices=Layer)
    revision = models.PositiveSmallIntegerField(_("revision"))
    folder = models.CharField(_("folder"), max_length=120, unique=True)
    laid_out_at = models.DateTimeField(_("laid out at"))
    batches = ArrayField(models.BigIntegerField(), verbose_name=_("batches"))
    notes = ArrayField(models.BigIntegerField(), verbose_name=_("days owed"))

    class Meta:
        verbose_name, verbose_name_plural = _("day being published"), _("days being published")
        ordering = ["day"]
        constraints = [
            models.UniqueConstraint(fields=["day", "layer"], name="a_day_is_cut_once_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.layer} {self.revision:02d}"


class Slice(models.Model):
    """One area, some classes of supply, and of the retailers those whose number leaves `part` divided by `parts`.

    Whoever writes it holds the row locked; `result` (files and counts) is entered when all of it is written.
    """

    cut_day = models.ForeignKey(CutDay, models.CASCADE, related_name="slices", verbose_name=_("day being published"))
    number = models.PositiveSmallIntegerField(_("number"))
    area = models.CharField(_("area"), max_length=2)
    classes = ArrayField(models.CharField(max_length=3), verbose_name=_("classes of supply"))
    part = models.PositiveSmallIntegerField(_("part"))
    parts = models.PositiveSmallIntegerField(_("parts"))
    batches = ArrayField(models.BigIntegerField(), verbose_name=_("batches"))
    written_at = models.DateTimeField(_("slice written at"), null=True)
    result = models.JSONField(_("result"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("slice"), _("slices")
        ordering = ["cut_day", "number"]
        constraints = [
            models.UniqueConstraint(fields=["cut_day", "number"], name="a_day_has_a_slice_once_per_number"),
            models.UniqueConstraint(
                fields=["cut_day", "area", "classes", "part"], name="slices_of_a_day_do_not_overlap"
            ),
            models.CheckConstraint(condition=Q(part__lt=F("parts")), name="a_slice_is_one_of_its_parts"),
            models.CheckConstraint(
                condition=Q(written_at__isnull=True, result={}) | (Q(written_at__isnull=False) & ~Q(result={})),
                name="a_written_slice_has_its_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area} {'/'.join(self.classes)} {self.part + 1}/{self.parts}"
