"""The cancellation relay: registered, listed, read, judged, withdrawn, talked about; as on the pages.

Against win-back selling a received relay's list carries the case and never the customer; what the identity check needs
stands at the judgement alone, where every read is kept in the ledger (domain notes, switching §5).
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery, in_shape, narrowed
from portal.api.schema import operation
from portal.models import Company, Participation
from portal.workdays import jst_date
from switching import disclosures, filings, registration_queue, relays, sights, threads, traces
from switching.api.common import WISH, DeedEntries, WishQuery, act, asked_point, by_code, checked
from switching.forms import RejectForm, RelayForm
from switching.models import Application, QueuedRegistration, Relay, RelayMessage
from switching.reasons import Reason
from switching.states import RelayState


class RelayEntries(Entries):
    point = serializers.CharField(max_length=80, help_text="Supply point number your company has inquired about.")
    losing_retailer = serializers.CharField(max_length=5, help_text="Participant code of the present retailer.")
    contract_number = serializers.CharField(max_length=40)
    holder_name = serializers.CharField(max_length=80)
    holder_kana = serializers.CharField(max_length=120)
    holder_address = serializers.CharField(max_length=250)
    desired_date = serializers.DateField()
    contact_person = serializers.CharField(max_length=60)
    dry_run = serializers.BooleanField(default=False, help_text="Ask every rule and register nothing.")


class RelayShown(serializers.Serializer):
    number = serializers.CharField()
    side = serializers.CharField(help_text="`gaining` or `losing`: your company's.")
    state = serializers.ChoiceField(choices=RelayState.choices, help_text="As the codes of the trade.")
    supply_class = serializers.CharField()
    area = serializers.CharField()
    gaining_retailer = serializers.CharField(help_text="Participant code.")
    losing_retailer = serializers.CharField(help_text="Participant code.")
    desired_date = serializers.DateField()
    registered_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(help_text="When the judgement is due.")
    judged_at = serializers.DateTimeField(allow_null=True)
    judged_by_policy = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.IntegerField())
    reason_text = serializers.CharField(allow_blank=True)
    termination_due_at = serializers.DateTimeField(allow_null=True)
    point = serializers.CharField(allow_null=True, help_text="Not told in lists of received relays.")
    applications = serializers.ListField(child=serializers.CharField(), help_text="Your own, by number.")


class QueuedShown(serializers.Serializer):
    """What came over the day's quota and waits for its turn."""

    queue_number = serializers.CharField()
    point = serializers.CharField()
    entered_at = serializers.DateTimeField()


class RelayQuery(WishQuery):
    side = serializers.ChoiceField(choices=["gaining", "losing"], required=False)
    state = serializers.ChoiceField(choices=RelayState.choices, required=False)
    other_wrote_last = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="true: those whose last message is the other retailer's, a question to answer or an answer to read.",
    )


SHOWN = (
    *("number", "state", "desired_date", "registered_at", "due_at", "judged_at", "judged_by_policy"),
    *("reasons", "reason_text", "termination_due_at"),
)
IN_LIST = (
    *SHOWN,
    *("gaining_retailer", "losing_retailer", "point__number", "point__area", "point__supply_class"),
)
"""The columns a list reads: a received relay's list carries the case and never the customer."""
OWN_APPLICATIONS = Prefetch("applications", Application.objects.only("number", "relay", "retailer").order_by("number"))


def visible(view: Endpoint) -> QuerySet[Relay]:
    """Relays the caller may see."""
    return Relay.objects.visible_to(view.by).select_related("point").prefetch_related(OWN_APPLICATIONS)


def shown(relay: Relay, company: Company) -> dict[str, Any]:
    """A relay as one of its two companies may see it."""
    return _said(relay, company, codes_of([relay]))


def codes_of(relays: Collection[Relay]) -> dict[tuple[int, str], str]:
    """The participant codes of the relays' companies in their areas, by company and area; one query."""
    companies = {pk for relay in relays for pk in (relay.gaining_retailer_id, relay.losing_retailer_id)}
    found = Participation.objects.filter(company__in=companies, area__in={relay.point.area for relay in relays})
    codes: dict[tuple[int, str], str] = {}
    for company_id, area, code in found.values_list("company_id", "area", "code"):
        codes.setdefault((company_id, area), code)
    return codes


def _said(
    relay: Relay, company: Company, codes: Mapping[tuple[int, str], str], *, in_list: bool = False
) -> dict[str, Any]:
    is_losing = relay.losing_retailer_id == company.pk
    area = relay.point.area
    own = [found.number for found in relay.applications.all() if found.retailer_id == company.pk]
    return in_shape(
        RelayShown,
        {
            **{name: getattr(relay, name) for name in SHOWN},
            "side": "losing" if is_losing else "gaining",
            "supply_class": relay.point.supply_class,
            "area": area,
            "gaining_retailer": codes.get((relay.gaining_retailer_id, area), ""),
            "losing_retailer": codes.get((relay.losing_retailer_id, area), ""),
            "point": None if in_list and is_losing else relay.point.number,
            "applications": [] if in_list and is_losing else sorted(own),
        },
    )


class Relays(Endpoint):
    """Relays your company sent or has to judge; and registering one."""

    needs = {"get": Ability.SEE_RELAYS, "post": Ability.REGISTER_RELAY}

    @operation(_("List relays"), lists=RelayShown, query=RelayQuery)
    def get(self, request: Request) -> Response:
        query = self.query(RelayQuery)
        rows, company = visible(self).only(*IN_LIST), self.by.company
        if side := query.get("side"):
            rows = rows.filter(**{f"{side}_retailer": company})
        if (wanted := query["other_wrote_last"]) is not None:
            rows = threads.other_wrote_last(rows, company.pk, wanted=wanted)
        rows = narrowed(rows, query, {**WISH, "state": "state"})

        def told(found: list[Relay]) -> list[Any]:
            codes = codes_of(found)
            return [_said(relay, company, codes, in_list=True) for relay in found]

        return self.page(rows, told, query, at_once=True)

    @operation(
        _("Register a relay"),
        entries=RelayEntries,
        shows=RelayShown,
        status=201,
        checks=True,
        also={202: QueuedShown},
        example={
            "point": "0300000000000000000001",
            "losing_retailer": "UM1E3",
            "contract_number": "U-1234-5678-90",
            "holder_name": "山田 太郎",
            "holder_kana": "ヤマダ タロウ",
            "holder_address": "東京都世田谷区粕谷四丁目8-1",
            "desired_date": "2026-04-20",
            "contact_person": "空 花子",
            "dry_run": True,
        },
    )
    def post(self, request: Request) -> Response:
        entered = self.entries(RelayEntries)
        point = asked_point(entered["point"], self.by, Ability.REGISTER_RELAY)
        losing = by_code(entered["losing_retailer"], point.area, field="losing_retailer")
        everybody = Company.objects.filter(pk=losing.pk)
        form = RelayForm({**entered, "losing_retailer": losing.pk}, retailers=everybody)
        cleaned = self.cleaned(form)
        disclosure = disclosures.usable(point, user=self.by, today=jst_date(self.now))
        if disclosure is None:
            raise relays.DisclosureMissing
        wanted = relays.Request(point=point, disclosure=disclosure, **cleaned)
        if entered["dry_run"]:
            return checked(
                self,
                lambda: registration_queue.register_relay(wanted, by=self.by, now=self.now, dry_run=True),
                name="relay.register",
                subject=f"supply point {point.number}",
            )
        made = registration_queue.register_relay(wanted, by=self.by, now=self.now)
        if isinstance(made, QueuedRegistration):
            said = {"queue_number": made.number, "point": point.number, "entered_at": made.entered_at}
            return Response(QueuedShown(said).data, status=202)
        return self.created(shown(visible(self).get(pk=made.pk), self.by.company), "api:relay", made.number)


class OneRelay(Endpoint):
    """One relay for either side; the losing retailer's first look is noted."""

    needs = {"get": Ability.SEE_RELAYS}

    @operation(_("Read a relay"), shows=RelayShown)
    def get(self, request: Request, number: str) -> Response:
        relay = get_object_or_404(visible(self), number=number)
        if sights.note(relay, by=self.by, now=self.now):
            relay = visible(self).get(pk=relay.pk)
        return self.one(shown(relay, self.by.company))


class ComparisonShown(serializers.Serializer):
    field = serializers.CharField()
    verdict = serializers.CharField()
    rules = serializers.ListField(child=serializers.CharField())
    given = serializers.CharField(allow_blank=True)
    held = serializers.CharField(allow_blank=True)


class JudgementShown(serializers.Serializer):
    relay = RelayShown()
    comparisons = ComparisonShown(many=True)
    meets_auto_accept = serializers.BooleanField()


class JudgementEntries(Entries):
    verdict = serializers.ChoiceField(choices=[(verdict.value, verdict.value) for verdict in relays.Verdict])
    reasons = serializers.ListField(
        child=serializers.ChoiceField(choices=Reason.choices), required=False, help_text="Of a rejection."
    )
    reason_text = serializers.CharField(max_length=200, required=False, allow_blank=True)
    with_termination = serializers.BooleanField(default=True, help_text="File the switch termination at once.")
    dry_run = serializers.BooleanField(default=False)


class Judgement(Endpoint):
    """The losing retailer's comparison and answer; reading the comparison is kept in the ledger."""

    needs = {"get": Ability.JUDGE_RELAY, "post": Ability.JUDGE_RELAY}

    def _received(self, number: str) -> Relay:
        relay = get_object_or_404(visible(self).filter(losing_retailer=self.by.company), number=number)
        sights.note(relay, by=self.by, now=self.now)
        return relay

    @operation(_("Read what to judge"), shows=JudgementShown, tag="relays")
    def get(self, request: Request, number: str) -> Response:
        relay = self._received(number)
        if relay.state != RelayState.WAITING:
            raise relays.AlreadyMoved(RelayState(relay.state))
        report = relays.read_for_judgement(relay, by=self.by, now=self.now)
        contract = relays.held_contract(relay, today=jst_date(self.now))
        held = {
            "contract_number": (relay.contract_number, contract.number if contract else ""),
            "holder_name": (relay.holder_name, contract.holder_name if contract else ""),
            "holder_kana": (relay.holder_kana, contract.holder_kana if contract else ""),
            "address": (relay.holder_address, contract.holder_address if contract else ""),
        }
        comparisons = [
            {
                "field": str(one.field.value),
                "verdict": str(one.verdict.value),
                "rules": [str(rule.value) for rule in one.rules],
                "given": held.get(str(one.field.value), ("", ""))[0],
                "held": held.get(str(one.field.value), ("", ""))[1],
            }
            for one in report.comparisons
        ]
        said = {
            "relay": shown(relay, self.by.company),
            "comparisons": comparisons,
            "meets_auto_accept": report.meets_auto_accept,
        }
        return Response(said)

    @operation(_("Judge a relay"), entries=JudgementEntries, shows=RelayShown, checks=True, tag="relays")
    def post(self, request: Request, number: str) -> Response:
        entered = self.entries(JudgementEntries)
        relay = self._received(number)
        reasons: list[int] = []
        reason_text = ""
        if entered["verdict"] == relays.Verdict.REJECT:
            form = RejectForm({"reasons": entered.get("reasons", []), "reason_text": entered.get("reason_text", "")})
            cleaned = self.cleaned(form)
            reasons, reason_text = cleaned["reasons"], cleaned["reason_text"]
        judge = partial(
            relays.judge,
            relay_id=relay.pk,
            verdict=relays.Verdict(entered["verdict"]),
            reasons=reasons,
            reason_text=reason_text,
            with_termination=entered["with_termination"],
            by=self.by,
            now=self.now,
        )
        return act(
            self,
            judge,
            name=f"relay.{entered['verdict']}",
            subject=traces.subject_of(relay),
            dry_run=entered["dry_run"],
            then=lambda done: self.one(shown(visible(self).get(pk=relay.pk), self.by.company)),
        )


class Withdrawal(Endpoint):
    """The gaining retailer withdraws before the match; relay, start and termination end together."""

    needs = {"post": Ability.REGISTER_RELAY}

    @operation(_("Withdraw a relay"), entries=DeedEntries, shows=RelayShown, checks=True, tag="relays")
    def post(self, request: Request, number: str) -> Response:
        entered = self.entries(DeedEntries)
        relay = get_object_or_404(visible(self).filter(gaining_retailer=self.by.company), number=number)
        return act(
            self,
            partial(relays.withdraw, relay_id=relay.pk, by=self.by, now=self.now),
            name="relay.withdraw",
            subject=traces.subject_of(relay),
            dry_run=entered["dry_run"],
            then=lambda done: self.one(shown(visible(self).get(pk=relay.pk), self.by.company)),
        )


class Termination(Endpoint):
    """The losing retailer files the switch termination it still owes on an accepted relay."""

    needs = {"post": Ability.JUDGE_RELAY}

    @operation(_("File the termination owed"), entries=Entries, shows=RelayShown, tag="relays")
    def post(self, request: Request, number: str) -> Response:
        self.entries(Entries)
        relay = get_object_or_404(visible(self).filter(losing_retailer=self.by.company), number=number)
        filings.file_termination(relay_id=relay.pk, by=self.by, now=self.now)
        return self.one(shown(visible(self).get(pk=relay.pk), self.by.company))


class MessageEntries(Entries):
    topic = serializers.ChoiceField(choices=RelayMessage.Topic.choices)
    text = serializers.CharField(max_length=400, required=False, allow_blank=True)


class MessageShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    is_own = serializers.BooleanField()
    topic = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class Messages(Endpoint):
    """What the two retailers ask and answer while a relay waits."""

    needs = {"get": Ability.SEE_RELAYS, "post": Ability.SEE_RELAYS}

    def _shown(self, message: RelayMessage) -> Any:
        message.is_own = message.company_id == self.by.company_id  # type: ignore[attr-defined]
        return in_shape(MessageShown, message)

    @operation(_("List the messages of a relay"), lists=MessageShown, query=PageQuery, tag="relays")
    def get(self, request: Request, number: str) -> Response:
        query = self.query(PageQuery)
        relay = get_object_or_404(visible(self), number=number)
        return self.page(relay.messages.all(), self._shown, query)

    @operation(_("Send a message on a relay"), entries=MessageEntries, shows=MessageShown, status=201, tag="relays")
    def post(self, request: Request, number: str) -> Response:
        entered = self.entries(MessageEntries)
        relay = get_object_or_404(visible(self), number=number)
        message = threads.say(relay_id=relay.pk, **entered, by=self.by, now=self.now)
        return self.one(self._shown(message), status=201)
