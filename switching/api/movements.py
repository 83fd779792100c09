"""Movement information: what a retailer plans is told, listed, read and taken back; network operators read along."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import in_shape, narrowed
from portal.api.schema import operation
from switching import movements
from switching.api.common import PLACE, PlaceQuery, act, asked_point, code_of
from switching.models import Movement

PLANNED = "planned"


class MovementEntries(Entries):
    point = serializers.CharField(max_length=80, help_text="Supply point number your company has inquired about.")
    kind = serializers.ChoiceField(choices=Movement.Kind.choices)
    wished_on = serializers.DateField()
    reference = serializers.CharField(
        max_length=60, required=False, allow_blank=True, help_text="Your own; nobody else sees it."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Ask every rule and tell nobody.")


class MovementShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    is_own = serializers.BooleanField(help_text="False: on your network.")
    state = serializers.CharField(help_text="`planned`, `replaced` (told anew) or `withdrawn`.")
    kind = serializers.CharField()
    point = serializers.CharField()
    supply_class = serializers.CharField()
    area = serializers.CharField()
    retailer = serializers.CharField(help_text="Participant code.")
    wished_on = serializers.DateField()
    earliest_on = serializers.DateField(help_text="By the lead time, had it been matched on the day it was told.")
    meter_work = serializers.BooleanField(help_text="Work at the meter is to be expected.")
    reference = serializers.CharField(allow_null=True, help_text="Your own movements' alone.")
    announced_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class MovementQuery(PlaceQuery):
    kind = serializers.ChoiceField(choices=Movement.Kind.choices, required=False)
    point = serializers.RegexField("^[0-9]{1,22}$", required=False, help_text="What the number begins with.")
    meter_work = serializers.BooleanField(required=False, allow_null=True, default=None)
    wished_from = serializers.DateField(required=False)
    wished_until = serializers.DateField(required=False)
    ended = serializers.BooleanField(default=False, help_text="true: also those replaced or withdrawn.")


PATHS = {
    **PLACE,
    "kind": "kind",
    "point": "point__number__startswith",
    "meter_work": "meter_work",
    "wished_from": "wished_on__gte",
    "wished_until": "wished_on__lte",
}


def _rows(view: Endpoint) -> QuerySet[Movement]:
    return (
        Movement.objects.visible_to(view.by)
        .select_related("point", "company")
        .prefetch_related("company__participations")
    )


def shown(movement: Movement, company_id: int) -> dict[str, Any]:
    """A movement as its retailer or its network operator may see it."""
    is_own, point = movement.company_id == company_id, movement.point
    said = {
        name: getattr(movement, name)
        for name in ("pk", "kind", "wished_on", "earliest_on", "meter_work", "announced_at", "ended_at")
    }
    said |= {
        "is_own": is_own,
        "state": movement.ending or PLANNED,
        "point": point.number,
        "supply_class": point.supply_class,
        "area": point.area,
        "retailer": code_of(movement.company, point.area),
        "reference": movement.reference if is_own else None,
    }
    return in_shape(MovementShown, said)


class Movements(Endpoint):
    """What is planned, by your company or on your network; and telling of a movement."""

    needs = {"get": Ability.SEE_APPLICATIONS, "post": Ability.FILE_APPLICATION}

    @operation(_("List movements"), lists=MovementShown, query=MovementQuery)
    def get(self, request: Request) -> Response:
        query = self.query(MovementQuery)
        rows = narrowed(_rows(self), query, PATHS)
        if not query["ended"]:
            rows = rows.filter(ended_at=None)
        return self.page(rows, lambda found: shown(found, self.by.company_id), query)

    @operation(
        _("Tell of a movement"),
        entries=MovementEntries,
        shows=MovementShown,
        status=201,
        checks=True,
        example={"point": "0300000000000000000001", "kind": "switch", "wished_on": "2026-04-20", "dry_run": True},
    )
    def post(self, request: Request) -> Response:
        """A plan your company told for this point before is replaced."""
        entered = self.entries(MovementEntries)
        point = asked_point(entered["point"], self.by, Ability.FILE_APPLICATION)
        return act(
            self,
            partial(
                movements.announce,
                point=point,
                kind=entered["kind"],
                wished_on=entered["wished_on"],
                reference=entered.get("reference", ""),
                by=self.by,
                now=self.now,
            ),
            name="movement.announce",
            subject=f"supply point {point.number}",
            dry_run=entered["dry_run"],
            then=lambda made: self.created(
                shown(_rows(self).get(pk=made.pk), self.by.company_id), "api:movement", made.pk
            ),
        )


class OneMovement(Endpoint):
    """One movement, also when it has ended."""

    needs = {"get": Ability.SEE_APPLICATIONS}

    @operation(_("Read a movement"), shows=MovementShown)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(shown(get_object_or_404(_rows(self), pk=pk), self.by.company_id))


class MovementWithdrawal(Endpoint):
    """The retailer takes its plan back; the network operator is told."""

    needs = {"post": Ability.FILE_APPLICATION}

    @operation(_("Withdraw a movement"), entries=Entries, shows=MovementShown, tag="movements")
    def post(self, request: Request, pk: int) -> Response:
        self.entries(Entries)
        found = get_object_or_404(_rows(self).filter(company=self.by.company), pk=pk)
        movements.withdraw(found.pk, by=self.by, now=self.now)
        return self.one(shown(_rows(self).get(pk=found.pk), self.by.company_id))
