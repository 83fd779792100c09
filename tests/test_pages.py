"""What holds for every page of the site, read as people read it: in Japanese and in English."""

import re
from collections import defaultdict
from html.parser import HTMLParser

import pytest
from django.conf import settings

from tests.addresses import ROOMS, ROWS
from tests.cast import COMPANIES, HUB, ROLES
from tests.every_page import draws_a_list, every_page

UNREAD = {"script", "style", "code", "pre", "kbd", "textarea"}
FRAME = {"title", "h1", "h2", "h3", "th", "dt", "label", "legend", "button", "summary"}
VOID = {"input", "br", "img", "meta", "link", "hr", "col", "wbr", "use", "path", "rect", "line", "circle", "polyline"}
"""Elements whose words are the site's own, not somebody's entries."""


class Reader(HTMLParser):
    """The words of a page with the element each stands in, but for what is in another language or not for reading."""

    def __init__(self, html: str, language: str) -> None:
        super().__init__()
        self.language, self.open, self.words = language, [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            is_unread = tag in UNREAD or given.get("lang", self.language) != self.language
            self.open.append((tag, is_unread or "quotable" in (given.get("class") or "")))
        for name in ("aria-label", "title", "placeholder", "alt"):
            if given.get(name):
                self.words.append((tag, given[name]))

    def handle_endtag(self, tag):
        while tag in {one for one, _unread in self.open} and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if data.strip() and not any(unread for _tag, unread in self.open):
            tag = next((one for one, _unread in reversed(self.open) if one in FRAME), self.open[-1][0])
            self.words.append((tag, " ".join(data.split())))


TOKEN = re.compile(r"[A-Za-z0-9_.:/@=#+'-]+")
A_CODE = re.compile(r"[0-9_./@:=#]|^api-")  # numbers, addresses, hashes, names of files and fields, ids
JAPANESE = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")
WEEKDAY = re.compile(r"\d \([月火水木金土日]\)")
KNOWN = {  # what is written so in Japanese too
    *{
        "kirikae",
        "api",
        "webhook",
        "fit",
        "kwh",
        "kva",
        "esc",
        "wcag",
        "axe-core",
        "web",
        "url",
        "http",
        "post",
        "cookie",
    },
    *{
        "csv",
        "json",
        "jsonl",
        "lines",
        "xml",
        "espi",
        "green",
        "button",
        "parquet",
        "gzip",
        "zip",
        "excel",
        "xlsx",
        "manifest",
    },
    *{"pdf", "jpeg", "png", "ogg", "wav", "jis", "shift", "word", "powerpoint", "unicode"},
    *{"csr", "der", "pem", "pin", "rsa", "openssl", "python"},
}
CAST = {
    *{word.lower() for company in COMPANIES.values() for word in company[1].split()},
    *{role.value for roles in ROLES.values() for role in roles},
    *ROLES,
}  # who stands on the pages by a name in Latin letters
ENTERED = {"rec-", "radio", "typed", "wrongly", "desk", "public", "test", "issuing", "hoshi", "denki"}
ENTERED_IN_JAPANESE = {"連携", "判定の期限について", "毎朝", "机"}  # what the cases' people wrote
IN_ENGLISH = {"portal:api-docs", "portal:api-errors"}  # the reference of the API is read beside its English names
QUOTING = {"portal:ledger", "portal:webhook"}  # what was recorded, and what another's server said, in its words


def in_english_still(html: str) -> set[str]:
    found = Reader(html, "ja").words
    tokens = {token.strip(".:'-") for _tag, words in found for token in TOKEN.findall(words)}
    words = {token for token in tokens if len(token) > 2 and not A_CODE.search(token)}
    return {word for word in words if word.lower() not in KNOWN | CAST | ENTERED}


def in_japanese_still(html: str) -> set[str]:
    """Words of the site's own that are Japanese on a page in English, and days as only Japanese writes them."""
    found = Reader(html, "en").words
    own = {words for tag, words in found if tag in FRAME and JAPANESE.search(words) and not named(words)}
    return own | {words for _tag, words in found if WEEKDAY.search(words)}


def named(words: str) -> bool:
    names = {HUB, *(company[0] for company in COMPANIES.values()), *ENTERED_IN_JAPANESE}
    return any(name in words for name in names)


@pytest.mark.parametrize("room", ROOMS)
def test_every_page_is_all_in_the_readers_language(cast, now, time_machine, room):
    time_machine.move_to(now, tick=False)
    faults: dict[str, list[str]] = defaultdict(list)
    for shown in every_page(cast, room):
        name = shown.name.partition(" ")[0]
        for word in in_english_still(shown.html) if name not in IN_ENGLISH | QUOTING else ():
            faults[word].append(shown.name)
        if name in ROWS and draws_a_list(shown.answer) and not ROWS[name].one_more:
            faults["a list; say in its row how one more row is made (one_more)"].append(name)
        if " with errors" not in shown.name:
            shown.client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
            for words in in_japanese_still(shown.client.get(shown.url).content.decode()):
                faults[words].append(shown.name)
            shown.client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ja"
    assert not faults, "\n".join(f"{word}: {', '.join(pages[:6])}" for word, pages in sorted(faults.items()))
