"""The OpenAPI document, read from the endpoints: what each takes, shows, needs, and how it is refused."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    inline_serializer,
)
from rest_framework import serializers

from portal.access import MAY, Ability
from portal.api import versions
from portal.api.problems import TITLES, TYPE


class OutcomeShown(serializers.Serializer):
    """What a check without filing (`dry_run`) found; `problem` as it would have been answered."""

    is_possible = serializers.BooleanField()
    sentence = serializers.CharField()
    problem = serializers.DictField(allow_null=True)


Handler = TypeVar("Handler", bound=Callable[..., Any])
ALWAYS = ("404", "406", "422", "429", "500", "503")
INSIDE = ("401", "403")
OF_WRITES = ("400", "409", "412", "413", "415", "428")
METHODS = ("get", "post", "put", "patch", "delete")


def operation(
    summary: Any,
    *,
    entries: Any = None,
    shows: Any = None,
    lists: Any = None,
    status: int = 200,
    query: Any = None,
    matches: bool = False,
    checks: bool = False,
    example: dict[str, Any] | None = None,
    media: str = "application/json",
    tag: str = "",
    also: dict[int, Any] | None = None,
) -> Callable[[Handler], Handler]:
    """Describe a method of an endpoint.

    `entries`: serializer of the body; `shows`: of one thing, or `lists`: of each row of a page; `query`: of the query;
    `matches`: the change needs If-Match; `checks`: with `dry_run` the answer is 200 and an Outcome; `example`: a body
    that works in the demo, shown in the documentation; `also`: further answers by status.
    """
    answers: dict[Any, Any] = {(code, media): answer for code, answer in (also or {}).items()}
    if lists is not None:
        shows = _page_of(lists)
    if checks and status == 200:
        shows = PolymorphicProxySerializer(
            component_name=f"{shows.__name__}OrOutcome",
            serializers=[shows, OutcomeShown],
            resource_type_field_name=None,
        )
    elif checks:
        answers[(200, media)] = OutcomeShown
    answers[(status, media)] = shows if shows is not None else OpenApiResponse(description="Done.")
    if shows is None:
        answers = {**{code: answers[code] for code in answers if code[0] != status}, status: None}
    parameters: list[Any] = [query] if query is not None else []
    if matches:
        parameters.append(
            OpenApiParameter("If-Match", str, "header", required=True, description="The ETag of the state you saw.")
        )
    return extend_schema(
        summary=summary,
        request=entries,
        responses=answers,
        parameters=parameters,
        tags=[tag] if tag else None,
        examples=[OpenApiExample("example", value=example, request_only=True)] if example is not None else None,
    )


@cache
def _page_of(row: type[serializers.BaseSerializer]) -> serializers.Serializer:
    """A page of such rows: one component, however many lists show them."""
    return inline_serializer(
        name=f"{row.__name__}Page",
        fields={"items": row(many=True), "next_cursor": serializers.CharField(allow_null=True)},
    )


class Schema(AutoSchema):
    """Names operations after their class, tells the ability and the roles, and what a write needs."""

    def get_operation_id(self) -> str:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self.view).__name__).lower()
        return f"{name}_{self.method.lower()}"

    def get_tags(self) -> list[str]:
        parts = self.path.removeprefix("/api/v1/").split("/")
        return [parts[0]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        super().get_auth()  # enters the scheme itself
        return [] if self._needed() is None else [{"client": []}]

    def get_extensions(self) -> dict[str, Any]:
        ability = self._needed()
        if ability is None:
            return {}
        grantable = MAY[ability]
        return {
            "x-ability": str(ability),
            "x-roles": sorted(str(role) for role in grantable.roles),
            **({"x-market-roles": sorted(map(str, grantable.market_roles))} if grantable.market_roles else {}),
        }

    def _needed(self) -> Ability | None:
        found = self.view.needs.get(self.method.lower())
        return found if isinstance(found, Ability) else None


def finish(result: dict[str, Any], generator: SchemaGenerator, request: Any, public: bool) -> dict[str, Any]:
    """What holds for every operation: problems, the key of writes, security of what is public."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {
        f"Problem{status}": {
            "description": str(title),
            "content": {TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": RETRY} if status in {429, 503} else {}),
        }
        for status, title in TITLES.items()
    }
    components["parameters"] = {"IdempotencyKey": KEY}
    for path in result["paths"].values():
        for method, found in path.items():
            if method not in METHODS:
                continue
            is_public = not found.get("security")
            found.setdefault("security", [])
            wanted = [*ALWAYS, *([] if is_public else INSIDE), *([] if method == "get" else OF_WRITES)]
            for status in wanted:
                found["responses"].setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
            if method == "get":
                found["responses"].setdefault("304", {"description": "Not changed since the ETag of If-None-Match."})
            if method != "get" and not is_public:
                found.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
            for parameter in found.get("parameters", []):
                if parameter.get("in") == "query":
                    parameter.setdefault("explode", True)
    result["info"]["version"] = versions.CURRENT.number
    result["info"]["description"] = DESCRIPTION
    return result


KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "New for every new deed; the same when the same request is repeated.",
    "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_.:\-]{1,100}$"},
}
RETRY = {"Retry-After": {"description": "Seconds until it is worth trying again.", "schema": {"type": "integer"}}}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; `code` is stable, `detail` is a sentence for people.",
    "required": ["type", "code", "status", "title", "detail", "what_to_do", "trace_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Leads to the code's row in the error catalogue."},
        "code": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "what_to_do": {"type": "string"},
        "trace_id": {"type": "string", "description": "To be quoted to the helpdesk; also the header Trace-Id."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body that was sent."},
                    "parameter": {"type": "string", "description": "Name of the query parameter."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "contradicts": {
            "type": "object",
            "description": "For errors of sequence: the own movement that stands against it, and what would fit.",
            "additionalProperties": True,
        },
    },
    "additionalProperties": True,
}
DESCRIPTION = """\
Everything the pages of the hub can do, for programs: the same deeds, the same rules, the same sentences.

**Who calls.** An administrator of your company registers an *API client* on the pages and gives it roles, by area and
class of supply. The client connects with a client certificate registered for the API, asks `POST /api/v1/token` for a
token (OAuth 2.0 client credentials, bound to the certificate as in RFC 8705) and sends it as `Authorization: Bearer`.

**Writing.** Every write carries an `Idempotency-Key`. The same key and request again: the same answer and no second
deed. The same key with another request: a problem. What was refused had no effect, so its key stays free.

**Changing.** What is changed is read first; its `ETag` goes along as `If-Match`.

**Lists** come in pages: pass `next_cursor` as `cursor`.

**Errors** are `application/problem+json` with a stable `code`; all of them stand at `/api/v1/errors`.

**Times** carry an offset, days are days in Japan, energy is in Wh.
"""
