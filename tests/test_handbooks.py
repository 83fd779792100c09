"""The handbooks in both languages say what the screens say, and show pictures that are there."""

import re
from functools import cache

import pytest
from babel.messages.pofile import read_po

from config import pictures
from config.services import ROOT

BOOKS = ROOT / "docs" / "handbooks"
ENGLISH, JAPANESE = sorted((BOOKS / "en").glob("*.md")), sorted((BOOKS / "ja").glob("*.md"))
BOLD = re.compile(r"\*\*(.+?)\*\*")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)")


@cache
def words() -> tuple[frozenset[str], frozenset[str]]:
    """What screens say in English and in Japanese."""
    english, japanese = set(), set()
    for path in ROOT.glob("*/locale/ja/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            for message in read_po(file, locale="ja"):
                english.add(message.id if isinstance(message.id, str) else message.id[0])
                japanese.add(message.string if isinstance(message.string, str) else message.string[0])
    return frozenset(english), frozenset(japanese)


@pytest.mark.parametrize("page", [*ENGLISH, *JAPANESE], ids=lambda page: f"{page.parent.name}/{page.name}")
def test_a_handbook_names_what_stands_on_the_screen(page):
    known = words()[page.parent.name == "ja"]
    assert [said for said in BOLD.findall(page.read_text(encoding="utf-8")) if said not in known] == []


@pytest.mark.parametrize("page", [*BOOKS.glob("**/*.md")], ids=lambda page: str(page.relative_to(BOOKS)))
def test_what_a_handbook_leads_to_is_there(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert links and [link for link in links if not (page.parent / link).exists()] == []


def test_every_handbook_is_there_in_both_languages():
    elsewhere = {"integrator.md", "running.md"}  # in English these are docs/integrate.md and docs/running.md
    assert {page.name for page in JAPANESE} == {page.name for page in ENGLISH} | elsewhere
    for page in ENGLISH:
        other = BOOKS / "ja" / page.name
        assert page.read_text().count("\n## ") == other.read_text().count("\n## "), page.name
        assert pictures.SHOWN.findall(page.read_text()) == pictures.SHOWN.findall(other.read_text()), page.name


def test_every_picture_that_is_shown_is_kept_and_no_other():
    assert pictures.wanted() == {path.stem for path in pictures.KEPT.glob("*.png")}
