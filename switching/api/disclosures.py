"""The explanation of disadvantages: the lists in force, recording that each item was explained, what was recorded."""

from functools import partial
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery
from portal.api.schema import operation
from portal.workdays import jst_date
from switching import disclosures
from switching.api.common import act, asked_point, by_code
from switching.models import Disclosure


class ItemShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    code = serializers.CharField()
    text_ja = serializers.CharField()
    text_en = serializers.CharField()


class ListsShown(serializers.Serializer):
    version = serializers.IntegerField(help_text="Of the hub-wide list.")
    own_version = serializers.IntegerField(allow_null=True, help_text="Of the losing retailer's list for this menu.")
    items = ItemShown(many=True)


class ListsQuery(Entries):
    point = serializers.CharField(max_length=80)
    losing_retailer = serializers.CharField(max_length=5, required=False)
    menu = serializers.CharField(max_length=60, required=False)


class DisclosureLists(Endpoint):
    """What has to be explained today to the customer of a point, its present retailer and menu."""

    needs = {"get": Ability.DISCLOSE}

    @operation(_("Read what has to be explained"), shows=ListsShown, query=ListsQuery, tag="disclosures")
    def get(self, request: Request) -> Response:
        query = self.query(ListsQuery)
        point = asked_point(query["point"], self.by, Ability.DISCLOSE)
        code = query.get("losing_retailer", "")
        losing = by_code(code, point.area, field="losing_retailer") if code else None
        found = disclosures.lists_on(
            jst_date(self.now), losing_retailer_id=losing.pk if losing else None, menu=query.get("menu", "")
        )
        items = list(found.items) if found else []
        said = {
            "version": found.base.pk if found else 0,
            "own_version": found.own.pk if found and found.own else None,
            "items": items,
        }
        return self.one(ListsShown(said).data)


class DisclosureEntries(Entries):
    point = serializers.CharField(max_length=80)
    losing_retailer = serializers.CharField(max_length=5, required=False)
    menu = serializers.CharField(max_length=60, required=False, allow_blank=True)
    acknowledged = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=200,
        help_text="Ids of the items explained.",
    )
    channel = serializers.ChoiceField(choices=Disclosure.Channel.choices)
    explained_on = serializers.DateField()
    dry_run = serializers.BooleanField(default=False)


class DisclosureShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    point = serializers.CharField(source="point.number")
    version = serializers.IntegerField(source="version.version")
    own_version = serializers.IntegerField(source="own_version.version", default=None, allow_null=True)
    menu = serializers.CharField(allow_blank=True)
    channel = serializers.CharField()
    explained_on = serializers.DateField()
    recorded_at = serializers.DateTimeField()


def _rows(view: Endpoint) -> Any:
    return Disclosure.objects.visible_to(view.by).select_related("point", "version", "own_version")


class Disclosures(Endpoint):
    """Explanations of your company to customers; and recording one."""

    needs = {"get": Ability.DISCLOSE, "post": Ability.DISCLOSE}

    @operation(_("List explanations"), lists=DisclosureShown, query=PageQuery)
    def get(self, request: Request) -> Response:
        return self.page(_rows(self), DisclosureShown, self.query(PageQuery))

    @operation(_("Record an explanation"), entries=DisclosureEntries, shows=DisclosureShown, status=201, checks=True)
    def post(self, request: Request) -> Response:
        entered = self.entries(DisclosureEntries)
        point = asked_point(entered["point"], self.by, Ability.DISCLOSE)
        code = entered.get("losing_retailer", "")
        losing = by_code(code, point.area, field="losing_retailer") if code else None
        menu = entered.get("menu", "")
        lists = disclosures.lists_on(jst_date(self.now), losing_retailer_id=losing.pk if losing else None, menu=menu)
        if lists is None:
            raise disclosures.NotPossible
        record = partial(
            disclosures.record,
            point=point,
            version=lists.base,
            own_version=lists.own,
            acknowledged=set(entered["acknowledged"]),
            channel=entered["channel"],
            explained_on=entered["explained_on"],
            losing_retailer=losing,
            menu=menu,
            by=self.by,
            now=self.now,
        )
        return act(
            self,
            record,
            name="disclosure.record",
            subject=f"supply point {point.number}",
            dry_run=entered["dry_run"],
            then=lambda made: self.created(
                DisclosureShown(_rows(self).get(pk=made.pk)).data, "api:disclosure", made.pk
            ),
        )


class OneDisclosure(Endpoint):
    """One explanation."""

    needs = {"get": Ability.DISCLOSE}

    @operation(_("Read an explanation"), shows=DisclosureShown)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(DisclosureShown(get_object_or_404(_rows(self), pk=pk)).data)
