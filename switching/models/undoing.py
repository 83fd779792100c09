"""Undoing a switch: cooling-off, reversal, fraud, a point about to go dark, a retailer that leaves the market."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.access import EVERYWHERE, Ability, may, within
from portal.market import Area
from portal.models import Company, User, append_only
from switching.models.applications import Application, Match
from switching.models.relays import Relay
from switching.undo_reasons import Outcome, RefusalReason, ReversalReason
from switching.undo_states import OPEN_UNDOING, Phase, UndoKind, UndoState

OPEN = sorted(OPEN_UNDOING)
# While such a case is open the point stays with whom it is: no relay, no start, no second case. A denial of a relay
# that never became a switch holds nobody up.
HOLDING = Q(kind__in=["cooling_off", "reversal"], state__in=OPEN) | Q(kind="fraud", match__isnull=False, state__in=OPEN)


class UndoCaseQuerySet(models.QuerySet["UndoCase"]):
    def visible_to(self, user: User) -> "UndoCaseQuerySet":
        """Every case for the hub's own people; else the own company's, or those on the own network.

        A retailer's people see them with the relay role, and with the role for applications once a pair was matched.
        """
        if user.company.is_hub_operator and may(user, Ability.SEE_UNDOING):
            return self.filter(EVERYWHERE)
        where = {"area": "point__area", "supply_class": "point__supply_class"}
        party = Q(gaining_retailer=user.company) | Q(losing_retailer=user.company)
        by_role = within(user, Ability.UNDO, **where) | (
            within(user, Ability.SEE_APPLICATIONS, **where) & Q(match__isnull=False)
        )
        network = Q(point__network_operator=user.company) & within(user, Ability.STOP_SWITCH, **where)
        leaving = Q(kind=UndoKind.MARKET_EXIT, areas__network_operator=user.company)
        if may(user, Ability.STOP_SWITCH):
            network |= Q(pk__in=UndoCase.objects.filter(leaving).values("pk"))
        # What is between the retailers alone (denials, a relay ended before its match) is no matter of the network's.
        network &= ~Q(kind=UndoKind.FRAUD) & ~Q(phase=Phase.BEFORE_MATCH)
        return self.filter((party & by_role) | network)


class UndoCase(models.Model):
    """One undoing under one number: what is undone, at whose request, whose answer is wanted until when."""

    number = models.CharField(_("case number"), max_length=12, unique=True)
    kind = models.CharField(_("kind"), max_length=12, choices=UndoKind)
    phase = models.CharField(_("phase"), max_length=8, choices=Phase, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=UndoState)
    # What it is about. A market exit is about a company, not about one point.
    point = models.ForeignKey(
        SupplyPoint, models.PROTECT, null=True, related_name="undo_cases", verbose_name=_("supply point")
    )
    gaining_retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="+", verbose_name=_("gaining retailer")
    )
    losing_retailer = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("losing retailer"))
    relay = models.ForeignKey(Relay, models.PROTECT, null=True, related_name="undo_cases", verbose_name=_("relay"))
    match = models.ForeignKey(Match, models.PROTECT, null=True, related_name="undo_cases", verbose_name=_("match"))
    applications = models.ManyToManyField(
        Application, related_name="undo_cases", verbose_name=_("applications filed for it")
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="children", verbose_name=_("follows from")
    )
    # Who asked, why, who answers until when. Nobody: the hub itself.
    asked_by = models.ForeignKey(Company, models.PROTECT, null=True, related_name="+", verbose_name=_("asked for by"))
    reason = models.CharField(_("reason"), max_length=20, choices=ReversalReason, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("opened by"))
    declared_on = models.DateField(_("declared by the customer on"), null=True)
    papers_on = models.DateField(_("contract papers received on"), null=True)
    due_at = models.DateTimeField(_("answer due"), null=True)
    effective_on = models.DateField(_("effective on"), null=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)

    objects = UndoCaseQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("undoing case"), _("undoing cases")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="asked"), name="undoing_by_deadline"),
            models.Index(fields=["effective_on"], condition=Q(state__in=["going", "offered"]), name="undoing_by_day"),
            models.Index(fields=["losing_retailer", "-id"], name="undoing_of_the_losing"),
            models.Index(fields=["gaining_retailer", "-id"], name="undoing_of_the_gaining"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["point"],
                condition=HOLDING,
                name="one_open_undoing_per_point",
            ),
            models.UniqueConstraint(fields=["relay"], condition=Q(kind="fraud"), name="a_customer_denies_a_relay_once"),
            models.UniqueConstraint(
                fields=["point"],
                condition=Q(state__in=OPEN, kind="dark_point"),
                name="one_open_warning_of_darkness_per_point",
            ),
            models.UniqueConstraint(
                fields=["losing_retailer"],
                condition=Q(state__in=OPEN, kind="market_exit"),
                name="a_retailer_leaves_the_market_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(kind="market_exit", point__isnull=True, gaining_retailer__isnull=True)
                | (~Q(kind="market_exit") & Q(point__isnull=False, gaining_retailer__isnull=False)),
                name="an_undoing_is_about_a_point_or_a_leaving_retailer",
            ),
            models.CheckConstraint(
                condition=Q(kind="cooling_off", declared_on__isnull=False) & ~Q(phase="")
                | (~Q(kind="cooling_off") & Q(phase="", declared_on__isnull=True)),
                name="cooling_off_has_a_phase_and_the_customers_day",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversal") & ~Q(reason="") | (~Q(kind="reversal") & Q(reason="")),
                name="a_reversal_and_only_a_reversal_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(kind="reversal") | Q(match__isnull=False), name="a_reversal_undoes_a_match"
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, closed_at__isnull=True) | (~Q(state__in=OPEN) & Q(closed_at__isnull=False)),
                name="an_ended_undoing_has_its_hour",
            ),
            models.CheckConstraint(
                condition=~Q(state="asked") | Q(due_at__isnull=False), name="a_question_has_a_deadline"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["going", "offered"]) | Q(effective_on__isnull=False),
                name="what_waits_for_its_day_has_one",
            ),
            models.CheckConstraint(
                condition=~Q(gaining_retailer=F("losing_retailer")), name="an_undoing_is_between_two_companies"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_UNDOING

    @property
    def answering_id(self) -> int | None:
        """The company whose answer an asked case waits for."""
        if self.kind == UndoKind.COOLING_OFF:
            return self.point.network_operator_id if self.point else None
        if self.kind == UndoKind.FRAUD:
            return self.gaining_retailer_id
        if self.kind == UndoKind.REVERSAL and self.asked_by_id != self.losing_retailer_id:
            return self.losing_retailer_id
        return self.gaining_retailer_id if self.kind == UndoKind.REVERSAL else self.losing_retailer_id


class Approval(models.Model):
    """What one side said in a case, with the person and the hour; the hub operator's word is one as well."""

    class Word(models.TextChoices):
        ASKED = "asked", _("asked for it")
        AGREED = "agreed", _("agreed")
        REFUSED = "refused", _("refused")
        EVIDENCE = "evidence", _("gave its evidence of the consent")
        APPEALED = "appealed", _("brought it before the hub operator")
        UPHELD = "upheld", _("upheld")
        DISMISSED = "dismissed", _("dismissed")
        KEEPS = "keeps", _("the old contract goes on")
        ENDS = "ends", _("the old contract ends")
        DECIDED = "decided", _("decided on the supply")

    case = models.ForeignKey(UndoCase, models.PROTECT, related_name="approvals", verbose_name=_("case"))
    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    word = models.CharField(_("word"), max_length=10, choices=Word)
    reason = models.CharField(_("reason"), max_length=20, choices=RefusalReason, blank=True)
    text = models.CharField(_("in words"), max_length=400, blank=True)
    # The evidence of a consent: how and when it was given, where it lies, the hash of the recording or signature.
    channel = models.CharField(_("channel"), max_length=20, blank=True)
    given_on = models.DateField(_("given on"), null=True)
    reference = models.CharField(_("reference"), max_length=80, blank=True)
    sha256 = models.CharField(_("SHA-256 of the recording or document"), max_length=64, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("approval"), _("approvals")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["case", "company", "word"], name="a_side_says_a_word_once"),
            models.CheckConstraint(condition=~Q(word="refused") | ~Q(reason=""), name="a_refused_undoing_has_a_reason"),
            models.CheckConstraint(condition=~Q(reason="other") | ~Q(text=""), name="another_reason_is_told_in_words"),
            models.CheckConstraint(
                condition=~Q(word="evidence") | (Q(given_on__isnull=False) & ~Q(channel="") & ~Q(reference="")),
                name="evidence_says_how_when_and_where",
            ),
            models.CheckConstraint(
                condition=Q(sha256="") | Q(sha256__regex=r"^[0-9a-f]{64}$"), name="a_sha256_has_64_hex_digits"
            ),
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.case} {self.word}"


class ExitArea(models.Model):
    """One area of a market exit: the network operator that catches what is left, and the points at the beginning."""

    case = models.ForeignKey(UndoCase, models.PROTECT, related_name="areas", verbose_name=_("market exit"))
    area = models.CharField(_("area"), max_length=2, choices=Area)
    network_operator = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("network operator"))
    points_at_first = models.PositiveIntegerField(_("points at the announcement"))
    to_last_resort = models.PositiveIntegerField(_("points taken into last-resort supply"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("area of a market exit"), _("areas of a market exit")
        ordering = ["case", "area"]
        constraints = [models.UniqueConstraint(fields=["case", "area"], name="an_area_stands_once_in_a_market_exit")]

    def __str__(self) -> str:
        return f"{self.case} {self.area}"


class ExitDay(models.Model):
    """How many points were still to be moved in an area of a market exit at the beginning of a day."""

    case = models.ForeignKey(UndoCase, models.PROTECT, related_name="days", verbose_name=_("market exit"))
    area = models.CharField(_("area"), max_length=2, choices=Area)
    day = models.DateField(_("day"))
    remaining = models.PositiveIntegerField(_("points still to be moved"))
    under_way = models.PositiveIntegerField(_("of them with an accepted or matched switch"))

    class Meta:
        verbose_name, verbose_name_plural = _("day of a market exit"), _("days of a market exit")
        ordering = ["case", "day", "area"]
        constraints = [
            models.UniqueConstraint(fields=["case", "area", "day"], name="a_market_exit_is_counted_once_a_day")
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.case} {self.area} {self.day}"


class StartWarning(models.Model):
    """That an accepted relay without a switch start was warned of: once at half time, once on the last day."""

    class Stage(models.TextChoices):
        HALF = "half", _("half of the time is over")
        LAST_DAY = "last_day", _("last day")

    relay = models.ForeignKey(Relay, models.PROTECT, related_name="start_warnings", verbose_name=_("relay"))
    stage = models.CharField(_("stage"), max_length=10, choices=Stage)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("warning of a missing start"), _("warnings of missing starts")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["relay", "stage"], name="a_missing_start_is_warned_of_once_per_stage")
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.relay_id} {self.stage}"
