"""What every endpoint of the API does: who calls, what it may, when it is open, how it is told. Closed by default.

    class Relays(Endpoint):
        needs = {"get": Ability.SEE_RELAYS, "post": Ability.REGISTER_RELAY}

        @operation(_("Register a relay"), entries=RelayEntries, shows=RelayShown, status=201)
        def post(self, request: Request) -> Response:
            entered = self.entries(RelayEntries)
            relay = relays.register(…, by=self.by, now=self.now)
            return self.created(RelayShown(relay).data, "api:relay", relay.number)

A refusal of the verb is not caught here: the catalogue (portal.api.problems) turns it into the answer.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal import clock, tracing
from portal.access import MAY, Ability, may
from portal.api import paging, problems, writing
from portal.api.problems import RoleMissing, StateHasChanged, StateNotNamed
from portal.api.throttling import PerMinute
from portal.gates import FUNCTION_OF, Hours, not_begun
from portal.models import ApiClient, User

log = logging.getLogger(__name__)

READS, WRITES = ("get", "head", "options"), ("post", "put", "patch", "delete")
ANYBODY = "anybody"
Needs = Ability | str


class Entries(serializers.Serializer):
    """What a client sends. A field nobody asked for is an error: a misspelt one would be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            raise serializers.ValidationError(
                {name: [serializers.ErrorDetail(_("There is no such field here."), "unknown")] for name in unknown}
            )
        return super().to_internal_value(data)


class Endpoint(APIView):
    """The base of every endpoint; `needs` names for each method the ability, or ANYBODY for what is public."""

    needs: ClassVar[dict[str, Needs]] = {}
    is_endpoint = True
    throttle_classes = [PerMinute]
    rate: PerMinute | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for method in (*READS[:1], *WRITES):
            handler = cls.__dict__.get(method)
            if handler is None:
                continue
            if method not in cls.needs:
                raise TypeError(f"{cls.__name__}.{method} says not which ability it needs")
            is_public = cls.needs[method] == ANYBODY
            if method in WRITES and not is_public and not hasattr(handler, "writes_once"):
                setattr(cls, method, writing.once(handler))

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        view = super().as_view(**initkwargs)
        view.is_endpoint = True
        view.needs = cls.needs
        return view

    # --- On the way in -------------------------------------------------------------------------------------------
    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        self.trace_id = tracing.trace_id(request)
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.now: datetime = clock.now()
        super().initial(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        if self.needed(request) == ANYBODY:
            request._not_authenticated()
            return
        super().perform_authentication(request)

    def needed(self, request: Request) -> Needs | None:
        """The ability the method asks for; that of GET for HEAD and OPTIONS, so that nobody looks around unknown."""
        method = str(request.method).lower()
        fallback = self.needs.get("get") or next(iter(self.needs.values()), None)
        return self.needs.get("get" if method == "head" else method, fallback)

    def check_permissions(self, request: Request) -> None:
        """The ability, then the hours: who may not do it learns nothing of a function that is closed."""
        ability = self.needed(request)
        if ability == ANYBODY or str(request.method).lower() not in {*self.needs, "head"}:
            return
        assert isinstance(ability, Ability)
        if not may(self.by, ability):
            roles = sorted(str(role) for role in MAY[ability].roles)
            raise RoleMissing(ability=str(ability), roles=roles)
        if function := FUNCTION_OF.get(ability):
            closed = Hours(self.now).closure(function) or not_begun(self.by.company, function, now=self.now)
            if closed:
                raise closed

    @property
    def by(self) -> User:
        """The client's machine account: what verbs take as `by`."""
        user = self.request.user
        assert isinstance(user, User)
        return user

    @property
    def client(self) -> ApiClient:
        return self.request.auth

    def entries(self, form: type[serializers.Serializer], **context: Any) -> dict[str, Any]:
        """The body, read by the serializer. Raises problems.EntriesWrong."""
        read = form(data=self.request.data, context=context)
        if not read.is_valid():
            raise problems.entries_wrong(read.errors)
        return read.validated_data

    def query(self, form: type[serializers.Serializer]) -> dict[str, Any]:
        """The query parameters, read by the serializer; an unknown one is an error. Raises problems.EntriesWrong."""
        given = self.request.query_params
        fields = form().fields
        twice = [name for name in given if len(given.getlist(name)) > 1]
        unknown = [name for name in given if name not in fields]
        wrong = {name: [serializers.ErrorDetail(_("There is no such parameter here."), "unknown")] for name in unknown}
        wrong |= {name: [serializers.ErrorDetail(_("Give this parameter once."), "twice")] for name in twice}
        if wrong:
            raise problems.entries_wrong(wrong, in_query=True)
        read = form(data={name: given[name] for name in given})
        if not read.is_valid():
            raise problems.entries_wrong(read.errors, in_query=True)
        return read.validated_data

    def cleaned(self, form: forms.BaseForm, *, in_query: bool = False) -> dict[str, Any]:
        """What a page's form makes of the entries: the same cleaning. Raises problems.EntriesWrong."""
        if not form.is_valid():
            raise problems.entries_wrong(form.errors.get_json_data(), in_query=in_query)
        return form.cleaned_data

    # --- On the way out ------------------------------------------------------------------------------------------
    def page(self, rows: Any, shown: paging.Shown, query: dict[str, Any], **order: Any) -> Response:
        """One page of a list; `query` is what a PageQuery read."""
        return paging.page(self.request, rows, shown, limit=query["limit"], cursor=query.get("cursor", ""), **order)

    def one(self, data: Any, *, status: int = 200) -> Response:
        """One thing with its ETag; 304 without a body where If-None-Match names it."""
        tag = etag(data)
        if status == 200 and self.request.method in {"GET", "HEAD"} and tag in _tags(self.request, "If-None-Match"):
            return Response(status=304, headers={"ETag": tag})
        return Response(data, status=status, headers={"ETag": tag})

    def created(self, data: Any, name: str, *args: Any) -> Response:
        """201 with Location and ETag."""
        response = self.one(data, status=201)
        response["Location"] = reverse(name, args=args)
        return response

    def must_match(self, data: Any, *, is_optional: bool = False) -> None:
        """Compare If-Match with the present state, given as it is shown. Raises StateNotNamed, StateHasChanged."""
        named = _tags(self.request, "If-Match")
        if not named:
            if not is_optional:
                raise StateNotNamed
        elif etag(data) not in named and "*" not in named:
            raise StateHasChanged

    def refusal(self, error: Exception) -> Response | None:
        """The answer to what the catalogue knows; None for an error of the hub."""
        return problems.answer(error, self.get_exception_handler_context())

    def handle_exception(self, error: Exception) -> Response:
        response = self.refusal(error)
        if response is None:
            log.exception("api %s %s %s", self.trace_id, self.request.method, tracing.route_of(self.request._request))
            known = next(kind for kind in problems.catalogue() if kind.code == "api.error")
            response = Response(problems.body(known, None, trace_id=self.trace_id), status=500)
        response.exception = True
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response[problems.TRACE] = self.trace_id
        if response.status_code >= 400 and isinstance(response, Response):
            response.content_type = response.content_type or problems.TYPE
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        if self.rate is not None:
            response["RateLimit-Limit"] = str(self.rate.most)
            response["RateLimit-Remaining"] = str(self.rate.left)
            response["RateLimit-Reset"] = str(self.rate.ends_in)
        data = getattr(response, "data", None)
        code = data.get("code", "") if isinstance(data, dict) and response.status_code >= 400 else ""
        client = getattr(getattr(request, "auth", None), "client_id", "") if hasattr(request, "_auth") else ""
        facts = {"client": client, "code": code}
        tracing.tell(getattr(request, "_request", request), **{name: said for name, said in facts.items() if said})
        return response

    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Which methods there are; what they take stands in the OpenAPI document."""
        return Response(status=204, headers={"Allow": ", ".join(self.allowed_methods)})


def etag(data: Any) -> str:
    """Of the representation: the same facts, the same tag."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def _tags(request: Request, header: str) -> set[str]:
    return {part.strip().removeprefix("W/") for part in request.headers.get(header, "").split(",") if part.strip()}
