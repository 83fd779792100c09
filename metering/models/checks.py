"""What usage is checked for: the rules that hold from a day on, what was found, and whose checks are still owed."""

import pgtrigger
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from metering.models.points import SupplyPoint
from metering.models.supply import SupplyPeriod
from metering.models.usage import UsageBatch, UsageFile
from metering.vee import VEE, Severity
from portal.access import Ability, within
from portal.market import Area, SupplyClass
from portal.models import Company, User

CHECKS = [(code, code) for code in VEE]


class CheckRule(models.Model):
    """What a check results in and is held to from a day on, in an area and class ("" for all); rows are only added."""

    check_code = models.CharField(_("check"), max_length=3, choices=CHECKS)
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass, blank=True)
    severity = models.CharField(pgettext_lazy("check", "result"), max_length=10, choices=Severity)
    thresholds = models.JSONField(_("figures"), default=dict, blank=True)
    effective_from = models.DateField(_("in force from"))
    why = models.CharField(pgettext_lazy("check", "why"), max_length=300)
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    confirmed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("confirmed by"))
    confirmed_at = models.DateTimeField(_("confirmed at"))

    class Meta:
        verbose_name, verbose_name_plural = _("rule of a check"), _("rules of checks")
        ordering = ["check_code", "area", "supply_class", "-effective_from", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(confirmed_by=F("proposed_by")), name="a_check_rule_is_set_by_two_operators"
            ),
            models.CheckConstraint(condition=Q(check_code__in=list(VEE)), name="a_check_rule_is_about_a_known_check"),
            models.CheckConstraint(
                condition=~Q(check_code__in=[code for code, check in VEE.items() if check.must_hold])
                | Q(severity__in=[Severity.ERROR, Severity.QUARANTINE]),
                name="what_cannot_be_stored_is_always_kept_out",
            ),
            models.CheckConstraint(
                condition=Q(check_code__in=[code for code, check in VEE.items() if check.on_arrival])
                | ~Q(severity=Severity.QUARANTINE),
                name="what_is_stored_is_not_put_into_quarantine",
            ),
            models.CheckConstraint(condition=~Q(why=""), name="a_check_rule_has_a_reason"),
        ]
        triggers = [
            pgtrigger.Protect(name="check_rules_are_added_never_changed", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.check_code} {self.area} {self.supply_class} {self.effective_from}"


class CheckFindingQuerySet(models.QuerySet["CheckFinding"]):
    def visible_to(self, user: User) -> "CheckFindingQuerySet":
        """The hub sees all, a network operator its network's, a retailer those of points on days it supplied them."""
        inside = within(user, Ability.SEE_COMPLETENESS, area="area", supply_class="supply_class")
        if user.company.is_hub_operator:
            return self.filter(inside)
        supplied = SupplyPeriod.objects.filter(
            point=OuterRef("point"),
            retailer=user.company,
            known_until__isnull=True,
            during__contains=OuterRef("day"),
        )
        return self.filter(Q(network_operator=user.company) | Exists(supplied)).filter(inside)


class CheckFinding(models.Model):
    """What a check found about a point's day, or, without a point, about a file or a network's day.

    `numbers` fill the check's sentence (metering.finding_words). A finding is replaced when a later revision of the
    day was checked; it stays as evidence.
    """

    check_code = models.CharField(_("check"), max_length=3, choices=CHECKS)
    kind = models.CharField(_("kind"), max_length=20)
    severity = models.CharField(pgettext_lazy("check", "result"), max_length=10, choices=Severity)
    network_operator = models.ForeignKey(
        Company, models.PROTECT, related_name="+", verbose_name=_("network operator"), db_index=False
    )
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass, blank=True)
    point = models.ForeignKey(
        SupplyPoint, models.PROTECT, null=True, related_name="+", verbose_name=_("supply point"), db_index=False
    )
    meter = models.CharField(_("meter number"), max_length=16, blank=True)
    day = models.DateField(_("day"))
    file = models.ForeignKey(UsageFile, models.PROTECT, null=True, related_name="findings", verbose_name=_("file"))
    numbers = models.JSONField(_("figures"), default=dict)
    found_at = models.DateTimeField(_("found at"))
    replaced_at = models.DateTimeField(_("replaced at"), null=True)

    objects = CheckFindingQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("finding of a check"), _("findings of checks")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["network_operator", "-id"], name="findings_of_a_network"),
            models.Index(fields=["point", "day"], name="findings_of_a_point_and_day"),
            models.Index(fields=["day"], name="findings_by_day"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(severity=Severity.OFF), name="a_check_that_is_off_finds_nothing"),
            models.CheckConstraint(
                condition=Q(replaced_at__isnull=True) | Q(replaced_at__gte=F("found_at")),
                name="a_finding_is_replaced_after_it_was_found",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.check_code} {self.day}"


class OwedCheck(models.Model):
    """A batch whose stored days are still to be compared with history, registers and months; claimed by workers."""

    batch = models.OneToOneField(UsageBatch, models.CASCADE, related_name="owed_check", primary_key=True)
    owed_at = models.DateTimeField(_("owed since"))
    done_at = models.DateTimeField(_("done at"), null=True)
    findings = models.PositiveIntegerField(_("findings"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("check still owed"), _("checks still owed")
        ordering = ["batch"]
        indexes = [models.Index(fields=["batch"], condition=Q(done_at__isnull=True), name="checks_owed")]

    def __str__(self) -> str:
        return f"{self.batch_id}"
