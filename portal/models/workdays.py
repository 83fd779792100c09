"""Days on which an area departs from the calendar everybody keeps."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.market import Area


class ExtraHoliday(models.Model):
    """A day on which an area departs from Saturdays, Sundays, national holidays and the year's end.

    As a rule one more closed day; `is_business_day` the other way round, for a holiday that was moved by law before the
    calendar's library knows it.
    """

    area = models.CharField(_("area"), max_length=2, choices=Area)
    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=60)
    is_business_day = models.BooleanField(
        _("a business day after all"),
        default=False,
        help_text=_("Ticked: the day is worked although it is a holiday or a weekend otherwise."),
    )

    class Meta:
        verbose_name, verbose_name_plural = _("extra holiday"), _("extra holidays")
        ordering = ["day", "area"]
        constraints = [models.UniqueConstraint(fields=["area", "day"], name="an_extra_holiday_stands_once_per_area")]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"
