"""The other categories of the catalogue: interruption discounts, generators' sorted energy, contract power results."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from metering.models.points import SupplyPoint
from metering.models.supply import SupplyPeriod
from metering.models.usage import UsageBatch
from portal.access import Ability, within
from portal.models import User


class CategoryQuerySet(models.QuerySet["CategoryRow"]):
    def visible_to(self, user: User) -> "CategoryQuerySet":
        """The hub sees every row, a network operator those of its network, a retailer those of days it supplies."""
        inside = within(user, Ability.SEE_COMPLETENESS, area="point__area", supply_class="point__supply_class")
        if user.company.is_hub_operator:
            return self.filter(inside)
        supplied = SupplyPeriod.objects.filter(
            point=OuterRef("point"), retailer=user.company, known_until__isnull=True, during__contains=OuterRef("on")
        )
        return self.filter(Q(point__network_operator=user.company) | Exists(supplied)).filter(inside)

    def newest(self) -> "CategoryQuerySet":
        """Only the rows in force: no later revision says something else of the same."""
        keys = {name: OuterRef(name) for name in ("point", *self.model.KEY)}
        later = self.model.objects.filter(**keys, revision__gt=OuterRef("revision"))
        return self.filter(~Exists(later))


class CategoryRow(models.Model):
    """What every category has: the point, the day that decides who is entitled, the file that brought it."""

    KEY: tuple[str, ...] = ("on",)

    batch = models.ForeignKey(UsageBatch, models.PROTECT, related_name="+", verbose_name=_("usage batch"))
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="+", verbose_name=_("supply point"))
    on = models.DateField(_("day"))
    revision = models.PositiveSmallIntegerField(_("revision"), default=0)

    objects = CategoryQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.point_id} {self.on}"


class Interruption(CategoryRow):
    """A supply interruption that counts towards the discount 制限中止割引 (domain notes, metering §2)."""

    KEY = ("began_at",)

    began_at = models.DateTimeField(_("from"))
    ended_at = models.DateTimeField(_("to"))
    minutes = models.PositiveIntegerField(_("minutes"))
    cause = models.CharField(_("cause"), max_length=80)
    planned = models.BooleanField(_("planned"))
    days_counted = models.PositiveSmallIntegerField(_("days counted"))

    class Meta:
        verbose_name, verbose_name_plural = _("interruption discount"), _("interruption discounts")
        ordering = ["-on", "point", "began_at", "-revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "began_at", "revision"], name="an_interruption_stands_once_per_revision"
            ),
            models.CheckConstraint(condition=Q(ended_at__gt=F("began_at")), name="an_interruption_ends_after_it_began"),
            models.CheckConstraint(condition=Q(days_counted__lte=1), name="a_day_of_interruption_counts_once"),
        ]
        triggers = [pgtrigger.Protect(name="interruptions_are_added_never_changed", operation=pgtrigger.Update)]


class SortedEnergy(CategoryRow):
    """A generator's half-hour before and after sorting 発電者の仕訳後電力量, per contract of the receiving point."""

    KEY = ("contract", "on", "slot")

    contract = models.CharField(_("contract"), max_length=30)
    slot = models.PositiveSmallIntegerField(_("half-hour"))
    wh = models.BigIntegerField(_("energy (Wh)"))
    sorted_wh = models.BigIntegerField(_("energy after sorting (Wh)"))

    class Meta:
        verbose_name, verbose_name_plural = _("generator's sorted energy"), _("generators' sorted energy")
        ordering = ["-on", "point", "contract", "slot", "-revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "contract", "on", "slot", "revision"], name="sorted_energy_stands_once_per_revision"
            ),
            models.CheckConstraint(condition=Q(slot__gte=1, slot__lte=48), name="sorted_energy_is_of_slot_1_to_48"),
            models.CheckConstraint(
                condition=Q(sorted_wh__gte=0, sorted_wh__lte=F("wh")), name="sorted_generation_is_part_of_the_whole"
            ),
        ]
        triggers = [pgtrigger.Protect(name="sorted_energy_is_added_never_changed", operation=pgtrigger.Update)]


class ContractPower(CategoryRow):
    """How a contract power came about 契約電力算定結果内訳: the month's maximum, the previous ones, the result."""

    max_demand_w = models.BigIntegerField(_("maximum demand (W)"))
    max_at = models.DateTimeField(_("maximum at"))
    previous_w = ArrayField(models.BigIntegerField(null=True), verbose_name=_("previous maxima (W)"))
    contract_w = models.BigIntegerField(_("contract power (W)"))
    from_month = models.DateField(_("from month"))

    class Meta:
        verbose_name, verbose_name_plural = _("contract power result"), _("contract power results")
        ordering = ["-on", "point", "-revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "on", "revision"], name="a_contract_power_stands_once_per_month_and_revision"
            ),
            models.CheckConstraint(
                condition=Q(on__day=1, from_month__day=1), name="contract_power_months_are_named_by_their_first_day"
            ),
            models.CheckConstraint(
                condition=Q(previous_w__len=11), name="eleven_previous_maxima_make_a_contract_power"
            ),
            models.CheckConstraint(
                condition=Q(max_demand_w__gte=0, contract_w__gte=0), name="a_contract_power_is_not_negative"
            ),
        ]
        triggers = [pgtrigger.Protect(name="contract_powers_are_added_never_changed", operation=pgtrigger.Update)]
