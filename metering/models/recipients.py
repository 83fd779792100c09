"""To whom fixed usage and the other categories went, so that they can follow when another turns out to be entitled."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from metering.models.points import SupplyPoint
from metering.models.usage import Layer, Publication
from portal.models import Company


class LastRecipient(models.Model):
    """Who got what was last published of a point and day in a layer; null: nobody supplied the point that day.

    `on` is the reading day of fixed usage and the row's own day of the other categories. Daily usage has its own books
    (`OwedDay`).
    """

    layer = models.CharField(_("layer"), max_length=1, choices=Layer)
    point = models.ForeignKey(
        SupplyPoint, models.PROTECT, related_name="+", verbose_name=_("supply point"), db_index=False
    )
    on = models.DateField(_("day"))
    retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="+", verbose_name=_("retailer"), db_index=False
    )
    publication = models.ForeignKey(Publication, models.PROTECT, related_name="+", verbose_name=_("publication"))

    class Meta:
        verbose_name, verbose_name_plural = _("last recipient"), _("last recipients")
        ordering = ["point", "on"]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "on", "layer"], name="a_point_and_day_went_to_one_recipient_per_layer"
            ),
            models.CheckConstraint(condition=Q(layer__in=["F", "O"]), name="daily_usage_has_books_of_its_own"),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.layer} {self.on}"
