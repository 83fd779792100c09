"""The time machine: a supply point or case as it was on a day, as the hub knew it at a moment; every answer is kept."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering.models import SupplyPeriod
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Endpoint
from portal.api.schema import operation
from switching import as_of
from switching.api.common import code_of
from switching.forms_as_of import CaseOrPointField
from switching.models import Relay


class AsOfQuery(serializers.Serializer):
    number = serializers.CharField(max_length=80, help_text="Of a supply point, relay or application.")
    day = serializers.DateField(help_text="As it was on this day.")
    at = serializers.DateTimeField(required=False, help_text="As the hub knew it at this moment; now unless given.")


class ContractThen(serializers.Serializer):
    number = serializers.CharField()
    holder_name = serializers.CharField()
    holder_kana = serializers.CharField()
    holder_address = serializers.CharField()
    holder_since = serializers.DateField()


class MeterThen(serializers.Serializer):
    number = serializers.CharField()
    kind = serializers.CharField()
    multiplier = serializers.IntegerField()


class CaseThen(serializers.Serializer):
    number = serializers.CharField()
    kind = serializers.CharField(help_text="`relay`, or the kind of the application.")
    state = serializers.CharField()
    since = serializers.DateTimeField()
    desired_date = serializers.DateField()
    switch_date = serializers.DateField(allow_null=True, help_text="Where it had been settled by then.")


class BeliefThen(serializers.Serializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="null: still.")
    supplier = serializers.CharField(allow_null=True)


class AsOfShown(serializers.Serializer):
    point = serializers.CharField()
    supply_class = serializers.CharField()
    area = serializers.CharField()
    day = serializers.DateField()
    at = serializers.DateTimeField()
    names_every_company = serializers.BooleanField(
        help_text="false: no supplier means that your company did not supply, whoever else did or nobody."
    )
    supplier = serializers.CharField(allow_null=True, help_text="Participant code.")
    supplied_since = serializers.DateField(allow_null=True)
    ending = serializers.CharField(allow_null=True, help_text="How the supply goes on.")
    contract_state = serializers.CharField(allow_null=True)
    contract = ContractThen(allow_null=True, help_text="Of your own supply alone.")
    meters = MeterThen(many=True)
    cases = CaseThen(many=True, help_text="Those open then.")
    asked = CaseThen(allow_null=True, help_text="The case the question named; null where it was not there yet.")
    beliefs = BeliefThen(many=True, help_text="How the knowledge of the day changed.")


def _case(found: as_of.CaseThen) -> dict[str, Any]:
    case = found.case
    return {
        "number": case.number,
        "kind": "relay" if isinstance(case, Relay) else case.kind,
        "state": str(found.state),
        "since": found.since,
        "desired_date": case.desired_date,
        "switch_date": found.switch_date,
    }


def shown(answer: as_of.Answer) -> dict[str, Any]:
    """The answer as its reader may know it."""
    point, period = answer.point, answer.period

    def supplier(held: SupplyPeriod | None) -> str | None:
        return code_of(held.retailer, point.area) if held else None

    return AsOfShown(
        {
            "point": point.number,
            "supply_class": point.supply_class,
            "area": point.area,
            "day": answer.day,
            "at": answer.at,
            "names_every_company": answer.is_open_to_all,
            "supplier": supplier(period),
            "supplied_since": period.during.lower if period else None,
            "ending": period.ending if period else None,
            "contract_state": str(answer.state) if answer.state else None,
            "contract": answer.contract,
            "meters": answer.meters,
            "cases": [_case(found) for found in answer.cases],
            "asked": _case(answer.asked) if answer.asked else None,
            "beliefs": [
                {"since": belief.since, "until": belief.until, "supplier": supplier(belief.period)}
                for belief in answer.beliefs
            ],
        }
    ).data


class AsOf(Endpoint):
    """Who supplied a point on a day, its contract, meters and open cases, as the hub knew it at a moment."""

    needs = {"get": Ability.SEE_HISTORY}

    @operation(_("Read a point or case as of a day"), shows=AsOfShown, query=AsOfQuery, tag="as-of")
    def get(self, request: Request) -> Response:
        query = self.query(AsOfQuery)
        try:
            number = CaseOrPointField().clean(query["number"])
        except ValidationError as wrong:
            raise problems.entries_wrong({"number": list(wrong.messages)}, in_query=True) from wrong
        point, case = as_of.find(number, by=self.by)
        answer = as_of.ask(
            point,
            case=case,
            day=query["day"],
            at=query.get("at", self.now),
            by=self.by,
            now=self.now,
            purpose=as_of.own_purpose(point, by=self.by),
        )
        return self.one(shown(answer))
