"""The explanation of disadvantages, item by item, and its evidence."""

from datetime import date

import pytest

from switching import disclosures
from switching.models import Disclosure, DisclosureVersion
from tests.cast import NOW, client_of
from tests.switching.cases import ITEMS
from tests.switching.paging import inquire, said
from tests.switching.test_relay_pages import english

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def version(db):
    return disclosures.publish_version(ITEMS, valid_from=date(2016, 3, 1), by=None, now=NOW)


@pytest.fixture
def sora(cast):
    return english(client_of(cast["sora.relay"]))


@pytest.fixture
def way(cast, play):
    return f"/disclosures/new/?inquiry={inquire(cast, play.point()).pk}"


def ticked(version: DisclosureVersion, *, but: str = "") -> dict[str, str]:
    return {f"item_{item.pk}": "on" for item in version.items.all() if item.code != but} | {
        "channel": "telephone",
        "explained_on": "2026-04-01",
        "version": str(version.pk),
    }


def test_without_a_published_list_the_page_says_what_to_do(sora, way):
    assert "has not published a list of disadvantages" in said(sora.get(way))
    assert sora.post(way, {}).status_code == 200


def test_an_item_left_out_is_named_at_its_own_box_and_the_others_stay_ticked(sora, way, version):
    page = sora.post(way, ticked(version, but="points"))
    assert page.status_code == 422 and not Disclosure.objects.exists()
    assert "Please explain this to the customer, then tick it: Points are lost" in said(page)
    assert page.content.decode().count("checked") == len(ITEMS) - 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"explained_on": "2026-04-02"}, "This day has not come yet"),
        ({"explained_on": ""}, "the day on which you explained it"),
        ({"explained_on": "1. April"}, "no day of the calendar"),
        ({"channel": "pigeon"}, "pigeon"),
        ({"version": "x"}, "whole number"),
    ],
)
def test_each_wrong_entry_gets_its_sentence(sora, way, version, changes, words):
    page = sora.post(way, ticked(version) | changes)
    assert page.status_code == 422 and words in said(page) and not Disclosure.objects.exists()


def test_a_list_that_changed_meanwhile_is_shown_anew_with_nothing_ticked(sora, way, version):
    newer = disclosures.publish_version(
        [*ITEMS, ("bill", "別途請求", "A separate bill")], valid_from=NOW.date(), by=None, now=NOW
    )
    page = sora.post(way, ticked(version))
    assert page.status_code == 422 and "Version 2 of the list is in force now" in said(page)
    assert "A separate bill" in said(page) and "checked" not in page.content.decode()
    assert sora.post(way, ticked(newer)).status_code == 302
    assert Disclosure.objects.get().version == newer


def test_the_evidence_names_version_items_channel_person_and_day(cast, sora, way, version):
    assert sora.post(way, ticked(version)).status_code == 302
    disclosure = Disclosure.objects.get()
    page = said(sora.get(f"/disclosures/{disclosure.pk}/"))
    for _code, _ja, text_en in ITEMS:
        assert text_en in page
    for value in ("by telephone", "2026-04-01", cast["sora.relay"].name, "Version of the list 1"):
        assert value in page


def test_a_relay_without_an_explanation_of_the_list_in_force_leads_to_it(cast, play, sora, version):
    point = play.point()
    play.disclosure(point)
    inquiry = inquire(cast, point)
    assert sora.get(f"/relays/new/?inquiry={inquiry.pk}").status_code == 200
    disclosures.publish_version(ITEMS[:1], valid_from=NOW.date(), by=None, now=NOW)
    answer = sora.get(f"/relays/new/?inquiry={inquiry.pk}")
    assert answer.status_code == 302 and answer.url == f"/disclosures/new/?inquiry={inquiry.pk}"
