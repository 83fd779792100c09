"""Endpoints about the API itself: the OpenAPI document, the error catalogue, versions; and who the caller is."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import MAY, Ability, may
from portal.api import problems, versions
from portal.api.endpoint import ANYBODY, Endpoint
from portal.api.schema import operation


def document() -> dict[str, Any]:
    """The OpenAPI document in the reader's language."""
    return SchemaGenerator().get_schema(request=None, public=True)


class OpenApi(Endpoint):
    """The OpenAPI 3.1 document of this version, in the language of Accept-Language."""

    needs = {"get": ANYBODY}

    @operation(_("Read the OpenAPI document"), shows={"type": "object"}, tag="about")
    def get(self, request: Request) -> Response:
        response = self.one(document())
        response["Cache-Control"] = "public, max-age=300"
        return response


class ErrorShown(serializers.Serializer):
    code = serializers.CharField()
    status = serializers.IntegerField()
    title = serializers.CharField()
    sentence = serializers.CharField(help_text="With %(names)s where the answer's detail holds values.")
    what_to_do = serializers.CharField()


class ErrorsShown(serializers.Serializer):
    items = ErrorShown(many=True)


class Errors(Endpoint):
    """The error catalogue: every code this API answers with."""

    needs = {"get": ANYBODY}

    @operation(_("Read the error catalogue"), shows=ErrorsShown, tag="about")
    def get(self, request: Request) -> Response:
        rows = [
            {
                "code": kind.code,
                "status": kind.status,
                "title": str(kind.title),
                "sentence": kind.pattern,
                "what_to_do": str(kind.what_to_do),
            }
            for kind in problems.catalogue()
        ]
        return self.one({"items": rows})


class VersionShown(serializers.Serializer):
    number = serializers.CharField()
    path = serializers.CharField()
    since = serializers.DateField()
    ends_on = serializers.DateField(allow_null=True)
    words = serializers.CharField()


class VersionsShown(serializers.Serializer):
    items = VersionShown(many=True)
    policy = serializers.ListField(child=serializers.CharField())


class Versions(Endpoint):
    """The versions of the API, each with its first and, where it is set, its last day."""

    needs = {"get": ANYBODY}

    @operation(_("Read the table of versions"), shows=VersionsShown, tag="about")
    def get(self, request: Request) -> Response:
        shown = {"items": versions.VERSIONS, "policy": [str(line) for line in versions.POLICY]}
        return self.one(VersionsShown(shown).data)


class GrantShown(serializers.Serializer):
    role = serializers.CharField()
    area = serializers.CharField(help_text='"" for every area.')
    supply_class = serializers.CharField(help_text='"" for every class of supply.')


class CallerShown(serializers.Serializer):
    client_id = serializers.CharField()
    name = serializers.CharField()
    company = serializers.CharField()
    environment = serializers.CharField()
    now = serializers.DateTimeField(help_text="The hour the rules go by.")
    grants = GrantShown(many=True)
    abilities = serializers.ListField(child=serializers.CharField())


class Caller(Endpoint):
    """Who calls, for which company, with which roles: the first call of a new client."""

    needs = {"get": Ability.ENTER}

    @operation(_("Read who I am"), shows=CallerShown, tag="about")
    def get(self, request: Request) -> Response:
        shown = {
            "client_id": self.client.client_id,
            "name": self.by.name,
            "company": self.by.company.name,
            "environment": settings.ENVIRONMENT,
            "now": self.now,
            "grants": self.by.grant_list,
            "abilities": sorted(str(ability) for ability in MAY if may(self.by, ability)),
        }
        return Response(CallerShown(shown).data)
