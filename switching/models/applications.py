"""Applications to the network operator 託送異動申込 and the match of a start with a termination."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, User
from switching.models.relays import Relay
from switching.states import OPEN_APPLICATIONS, ApplicationState


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, user: User) -> "ApplicationQuerySet":
        """The own company's applications, or those on the own network; inside the person's areas and classes."""
        return self.filter(Q(retailer=user.company) | Q(point__network_operator=user.company)).filter(
            within(user, Ability.SEE_APPLICATIONS, area="point__area", supply_class="point__supply_class")
        )


class Match(models.Model):
    """A start paired with a termination, frozen for both; at 00:00 JST of `switch_date` the point changes hands."""

    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="matches", verbose_name=_("supply point"))
    matched_at = models.DateTimeField(_("matched at"))
    switch_date = models.DateField(_("switch date"))
    handed_over_at = models.DateTimeField(_("handed over at"), null=True)
    stuck_because = models.CharField(_("stuck because"), max_length=200, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("match"), _("matches")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["switch_date"],
                condition=Q(handed_over_at__isnull=True, stuck_because=""),
                name="matches_to_hand_over",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["point"],
                condition=Q(handed_over_at__isnull=True),
                name="one_match_at_a_time_per_point",
            )
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.switch_date}"


class Application(models.Model):
    """What a retailer asks of the network operator for a point: here a switch start or a switch termination."""

    class Kind(models.TextChoices):
        SWITCH_START = "switch_start", _("switch start")
        SWITCH_TERMINATION = "switch_termination", _("switch termination")

    number = models.CharField(_("application number"), max_length=12, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="applications", verbose_name=_("supply point"))
    retailer = models.ForeignKey(Company, models.PROTECT, related_name="applications", verbose_name=_("retailer"))
    relay = models.ForeignKey(
        Relay, models.PROTECT, null=True, related_name="applications", verbose_name=_("cancellation relay")
    )
    desired_date = models.DateField(_("desired date"))
    matching_deadline = models.DateField(_("matching cut-off"))
    meter_work = models.BooleanField(_("meter work needed"), default=False)
    # The new contract a start brings; empty on a termination.
    contract_number = models.CharField(_("new contract number"), max_length=40, blank=True)
    holder_name = models.CharField(_("contract holder"), max_length=80, blank=True)
    holder_kana = models.CharField(_("contract holder (kana)"), max_length=120, blank=True)
    holder_address = models.CharField(_("address"), max_length=250, blank=True)
    # Where it stands.
    state = models.CharField(_("state"), max_length=10, choices=ApplicationState, default=ApplicationState.WAITING)
    match = models.ForeignKey(Match, models.PROTECT, null=True, related_name="applications", verbose_name=_("match"))
    filed_at = models.DateTimeField(_("filed at"))
    filed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("filed by"))
    in_effect_on = models.DateField(_("supply started or ended on"), null=True)
    completed_at = models.DateTimeField(_("paperwork completed at"), null=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("application"), _("applications")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["point", "desired_date"], condition=Q(state="waiting"), name="applications_to_match"),
            models.Index(fields=["matching_deadline"], condition=Q(state="waiting"), name="applications_by_cut_off"),
            models.Index(fields=["retailer", "-id"], name="applications_of_a_retailer"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["point", "kind"],
                condition=Q(state__in=sorted(OPEN_APPLICATIONS)),
                name="one_open_application_per_point_and_kind",
            ),
            models.UniqueConstraint(fields=["match", "kind"], name="a_match_is_one_start_and_one_termination"),
            models.CheckConstraint(
                condition=Q(state__in=["matched", "in_effect", "completed"], match__isnull=False)
                | Q(state__in=["waiting", "unmatched", "cancelled"], match__isnull=True),
                name="an_application_is_matched_when_its_state_says_so",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["in_effect", "completed"], in_effect_on__isnull=False)
                | (~Q(state__in=["in_effect", "completed"]) & Q(in_effect_on__isnull=True)),
                name="supply_started_is_a_dated_fact",
            ),
            models.CheckConstraint(
                condition=Q(state="completed", completed_at__isnull=False)
                | (~Q(state="completed") & Q(completed_at__isnull=True)),
                name="paperwork_completed_is_a_dated_fact",
            ),
            models.CheckConstraint(
                condition=Q(kind="switch_start") & ~Q(contract_number="") & ~Q(holder_name="")
                | Q(kind="switch_termination", relay__isnull=False),
                name="a_start_brings_a_contract_and_a_termination_a_relay",
            ),
            models.CheckConstraint(
                condition=Q(matching_deadline__lt=F("desired_date")),
                name="matching_ends_before_the_desired_date",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_start(self) -> bool:
        return self.kind == self.Kind.SWITCH_START

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_APPLICATIONS
