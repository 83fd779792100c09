"""Lists of disadvantages per losing retailer and menu: which one holds, how they are written, what rests on them."""

from datetime import date, timedelta

import pytest
import time_machine

from metering import supply
from switching import disclosures, relays
from switching.models import Disclosure, DisclosureDraft, DisclosureVersion
from tests.cast import NOW, client_of
from tests.switching.cases import ITEMS
from tests.switching.paging import inquire, said
from tests.switching.test_relay_pages import english

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
TODAY = NOW.date()
OWN = [("charge", "海の解約金", "Umi's charge"), ("bundle", "セット割の終了", "The bundle ends")]
WRITTEN = "charge | 海の解約金 | Umi's charge\nbundle | セット割の終了 | The bundle ends"


@pytest.fixture
def base(db):
    return disclosures.publish_version(ITEMS, valid_from=date(2016, 3, 1), by=None, now=NOW)


@pytest.fixture
def publish(cast):
    def make(items=OWN, menu="", valid_from=TODAY, **more):
        return disclosures.publish_version(
            items, retailer=cast.umi, menu=menu, valid_from=valid_from, by=None, now=NOW, **more
        )

    return make


@pytest.fixture
def umi(cast):
    return english(client_of(cast["umi.administrator"]))


def codes(lists) -> list[str]:
    return [item.code for item in lists.items]


def test_the_retailers_words_stand_in_place_of_the_same_code_and_its_other_items_follow(cast, base, publish):
    own = publish()
    lists = disclosures.lists_on(TODAY, losing_retailer_id=cast.umi.pk)
    assert codes(lists) == ["charge", "points", "menu", "bundle"]
    assert lists.items[0].text_en == "Umi's charge" and lists.own == own
    assert codes(disclosures.lists_on(TODAY)) == ["charge", "points", "menu"]
    assert codes(disclosures.lists_on(TODAY, losing_retailer_id=cast.yama.pk)) == ["charge", "points", "menu"]


def test_the_list_is_found_by_retailer_menu_and_day(cast, base, publish):
    general = publish()
    night = publish(menu="夜トク", charge="possible")
    coming = publish(menu="夜トク", valid_from=TODAY + timedelta(days=10))
    umi = cast.umi.pk
    assert disclosures.own_version_on(umi, "夜トク", TODAY) == night
    assert disclosures.own_version_on(umi, "夜トク", TODAY + timedelta(days=10)) == coming
    assert disclosures.own_version_on(umi, "another", TODAY) == general
    assert disclosures.own_version_on(umi, "", TODAY) == general
    assert disclosures.own_version_on(umi, "夜トク", TODAY - timedelta(days=1)) is None
    assert (general.version, night.version, coming.version) == (1, 1, 2)


def test_the_clerk_chooses_retailer_and_menu_explains_item_by_item_and_the_relay_follows(cast, play, base, publish):
    own = publish(menu="夜トク", charge="possible")
    point = play.point()
    inquiry = inquire(cast, point)
    sora = english(client_of(cast["sora.relay"]))
    way = f"/disclosures/new/?inquiry={inquiry.pk}"
    assert "Umi Energy: 夜トク" in said(sora.get(way)) and "Umi's charge" not in said(sora.get(way))
    way += f"&of={cast.umi.pk}:夜トク"
    page = sora.get(way)
    assert "Umi's charge" in said(page) and "An early-termination charge may fall due" in said(page)
    items = page.context["lists"].items
    entries = {f"item_{item.pk}": "on" for item in items} | {
        "channel": "telephone",
        "explained_on": "2026-04-01",
        "version": base.pk,
        "own_version": own.pk,
    }
    short = {name: value for name, value in entries.items() if name != f"item_{items[-1].pk}"}
    refused = sora.post(way, short)
    assert refused.status_code == 422 and "then tick it: The bundle ends" in said(refused)
    assert sora.post(way, entries).status_code == 302
    made = Disclosure.objects.get()
    assert (made.losing_retailer, made.menu, made.own_version) == (cast.umi, "夜トク", own)
    assert made.acknowledgements.count() == 4
    evidence = said(sora.get(f"/disclosures/{made.pk}/"))
    assert "夜トク" in evidence and "Umi's charge" in evidence and "Kept until" in evidence
    form = sora.get(f"/relays/new/?inquiry={inquiry.pk}").context["form"]
    assert form["losing_retailer"].value() == cast.umi.pk


def test_a_newer_own_list_asks_for_a_new_explanation(cast, play, base, publish):
    own = publish()
    point = play.point()
    lists = disclosures.lists_on(TODAY, losing_retailer_id=cast.umi.pk)
    fields = {
        "point": point,
        "version": base,
        "losing_retailer": cast.umi,
        "acknowledged": {item.pk for item in lists.items},
        "channel": "web",
        "explained_on": TODAY,
        "by": cast["sora.relay"],
        "now": NOW,
    }
    made = disclosures.record(**fields, own_version=own)
    assert disclosures.usable(point, user=cast["sora.relay"], today=TODAY) == made
    publish()
    assert disclosures.usable(point, user=cast["sora.relay"], today=TODAY) is None
    with pytest.raises(disclosures.OutdatedVersion):
        disclosures.record(**fields, own_version=own)
    with pytest.raises(disclosures.OutdatedVersion):
        disclosures.record(**fields, own_version=None)


def test_a_relay_to_a_retailer_with_lists_of_its_own_rests_on_them(cast, play, base, publish):
    point = play.point()
    general = play.disclosure(point)
    publish(valid_from=general.explained_on)
    with pytest.raises(relays.DisclosureOfAnother):
        play.relay(point, disclosure=general)
    play.relay(play.point(supplier=cast.yama), losing_retailer=cast.yama)


# --- Writing lists


def entries(**changes):
    return {"menu": "夜トク", "valid_from": "2026-04-01", "charge": "possible", "items": WRITTEN, **changes}


def test_an_administrator_drafts_compares_and_publishes(cast, umi, base):
    answer = umi.post("/disclosure-lists/new/", entries())
    draft = DisclosureDraft.objects.get()
    assert answer.url == f"/disclosure-lists/drafts/{draft.pk}/" and not DisclosureVersion.objects.filter(menu="夜トク")
    assert umi.post(answer.url, {"publish": "1"}).status_code == 302
    first = DisclosureVersion.objects.get(retailer=cast.umi)
    assert (first.menu, first.version, first.charge, first.items.count()) == ("夜トク", 1, "possible", 2)
    assert not DisclosureDraft.objects.exists()
    page = umi.get("/disclosure-lists/new/?menu=夜トク")
    assert "セット割の終了" in page.content.decode(), "the next version begins from the newest"
    changed = "charge | 海の解約金 | Another charge\nnew | 新 | New"
    way = umi.post("/disclosure-lists/new/", entries(items=changed)).url
    page = said(umi.get(way))
    for words in ("said otherwise charge", "new new", "left out bundle"):
        assert words in page
    umi.post(way, {"publish": "1"})
    second = DisclosureVersion.objects.get(retailer=cast.umi, version=2)
    assert "said otherwise charge" in said(umi.get(f"/disclosure-lists/{second.pk}/"))
    assert "in force" in said(umi.get("/disclosure-lists/")) and "followed" in said(umi.get("/disclosure-lists/"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"valid_from": "2026-03-31"}, "A list holds from 2026-04-01"),
        ({"valid_from": ""}, "the day from which the list holds"),
        ({"items": ""}, "at least one item"),
        ({"items": "a | b"}, "Line 1 does not have three parts"),
        ({"charge": "12,000"}, "12,000"),
        ({"menu": "x" * 61}, "60"),
    ],
)
def test_each_mistake_in_a_draft_is_a_sentence(umi, base, changes, words):
    page = umi.post("/disclosure-lists/new/", entries(**changes))
    assert page.status_code == 422 and words in said(page) and not DisclosureDraft.objects.exists()


def test_a_draft_left_lying_is_not_published_back_in_time_and_can_be_thrown_away(cast, umi, base):
    way = umi.post("/disclosure-lists/new/", entries()).url
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        late = english(client_of(cast["umi.administrator"]))
        assert late.post(way, {"publish": "1"}).url == way
        assert not DisclosureVersion.objects.filter(retailer=cast.umi).exists()
        assert late.post(way, {"discard": "1"}).url == "/disclosure-lists/"
    assert not DisclosureDraft.objects.exists()


def test_nobody_else_sees_or_publishes_a_retailers_draft(cast, umi, base):
    way = umi.post("/disclosure-lists/new/", entries()).url
    yama = client_of(cast["yama.administrator"])
    assert yama.get(way).status_code == 404
    with pytest.raises(disclosures.DraftGone):
        disclosures.publish_draft(DisclosureDraft.objects.get().pk, by=cast["yama.administrator"], now=NOW)
    with pytest.raises(disclosures.NotYourList):
        disclosures.discard_draft(DisclosureDraft.objects.get().pk, by=cast["umi.relay"])


# --- How long the evidence is kept


def test_evidence_is_kept_while_the_contract_goes_on_and_five_years_after_its_end(cast, play):
    point = play.point()
    made = play.disclosure(point)
    assert disclosures.keep_until(made) == date(2031, 3, 31), "no contract came of it: from the explanation"
    taken = supply.NewSupply(
        point_id=point.pk,
        retailer_id=cast.sora.pk,
        from_date=date(2026, 4, 15),
        contract_number="S-1",
        holder_name="x",
        holder_kana="x",
        holder_address="x",
    )
    supply.hand_over([taken], now=NOW)
    assert disclosures.keep_until(made) is None
    supply.terminate({point.pk: date(2028, 2, 29)}, cause="moved out", now=NOW)
    assert disclosures.keep_until(made) == date(2033, 3, 1)
