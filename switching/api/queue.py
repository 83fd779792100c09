"""The queue over the quota: what of the own company waits, in which place and until when; taken out while it waits."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal import ledger
from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery, in_shape, narrowed
from portal.api.schema import operation
from portal.market import Area, SupplyClass
from portal.models import Registration
from switching import registration_queue
from switching.api.common import code_of
from switching.models import QueuedRegistration

TAG = "queue"


class QueueRow(serializers.Serializer):
    number = serializers.CharField()
    registration = serializers.ChoiceField(choices=Registration.choices)
    state = serializers.ChoiceField(choices=QueuedRegistration.State.choices)
    place = serializers.IntegerField(allow_null=True, help_text="1 is the next one of its kind.")
    point = serializers.CharField(source="point.number")
    supply_class = serializers.CharField(source="point.supply_class")
    area = serializers.CharField(source="point.area")
    desired_date = serializers.DateField()
    entered_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    became = serializers.CharField(allow_null=True, help_text="The number of the relay or application.")


class QueueDetails(QueueRow):
    expected_on = serializers.DateField(allow_null=True, help_text="As the quota stands.")
    refused_because = serializers.CharField(allow_blank=True)
    losing_retailer = serializers.SerializerMethodField(help_text='Participant code, of a relay; else "".')
    relay = serializers.CharField(source="relay.number", default=None, allow_null=True)
    contract_number = serializers.CharField()
    holder_name = serializers.CharField()
    holder_kana = serializers.CharField()
    holder_address = serializers.CharField()

    def get_losing_retailer(self, queued: QueuedRegistration) -> str:
        return code_of(queued.losing_retailer, queued.point.area) if queued.losing_retailer else ""


class QueueQuery(PageQuery):
    registration = serializers.ChoiceField(choices=Registration.choices, required=False)
    state = serializers.ChoiceField(choices=QueuedRegistration.State.choices, required=False)
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices, required=False)


PATHS = {
    "registration": "registration",
    "state": "state",
    "area": "point__area",
    "supply_class": "point__supply_class",
}


def _rows(view: Endpoint) -> QuerySet[QueuedRegistration]:
    found: QuerySet[QueuedRegistration] = QueuedRegistration.objects.visible_to(view.by)
    return found.select_related("point", "company", "losing_retailer", "relay", "became_relay", "became_application")


def _listed(queued: Any, places: dict[int, int]) -> Any:
    queued.place, queued.became = places.get(queued.pk), queued.case.number if queued.case else None
    return queued


def shown(queued: Any, view: Endpoint) -> dict[str, Any]:
    """A registration with what was entered and the day on which its turn comes."""
    _listed(queued, registration_queue.places(queued.company_id))
    place = queued.place
    queued.expected_on = registration_queue.expected_on(queued, place, now=view.now) if place else None
    queued.refused_because = queued.refusal_ja if get_language() == "ja" else queued.refusal_en
    return QueueDetails(queued).data


class Queue(Endpoint):
    """What your company registered over the day's quota, the newest first."""

    needs = {"get": Ability.SEE_QUEUE}

    @operation(_("List the queue over the quota"), lists=QueueRow, query=QueueQuery)
    def get(self, request: Request) -> Response:
        query = self.query(QueueQuery)
        rows = narrowed(_rows(self), query, PATHS)
        places = registration_queue.places(self.by.company_id)
        return self.page(rows, lambda queued: in_shape(QueueRow, _listed(queued, places)), query)


class OneQueued(Endpoint):
    """One registration: its place, the day its turn comes, what was entered, what became of it; the read is kept."""

    needs = {"get": Ability.SEE_QUEUE}

    @operation(_("Read a queue entry"), shows=QueueDetails)
    def get(self, request: Request, number: str) -> Response:
        queued = get_object_or_404(_rows(self), number=number)
        purpose = "own registration in the queue"
        ledger.record("queue.read", f"queue {queued.number}", by=self.by, now=self.now, purpose=purpose)
        return self.one(shown(queued, self))


class QueueWithdrawal(Endpoint):
    """Take a registration out of the queue while it waits; it loses its place."""

    needs = {"post": Ability.SEE_QUEUE}

    @operation(_("Take a registration out of the queue"), entries=Entries, shows=QueueDetails, tag=TAG)
    def post(self, request: Request, number: str) -> Response:
        self.entries(Entries)
        queued = get_object_or_404(_rows(self), number=number)
        registration_queue.withdraw(queued_id=queued.pk, by=self.by, now=self.now)
        return self.one(shown(_rows(self).get(pk=queued.pk), self))
