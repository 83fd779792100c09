"""What meters' registers showed: the sums half-hours are held to."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from metering.models.points import SupplyPoint
from metering.models.usage import UsageFile


class RegisterReading(models.Model):
    """A register reading of one meter; a correction is a higher revision, rows are only added.

    A regular reading is the register at 00:00 of its day. On the day of an exchange the meter taken away has a last
    reading and the one put up a first one, so that the day's rows of both can be held to their registers.
    """

    class Kind(models.TextChoices):
        REGULAR = "regular", _("at 00:00 of the day")
        PUT_UP = "put_up", _("first one of a meter put up that day")
        TAKEN_AWAY = "taken_away", _("last one of a meter taken away that day")

    point = models.ForeignKey(
        SupplyPoint, models.PROTECT, related_name="register_readings", verbose_name=_("supply point"), db_index=False
    )
    meter = models.CharField(_("meter number"), max_length=16, blank=True)
    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.REGULAR)
    revision = models.PositiveSmallIntegerField(_("revision"), default=0)
    wh = models.BigIntegerField(_("reading (Wh)"))
    file = models.ForeignKey(UsageFile, models.PROTECT, null=True, related_name="+", verbose_name=_("file"))
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        verbose_name, verbose_name_plural = _("register reading"), _("register readings")
        ordering = ["point", "meter", "day", "kind", "revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "meter", "day", "kind", "revision"],
                name="a_register_is_read_once_per_meter_day_kind_and_revision",
            ),
            models.CheckConstraint(condition=Q(wh__gte=0), name="a_register_never_shows_less_than_zero"),
        ]
        triggers = [pgtrigger.Protect(name="readings_are_added_never_changed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.point_id} {self.meter} {self.day}"
