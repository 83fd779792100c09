"""Days whose supplier changed after they were over: what is published of them has to follow."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models.points import SupplyPoint
from metering.models.usage import Publication
from portal.models import Company


class OwedDay(models.Model):
    """A past day of a point that is now another retailer's (or nobody's), until publication has followed.

    `from_retailer` held the day before the change, `to_retailer` holds it since; null is nobody. Written with the
    change itself; `publication` is the one that carried it out, null when there was nothing to carry out.
    """

    point = models.ForeignKey(
        SupplyPoint, models.PROTECT, related_name="owed_days", verbose_name=_("supply point"), db_index=False
    )
    day = models.DateField(_("day"))
    from_retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="+", verbose_name=_("from retailer"), db_index=False
    )
    to_retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="+", verbose_name=_("to retailer"), db_index=False
    )
    cause = models.CharField(_("cause"), max_length=60, blank=True)
    known_at = models.DateTimeField(_("known at"))
    settled_at = models.DateTimeField(_("settled at"), null=True)
    publication = models.ForeignKey(
        Publication, models.PROTECT, null=True, related_name="owed_days", verbose_name=_("publication")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("day owed"), _("days owed")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["day"], condition=Q(settled_at__isnull=True), name="owed_days_to_settle"),
            models.Index(fields=["point", "day"], name="owed_days_of_a_point"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(from_retailer__isnull=True, to_retailer__isnull=True)
                & (Q(from_retailer__isnull=True) | Q(to_retailer__isnull=True) | ~Q(from_retailer=F("to_retailer"))),
                name="an_owed_day_changed_hands",
            ),
            models.CheckConstraint(
                condition=Q(publication__isnull=True) | Q(settled_at__isnull=False),
                name="an_owed_day_is_settled_by_its_publication",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="keep_what_was_owed", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="an_owed_day_is_settled_once_never_rewritten",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF (NEW.point_id, NEW.day, NEW.from_retailer_id, NEW.to_retailer_id, NEW.cause, NEW.known_at)
                       IS DISTINCT FROM
                       (OLD.point_id, OLD.day, OLD.from_retailer_id, OLD.to_retailer_id, OLD.cause, OLD.known_at)
                       OR OLD.settled_at IS NOT NULL THEN
                        RAISE EXCEPTION 'an_owed_day_is_settled_once_never_rewritten: owed day %', OLD.id
                            USING ERRCODE = 'check_violation',
                                  CONSTRAINT = 'an_owed_day_is_settled_once_never_rewritten';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.day}"
