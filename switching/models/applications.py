"""Applications to the network operator 託送異動申込 and the match of a start with a termination."""

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, User
from switching.models.relays import Relay
from switching.states import BEFORE_MATCH, OPEN_APPLICATIONS, ApplicationState

SWITCHES = ("switch_start", "switch_termination")
MATCHED = ("matched", "scheduled", "in_effect", "completed")


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, user: User) -> "ApplicationQuerySet":
        """The own company's applications, or those on the own network; inside the person's areas and classes.

        A draft is its own company's alone.
        """
        on_own_network = Q(point__network_operator=user.company) & ~Q(state=ApplicationState.DRAFT)
        return self.filter(Q(retailer=user.company) | on_own_network).filter(
            within(user, Ability.SEE_APPLICATIONS, area="point__area", supply_class="point__supply_class")
        )


class Match(models.Model):
    """A start paired with a termination, frozen for both; at 00:00 JST of `switch_date` the point changes hands."""

    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="matches", verbose_name=_("supply point"))
    matched_at = models.DateTimeField(_("matched at"))
    switch_date = models.DateField(_("switch date"))
    actual_date = models.DateField(
        _("really changed hands on"), null=True, help_text=_("Where the network operator reported another day.")
    )
    handed_over_at = models.DateTimeField(_("handed over at"), null=True)
    stuck_because = models.CharField(_("stuck because"), max_length=200, blank=True)
    dissolved_at = models.DateTimeField(_("dissolved at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("match"), _("matches")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["switch_date"],
                condition=Q(handed_over_at__isnull=True, dissolved_at__isnull=True, stuck_because=""),
                name="matches_to_hand_over",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["point"],
                condition=Q(handed_over_at__isnull=True, dissolved_at__isnull=True),
                name="one_match_at_a_time_per_point",
            ),
            models.CheckConstraint(
                condition=Q(handed_over_at__isnull=True) | Q(dissolved_at__isnull=True),
                name="what_was_handed_over_is_not_dissolved",
            ),
            models.CheckConstraint(
                condition=Q(actual_date__isnull=True) | Q(handed_over_at__isnull=False),
                name="only_what_was_handed_over_has_an_actual_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.point_id} {self.switch_date}"

    @property
    def changed_on(self) -> date:
        """The day on which the point changes hands, or really did."""
        return self.actual_date or self.switch_date


class Application(models.Model):
    """What a retailer asks of the network operator for a point; what each kind asks for stands in `switching.kinds`."""

    class Kind(models.TextChoices):
        SWITCH_START = "switch_start", _("switch start")
        SWITCH_TERMINATION = "switch_termination", _("switch termination")
        RECONNECTION = "reconnection", _("reconnection")
        TERMINATION = "termination", _("termination")
        AMPERE_CHANGE = "ampere_change", _("ampere change")
        CONSUMER_CHANGE = "consumer_change", _("consumer data change")

    class Ampere(models.IntegerChoices):
        """The sizes of an ampere breaker (domain notes, switching §3)."""

        A10 = 10, "10 A"
        A15 = 15, "15 A"
        A20 = 20, "20 A"
        A30 = 30, "30 A"
        A40 = 40, "40 A"
        A50 = 50, "50 A"
        A60 = 60, "60 A"

    class Change(models.TextChoices):
        """What a consumer data change is about; only a new holder makes the holder's time begin anew."""

        CORRECTION = "correction", _("the data was recorded wrongly")
        NEW_NAME = "new_name", _("the holder has a new name or address")
        NEW_HOLDER = "new_holder", _("somebody else becomes the holder")

    number = models.CharField(_("application number"), max_length=12, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="applications", verbose_name=_("supply point"))
    retailer = models.ForeignKey(Company, models.PROTECT, related_name="applications", verbose_name=_("retailer"))
    relay = models.ForeignKey(
        Relay, models.PROTECT, null=True, related_name="applications", verbose_name=_("cancellation relay")
    )
    desired_date = models.DateField(_("desired date"))
    matching_deadline = models.DateField(_("matching cut-off"), null=True)
    meter_work = models.BooleanField(_("meter work needed"), default=False)
    # The contract a start or a reconnection brings, or the holder's data as it is to be.
    contract_number = models.CharField(_("new contract number"), max_length=40, blank=True)
    holder_name = models.CharField(_("contract holder"), max_length=80, blank=True)
    holder_kana = models.CharField(_("contract holder (kana)"), max_length=120, blank=True)
    holder_address = models.CharField(_("address"), max_length=250, blank=True)
    # What the point is to be like.
    ampere = models.PositiveSmallIntegerField(_("new ampere"), null=True, choices=Ampere)
    capacity_method = models.CharField(
        _("new capacity determination method"), max_length=20, blank=True, choices=SupplyPoint.CapacityMethod
    )
    contract_size = models.DecimalField(_("new contract size"), max_digits=8, decimal_places=1, null=True)
    contract_size_unit = models.CharField(_("unit"), max_length=3, blank=True, choices=SupplyPoint.SizeUnit)
    removal = models.BooleanField(_("equipment is removed"), default=False)
    details = models.JSONField(_("details"), default=dict, blank=True)
    # Where it stands.
    state = models.CharField(_("state"), max_length=10, choices=ApplicationState, default=ApplicationState.WAITING)
    match = models.ForeignKey(Match, models.PROTECT, null=True, related_name="applications", verbose_name=_("match"))
    filed_at = models.DateTimeField(_("filed at"))
    filed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("filed by"))
    # The network operator's answer, where it was asked for one: since when it is waited for and by when it is due.
    submitted_at = models.DateTimeField(_("submitted at"), null=True)
    answer_due_at = models.DateTimeField(_("answer due"), null=True)
    answer_remind_at = models.DateTimeField(_("next reminder"), null=True)
    planned_on = models.DateField(_("takes effect on"), null=True)
    stuck_because = models.CharField(_("stuck because"), max_length=200, blank=True)
    in_effect_on = models.DateField(_("in effect since"), null=True)
    completed_at = models.DateTimeField(_("paperwork completed at"), null=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("application"), _("applications")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["point", "desired_date"], condition=Q(state="waiting"), name="applications_to_match"),
            models.Index(
                fields=["matching_deadline"],
                condition=Q(state__in=sorted(BEFORE_MATCH)),
                name="applications_by_cut_off",
            ),
            models.Index(
                fields=["planned_on"],
                condition=Q(state__in=["accepted", "scheduled"], match__isnull=True, stuck_because=""),
                name="applications_to_take_effect",
            ),
            models.Index(fields=["answer_due_at"], condition=Q(state="submitted"), name="applications_by_answer_due"),
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
                condition=Q(kind__in=SWITCHES, state__in=MATCHED, match__isnull=False)
                | Q(state="cancelled", kind__in=SWITCHES)
                | (Q(match__isnull=True) & ~(Q(kind__in=SWITCHES) & Q(state__in=MATCHED)) & ~Q(state="matched")),
                name="an_application_is_matched_when_its_state_says_so",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=SWITCHES, matching_deadline__isnull=False)
                | (~Q(kind__in=SWITCHES) & Q(matching_deadline__isnull=True) & ~Q(state__in=["waiting", "unmatched"])),
                name="a_switch_and_nothing_else_waits_for_a_counterpart",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=SWITCHES, planned_on__isnull=True)
                | (~Q(kind__in=SWITCHES) & (~Q(state__in=["accepted", *MATCHED]) | Q(planned_on__isnull=False))),
                name="what_is_accepted_has_a_day_on_which_it_takes_effect",
            ),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(submitted_at__isnull=False, answer_due_at__isnull=False),
                name="what_is_submitted_has_a_time_for_its_answer",
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
                condition=(
                    ~Q(kind__in=["switch_start", "reconnection"]) | (~Q(contract_number="") & ~Q(holder_name=""))
                )
                & (~Q(kind="switch_termination") | Q(relay__isnull=False)),
                name="a_start_brings_a_contract_and_a_termination_a_relay",
            ),
            models.CheckConstraint(
                condition=~Q(kind="consumer_change") | ~Q(holder_name=""),
                name="a_consumer_change_names_the_holder",
            ),
            models.CheckConstraint(
                condition=(~Q(kind="ampere_change") | Q(ampere__isnull=False))
                & (Q(ampere__isnull=True) | Q(ampere__in=[10, 15, 20, 30, 40, 50, 60])),
                name="an_ampere_change_names_one_of_the_seven_sizes",
            ),
            models.CheckConstraint(
                condition=Q(removal=False) | Q(kind="termination"),
                name="only_a_termination_removes_equipment",
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
    def is_switch(self) -> bool:
        """One of the two kinds that are paired with one another."""
        return self.kind in SWITCHES

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_APPLICATIONS

    @property
    def effective_on(self) -> date:
        """The day on which it took, takes or is wished to take effect, as far as that is known."""
        return (
            self.in_effect_on or (self.match.changed_on if self.match else None) or self.planned_on
            or self.desired_date
        )  # fmt: skip
