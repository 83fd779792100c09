"""The catalogue of the API's errors: code, status, sentence and what to do; and how an exception becomes an answer.

One table. Each room enters what its verbs raise (`register` in a module `api/catalogue.py`); the answer follows RFC
9457 (`application/problem+json`), its `detail` is the sentence people read on the pages, in the reader's language.
"""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as FieldsRefused
from django.db import DatabaseError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from portal import clock, outages, tracing, workdays
from portal.quotable import quotable_id

log = logging.getLogger(__name__)

TYPE = "application/problem+json"
TRACE = tracing.HEADER
Words = str | Promise

TITLES: dict[int, Words] = {
    400: _("The request cannot be read"),
    401: _("Who calls is not proven"),
    403: _("Not within this client's roles"),
    404: _("There is nothing here for this client"),
    405: _("This method is not offered here"),
    406: _("This form of answer is not offered"),
    409: _("It does not fit how things stand"),
    410: _("It is gone"),
    412: _("It has changed in the meantime"),
    413: _("Too large"),
    415: _("This form of request is not read"),
    422: _("The entries do not fit"),
    428: _("Say which state you have seen"),
    429: _("Too much at once"),
    500: _("An error of the hub"),
    503: _("Not now"),
}
ADVICE: dict[int, Words] = {
    400: _("Correct the request; the same one will be refused again."),
    401: _("Get a new token with the client's secret and certificate, then repeat the request."),
    403: _("Ask your company's administrator for the role; repeating does not help."),
    404: _("Compare the number. What belongs to other companies is absent, not forbidden."),
    405: _("See the documentation for the methods of this address."),
    406: _("Ask for application/json."),
    409: _("Read the case anew; repeat only when it has moved, with what fits then."),
    410: _("It does not come back; see the documentation for how long such things are kept."),
    412: _("Read it anew, compare, and send your change with the new ETag."),
    413: _("Send less at once."),
    415: _("Send application/json, or what the documentation of this address says."),
    422: _("Correct the entries named under errors, or what the sentence says, and send it again."),
    428: _("Send the ETag of your last reading as If-Match."),
    429: _("Wait as long as Retry-After says, then repeat the same request with the same Idempotency-Key."),
    500: _("Repeat with the same Idempotency-Key; if it stays, call the helpdesk and quote the trace_id."),
    503: _("Wait as long as Retry-After says, then repeat the same request with the same Idempotency-Key."),
}


@dataclass(frozen=True)
class Kind:
    """One row of the catalogue. `sentence` as a template for people; `say` fills it in for one exception."""

    code: str
    status: int
    sentence: Words
    raised_as: tuple[type[Exception], ...] = ()
    say: Callable[[Any], str] | None = None
    more: Callable[[Any], dict[str, Any]] | None = None
    fields: Callable[[Any], list[str]] | None = None
    retry_after: Callable[[Any], float | None] | None = None
    advice: Words = ""

    @property
    def pattern(self) -> str:
        """The sentence for who reads the catalogue: what each case fills in stands in angle brackets."""
        return _FILLED_IN.sub(r"〈\1\2〉", str(self.sentence))

    @property
    def title(self) -> Words:
        return TITLES[self.status]

    @property
    def what_to_do(self) -> Words:
        return self.advice or ADVICE[self.status]

    @property
    def address(self) -> str:
        return f"{settings.SITE_ADDRESS}/api/errors/#{self.code}"


_FILLED_IN = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_by_code: dict[str, Kind] = {}
_by_exception: dict[type[Exception], Kind] = {}


def register(*kinds: Kind) -> None:
    """Enter rows into the catalogue; a code, and an exception, stands once."""
    for kind in kinds:
        known = _by_code.get(kind.code)
        assert known is None or known.raised_as == kind.raised_as, f"the code {kind.code} stands twice"
        _by_code[kind.code] = kind
        for raised in kind.raised_as:
            _by_exception[raised] = kind


def catalogue() -> list[Kind]:
    """Every row, by code."""
    return [_by_code[code] for code in sorted(_by_code)]


def kind_of(error: Exception) -> Kind | None:
    """The row of an exception: its own class's, else the nearest class above it that has one."""
    for cls in type(error).__mro__:
        if cls in _by_exception:
            return _by_exception[cls]
    return None


def code_for(noun: str, exception: type[Exception]) -> str:
    """`relays.point_busy` for PointBusy of relays."""
    return f"{noun}.{_BETWEEN_WORDS.sub('_', exception.__name__).lower()}"


def of_verbs(
    noun: str,
    statuses: dict[type[Exception], int],
    *,
    fields: dict[type[Exception], str] | None = None,
    sentences: dict[type[Exception], Words] | None = None,
    retry_after: dict[type[Exception], Callable[[], float]] | None = None,
) -> None:
    """Enter exceptions of a noun whose sentence is `str(error)` and, as a class, `error.sentence` or in `sentences`.

    `fields`: the entry of the body the exception is about; `retry_after`: after how many seconds it is worth trying.
    """
    named, worded, waits = fields or {}, sentences or {}, retry_after or {}

    def named_field(raised: type[Exception]) -> Callable[[Exception], list[str]] | None:
        return (lambda _error: [named[raised]]) if raised in named else None

    def wait(raised: type[Exception]) -> Callable[[Exception], float] | None:
        return (lambda _error: waits[raised]()) if raised in waits else None

    register(
        *(
            Kind(
                code_for(noun, raised),
                status,
                worded.get(raised) or getattr(raised, "sentence", "") or "",
                (raised,),
                say=str,
                fields=named_field(raised),
                retry_after=wait(raised),
            )
            for raised, status in statuses.items()
        )
    )


# --- What the API itself refuses -----------------------------------------------------------------------------------
class Refused(Exception):
    """A request the API itself refuses, whatever it is about."""

    def __init__(self, **more: Any) -> None:
        super().__init__(*more.values())
        self.more = more


class KeyMissing(Refused):
    """A write without an Idempotency-Key."""


class KeyNotGood(Refused):
    """An Idempotency-Key that is empty, too long or no plain ASCII."""


class KeyUsedOtherwise(Refused):
    """The key was used with another request."""


class StateNotNamed(Refused):
    """An update without If-Match."""


class StateHasChanged(Refused):
    """If-Match names another state than the present one."""


class RoleMissing(Refused):
    """The client holds no role that carries the ability; `ability` and `roles` name them."""


class CertificateMissing(Refused):
    """No client certificate came, or one that opens nothing; `standing` says how it stands."""


class TokenOfAnotherCertificate(Refused):
    """The token is bound to another certificate than the one shown."""


class CursorNotGood(Refused):
    """A cursor nobody gave out."""


@dataclass
class FieldError:
    """One wrong entry: where (a JSON pointer into what was sent, or a query parameter) and why."""

    detail: str
    pointer: str = ""
    parameter: str = ""
    code: str = "invalid"

    def as_dict(self) -> dict[str, str]:
        named = {"pointer": self.pointer} if not self.parameter else {"parameter": self.parameter}
        return {**named, "code": self.code, "detail": self.detail}


@dataclass
class EntriesWrong(Exception):
    """Entries that cannot be read as what they should be."""

    errors: list[FieldError] = field(default_factory=list)


def _detail(error: Any) -> str:
    return str(error.detail) if isinstance(error.detail, str) else str(error.default_detail)


def entries_wrong(detail: Any, *, in_query: bool = False, at: str = "") -> EntriesWrong:
    """From the errors of a serializer (nested lists and dicts) or of a form's `errors.get_json_data()`."""
    return EntriesWrong(list(_walk(detail, at, in_query)))


def _walk(detail: Any, at: str, in_query: bool) -> Iterable[FieldError]:
    if isinstance(detail, dict):
        if set(detail) == {"message", "code"}:
            yield _field(detail["message"], detail["code"], at, in_query)
            return
        for name, inner in detail.items():
            here = (
                at
                if name in {"non_field_errors", "__all__"}
                else f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}"
            )
            yield from _walk(inner, here, in_query)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            is_list_of_rows = isinstance(inner, dict) and set(inner) != {"message", "code"}
            if not is_list_of_rows:
                yield from _walk(inner, at, in_query)
            elif inner:
                yield from _walk(inner, f"{at}/{index}", in_query)
    else:
        yield _field(str(detail), getattr(detail, "code", "invalid"), at, in_query)


def _field(message: Any, code: Any, at: str, in_query: bool) -> FieldError:
    if in_query:
        return FieldError(str(message), parameter=at.strip("/"), code=str(code or "invalid"))
    return FieldError(str(message), pointer=at, code=str(code or "invalid"))


register(
    Kind(
        "api.key_missing",
        400,
        _("A write needs the header Idempotency-Key: any text of 1 to 100 characters, new for every new deed."),
        (KeyMissing,),
    ),
    Kind(
        "api.key_not_good",
        400,
        _("An Idempotency-Key has 1 to 100 characters: letters, digits and - _ . : only."),
        (KeyNotGood,),
    ),
    Kind(
        "api.key_used_otherwise",
        422,
        _("This Idempotency-Key was used for another request. A new deed needs a new key; a repeated one the same."),
        (KeyUsedOtherwise,),
        advice=_("Take a new key if this is a new deed."),
    ),
    Kind(
        "api.state_not_named",
        428,
        _("This change needs the header If-Match with the ETag of the state it was made from."),
        (StateNotNamed,),
    ),
    Kind(
        "api.state_has_changed",
        412,
        _("Somebody or something changed it since you read it. Nothing was done."),
        (StateHasChanged,),
    ),
    Kind(
        "api.role_missing",
        403,
        _("This client holds no role that lets it do this for its company."),
        (RoleMissing,),
        more=lambda error: error.more,
    ),
    Kind(
        "api.certificate_missing",
        401,
        _("The API opens with a registered client certificate of your company for the API only."),
        (CertificateMissing,),
        more=lambda error: error.more,
        advice=_("Connect with a client certificate registered for the API; its page says how it stands."),
    ),
    Kind(
        "api.token_of_another_certificate",
        401,
        _("The token was given out to a connection with another client certificate."),
        (TokenOfAnotherCertificate,),
    ),
    Kind(
        "api.token_missing",
        401,
        _("The request carries no token. Send it as: Authorization: Bearer …"),
        (exceptions.NotAuthenticated,),
    ),
    Kind(
        "api.entries_wrong",
        422,
        _("Some entries cannot be read or are missing; errors names each."),
        (EntriesWrong, exceptions.ValidationError, FieldsRefused),
    ),
    Kind("api.cursor_not_good", 422, _("This cursor was not given out by this list."), (CursorNotGood,)),
    Kind("api.unreadable", 400, _("The body is no JSON that can be read."), (exceptions.ParseError,)),
    Kind(
        "api.bad_request",
        400,
        _("The request cannot be understood: an address, header or body that no client of HTTP makes."),
        (BadRequest, SuspiciousOperation),
    ),
    Kind("api.not_found", 404, _("There is no such thing for this client."), (Http404, exceptions.NotFound)),
    Kind(
        "api.method_not_offered",
        405,
        _("This address does not know this method."),
        (exceptions.MethodNotAllowed,),
    ),
    Kind("api.form_not_offered", 406, _("Answers are given as JSON."), (exceptions.NotAcceptable,)),
    Kind(
        "api.form_not_read",
        415,
        _("A body is read as application/json where the documentation says nothing else."),
        (exceptions.UnsupportedMediaType,),
    ),
    Kind("api.too_large", 413, _("The body is larger than this address takes."), (RequestDataTooBig,)),
    Kind(
        "api.too_many_requests",
        429,
        _("This client has sent more requests in this minute than it may."),
        (exceptions.Throttled,),
        retry_after=lambda error: error.wait,
    ),
    Kind(
        "api.forbidden",
        403,
        _("This is not allowed to this client."),
        (PermissionDenied, exceptions.PermissionDenied),
    ),
    Kind(
        "api.busy",
        503,
        _("Two deeds held one another up. Nothing was done."),
        (OperationalError,),
        retry_after=lambda error: 1,
    ),
    Kind(
        "api.storage_full",
        503,
        outages.StorageFull.sentence,
        (outages.StorageFull,),
        retry_after=lambda error: error.seconds,
    ),
    Kind(
        "api.database_away",
        503,
        outages.DatabaseAway.sentence,
        (outages.DatabaseAway,),
        retry_after=lambda error: error.seconds,
    ),
    Kind("api.error", 500, _("Something went wrong at the hub. Nothing was done."), ()),
)


# --- The answer ----------------------------------------------------------------------------------------------------
def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The exception handler of every endpoint: a problem for what the catalogue knows, None (a 500) for the rest."""
    error = outages.named(error) or error
    if isinstance(error, OperationalError) and "deadlock" not in str(error):
        return None
    if isinstance(error, DatabaseError) and not isinstance(error, OperationalError):
        return None
    kind = kind_of(error)
    if kind is None:
        return None
    view = context.get("view")
    response = Response(
        body(kind, error, trace_id=getattr(view, "trace_id", "") or quotable_id()),
        status=kind.status,
        content_type=TYPE,
    )
    response["Content-Type"] = TYPE
    if kind.retry_after and (seconds := kind.retry_after(error)):
        response["Retry-After"] = str(int(seconds) + (seconds != int(seconds)))
    if kind.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="kirikae"'
    if isinstance(error, exceptions.MethodNotAllowed) and view is not None:
        response["Allow"] = ", ".join(view.allowed_methods)
    return response


def body(kind: Kind, error: Exception | None, *, trace_id: str) -> dict[str, Any]:
    """The members of the problem."""
    said: dict[str, Any] = {
        "type": kind.address,
        "code": kind.code,
        "status": kind.status,
        "title": str(kind.title),
        "detail": kind.say(error) if kind.say and error else str(kind.sentence),
        "what_to_do": str(kind.what_to_do),
        "trace_id": trace_id,
    }
    if error is None:
        return said
    if isinstance(error, exceptions.ValidationError):
        error = entries_wrong(error.get_full_details() if False else error.detail)
    elif isinstance(error, FieldsRefused):
        error = entries_wrong(error.messages)
    if isinstance(error, EntriesWrong):
        said["errors"] = [wrong.as_dict() for wrong in error.errors]
    elif kind.fields and (names := kind.fields(error)):
        said["errors"] = [FieldError(said["detail"], pointer=f"/{name}", code=kind.code).as_dict() for name in names]
    if kind.more:
        said |= kind.more(error)
    return said


def plain_answer(request: HttpRequest, code: str) -> HttpResponse:
    """A problem outside of every endpoint: an address that is not there, an error on the way."""
    kind, trace_id = _by_code[code], tracing.trace_id(request)
    tracing.tell(request, code=code)
    if kind.status >= 500:
        log.exception("api %s %s %s", trace_id, request.method, tracing.route_of(request))
    content = JSONRenderer().render(body(kind, None, trace_id=trace_id))
    return HttpResponse(content, status=kind.status, content_type=TYPE, headers={TRACE: trace_id})


def until_midnight() -> float:
    """The seconds until a day's quota begins anew."""
    now = clock.now()
    return (workdays.next_midnight(now) - now).total_seconds()


def is_api(request: HttpRequest) -> bool:
    """Whether programs ask here, so that errors are told to them and not drawn as a page."""
    return request.path.startswith("/api/v")
