"""Every page of the site as somebody sees it who may open it, for the sweeps that look at pages themselves.

for page in every_page(cast, room):     each as whoever may open it, and again with what its form says of nothing
    page.name, page.url, page.html, page.answer, page.client

Each page is made in a transaction of its own that is undone before the next: what one page's case needs stands in no
other page's way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from portal import gates
from portal.access import Ability
from portal.gates import FUNCTION_OF
from portal.models import Company
from portal.views.errors import server_error
from tests.access_rows import Row
from tests.addresses import OWN, ROWS, address, opened, whoever_may
from tests.cast import NOW, Cast, client_of

MANY = 3  # rows of a filled list
PRINTED = {"switching:relay", "switching:application"}


@dataclass(frozen=True)
class Shown:
    """A page as it was answered."""

    name: str
    url: str
    client: Client
    answer: Any

    @property
    def html(self) -> str:
        return self.answer.content.decode()

    def __str__(self) -> str:
        return f"{self.name} ({self.url})"


def is_page(answer: Any) -> bool:
    """Somebody reads it in a browser."""
    return (
        answer.get("Content-Type", "").startswith("text/html")
        and b"<html" in getattr(answer, "content", b"")
        and answer.status_code < 500
        and answer.status_code not in {301, 302}
    )


def draws_a_list(answer: Any) -> bool:
    """The page shows a list as portal.lists draws it."""
    return "_parts/list.html" in {template.name for template in answer.templates}


class _Form(HTMLParser):
    """The page's own form: whether it asks anything, and what a browser sends when nothing is filled in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.is_main = self.is_inside = self.was_seen = self.asks = False
        self.given: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.is_main = self.is_main or tag == "main"
        if tag == "form" and self.is_main and not self.was_seen:
            self.is_inside = self.was_seen = given.get("method") == "post" and not given.get("action")
        if tag == "input" and self.is_inside and given.get("type") == "hidden":
            self.given[given.get("name") or ""] = given.get("value") or ""
        elif tag in {"input", "select", "textarea"} and self.is_inside:
            self.asks = True

    def handle_endtag(self, tag: str) -> None:
        self.is_inside = self.is_inside and tag != "form"


def every_page(cast: Cast, room: str, language: str = "ja") -> Iterator[Shown]:
    """The pages of a room: as they open, filled where they are lists, with errors where they are forms."""
    for name in OWN:
        if name.partition(":")[0] == room and ROWS[name].opens != "certificate" and ROWS[name].method == "get":
            yield from _undone(_of_one_address(cast, name, language))
    if room == "portal":
        yield from _undone(_homes(cast, language))
        yield from _undone(_closed_doors(cast))


def _undone(pages: Iterator[Shown]) -> Iterator[Shown]:
    with transaction.atomic():
        yield from pages
        transaction.set_rollback(True)


def _of_one_address(cast: Cast, name: str, language: str) -> Iterator[Shown]:
    row: Row = ROWS[name]
    url = address(name, cast)
    client = whoever_may(name, cast)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    with translation.override(language):
        answer = opened(client, name, url)
    if not is_page(answer):
        return
    yield Shown(name, url, client, answer)
    if name in PRINTED:
        paper = f"{url}?print"
        yield Shown(f"{name} printed", paper, client, client.get(paper))
    form = _Form(answer.content.decode())
    if form.asks:
        with transaction.atomic():
            refused = client.post(url, form.given)
            transaction.set_rollback(True)
        if is_page(refused) and "error-summary" in refused.content.decode():
            yield Shown(f"{name} with errors", url, client, refused)
    if row.one_more:
        for _ in range(MANY):
            row.one_more(cast)
        yield Shown(f"{name} with rows", url, client, opened(client, name, url))


def every_page_of_the_workbench(cast: Cast, language: str = "ja") -> Iterator[Shown]:
    """The operator's workbench: its start, and each table's list, its empty form and its first row."""
    client = client_of(cast["hub.operator"])
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    addresses = [reverse("admin:index")]
    for model in admin.site._registry:
        table = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses += [reverse(f"{table}_changelist"), reverse(f"{table}_add")]
        if (first := model._default_manager.order_by("pk").first()) is not None:
            addresses.append(reverse(f"{table}_change", args=[first.pk]))
    for url in addresses:
        answer = client.get(url)
        if is_page(answer) and answer.status_code == 200:
            yield Shown(f"workbench {url.removeprefix('/workbench/').replace('/', ' ')}", url, client, answer)


def _homes(cast: Cast, language: str) -> Iterator[Shown]:
    for user in cast.everybody():
        client = client_of(user)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        yield Shown(f"home of {user.username}", "/", client, client.get("/"))


def _closed_doors(cast: Cast) -> Iterator[Shown]:
    """What is answered where something is not there, not open yet, too old or broken."""
    inside, outside = client_of(cast["sora.relay"]), Client()
    yield Shown("not there", "/no-such-page/", inside, inside.get("/no-such-page/"))
    yield Shown("not there for a guest", "/no-such-page/", outside, outside.get("/no-such-page/"))
    yield Shown("an invitation used up", "/invitation/x/y/", outside, outside.get("/invitation/x/y/"))
    strict = Client(enforce_csrf_checks=True)
    yield Shown("a form too old", "/sign-in/", strict, strict.post("/sign-in/", {}))
    Company.objects.filter(pk=cast.sora.pk).update(web_certificate_required=True)
    yield Shown("a certificate needed", "/", inside, inside.get("/"))
    Company.objects.filter(pk=cast.sora.pk).update(web_certificate_required=False)
    gates.open_function(FUNCTION_OF[Ability.SEE_RELAYS], opened_from=NOW + timedelta(days=1), by=None, now=NOW)
    yield Shown("a function not open yet", "/relays/", inside, inside.get("/relays/"))
    wrong = {"username": cast["umi.relay"].username, "password": "wrong"}
    for _ in range(20):
        answer = outside.post("/sign-in/", wrong)
        if answer.status_code == 429:
            break
    yield Shown("a frozen person", "/sign-in/", outside, answer)
    yield Shown("broken", "/", outside, server_error(RequestFactory().get("/")))
