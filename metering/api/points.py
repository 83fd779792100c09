"""Supply points of the own company, or of the own network, as the facility answer tells them."""

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering.inquiries import answer_about
from metering.models import SupplyPoint
from portal import ledger
from portal.access import Ability
from portal.api.endpoint import Endpoint
from portal.api.paging import PageQuery
from portal.api.schema import operation
from portal.market import Area, SupplyClass
from portal.workdays import jst_date


class PointShown(serializers.Serializer):
    number = serializers.CharField()
    supply_class = serializers.CharField()
    area = serializers.CharField()
    contract_state = serializers.CharField()


class PointDetails(PointShown):
    facility = serializers.DictField(help_text="The members of a facility inquiry's answer.")


class PointQuery(PageQuery):
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices, required=False)
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    contract_state = serializers.ChoiceField(choices=SupplyPoint.ContractState.choices, required=False)


class Points(Endpoint):
    """The supply points your company supplies now, or all of your network."""

    needs = {"get": Ability.SEE_POINTS}

    @operation(_("List supply points"), lists=PointShown, query=PointQuery)
    def get(self, request: Request) -> Response:
        query = self.query(PointQuery)
        names = ("supply_class", "area", "contract_state")
        rows = SupplyPoint.objects.visible_to(self.by).filter(**{name: query[name] for name in names if name in query})
        return self.page(rows, PointShown, query)


class Point(Endpoint):
    """One supply point with its facility data; the read stands in the ledger."""

    needs = {"get": Ability.SEE_POINTS}

    @operation(_("Read a supply point"), shows=PointDetails)
    def get(self, request: Request, number: str) -> Response:
        point = get_object_or_404(SupplyPoint.objects.visible_to(self.by), number=number)
        ledger.record("point.read", f"supply point {point.number}", by=self.by, now=self.now, purpose="API")
        facility = answer_about(point, today=jst_date(self.now))
        return self.one({**PointShown(point).data, "facility": facility})
