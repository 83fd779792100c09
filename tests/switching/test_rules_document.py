"""The document of the tables is what the product works with."""

import re

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation

from switching import rules_document
from tests.cast import client_of
from tests.switching.paging import said
from tests.switching.test_relay_pages import english


def test_the_document_is_up_to_date():
    call_command("tables", check=True)


def test_an_outdated_document_is_noticed(monkeypatch):
    monkeypatch.setattr(rules_document, "NOTHING", "-")
    with pytest.raises(CommandError, match="out of date"):
        call_command("tables", check=True)


def test_every_table_has_rows_of_the_same_width_in_both_languages():
    for language in ("ja", "en"):
        with translation.override(language):
            for table in rules_document.tables():
                assert table.rows and {len(row) for row in table.rows} == {len(table.head)}


@pytest.mark.django_db
def test_the_page_shows_every_table_in_the_reader_s_language(cast):
    page = said(english(client_of(cast["sora.viewer"])).get("/rule-tables/"))
    with translation.override("en"):
        for table in rules_document.tables():
            assert table.intro in page and all(cell in page for row in table.rows for cell in row)


def test_both_languages_stand_in_the_document():
    words = (settings.BASE_DIR / "docs" / "rules.md").read_text(encoding="utf-8")
    japanese, english = words.split("## English")
    assert "廃止取次の状態遷移" in japanese and not re.search("[ぁ-ん]", english)
