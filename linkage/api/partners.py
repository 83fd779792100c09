"""Whom to play with: the invented customers, and what the simulated partners are told."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from linkage import cast, scripts, travel
from linkage.api.inside import TAG, Inside
from linkage.models import Script
from metering.models import SupplyPeriod, SupplyPoint
from metering.points import normalise_number
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Entries
from portal.api.paging import PageQuery, narrowed
from portal.api.schema import operation
from portal.market import Area, SupplyClass
from switching.partners import gaining
from switching.partners.behaviours import LAST_DIGITS, Partner

problems.of_verbs(
    "partners",
    {gaining.NotSent: 409},
    fields={gaining.NotSent: "point"},
    sentences={
        gaining.NotSent: _("No relay was sent: give the number of a point you supply on which no case is open."),
    },
)


class CustomerQuery(PageQuery):
    side = serializers.ChoiceField(
        choices=["own", "others"], required=False, help_text="Your own customers, or those to win."
    )
    ending = serializers.ChoiceField(choices=LAST_DIGITS, required=False, help_text="The number's last digit.")
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices, required=False)


class CustomerShown(serializers.Serializer):
    """What an invented customer would tell a retailer."""

    point = serializers.CharField(source="point.number")
    supply_class = serializers.CharField(source="point.supply_class")
    area = serializers.CharField(source="point.area")
    retailer = serializers.SerializerMethodField(help_text="Participant code of who supplies the customer now.")
    contract_number = serializers.CharField(source="contract.number")
    holder_name = serializers.CharField(source="contract.holder_name")
    holder_kana = serializers.CharField(source="contract.holder_kana")
    holder_address = serializers.CharField(source="contract.holder_address")

    def get_retailer(self, period: SupplyPeriod) -> str:
        parts = period.retailer.participations.all()
        return next((part.code for part in parts if part.area == period.point.area), "")


class Customers(Inside):
    """The invented customers of the market."""

    needs = {"get": Ability.ENTER}

    @operation(_("List invented customers"), lists=CustomerShown, query=CustomerQuery, tag=TAG)
    def get(self, request: Request) -> Response:
        query = self.query(CustomerQuery)
        rows = SupplyPeriod.objects.filter(known_until__isnull=True, ending="open", contract__isnull=False)
        paths = {
            "ending": "point__number__endswith",
            "area": "point__area",
            "supply_class": "point__supply_class",
        }
        rows = narrowed(rows, query, paths)
        if side := query.get("side"):
            own = {"retailer": self.by.company}
            rows = rows.filter(**own) if side == "own" else rows.exclude(**own)
        rows = rows.select_related("point", "contract", "retailer").prefetch_related("retailer__participations")
        return self.page(rows, CustomerShown, query, key="point__number", is_descending=False)


class ScriptEntries(Entries):
    partner = serializers.ChoiceField(choices=Partner.choices)
    number = serializers.RegexField(
        "^([0-9]|[0-9]{22})$", help_text="A supply point, or the last digit of all that end alike."
    )
    behaves_as = serializers.ChoiceField(choices=LAST_DIGITS, help_text="As at points that end in this digit.")


class ScriptShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    partner = serializers.CharField()
    number = serializers.CharField()
    behaves_as = serializers.CharField()
    set_at = serializers.DateTimeField()


class Scripts(Inside):
    """What the partners were told to do otherwise than the points' own digits say."""

    needs = {"get": Ability.ENTER, "post": Ability.STEER_MARKET}

    @operation(_("List scripts"), lists=ScriptShown, query=PageQuery, tag=TAG)
    def get(self, request: Request) -> Response:
        return self.page(Script.objects.all(), ScriptShown, self.query(PageQuery))

    @operation(
        _("Set a script"),
        entries=ScriptEntries,
        shows=ScriptShown,
        status=201,
        example={"partner": "losing", "number": "0", "behaves_as": "5"},
        tag=TAG,
    )
    def post(self, request: Request) -> Response:
        made = scripts.write(**self.entries(ScriptEntries), by=self.by, now=self.now)
        return self.one(ScriptShown(made).data, status=201)


class OneScript(Inside):
    """One script."""

    needs = {"delete": Ability.STEER_MARKET}

    @operation(_("Take a script away"), status=204, tag=TAG)
    def delete(self, request: Request, pk: int) -> Response:
        if not scripts.forget(pk, by=self.by, now=self.now):
            raise Http404
        return Response(status=204)


class OrderEntries(Entries):
    point = serializers.CharField(max_length=80, help_text="Supply point number of one of your customers.")


class OrderShown(serializers.Serializer):
    relay = serializers.CharField(help_text="Number of the relay you were sent.")


class ReceivedRelays(Inside):
    """A relay about one of your customers, at once; two a business day come by themselves."""

    needs = {"post": Ability.STEER_MARKET}

    @operation(_("Have a relay sent to you"), entries=OrderEntries, shows=OrderShown, status=201, tag=TAG)
    def post(self, request: Request) -> Response:
        number = normalise_number(self.entries(OrderEntries)["point"], supply_class=None)
        point: Any = SupplyPoint.objects.filter(number=number).first()
        suitor = cast.clerk(cast.SUITOR)
        if point is None or suitor is None:
            raise gaining.NotSent
        behaviour = travel.scripts().gaining(point.number)
        relay = gaining.send(point, behaviour, clerk=suitor, participant=self.by.company, now=self.now)
        return self.one(OrderShown({"relay": relay.number}).data, status=201)
