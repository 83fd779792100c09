"""What arrives is read as JSON, what leaves is written as JSON; hostile nesting is an unreadable body, not an error."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAcceptable, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class Json(JSONParser):
    """JSON as RFC 8259 has it."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except (RecursionError, UnicodeError) as error:
            raise ParseError(_("The body is no JSON that can be read.")) from error


class AlwaysJson(BaseContentNegotiation):
    """The first parser that reads the body, the view's own renderer; a client that refuses JSON is told so."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        wanted = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == wanted), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        renderer: BaseRenderer = renderers[0]
        accepted = request.headers.get("Accept", "*/*")
        major = str(renderer.media_type).partition("/")[0]
        names = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
        if names & {"", "*/*", f"{major}/*", str(renderer.media_type), "application/problem+json"} or not accepted:
            return renderer, renderer.media_type
        raise NotAcceptable
