"""Estimates: what was put in place of half-hours nobody measured, from what, in place of what, by whom."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from metering.models.completeness import Gap
from metering.models.points import SupplyPoint
from metering.models.supply import SupplyPeriod
from metering.models.usage import UsageFile
from portal.access import Ability, within
from portal.models import User


class EstimateQuerySet(models.QuerySet["Estimate"]):
    def visible_to(self, user: User) -> "EstimateQuerySet":
        """The hub sees all, a network operator its network's, a retailer those reaching into days it supplies."""
        inside = within(user, Ability.SEE_COMPLETENESS, area="point__area", supply_class="point__supply_class")
        if user.company.is_hub_operator:
            return self.filter(inside)
        supplied = SupplyPeriod.objects.filter(
            point=models.OuterRef("point"),
            retailer=user.company,
            known_until__isnull=True,
            during__startswith__lte=models.OuterRef("last_day"),
        ).filter(Q(during__endswith__isnull=True) | Q(during__endswith__gt=models.OuterRef("first_day")))
        return self.filter(Q(point__network_operator=user.company) | models.Exists(supplied)).filter(inside)


class Estimate(models.Model):
    """One act of estimating days of a point; its values travel in `file` like any other correction.

    `inputs` says what it rests on, per run of slots: method, days of history, readings of registers. `days` holds per
    day and meter the values before and after, Wh per slot, and the quality letters.
    """

    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="estimates", verbose_name=_("supply point"))
    gap = models.ForeignKey(Gap, models.PROTECT, null=True, related_name="estimates", verbose_name=_("gap"))
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    file = models.OneToOneField(UsageFile, models.PROTECT, related_name="estimate", verbose_name=_("file"))
    inputs = models.JSONField(_("inputs"))
    days = models.JSONField(_("days"))
    slots = models.PositiveIntegerField(_("half-hours estimated"))
    reason = models.CharField(pgettext_lazy("estimate", "reason"), max_length=300)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("estimate", "by"))
    made_at = models.DateTimeField(_("made at"))

    objects = EstimateQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("estimate"), _("estimates")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="an_estimate_ends_after_it_begins"),
            models.CheckConstraint(condition=Q(slots__gt=0), name="an_estimate_estimates_something"),
            models.CheckConstraint(condition=~Q(reason=""), name="an_estimate_has_a_reason"),
        ]
        triggers = [
            pgtrigger.Protect(name="estimates_are_kept", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.first_day} {self.last_day}"
