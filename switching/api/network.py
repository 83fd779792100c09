"""The network operator's side: its work list, its answers to applications and to requests to stop, the actual days."""

from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Ability
from portal.api.endpoint import Endpoint
from portal.api.paging import in_shape, narrowed
from portal.api.schema import operation
from switching import actual_days, answers, network_work, stops
from switching.api.applications import ApplicationDetails, Move, own, shown
from switching.api.common import PLACE, DeedEntries, PlaceQuery, code_of
from switching.codes import AnswerCode
from switching.forms_network import NetworkAnswerForm
from switching.forms_stops import StopAnswerForm, StopForm
from switching.models import ActualDay, Application, NetworkAnswer
from switching.network_work import Duty

TAG = "applications"


class WorkShown(serializers.Serializer):
    application = serializers.CharField()
    duty = serializers.ChoiceField(
        choices=Duty.choices,
        help_text="`answer` at /answer, `stop` at /stop-answer, `plan` at /meter-works and `paperwork` at /completion "
        "of the application, `report` at /report of the meter work.",
    )
    duty_due = serializers.DateField(allow_null=True)
    meter_work = serializers.IntegerField(allow_null=True, help_text="The work to be reported.")
    needs_meter_work = serializers.BooleanField()
    kind = serializers.CharField()
    state = serializers.CharField()
    point = serializers.CharField()
    supply_class = serializers.CharField()
    area = serializers.CharField()
    retailer = serializers.CharField(help_text="Participant code.")
    desired_date = serializers.DateField()
    filed_at = serializers.DateTimeField()
    answer_due_at = serializers.DateTimeField(allow_null=True)


class WorkQuery(PlaceQuery):
    duty = serializers.ChoiceField(choices=Duty.choices, required=False)
    kind = serializers.ChoiceField(choices=Application.Kind.choices, required=False)
    due_from = serializers.DateField(required=False)
    due_until = serializers.DateField(required=False)


PATHS = {
    **PLACE,
    "duty": "duty",
    "kind": "kind",
    "due_from": "duty_due__gte",
    "due_until": "duty_due__lte",
}


def _work(row: Any) -> dict[str, Any]:
    point = row.point
    return in_shape(
        WorkShown,
        {
            **{
                name: getattr(row, name)
                for name in ("duty", "duty_due", "kind", "state", "desired_date", "filed_at", "answer_due_at")
            },
            "application": row.number,
            "meter_work": row.work_id,
            "needs_meter_work": row.meter_work,
            "point": point.number,
            "supply_class": point.supply_class,
            "area": point.area,
            "retailer": code_of(row.retailer, point.area),
        },
    )


class NetworkWork(Endpoint):
    """Everything on your network that waits for your company, in the order it was filed."""

    needs = {"get": Ability.ANSWER_APPLICATION}

    @operation(_("List the work on applications"), lists=WorkShown, query=WorkQuery)
    def get(self, request: Request) -> Response:
        query = self.query(WorkQuery)
        rows = network_work.of(self.by).select_related("point", "retailer")
        rows = narrowed(rows.prefetch_related("retailer__participations"), query, PATHS)
        return self.page(rows, _work, query, is_descending=False)


class AnswerEntries(DeedEntries):
    verdict = serializers.ChoiceField(choices=NetworkAnswer.Verdict.choices)
    codes = serializers.ListField(
        child=serializers.ChoiceField(choices=AnswerCode.choices),
        required=False,
        max_length=len(AnswerCode),
        help_text="A01 to A03 with an acceptance (none means A01), R01 to R99 with a rejection.",
    )
    text = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="With R99 only; the retailer reads it."
    )


class NetworkAnswers(Move):
    """The network operator accepts or rejects a submitted application, with codes, as it saw it."""

    needs = {"post": Ability.ANSWER_APPLICATION}

    @operation(
        _("Answer an application"),
        entries=AnswerEntries,
        shows=ApplicationDetails,
        matches=True,
        checks=True,
        tag=TAG,
        example={"verdict": "accept", "codes": ["A02"], "dry_run": True},
    )
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(AnswerEntries), self.on_network(number)
        cleaned = self.cleaned(NetworkAnswerForm({**entered, "codes": entered.get("codes", [])}))
        Application.objects.select_for_update(of=("self",)).get(pk=found.pk)
        found = self.on_network(number)
        self.must_match(shown(found, self))
        verb = answers.accept if cleaned["verdict"] == NetworkAnswer.Verdict.ACCEPT else answers.reject
        asked = {"application_id": found.pk, "codes": cleaned["codes"], "text": cleaned["text"]}
        return self.moved(
            found,
            partial(verb, **asked, by=self.by, now=self.now),
            name=f"{cleaned['verdict']}",
            dry_run=entered["dry_run"],
        )


class ActualDayEntries(DeedEntries):
    actual = serializers.DateField(help_text="From 00:00 of this day on supply is as the application asked.")
    cause = serializers.ChoiceField(choices=ActualDay.Cause.choices)


class ActualDays(Move):
    """The network operator reports that supply began, ended or changed hands on another day than the hub holds."""

    needs = {"post": Ability.ANSWER_APPLICATION}

    @operation(
        _("Report the actual day of supply"),
        entries=ActualDayEntries,
        shows=ApplicationDetails,
        checks=True,
        tag=TAG,
    )
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(ActualDayEntries), self.on_network(number)
        asked = {"application_id": found.pk, "actual": entered["actual"], "cause": entered["cause"]}
        return self.moved(
            found,
            partial(actual_days.report, **asked, by=self.by, now=self.now),
            name="report_day",
            dry_run=entered["dry_run"],
        )


class StopEntries(DeedEntries):
    text = serializers.CharField(max_length=200, help_text="Why. The network operator reads it.")


class StopRequest(Move):
    """The retailer asks the network operator to stop its application that is matched or scheduled."""

    needs = {"post": Ability.FILE_APPLICATION}

    @operation(_("Ask to stop an application"), entries=StopEntries, shows=ApplicationDetails, checks=True, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(StopEntries), own(self, number)
        reason = self.cleaned(StopForm({"text": entered["text"]}))["text"]
        return self.moved(
            found,
            partial(stops.ask, application_id=found.pk, reason=reason, by=self.by, now=self.now),
            name="ask_stop",
            dry_run=entered["dry_run"],
        )


class StopAnswerEntries(DeedEntries):
    answer = serializers.ChoiceField(choices=["stop", "refuse"])
    text = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="Needed with a refusal; the retailer reads it."
    )


class StopAnswer(Move):
    """The network operator stops the application, or says why it goes on."""

    needs = {"post": Ability.ANSWER_APPLICATION}

    @operation(_("Answer a request to stop"), entries=StopAnswerEntries, shows=ApplicationDetails, checks=True, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(StopAnswerEntries), self.on_network(number)
        cleaned = self.cleaned(StopAnswerForm(entered))
        asked = stops.open_request(found)
        if asked is None:
            raise stops.Answered
        return self.moved(
            found,
            partial(
                stops.decide,
                request_id=asked.pk,
                stops=cleaned["answer"] == "stop",
                text=cleaned["text"],
                by=self.by,
                now=self.now,
            ),
            name="decide_stop",
            dry_run=entered["dry_run"],
        )
