"""Undoing a switch: cases listed and read, asked for from their relay, answered by whose turn it is.

What the hub operator decides is decided on its pages by people: no program holds that role.
"""

from functools import partial
from typing import Any

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal import ledger
from portal.access import Ability, within
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery, in_shape, narrowed
from portal.api.schema import operation
from portal.market import Area, SupplyClass
from portal.workdays import jst_date
from switching import cooling_off, dark_points, exits, frauds, reversals, traces, undoing
from switching.api import relays
from switching.api.common import PLACE, DeedEntries, PlaceQuery, act, code_of
from switching.forms_undoing import (
    AnswerForm,
    ContractEndForm,
    CoolingOffForm,
    EvidenceForm,
    OutcomeForm,
    ReversalForm,
    WordsForm,
)
from switching.models import Approval, Disclosure, Relay, UndoCase
from switching.undo_reasons import REVERSAL_REFUSALS, STOP_REFUSALS, Outcome, RefusalReason, ReversalReason
from switching.undo_states import UndoKind, UndoState

TAG = "undoing"


class UndoShown(serializers.Serializer):
    number = serializers.CharField()
    kind = serializers.ChoiceField(choices=UndoKind.choices)
    phase = serializers.CharField(allow_blank=True, help_text="Of a cooling-off: where the switch stood.")
    state = serializers.ChoiceField(choices=UndoState.choices)
    waits_for_you = serializers.BooleanField(help_text="It is your company's turn, within this client's roles.")
    point = serializers.CharField(allow_null=True, help_text="A market exit is about no single point.")
    supply_class = serializers.CharField(allow_null=True)
    area = serializers.CharField(allow_null=True)
    gaining_retailer = serializers.CharField(allow_null=True, help_text="Participant code.")
    losing_retailer = serializers.CharField(allow_null=True, help_text="Participant code.")
    relay = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    declared_on = serializers.DateField(allow_null=True)
    papers_on = serializers.DateField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True, help_text="When the answer is due.")
    effective_on = serializers.DateField(allow_null=True)
    outcome = serializers.CharField(allow_blank=True)
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class WordShown(serializers.Serializer):
    is_own = serializers.BooleanField()
    is_hub = serializers.BooleanField()
    company = serializers.CharField(allow_blank=True, help_text='Participant code; "" for the hub operator.')
    word = serializers.ChoiceField(choices=Approval.Word.choices)
    reason = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)
    channel = serializers.CharField(allow_blank=True)
    given_on = serializers.DateField(allow_null=True)
    reference = serializers.CharField(allow_blank=True, help_text="Of a consent's record: your own company's alone.")
    sha256 = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class FiledShown(serializers.Serializer):
    number = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField()


class ExitAreaShown(serializers.Serializer):
    area = serializers.CharField()
    retailer = serializers.CharField(help_text="Participant code of the retailer that leaves.")
    network_operator = serializers.CharField(help_text="Participant code.")
    points_at_first = serializers.IntegerField()
    remaining = serializers.IntegerField()
    under_way = serializers.IntegerField(help_text="Of them with an accepted or matched switch.")
    counted_on = serializers.DateField(allow_null=True)
    to_last_resort = serializers.IntegerField()


class UndoDetails(UndoShown):
    acts = serializers.ListField(
        child=serializers.CharField(), help_text="What this client can do now, as the last part of the address."
    )
    words = WordShown(many=True, help_text="What each side said.")
    applications = FiledShown(many=True, help_text="Filed for it.")
    related = serializers.ListField(child=serializers.CharField(), help_text="Cases it followed from or led to.")
    areas = ExitAreaShown(many=True, help_text="Of a market exit.")


class UndoQuery(PlaceQuery):
    kind = serializers.ChoiceField(choices=UndoKind.choices, required=False)
    state = serializers.ChoiceField(choices=UndoState.choices, required=False)
    waits_for_you = serializers.BooleanField(required=False, allow_null=True, default=None)
    relay = serializers.RegexField("^R[0-9]{10}$", required=False)


PATHS = {
    **PLACE,
    "kind": "kind",
    "state": "state",
    "waits_for_you": "waits_for_you",
    "relay": "relay__number",
}


def _rows(view: Endpoint) -> QuerySet[Any]:
    return (
        UndoCase.objects.visible_to(view.by)
        .annotate(
            waits_for_you=Case(
                When(undoing.waiting_for(view.by), then=Value(True)), default=Value(False), output_field=BooleanField()
            )
        )
        .select_related("point", "relay", "gaining_retailer", "losing_retailer")
        .prefetch_related("gaining_retailer__participations", "losing_retailer__participations")
    )


def _facts(case: Any) -> dict[str, Any]:
    point, area = case.point, case.point.area if case.point else ""
    return {
        **{
            name: getattr(case, name)
            for name in (
                *("number", "kind", "phase", "state", "waits_for_you", "reason", "declared_on", "papers_on", "due_at"),
                *("effective_on", "outcome", "opened_at", "closed_at"),
            )
        },
        "point": point.number if point else None,
        "supply_class": point.supply_class if point else None,
        "area": area or None,
        "gaining_retailer": code_of(case.gaining_retailer, area) if case.gaining_retailer else None,
        "losing_retailer": code_of(case.losing_retailer, area) if area else None,
        "relay": case.relay.number if case.relay else None,
    }


def _word(said: Approval, area: str, view: Endpoint) -> dict[str, Any]:
    is_own = said.company_id == view.by.company_id
    may_read = is_own or said.word != Approval.Word.EVIDENCE
    return {
        **{name: getattr(said, name) for name in ("word", "reason", "channel", "given_on", "sha256", "at")},
        "is_own": is_own,
        "is_hub": said.company.is_hub_operator,
        "company": code_of(said.company, area),
        "text": said.text if may_read else "",
        "reference": said.reference if may_read else "",
    }


def _exit_areas(case: UndoCase) -> list[dict[str, Any]]:
    newest = exits.figures(case)
    return [
        {
            "area": row.area,
            "retailer": code_of(case.losing_retailer, row.area),
            "network_operator": code_of(row.network_operator, row.area),
            "points_at_first": row.points_at_first,
            "remaining": newest[row.area].remaining if row.area in newest else row.points_at_first,
            "under_way": newest[row.area].under_way if row.area in newest else 0,
            "counted_on": newest[row.area].day if row.area in newest else None,
            "to_last_resort": row.to_last_resort,
        }
        for row in case.areas.select_related("network_operator").prefetch_related("network_operator__participations")
    ]


def shown(case: Any, view: Endpoint) -> dict[str, Any]:
    """A case with all that one of its companies may read of it."""
    area = case.point.area if case.point else ""
    said = case.approvals.select_related("company").prefetch_related("company__participations")
    related = UndoCase.objects.visible_to(view.by).filter(Q(parent=case) | Q(children=case)).order_by("pk").distinct()
    return in_shape(
        UndoDetails,
        {
            **_facts(case),
            "acts": undoing.acts_now(case, view.by, today=jst_date(view.now)),
            "words": [_word(word, area, view) for word in said],
            "applications": case.applications.order_by("pk"),
            "related": related.values_list("number", flat=True),
            "areas": _exit_areas(case) if case.kind == UndoKind.MARKET_EXIT else [],
        },
    )


class UndoCases(Endpoint):
    """Cases in which your company is a side, or that are on your network."""

    needs = {"get": Ability.SEE_UNDOING}

    @operation(_("List undoing cases"), lists=UndoShown, query=UndoQuery)
    def get(self, request: Request) -> Response:
        query = self.query(UndoQuery)
        rows = narrowed(_rows(self), query, PATHS)
        return self.page(rows, lambda case: in_shape(UndoShown, _facts(case)), query)


class OneUndoCase(Endpoint):
    """One case: what is undone, whose turn it is, what each side said, what was filed for it."""

    needs = {"get": Ability.SEE_UNDOING}

    @operation(_("Read an undoing case"), shows=UndoDetails)
    def get(self, request: Request, number: str) -> Response:
        return self.one(shown(get_object_or_404(_rows(self), number=number), self))


# --- Asked for, from its relay --------------------------------------------------------------------------------------
class _Asked(Endpoint):
    def relay(self, number: str, *, side: str = "") -> Relay:
        """The company's own relay, on one side of it. Raises Http404."""
        found: Relay = get_object_or_404(relays.visible(self), number=number)
        if side and getattr(found, f"{side}_id") != self.by.company_id:
            raise Http404
        return found

    def opened(self, case: UndoCase) -> Response:
        return self.created(shown(_rows(self).get(pk=case.pk), self), "api:undo-case", case.number)


class CoolingOffEntries(DeedEntries):
    declared_on = serializers.DateField(help_text="The day on which the customer sent or said it.")
    papers_on = serializers.DateField(
        required=False, help_text="When the contract papers came; without it the period has not begun."
    )
    text = serializers.CharField(max_length=80, required=False, allow_blank=True, help_text="Reference of your record.")


class CoolingOff(_Asked):
    """The gaining retailer passes the customer's cooling-off on; where the switch stands decides what follows."""

    needs = {"post": Ability.UNDO}

    @operation(
        _("Pass a cooling-off on"), entries=CoolingOffEntries, shows=UndoDetails, status=201, checks=True, tag=TAG
    )
    def post(self, request: Request, number: str) -> Response:
        entered, relay = self.entries(CoolingOffEntries), self.relay(number, side="gaining_retailer")
        cleaned = self.cleaned(CoolingOffForm(entered))
        return act(
            self,
            partial(cooling_off.open_case, relay_id=relay.pk, **cleaned, by=self.by, now=self.now),
            name="undoing.cooling_off",
            subject=traces.subject_of(relay),
            dry_run=entered["dry_run"],
            then=self.opened,
        )


class ReversalEntries(Entries):
    reason = serializers.ChoiceField(choices=ReversalReason.choices)
    text = serializers.CharField(max_length=400, required=False, allow_blank=True)


class Reversal(_Asked):
    """Either retailer asks that an erroneous switch be reversed; the other one answers."""

    needs = {"post": Ability.UNDO}

    @operation(_("Ask for a reversal"), entries=ReversalEntries, shows=UndoDetails, status=201, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        cleaned = self.cleaned(ReversalForm(self.entries(ReversalEntries)))
        relay = self.relay(number)
        return self.opened(reversals.ask(relay_id=relay.pk, **cleaned, by=self.by, now=self.now))


class Denial(_Asked):
    """The former retailer reports that the customer denies a switch that was carried out."""

    needs = {"post": Ability.UNDO}

    @operation(_("Report a denial"), entries=Entries, shows=UndoDetails, status=201, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        self.entries(Entries)
        relay = self.relay(number, side="losing_retailer")
        return self.opened(frauds.report(relay_id=relay.pk, by=self.by, now=self.now))


# --- Answered -------------------------------------------------------------------------------------------------------
class _Answered(Endpoint):
    def case(self, number: str, *kinds: UndoKind) -> UndoCase:
        """A visible case of one of the kinds. Raises Http404."""
        found: UndoCase = get_object_or_404(_rows(self).filter(kind__in=kinds), number=number)
        return found

    def moved(self, case: UndoCase) -> Response:
        return self.one(shown(_rows(self).get(pk=case.pk), self))


class UndoAnswerEntries(Entries):
    verdict = serializers.ChoiceField(choices=["agree", "refuse"])
    reason = serializers.ChoiceField(choices=RefusalReason.choices, required=False, help_text="Of a refusal.")
    text = serializers.CharField(max_length=400, required=False, allow_blank=True)


class UndoAnswer(_Answered):
    """The network operator answers a request to stop a switch, the other retailer one for a reversal."""

    needs = {"post": Ability.SEE_UNDOING}

    @operation(_("Answer an undoing case"), entries=UndoAnswerEntries, shows=UndoDetails, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        entered, case = self.entries(UndoAnswerEntries), self.case(number, UndoKind.COOLING_OFF, UndoKind.REVERSAL)
        if case.answering_id != self.by.company_id:
            raise Http404
        is_stop = case.kind == UndoKind.COOLING_OFF
        cleaned = self.cleaned(AnswerForm(entered, reasons=STOP_REFUSALS if is_stop else REVERSAL_REFUSALS))
        verb = cooling_off.answer if is_stop else reversals.answer
        agrees = cleaned.pop("verdict") == "agree"
        return self.moved(verb(case_id=case.pk, agrees=agrees, **cleaned, by=self.by, now=self.now))


class UndoEvidenceEntries(Entries):
    channel = serializers.ChoiceField(choices=Disclosure.Channel.choices, help_text="How the customer consented.")
    given_on = serializers.DateField()
    reference = serializers.CharField(
        max_length=80, help_text="Under which the record can be asked for; your company and the hub read it."
    )
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, help_text="Of the recording or document.")
    text = serializers.CharField(max_length=400, required=False, allow_blank=True, help_text="For the hub operator.")


class UndoEvidence(_Answered):
    """The gaining retailer gives its evidence that the customer consented; the hub operator decides."""

    needs = {"post": Ability.UNDO}

    @operation(_("Give evidence of a consent"), entries=UndoEvidenceEntries, shows=UndoDetails, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        cleaned, case = self.cleaned(EvidenceForm(self.entries(UndoEvidenceEntries))), self.case(number, UndoKind.FRAUD)
        if case.gaining_retailer_id != self.by.company_id:
            raise Http404
        evidence = frauds.Evidence(**cleaned)
        return self.moved(frauds.answer(case_id=case.pk, evidence=evidence, by=self.by, now=self.now))


class UndoWithdrawal(_Answered):
    """The side that asked takes its question back before it is answered."""

    needs = {"post": Ability.UNDO}

    @operation(_("Withdraw an undoing case"), entries=Entries, shows=UndoDetails, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        self.entries(Entries)
        case = self.case(number, UndoKind.COOLING_OFF, UndoKind.REVERSAL)
        if case.asked_by_id != self.by.company_id:
            raise Http404
        return self.moved(undoing.withdraw(case_id=case.pk, by=self.by, now=self.now))


class WordsEntries(Entries):
    text = serializers.CharField(max_length=400, help_text="Read by everybody concerned.")


class UndoAppeal(_Answered):
    """The asking side brings a refused reversal before the hub operator, once."""

    needs = {"post": Ability.UNDO}

    @operation(_("Appeal to the hub operator"), entries=WordsEntries, shows=UndoDetails, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        cleaned, case = self.cleaned(WordsForm(self.entries(WordsEntries))), self.case(number, UndoKind.REVERSAL)
        if case.asked_by_id != self.by.company_id:
            raise Http404
        return self.moved(reversals.appeal(case_id=case.pk, **cleaned, by=self.by, now=self.now))


class ContractEntries(Entries):
    verdict = serializers.ChoiceField(choices=["keep", "end"])
    ends_on = serializers.DateField(required=False, help_text="Of an end: the first day without your contract.")
    text = serializers.CharField(max_length=400, required=False, allow_blank=True)


class UndoContract(_Answered):
    """The losing retailer says whether its contract goes on although no start came."""

    needs = {"post": Ability.UNDO}

    @operation(_("Say whether the contract goes on"), entries=ContractEntries, shows=UndoDetails, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        cleaned = self.cleaned(ContractEndForm(self.entries(ContractEntries)))
        case = self.case(number, UndoKind.DARK_POINT)
        if case.losing_retailer_id != self.by.company_id:
            raise Http404
        del cleaned["verdict"]
        return self.moved(dark_points.answer(case_id=case.pk, **cleaned, by=self.by, now=self.now))


class LastResortEntries(Entries):
    outcome = serializers.ChoiceField(choices=[Outcome.LAST_RESORT, Outcome.NO_SUPPLY])
    text = serializers.CharField(
        max_length=400, required=False, allow_blank=True, help_text="Without supply: when and how it was declined."
    )


class LastResort(_Answered):
    """The network operator keeps what the customer answered to the offer of last-resort supply."""

    needs = {"post": Ability.STOP_SWITCH}

    @operation(_("Keep the customer's answer"), entries=LastResortEntries, shows=UndoDetails, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        cleaned = self.cleaned(OutcomeForm(self.entries(LastResortEntries)))
        case = self.case(number, UndoKind.DARK_POINT)
        return self.moved(dark_points.decide(case_id=case.pk, **cleaned, by=self.by, now=self.now))


# --- Market exits ---------------------------------------------------------------------------------------------------
class RemainingShown(serializers.Serializer):
    point = serializers.CharField(source="number")
    supply_class = serializers.CharField()
    area = serializers.CharField()
    reading_day = serializers.IntegerField(allow_null=True)
    is_under_way = serializers.BooleanField(help_text="A switch is accepted or matched.")


class RemainingQuery(PageQuery):
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices, required=False)
    is_under_way = serializers.BooleanField(required=False, allow_null=True, default=None)


class ExitPoints(Endpoint):
    """The points of a market exit still to be moved: the leaving retailer's own, or those on your network."""

    needs = {"get": Ability.SEE_UNDOING}

    @operation(_("List the points still to be moved"), lists=RemainingShown, query=RemainingQuery, tag=TAG)
    def get(self, request: Request, number: str) -> Response:
        query = self.query(RemainingQuery)
        case = get_object_or_404(_rows(self).filter(kind=UndoKind.MARKET_EXIT), number=number)
        is_leaving = case.losing_retailer_id == self.by.company_id
        rows = exits.remaining(case)
        if not is_leaving:
            rows = rows.filter(network_operator=self.by.company)
        ability = Ability.UNDO if is_leaving else Ability.STOP_SWITCH
        rows = rows.filter(within(self.by, ability, area="area", supply_class="supply_class"))
        ledger.record(
            "undoing.remaining", traces.subject_of(case), by=self.by, now=self.now, purpose="points still to be moved"
        )
        rows = narrowed(rows, query, {name: name for name in ("area", "supply_class", "is_under_way")})
        return self.page(rows, RemainingShown, query, key="number", is_descending=False)
