"""Days that are no business days beyond the calendar's own."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.market import Area


class ExtraHoliday(models.Model):
    """A day that is no business day in an area beyond Saturdays, Sundays, holidays and the year's end."""

    area = models.CharField(_("area"), max_length=2, choices=Area)
    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=60)

    class Meta:
        verbose_name, verbose_name_plural = _("extra holiday"), _("extra holidays")
        ordering = ["day", "area"]
        constraints = [models.UniqueConstraint(fields=["area", "day"], name="an_extra_holiday_stands_once_per_area")]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"
