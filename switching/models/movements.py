"""Movement information 動静情報: a switch a retailer plans, told to the network operator before it can be filed."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, User


class MovementQuerySet(models.QuerySet["Movement"]):
    def visible_to(self, user: User) -> "MovementQuerySet":
        """The own company's plans, and those for points on the own network, inside the person's areas and classes."""
        inside = within(user, Ability.SEE_APPLICATIONS, area="point__area", supply_class="point__supply_class")
        return self.filter(inside, Q(company=user.company_id) | Q(point__network_operator=user.company_id))


class Movement(models.Model):
    """What a retailer plans on a point and for when; a plan told anew ends the one before."""

    class Kind(models.TextChoices):
        SWITCH = "switch", _("switch to us")
        RECONNECTION = "reconnection", _("reconnection")
        AMPERE_CHANGE = "ampere_change", _("ampere change")

    class Ending(models.TextChoices):
        REPLACED = "replaced", _("told anew")
        WITHDRAWN = "withdrawn", _("withdrawn")

    company = models.ForeignKey(Company, models.PROTECT, related_name="movements", verbose_name=_("retailer"))
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="movements", verbose_name=_("supply point"))
    kind = models.CharField(_("kind"), max_length=15, choices=Kind)
    wished_on = models.DateField(_("wished date"))
    meter_work = models.BooleanField(_("meter work expected"))
    earliest_on = models.DateField(_("earliest date by the lead time"))
    reference = models.CharField(_("your own reference"), max_length=60, blank=True)
    announced_at = models.DateTimeField(_("announced at"))
    announced_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("announced by"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    ending = models.CharField(_("ended because"), max_length=10, choices=Ending, blank=True)

    objects = MovementQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("planned movement"), _("planned movements")
        ordering = ["-id"]
        indexes = [models.Index(fields=["wished_on"], condition=Q(ended_at__isnull=True), name="movements_by_day")]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "point"],
                condition=Q(ended_at__isnull=True),
                name="a_company_plans_one_movement_per_point",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ending="") | (Q(ended_at__isnull=False) & ~Q(ending="")),
                name="an_ended_plan_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind} {self.wished_on}"
