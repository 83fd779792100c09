"""Facility data: supply points, their meters, the network operators' reading calendar."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access import Ability, within
from portal.market import Area, MarketRole, SupplyClass
from portal.models import Company, User


class SupplyPointQuerySet(models.QuerySet["SupplyPoint"]):
    def visible_to(self, user: User) -> "SupplyPointQuerySet":
        """Points the person's company supplies now or operates the network of, inside the person's areas and classes.

        An inquiry about somebody else's point goes through `inquiries`, with consent and purpose, never through here.
        """
        own = Q(network_operator=user.company) if MarketRole.NETWORK_OPERATOR in user.company.market_roles else Q()
        supplied = Q(
            pk__in=SupplyPoint.objects.filter(
                supply_periods__retailer=user.company,
                supply_periods__known_until__isnull=True,
                supply_periods__during__endswith__isnull=True,
            ).values("pk")
        )
        return self.filter(own | supplied if own else supplied).filter(
            within(user, Ability.SEE_POINTS, area="area", supply_class="supply_class")
        )


class SupplyPoint(models.Model):
    """A supply point 供給地点 (or receiving point 受電地点): place, contract with the network, equipment."""

    class ContractState(models.TextChoices):
        ENERGISED = "energised", _("energised")
        IDLE = "idle", _("idle (no contract)")
        DISCONNECTED = "disconnected", _("disconnected")
        REMOVED = "removed", _("equipment removed")

    class SizeUnit(models.TextChoices):
        KW = "kW", "kW"
        KVA = "kVA", "kVA"
        AMPERE = "A", "A"

    class CapacityMethod(models.TextChoices):
        """Capacity determination method (domain notes, switching §4)."""

        AMPERE_BREAKER = "ampere_breaker", _("ampere breaker")
        MAIN_SWITCH = "main_switch", _("main switch")
        ACTUAL_DEMAND = "actual_demand", _("actual demand")
        CONNECTED_LOAD = "connected_load", _("connected load")

    class Menu(models.TextChoices):
        LAMP = "lamp", _("lighting")
        POWER = "power", _("power")
        FLAT = "flat", _("flat rate")

    class OnTermination(models.TextChoices):
        STAYS = "stays", _("equipment stays")
        METER_REMOVED = "meter_removed", _("meter is removed")
        SERVICE_REMOVED = "service_removed", _("service line and meter are removed")

    number = models.CharField(_("supply point number"), max_length=22, unique=True)
    area = models.CharField(_("area"), max_length=2, choices=Area)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass)
    network_operator = models.ForeignKey(
        Company, models.PROTECT, related_name="network_points", verbose_name=_("network operator")
    )
    # Where it is: never part of a facility inquiry's answer.
    prefecture = models.CharField(_("prefecture"), max_length=8)
    municipality = models.CharField(_("municipality"), max_length=40)
    town = models.CharField(_("town"), max_length=60, blank=True)
    block = models.CharField(_("block and house number"), max_length=60, blank=True)
    building = models.CharField(_("building and room"), max_length=120, blank=True)
    address_key = models.CharField(max_length=300, editable=False)
    # What the network operator tells about it.
    remote_island = models.BooleanField(_("remote-island terms"), default=False)
    contract_size = models.DecimalField(_("contract size"), max_digits=8, decimal_places=1, null=True)
    contract_size_unit = models.CharField(_("unit"), max_length=3, choices=SizeUnit, default=SizeUnit.AMPERE)
    current_limit_a = models.PositiveSmallIntegerField(_("current limit (A)"), null=True)
    menu = models.CharField(_("wheeling service menu"), max_length=10, choices=Menu, default=Menu.LAMP)
    power_factor = models.PositiveSmallIntegerField(_("power factor (%)"), null=True)
    phases = models.CharField(_("supply method"), max_length=20, default="1φ3W")
    voltage_v = models.PositiveIntegerField(_("voltage (V)"), default=100)
    capacity_method = models.CharField(
        _("capacity determination method"),
        max_length=20,
        choices=CapacityMethod,
        default=CapacityMethod.AMPERE_BREAKER,
    )
    service_pole = models.CharField(_("service pole number"), max_length=30, blank=True)
    has_generation = models.BooleanField(_("generation on site"), default=False)
    last_wheeling_change = models.DateField(_("last wheeling change"), null=True)
    reading_day = models.PositiveSmallIntegerField(_("reading day group"), default=1)
    contract_state = models.CharField(
        _("contract state"), max_length=15, choices=ContractState, default=ContractState.ENERGISED
    )
    on_termination = models.CharField(
        _("on termination"), max_length=20, choices=OnTermination, default=OnTermination.STAYS
    )
    half_hourly_collectable = models.BooleanField(_("half-hourly values collectable"), default=True)
    remote_reading_possible = models.BooleanField(_("remote reading possible"), default=True)
    resolution_wh = models.PositiveIntegerField(_("resolution (Wh)"), default=10)

    objects = SupplyPointQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("supply point"), _("supply points")
        ordering = ["number"]
        indexes = [
            GinIndex(fields=["address_key"], opclasses=["gin_trgm_ops"], name="points_by_address_trigrams"),
            models.Index(fields=["address_key"], opclasses=["text_pattern_ops"], name="points_by_address_prefix"),
            models.Index(fields=["network_operator", "number"], name="points_of_a_network"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(number__regex=r"^[0-9]{22}$"), name="a_supply_point_number_has_22_digits"
            ),
            models.CheckConstraint(
                condition=Q(number__startswith=models.F("area")), name="a_point_number_begins_with_its_area"
            ),
            models.CheckConstraint(
                condition=Q(supply_class="HV", number__regex=r"^..1")
                | (~Q(supply_class="HV") & Q(number__regex=r"^..0")),
                name="the_third_digit_of_a_point_number_is_its_voltage",
            ),
            models.CheckConstraint(
                condition=Q(reading_day__gte=1, reading_day__lte=31), name="a_reading_day_group_is_1_to_31"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def address(self) -> str:
        return "".join([self.prefecture, self.municipality, self.town, self.block]) + (
            f" {self.building}" if self.building else ""
        )


class Meter(models.Model):
    """A meter at a point; several may be there, one after the other or at once."""

    class Kind(models.TextChoices):
        SMART = "smart", _("smart meter")
        INTEGRATING = "integrating", _("integrating meter")
        DEMAND = "demand", _("demand meter")

    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="meters", verbose_name=_("supply point"))
    number = models.CharField(_("meter number"), max_length=16)
    kind = models.CharField(_("kind"), max_length=15, choices=Kind, default=Kind.SMART)
    multiplier = models.PositiveIntegerField(_("multiplier"), default=1)
    installed_on = models.DateField(_("installed on"))
    removed_on = models.DateField(_("removed on"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("meter"), _("meters")
        ordering = ["point", "installed_on", "number"]
        indexes = [models.Index(fields=["number"], name="meters_by_number")]
        constraints = [
            models.UniqueConstraint(fields=["point", "number"], name="a_meter_stands_once_at_a_point"),
            models.CheckConstraint(
                condition=Q(removed_on__isnull=True) | Q(removed_on__gte=models.F("installed_on")),
                name="a_meter_is_removed_after_it_was_installed",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class ReadingDate(models.Model):
    """The reading calendar 検針日カレンダー: when each reading-day group of an area is read."""

    area = models.CharField(_("area"), max_length=2, choices=Area)
    reading_day = models.PositiveSmallIntegerField(_("reading day group"))
    day = models.DateField(_("day"))

    class Meta:
        verbose_name, verbose_name_plural = _("reading date"), _("reading calendar")
        ordering = ["area", "reading_day", "day"]
        constraints = [
            models.UniqueConstraint(fields=["area", "reading_day", "day"], name="a_reading_date_stands_once_per_group")
        ]

    def __str__(self) -> str:
        return f"{self.area} {self.reading_day} {self.day}"
