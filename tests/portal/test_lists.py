"""Lists: filters and order in the URL, pages, CSV of exactly what is filtered, as many queries at any size."""

import csv
import io
from datetime import date, datetime

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from portal import companies, lists, people
from portal.companies import TakesPart
from portal.lists import Column, defused
from portal.models import Participation
from portal.workdays import JST
from tests.cast import NOW, client_of


def rows_of(answer) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def more_companies(count: int) -> None:
    for n in range(count):
        companies.register(
            name=f"小売{n:03d}",
            participations=[TakesPart("retailer", "01", f"R{n:04d}")],
            by=None,
            now=NOW,
        )


@pytest.mark.parametrize("form", ["", "?format=csv"])
@pytest.mark.parametrize("page", ["/participants/", "/notices/", "/people/"])
def test_a_list_costs_the_same_at_size_1_and_3(cast, page, form, hub_operator):
    client = client_of(cast["sora.administrator"])
    Participation.objects.exclude(code="S0RA3").delete()

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(page + form)
            b"".join(answer.streaming_content) if answer.streaming else answer.content
        return len(queries)

    people.suspend(cast["sora.viewer"], by=None, now=NOW)
    client.get(page)
    one = cost()
    more_companies(2)
    people.suspend(cast["sora.usage"], by=None, now=NOW)
    people.suspend(cast["sora.inquiry"], by=None, now=NOW)
    assert cost() == one


def test_filter_order_and_size_live_in_the_url(cast):
    more_companies(60)
    client = client_of(cast["sora.relay"])
    page = client.get("/participants/?area=01&sort=-code&size=50").content.decode()
    assert page.count("<tr>") == 51 and "60件" in page
    assert page.index("R0059") < page.index("R0010")
    assert "?area=01&amp;sort=-code&amp;size=50&amp;page=2" in page
    assert 'aria-sort="descending"' in page
    assert "R0009" in client.get("/participants/?area=01&sort=-code&size=50&page=2").content.decode()


def test_an_order_or_size_that_does_not_exist_is_ignored(cast):
    client = client_of(cast["sora.relay"])
    assert client.get("/participants/?sort=password&size=100000&page=minus").status_code == 200


def test_a_filter_that_does_not_validate_says_so_and_shows_nothing(cast):
    answer = client_of(cast["sora.relay"]).get("/participants/?area=99")
    assert "field-error" in answer.content.decode() and "S0RA3" not in answer.content.decode()
    assert len(rows_of(client_of(cast["sora.relay"]).get("/participants/?area=99&format=csv"))) == 1


def test_the_csv_holds_exactly_the_filtered_rows_with_every_column(cast):
    more_companies(30)
    client = client_of(cast["sora.relay"])
    answer = client.get("/participants/?area=01&sort=code&format=csv&page=2&size=25")
    assert answer["Content-Disposition"].startswith('attachment; filename="participants-20')
    head, *rows = rows_of(answer)
    assert head[0] == "事業者コード" and len(head) == 7
    assert [row[0] for row in rows] == [f"R{n:04d}" for n in range(30)]


def test_the_csv_speaks_the_readers_language(cast):
    client = client_of(cast["sora.relay"])
    client.post("/language/", {"language": "en", "next": "/"})
    head, *rows = rows_of(client.get("/participants/?format=csv"))
    assert head[0] == "Participant code" and "Retailer" in {row[2] for row in rows}


def test_an_empty_list_says_what_to_do_next(cast):
    page = client_of(cast["sora.relay"]).get("/notices/").content.decode()
    assert "通知はまだありません" in page


@pytest.mark.parametrize("dangerous", ["=1+1", "+81", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_cannot_start_a_formula(dangerous):
    assert defused(dangerous) == "'" + dangerous


@given(st.text())
def test_no_text_reaches_a_spreadsheet_as_a_formula(text):
    assert not defused(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_figures_and_moments_stay_what_they_are():
    assert defused(-12) == "-12"
    assert defused(None) == ""
    assert defused(date(2026, 4, 1)) == "2026-04-01"
    assert defused(datetime(2026, 4, 1, 10, tzinfo=JST)) == "2026-04-01 10:00:00+09:00"


def test_a_company_name_that_looks_like_markup_is_shown_as_text(cast):
    companies.register(
        name="<script>alert(1)</script>", participations=[TakesPart("retailer", "02", "EV1L0")], by=None, now=NOW
    )
    page = client_of(cast["sora.relay"]).get("/participants/?area=02").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_pages_do_not_overlap_when_the_order_is_a_tie(cast):
    more_companies(60)
    request = RequestFactory().get("/", {"sort": "area"})
    columns = [Column("area", "area", sort="area"), Column("code", "code")]
    seen = []
    for page in ("1", "2", "3"):
        request = RequestFactory().get("/", {"sort": "area", "page": page})
        listing = lists.build(request, Participation.objects.all(), columns=columns)
        seen += [row.pk for row in listing.page.object_list]
    assert len(seen) == len(set(seen)) == Participation.objects.count()
