"""A retailer's administrator lays down its own rules for relays, and tries the pattern first."""

import re

import pytest

from portal.models import LedgerEntry
from switching import policies
from switching.models import RetailerPolicy
from tests.cast import client_of
from tests.switching.paging import said

WAY = "/relay-rules/"
RULES = {
    "number_pattern": r"U\d{8}",
    "number_separators": "- ",
    "number_hint": "U and eight digits",
    "number_sample": "U-1234-5678",
    "filing": "by_hand",
}


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def umi(cast):
    client = client_of(cast["umi.administrator"])
    client.cookies["django_language"] = "en"
    return client


def test_trying_tells_which_numbers_fit_and_lays_nothing_down(umi):
    page = umi.post(WAY, {**RULES, "tries": "Ｕ－12345678\nU-1234\n\n  U 8765 4321 ", "try": "1"})
    told = re.findall(r'state-(done|refused)">[^<]+</span> <code>([^<]+)<', page.content.decode())
    assert told == [("done", "Ｕ－12345678"), ("refused", "U-1234"), ("done", "U 8765 4321")]
    assert not RetailerPolicy.objects.exists()


def test_rules_are_laid_down_for_the_own_company_and_kept_in_the_ledger(cast, umi):
    assert umi.post(WAY, {**RULES, "auto_accept": "on"}).url == WAY
    laid = policies.of(cast.umi)
    assert (laid.number_pattern, laid.auto_accept, laid.filing) == (RULES["number_pattern"], True, "by_hand")
    [entry] = LedgerEntry.objects.filter(action="retailer_policy.lay_down")
    assert entry.user == cast["umi.administrator"] and entry.detail["filing"] == "by_hand"
    assert not RetailerPolicy.objects.exclude(retailer=cast.umi).exists()
    assert "U and eight digits" in umi.get(WAY).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number_pattern": "U("}, "no regular expression of the kind that is always quick"),
        ({"number_pattern": r"(?=U)\w+"}, "no look-around"),
        ({"number_sample": "V-1"}, "The sample V-1 does not follow the pattern"),
        ({"number_hint": ""}, "say the pattern in words"),
        ({"filing": "never"}, "never"),
        ({"number_pattern": "x" * 121}, "120"),
    ],
)
@pytest.mark.parametrize("button", [{}, {"try": "1"}])
def test_each_mistake_is_a_sentence_at_its_field(umi, change, words, button):
    page = umi.post(WAY, {**RULES, **change, **button})
    assert page.status_code == 422 and words in said(page) and not RetailerPolicy.objects.exists()
