"""The API's documentation as pages, made from the OpenAPI document: no script, no CDN, no signing in."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from portal.access import Role, public
from portal.api import meta, problems, versions

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass
class Field:
    """One entry or member: its name as a path, type, whether it must stand, what it means."""

    name: str
    type: str
    is_required: bool
    words: str


@dataclass
class Operation:
    """One method of one address, as the page tells it."""

    id: str
    method: str
    path: str
    summary: str
    words: str
    roles: list[str]
    is_public: bool
    parameters: list[Field] = field(default_factory=list)
    entries: list[Field] = field(default_factory=list)
    shown: list[Field] = field(default_factory=list)
    status: str = ""
    example: str = ""


@public
def reference(request: HttpRequest) -> HttpResponse:
    """Every operation by noun: what it takes, shows and needs, with a call that works."""
    document = meta.document()
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                found = _operation(document, path, method, methods[method])
                groups.setdefault(methods[method]["tags"][0], []).append(found)
    return render(
        request,
        "portal/api_docs.html",
        {
            "title": _("Documentation of the API"),
            "groups": sorted(groups.items()),
            "words": [part.replace("\n", " ") for part in document["info"]["description"].split("\n\n")],
            "address": settings.SITE_ADDRESS,
            "versions": versions.VERSIONS,
            "policy": versions.POLICY,
            "needs_certificate": settings.API_CERTIFICATE_REQUIRED,
            "minutes": settings.API_TOKEN_MINUTES,
        },
    )


@public
def errors(request: HttpRequest) -> HttpResponse:
    """The error catalogue: every code with its status, sentence and what to do."""
    return render(
        request,
        "portal/api_errors.html",
        {"title": _("Errors of the API"), "kinds": problems.catalogue()},
    )


def _operation(document: dict[str, Any], path: str, method: str, said: dict[str, Any]) -> Operation:
    answers = {status: answer for status, answer in said["responses"].items() if status < "300"}
    status = min(answers, default="")
    body = said.get("requestBody", {}).get("content", {})
    first: tuple[str, dict[str, Any]] = next(iter(body.items()), ("", {}))
    media, content = first
    answer: dict[str, Any] = next(iter(answers.get(status, {}).get("content", {}).values()), {})
    operation = Operation(
        id=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said.get("summary", ""),
        words=said.get("description", ""),
        roles=[str(Role(role).label) for role in said.get("x-roles", [])],
        is_public=not said["security"],
        parameters=[_parameter(document, parameter) for parameter in said.get("parameters", [])],
        entries=list(_fields(document, content.get("schema", {}))),
        shown=list(_fields(document, answer.get("schema", {}))),
        status=status,
    )
    operation.example = _curl(operation, media, content)
    return operation


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> Field:
    parameter = _followed(document, parameter)
    return Field(
        parameter["name"],
        f"{_type(document, parameter.get('schema', {}))} ({parameter['in']})",
        parameter.get("required", False),
        parameter.get("description", ""),
    )


def _followed(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema a reference leads to; the first of alternatives that is not null."""
    while True:
        if "$ref" in schema:
            found: Any = document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = {**found, **{name: value for name, value in schema.items() if name != "$ref"}}
        elif chosen := next(
            (one for one in schema.get("oneOf", schema.get("allOf", [])) if one.get("type") != "null"), None
        ):
            schema = {**chosen, **{name: value for name, value in schema.items() if name not in {"oneOf", "allOf"}}}
        else:
            return schema


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    schema = _followed(document, schema)
    if "enum" in schema:
        return " | ".join("null" if value is None else str(value) or '""' for value in schema["enum"])
    name = schema.get("type", "any")
    if isinstance(name, list):
        name = " | ".join(name)
    if name == "array":
        return f"[{_type(document, schema.get('items', {}))}]"
    return f"{name} ({schema['format']})" if "format" in schema else str(name)


def _fields(document: dict[str, Any], schema: dict[str, Any], at: str = "", depth: int = 0) -> Any:
    schema = _followed(document, schema)
    if schema.get("type") == "array":
        schema = _followed(document, schema.get("items", {}))
        at = f"{at}[]"
    required = set(schema.get("required", []))
    for name, inner in schema.get("properties", {}).items():
        here = f"{at}.{name}" if at else name
        told = _followed(document, inner)
        yield Field(
            here, _type(document, inner), name in required, inner.get("description", told.get("description", ""))
        )
        if depth < 3:
            yield from _fields(document, inner, here, depth + 1)


def _curl(operation: Operation, media: str, content: dict[str, Any]) -> str:
    lines = [f"curl -X {operation.method} '{settings.SITE_ADDRESS}{operation.path}'"]
    if not operation.is_public:
        lines.append('-H "Authorization: Bearer $TOKEN"')
        if operation.method != "GET":
            lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if any(parameter.name == "If-Match" for parameter in operation.parameters):
        lines.append("-H 'If-Match: \"…\"'")
    examples: list[dict[str, Any]] = list(content.get("examples", {}).values())
    example = examples[0].get("value") if examples else None
    if media == "application/json" and example is not None:
        lines.append(f"-H 'Content-Type: application/json' -d '{json.dumps(example, ensure_ascii=False)}'")
    elif operation.path.endswith("/token"):
        lines.append('-u "$CLIENT_ID:$SECRET" -d grant_type=client_credentials')
    return " \\\n     ".join(lines)
