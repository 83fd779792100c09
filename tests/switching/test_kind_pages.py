"""The pages on which the other kinds of application are filed, kept, corrected and read."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.models import LedgerEntry, Notice
from switching import applications, effects
from switching.kinds import RULES, Kind
from switching.models import Application, Revision, Step
from tests.cast import NOW, client_of
from tests.switching.cases import ADDRESS, DESIRED, GIVEN, HOLDER, KANA
from tests.switching.paging import inquire, said
from tests.switching.test_relay_pages import english

CONTRACT = {"contract_number": "N-1", "holder_name": HOLDER, "holder_kana": KANA, "holder_address": ADDRESS}
DAY = {"desired_date": DESIRED.isoformat()}
FORMS = {
    ("reconnection", "LV"): {**DAY, **CONTRACT, "ampere": "", "meter_work": "no"},
    ("termination", "LV"): {**DAY, "removal": "no", "moved_out_on": "2026-04-14", "reading_wh": "12345"},
    ("termination", "HV"): {"desired_date": "2026-05-04", "removal": "yes"},
    ("ampere_change", "LV"): {**DAY, "ampere": "30", "meter_work": "no"},
    ("consumer_change", "LV"): {**DAY, **CONTRACT, "change": "new_name"},
    ("consumer_change", "HV"): {**DAY, **CONTRACT, "change": "correction"},
    ("consumer_change", "FIT"): {**DAY, **CONTRACT, "change": "new_holder"},
}


pytestmark = pytest.mark.usefixtures("clock")


def way_to(kind: str, supply_class: str, number: str) -> str:
    return f"/applications/new/{kind.replace('_', '-')}/{supply_class.lower()}/?point={number}"


def prepared(cast, play, kind, supply_class):
    """The point, the clerk's browser in English and the address of the form."""
    if kind == "reconnection":
        point = play.vacant()
        inquire(cast, point)
        return point, english(client_of(cast["sora.application"])), way_to(kind, supply_class, point.number)
    point = play.point(supply_class=supply_class)
    return point, english(client_of(cast["umi.application"])), way_to(kind, supply_class, point.number)


def test_there_is_a_form_for_every_kind_that_is_filed_there():
    other_ways = {Kind.SWITCH_START, Kind.SWITCH_TERMINATION}
    assert set(FORMS) == {(str(kind), str(cls)) for kind, cls in RULES if kind not in other_ways}


def test_the_choice_leads_to_every_form_and_marks_its_class(cast):
    page = client_of(cast["umi.application"]).get("/applications/new/")
    text = page.content.decode()
    for kind, supply_class in FORMS:
        assert f"/applications/new/{kind.replace('_', '-')}/{supply_class.lower()}/" in text
    for supply_class in ("lv", "hv", "fit"):
        assert f"class-mark-{supply_class}" in text


@pytest.mark.parametrize(("kind", "supply_class"), FORMS)
def test_each_form_is_checked_shown_and_filed(cast, play, kind, supply_class):
    point, client, way = prepared(cast, play, kind, supply_class)
    page = client.get(way)
    assert page.status_code == 200 and f"class-band-{supply_class.lower()}" in page.content.decode()
    entries = FORMS[kind, supply_class]
    checked = client.post(way, {**entries, "only_check": "1"})
    assert checked.status_code == 200 and "It can be filed" in said(checked)
    shown = client.post(way, entries)
    assert shown.status_code == 200 and "File this application?" in said(shown)
    assert not Application.objects.exists() and not Step.objects.exists() and not Notice.objects.exists()
    filed = client.post(way, {**entries, "confirmed": "1"})
    application = Application.objects.get()
    assert filed.url == f"/applications/{application.number}/"
    assert (application.kind, application.point, application.state) == (kind, point, "submitted")
    page = said(client.get(filed.url))
    for name, value in entries.items():
        if name != "change" and value.isascii() and len(value) > 4:
            assert (f"{int(value):,}" if value.isdigit() else value) in page


@pytest.mark.parametrize(
    ("kind", "number", "words"),
    [
        ("termination", "", "Please enter the supply point number"),
        ("termination", "0" * 17, "city-gas number"),
        ("termination", "0" * 23, "has 23 digits"),
        ("termination", "031" + "0" * 19, "third digit is not 0"),
        ("termination", "030" + "9" * 19, "Your company does not supply this point"),
        ("reconnection", "030" + "9" * 19, "no facility inquiry about this number"),
    ],
)
def test_a_number_that_cannot_be_it_gets_its_sentence(cast, kind, number, words):
    page = english(client_of(cast["umi.application"])).get(way_to(kind, "LV", number))
    assert page.status_code == 422 and words in said(page)


def test_another_company_s_point_is_no_more_told_than_one_that_is_not_there(cast, play):
    point = play.point()
    page = english(client_of(cast["yama.application"])).get(way_to("termination", "LV", point.number))
    assert page.status_code == 422 and "does not supply this point" in said(page)


def test_a_feed_in_point_on_the_low_voltage_form_is_named(cast, play):
    point = play.point(supply_class="FIT")
    page = english(client_of(cast["umi.application"])).get(way_to("consumer_change", "LV", point.number))
    assert page.status_code == 422 and "is of the class" in said(page)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("termination", {"desired_date": "2026-03-31", "moved_out_on": ""}, "not dated back further than"),
        ("termination", {"desired_date": "2027-01-01"}, "must lie between"),
        ("termination", {"desired_date": "x"}, "no day of the calendar"),
        ("termination", {"moved_out_on": "2026-04-16"}, "has moved out by the day supply ends"),
        ("termination", {"reading_wh": "1,5"}, "whole number of Wh"),
        ("termination", {"reading_wh": "-1"}, "A reading is not below zero"),
        ("termination", {"remarks": "あ" * 201}, "200"),
        ("ampere_change", {"ampere": ""}, "Please choose one of the list"),
        ("ampere_change", {"ampere": "25"}, "25"),
        ("consumer_change", {"change": ""}, "Please choose one of the list"),
        ("consumer_change", {"holder_name": "\u200b"}, "Please enter the contract holder's name"),
    ],
)
def test_each_wrong_entry_gets_its_sentence(cast, play, kind, changes, words):
    _point, client, way = prepared(cast, play, kind, "LV")
    page = client.post(way, {**FORMS[kind, "LV"], **changes})
    assert page.status_code == 422 and words in said(page) and not Application.objects.exists()


def test_a_kind_that_does_not_exist_at_the_class_is_absent(cast):
    client = client_of(cast["umi.application"])
    for way in ("termination/fit/", "ampere-change/hv/", "reconnection/hv/", "switch-termination/lv/", "x/lv/"):
        assert client.get(f"/applications/new/{way}").status_code == 404


def test_a_draft_is_kept_corrected_filed_and_nobody_s_business_before(cast, play):
    _point, client, way = prepared(cast, play, "termination", "LV")
    kept = client.post(way, {**FORMS["termination", "LV"], "draft": "1"})
    application = Application.objects.get()
    assert application.state == "draft" and not Notice.objects.exists()
    kaze = client_of(cast["kaze.application"])
    assert kaze.get(kept.url).status_code == 404 and application.number not in said(kaze.get("/applications/"))
    assert "File the draft" in said(client.get(kept.url))
    filing = f"{kept.url}filing/"
    assert client.get(filing).status_code == 200 and client.post(filing).status_code == 200
    assert client.post(filing, {"confirmed": "1"}).url == kept.url
    application.refresh_from_db()
    assert application.state == "submitted" and kaze.get(kept.url).status_code == 200
    assert "it is now" in said(client.post(filing, {"confirmed": "1"}, follow=True))


def test_a_correction_shows_the_difference_before_and_after_it_is_filed(cast, play):
    application = play.file("ampere_change", play.point())
    client = english(client_of(cast["umi.application"]))
    way = f"/applications/{application.number}/correction/"
    page = client.get(way).content.decode()
    assert 'value="2026-04-15"' in page and '<option value="30" selected' in page
    entries = {"desired_date": "2026-04-20", "ampere": "50", "meter_work": "no", "reason": "お客さまの申出"}
    checked = client.post(way, {**entries, "only_check": "1"})
    assert "It can be filed" in said(checked)
    shown = said(client.post(way, entries))
    assert "30 A 50 A" in shown and "2026-04-15 (Wed) 2026-04-20 (Mon)" in shown
    assert Revision.objects.count() == 1
    assert client.post(way, {**entries, "confirmed": "1"}).url == f"/applications/{application.number}/"
    for who in ("umi.application", "umi.viewer", "kaze.application"):
        page = said(english(client_of(cast[who])).get(f"/applications/{application.number}/"))
        assert "30 A 50 A" in page and "お客さまの申出" in page
    again = client.post(way, entries)
    assert again.status_code == 422 and "nothing to correct" in said(again)
    silent = client.post(way, {**entries, "reason": ""})
    assert silent.status_code == 422 and "Please say why" in said(silent)


def test_nobody_else_corrects_or_files(cast, play):
    application = play.file("termination", play.point())
    for who in ("yama.application", "sora.application", "kaze.application", "umi.viewer"):
        for page in ("correction", "filing"):
            assert client_of(cast[who]).get(f"/applications/{application.number}/{page}/").status_code == 404


def test_the_network_operator_s_read_of_a_holder_is_in_the_ledger(cast, play):
    application = play.file("consumer_change", play.point())
    page = client_of(cast["kaze.application"]).get(f"/applications/{application.number}/")
    assert GIVEN["consumer_change"]["holder_name"] in said(page)
    assert LedgerEntry.objects.filter(action="application.read").count() == 1


def test_a_termination_in_effect_says_so_on_its_page_and_in_the_list(cast, play):
    application = play.taken_up(play.file("termination", play.point()))
    client = english(client_of(cast["umi.application"]))
    assert "Takes effect on 2026-04-15" in said(client.get(f"/applications/{application.number}/"))
    later = NOW + timedelta(days=14)
    effects.take_effect_due(now=later)
    with time_machine.travel(later, tick=False):
        client = english(client_of(cast["umi.application"]))
        page = said(client.get(f"/applications/{application.number}/"))
        assert "Supply ended on 2026-04-15" in page and "supply ended" in page
        assert application.number in said(client.get("/applications/?kind=termination"))


def test_a_case_page_costs_the_same_for_one_revision_and_for_three(cast, play):
    application = play.file("ampere_change", play.point())
    client = client_of(cast["umi.application"])
    costs = []
    for sizes in ((), (40, 50)):
        for ampere in sizes:
            applications.correct(
                application_id=application.pk,
                desired_date=DESIRED,
                given={"ampere": ampere},
                reason="x",
                by=cast["umi.application"],
                now=NOW,
            )
        client.get(f"/applications/{application.number}/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/applications/{application.number}/").status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]
