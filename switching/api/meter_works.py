"""Work at meters: listed, planned for an application or a point, reported done with the meters, called off."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering.meters import NUMBER_LENGTH
from metering.models import Meter, SupplyPoint
from portal.access import Ability, within
from portal.api import problems
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import in_shape, narrowed
from portal.api.problems import Kind
from portal.api.schema import operation
from switching import meter_works, traces
from switching.api.applications import Move
from switching.api.common import PLACE, DeedEntries, PlaceQuery, act, number_in
from switching.forms_network import DoneForm
from switching.models import MeterWork

TAG = "meter-works"
LARGEST_WH = 10**15


class PointNotOnNetwork(problems.Refused):
    """No point of this number is on the caller's network, in its areas and classes."""


problems.register(
    Kind(
        "cases.point_not_on_network",
        422,
        _("There is no point with this number on your network. Please compare the digits."),
        (PointNotOnNetwork,),
        fields=lambda error: ["point"],
    )
)


class MeterWorkShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(choices=meter_works.Standing.choices)
    kind = serializers.CharField()
    point = serializers.CharField(source="point.number")
    supply_class = serializers.CharField(source="point.supply_class")
    area = serializers.CharField(source="point.area")
    application = serializers.CharField(source="application.number", default=None, allow_null=True)
    planned_on = serializers.DateField()
    done_on = serializers.DateField(allow_null=True)
    old_meter = serializers.CharField(source="old_meter.number", default=None, allow_null=True)
    old_reading_wh = serializers.IntegerField(allow_null=True)
    new_meter = serializers.CharField(source="new_meter.number", default=None, allow_null=True)
    new_reading_wh = serializers.IntegerField(allow_null=True)
    reported_at = serializers.DateTimeField(allow_null=True)


class MeterWorkQuery(PlaceQuery):
    state = serializers.ChoiceField(choices=meter_works.Standing.choices, required=False)
    kind = serializers.ChoiceField(choices=MeterWork.Kind.choices, required=False)
    application = serializers.RegexField("^A[0-9]{10}$", required=False)
    planned_from = serializers.DateField(required=False)
    planned_until = serializers.DateField(required=False)


PATHS = {
    **PLACE,
    "state": "stands",
    "kind": "kind",
    "application": "application__number",
    "planned_from": "planned_on__gte",
    "planned_until": "planned_on__lte",
}


def _rows(view: Endpoint) -> QuerySet[Any]:
    return meter_works.on_network_of(view.by).select_related("point", "application", "old_meter", "new_meter")


def shown(work: Any) -> dict[str, Any]:
    """Work at a meter with where it stands."""
    work.state = work.stands
    return in_shape(MeterWorkShown, work)


class PlanEntries(DeedEntries):
    kind = serializers.ChoiceField(choices=MeterWork.Kind.choices)
    planned_on = serializers.DateField()


class PointPlanEntries(PlanEntries):
    point = serializers.CharField(max_length=80, help_text="Supply point number on your network.")


class MeterWorks(Endpoint):
    """Work at the meters of your network; and planning work that no application asks for."""

    needs = {"get": Ability.ANSWER_APPLICATION, "post": Ability.ANSWER_APPLICATION}

    @operation(_("List work at meters"), lists=MeterWorkShown, query=MeterWorkQuery)
    def get(self, request: Request) -> Response:
        query = self.query(MeterWorkQuery)
        rows = narrowed(_rows(self), query, PATHS)
        return self.page(rows, shown, query)

    @operation(
        _("Plan work at a point's meter"),
        entries=PointPlanEntries,
        shows=MeterWorkShown,
        status=201,
        checks=True,
        example={
            "point": "0300000000000000000001",
            "kind": "exchange",
            "planned_on": "2026-04-20",
            "dry_run": True,
        },
    )
    def post(self, request: Request) -> Response:
        entered = self.entries(PointPlanEntries)
        number = number_in(entered["point"])
        point = SupplyPoint.objects.filter(
            within(self.by, Ability.ANSWER_APPLICATION, area="area", supply_class="supply_class"),
            network_operator=self.by.company,
            number=number,
        ).first()
        if point is None:
            raise PointNotOnNetwork
        asked = {"point": point, "kind": entered["kind"], "planned_on": entered["planned_on"]}
        return act(
            self,
            partial(meter_works.plan, **asked, by=self.by, now=self.now),
            name="meter_work.plan",
            subject=f"supply point {number}",
            dry_run=entered["dry_run"],
            then=lambda made: self.created(shown(_rows(self).get(pk=made.pk)), "api:meter-work", made.pk),
        )


class WorkForApplication(Move):
    """Plan the work an application brings; planning anew replaces what was planned."""

    needs = {"post": Ability.ANSWER_APPLICATION}

    @operation(
        _("Plan the work of an application"),
        entries=PlanEntries,
        shows=MeterWorkShown,
        status=201,
        checks=True,
        tag=TAG,
    )
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(PlanEntries), self.on_network(number)
        asked = {"point": found.point, "kind": entered["kind"], "planned_on": entered["planned_on"]}
        return act(
            self,
            partial(meter_works.plan, **asked, application=found, by=self.by, now=self.now),
            name="meter_work.plan",
            subject=traces.subject_of(found),
            dry_run=entered["dry_run"],
            then=lambda made: self.created(shown(_rows(self).get(pk=made.pk)), "api:meter-work", made.pk),
        )


class OneMeterWork(Endpoint):
    """One work at a meter: what is planned, and afterwards what was done."""

    needs = {"get": Ability.ANSWER_APPLICATION}

    @operation(_("Read work at a meter"), shows=MeterWorkShown)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(shown(get_object_or_404(_rows(self), pk=pk)))


class ReportEntries(DeedEntries):
    done_on = serializers.DateField()
    old_meter = serializers.CharField(
        max_length=NUMBER_LENGTH, required=False, help_text="Of an exchange or a removal: the meter taken away."
    )
    old_reading_wh = serializers.IntegerField(min_value=0, max_value=LARGEST_WH, required=False)
    new_meter = serializers.CharField(
        max_length=NUMBER_LENGTH, required=False, help_text="Of an exchange or an installation: the meter put up."
    )
    new_kind = serializers.ChoiceField(choices=Meter.Kind.choices, required=False, help_text="`smart` unless given.")
    multiplier = serializers.IntegerField(
        min_value=1, max_value=100_000, required=False, help_text="1 without instrument transformers."
    )
    new_reading_wh = serializers.IntegerField(min_value=0, max_value=LARGEST_WH, required=False)


class WorkReport(Endpoint):
    """Report planned work done on its day, with the meters and their readings; the retailer of that day is told."""

    needs = {"post": Ability.ANSWER_APPLICATION}

    @operation(_("Report work done"), entries=ReportEntries, shows=MeterWorkShown, checks=True, tag=TAG)
    def post(self, request: Request, pk: int) -> Response:
        entered, work = self.entries(ReportEntries), get_object_or_404(_rows(self), pk=pk)
        given = {name: value for name, value in entered.items() if name != "dry_run"}
        form = DoneForm({"new_kind": Meter.Kind.SMART, "multiplier": 1, **given}, work=work)
        if set(given) - set(form.fields):
            raise meter_works.MetersDoNotFit
        self.cleaned(form)
        return act(
            self,
            partial(meter_works.report, work_id=work.pk, done=form.done, by=self.by, now=self.now),
            name="meter_work.report",
            subject=f"meter work {work.pk}",
            dry_run=entered["dry_run"],
            then=lambda done: self.one(shown(_rows(self).get(pk=work.pk))),
        )


class CallingOff(Endpoint):
    """Call off planned work that no application asks for."""

    needs = {"post": Ability.ANSWER_APPLICATION}

    @operation(_("Call work off"), entries=Entries, shows=MeterWorkShown, tag=TAG)
    def post(self, request: Request, pk: int) -> Response:
        self.entries(Entries)
        work = get_object_or_404(_rows(self), pk=pk)
        meter_works.call_off(work_id=work.pk, by=self.by, now=self.now)
        return self.one(shown(_rows(self).get(pk=work.pk)))
