"""Saved views: filter, order and columns under a name, for oneself or the company; what a list opens with."""

import html
import re

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from portal import saved_views
from portal.models import FirstView, LedgerEntry, SavedView
from tests.cast import NOW, client_of, person
from tests.portal.test_lists import rows_of

LIST = "/participants/"
SHOWN = f"{LIST}?area=03&sort=-code&cols=code&cols=company"


def save(client, path=SHOWN, name="関東", **more):
    return client.post("/list-views/new/", {"path": path, "name": name, **more})


def heads(answer) -> list[str]:
    return [html.unescape(re.sub("<[^>]+>", "", head)) for head in re.findall(r"<th .*?</th>", answer.content.decode())]


@pytest.fixture
def client(cast):
    return client_of(cast["sora.viewer"])


def test_a_view_keeps_filter_order_and_columns_and_leads_back_to_them(cast, client):
    answer = save(client, SHOWN + "&page=2&format=csv&view=7")
    view = SavedView.objects.get()
    assert QueryDict(view.query).dict() == {"area": "03", "sort": "-code", "cols": "company"}
    assert QueryDict(view.query).getlist("cols") == ["code", "company"]
    assert answer.url == f"{LIST}?{view.query}&view={view.pk}"
    page = client.get(answer.url)
    assert len(heads(page)) == 2 and 'aria-current="page">関東</a>' in page.content.decode()
    assert LedgerEntry.objects.filter(action="list view saved", subject=f"list view {view.pk}").exists()


def test_a_list_opens_with_the_view_its_reader_chose_and_plainly_on_demand(cast, client):
    save(client, opens_first="on")
    answer = client.get(LIST)
    assert answer.status_code == 302 and answer.url.startswith(f"{LIST}?area=03")
    assert client.get(LIST + "?view=all").status_code == 200
    assert client.get(LIST + "?area=06").status_code == 200, "an address that asks for something is left alone"
    assert client_of(cast["sora.relay"]).get(LIST).status_code == 200, "it is this person's choice alone"
    assert client.get("/notices/").status_code == 200, "and this list's"


def test_another_view_chosen_takes_the_place_of_the_first(client):
    save(client, opens_first="on")
    save(client, name="関西", path=f"{LIST}?area=06", opens_first="on")
    assert client.get(LIST).url.startswith(f"{LIST}?area=06") and FirstView.objects.count() == 1


def test_removing_the_view_a_list_opens_with_lets_it_open_plainly(client):
    save(client, opens_first="on")
    view = SavedView.objects.get()
    assert client.post(f"/list-views/{view.pk}/", {"deed": "remove"}).url == "/list-views/"
    assert client.get(LIST).status_code == 200 and not SavedView.objects.exists()


def test_rename_choose_and_choose_plainly_again(client):
    save(client)
    way = f"/list-views/{SavedView.objects.get().pk}/"
    client.post(way, {"deed": "rename", "name": " 東京　だけ "})
    assert SavedView.objects.get().name == "東京 だけ"
    client.post(way, {"deed": "first"})
    assert client.get(LIST).status_code == 302
    client.post(way, {"deed": "plain"})
    assert client.get(LIST).status_code == 200
    assert client.post(way, {"deed": "explode"}).status_code == 404


def test_a_view_that_was_changed_offers_to_keep_the_change(client):
    save(client)
    view = SavedView.objects.get()
    same = client.get(f"{LIST}?{view.query}&view={view.pk}").content.decode()
    other = f"{LIST}?area=06&view={view.pk}"
    changed = client.get(other).content.decode()
    assert f"/list-views/{view.pk}/replacement/" in changed and "/replacement/" not in same
    client.post(f"/list-views/{view.pk}/replacement/", {"path": other})
    view.refresh_from_db()
    assert view.query == "area=06"


def test_a_shared_view_is_seen_by_colleagues_and_changed_by_its_maker_or_the_administrator(cast, client):
    save(client, is_shared="on")
    view = SavedView.objects.get()
    way = f"/list-views/{view.pk}/"
    colleague = client_of(cast["sora.relay"])
    assert "関東" in colleague.get(LIST).content.decode()
    colleague.post(way, {"deed": "remove"})
    assert colleague.post(way, {"deed": "rename", "name": "x"}).status_code == 422
    assert SavedView.objects.get().name == "関東"
    colleague.post(way, {"deed": "first"})
    assert colleague.get(LIST).status_code == 302, "whoever may use it may open the list with it"
    client_of(cast["sora.administrator"]).post(way, {"deed": "remove"})
    assert not SavedView.objects.exists()


def test_own_and_foreign_views_are_absent_for_others(cast, client):
    save(client)
    way = f"/list-views/{SavedView.objects.get().pk}/"
    for stranger in (cast["sora.relay"], cast["umi.viewer"]):
        assert client_of(stranger).get(way).status_code == 404
        assert "関東" not in client_of(stranger).get(LIST).content.decode()
    save(client, name="皆で", is_shared="on")
    shared = SavedView.objects.get(owner=None)
    assert client_of(cast["umi.administrator"]).get(f"/list-views/{shared.pk}/").status_code == 404
    assert "皆で" not in client_of(cast["umi.viewer"]).get(LIST).content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/participants/",
        "//evil.example/",
        "/no-such-page/",
        "javascript:alert(1)",
        "/relays/",  # a viewer may not see relays
        "/people/sora.viewer/",
        "\x00",
        "/sign-in/",
    ],
)
def test_a_view_is_of_a_list_the_person_may_open(client, path):
    answer = save(client, path)
    assert answer.status_code == 404 or (answer.status_code == 302 and "evil" not in answer.url)
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "\x00", "x" * 61, "​"])
def test_a_wrong_name_is_asked_for_again_with_what_was_chosen(client, name):
    answer = save(client, name=name, is_shared="on")
    assert answer.status_code == 422 and "ビュー名を60文字以内で" in answer.content.decode()
    assert 'name="is_shared"' in answer.content.decode() and "area=03" in answer.content.decode()
    assert not SavedView.objects.exists()


def test_a_name_is_used_once_per_person_and_list(client):
    save(client)
    answer = save(client, path=f"{LIST}?area=06")
    assert answer.status_code == 422 and "同じ名前のビューがすでにあります" in answer.content.decode()
    assert save(client, path="/notices/").status_code == 302, "another list is another matter"
    assert save(client, is_shared="on").status_code == 302, "and so is a shared one"


def test_a_filter_too_long_or_a_fifty_first_view_is_refused_in_words(cast, client):
    assert "長すぎて保存できません" in save(client, f"{LIST}?area={'x' * 2000}").content.decode()
    for n in range(saved_views.MOST):
        saved_views.save(
            page="portal:participants", query="", name=str(n), is_shared=False, by=cast["sora.viewer"], now=NOW
        )
    assert "すでに50件" in save(client).content.decode()


def test_the_page_of_views_tells_which_list_each_is_of(client):
    save(client)
    save(client, path="/notices/?area=03", name="通知")
    page = client.get("/list-views/").content.decode()
    assert "参加事業者" in page or "事業者" in page
    assert "関東" in page and "通知" in page


def test_a_list_with_views_costs_the_same_however_many_there_are(cast, client):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(f"{LIST}?view=all")
        return len(queries)

    save(client)
    client.get(LIST)
    one = cost()
    for name in ("甲", "乙"):
        save(client, name=name)
    assert cost() == one


# --- Columns ------------------------------------------------------------------------------------------------------


def test_columns_are_chosen_in_the_address_repeated_or_with_commas(client):
    assert len(heads(client.get(f"{LIST}?cols=code&cols=company"))) == 2
    assert heads(client.get(f"{LIST}?cols=company,code")) == heads(client.get(f"{LIST}?cols=code&cols=company"))
    assert heads(client.get(f"{LIST}?cols=nonsense")) == heads(client.get(LIST))


def test_a_chosen_column_survives_filtering_sorting_and_turning_pages(client):
    page = client.get(f"{LIST}?cols=code,company&sort=-code").content.decode()
    assert '<input type="hidden" name="cols" value="code,company">' in page
    assert "?cols=code%2Ccompany&amp;sort=code" in page and "size=50" not in page


def test_the_csv_holds_every_field_or_the_columns_shown(client):
    every, *_rows = rows_of(client.get(f"{LIST}?cols=code,company&format=csv"))
    shown, *rows = rows_of(client.get(f"{LIST}?cols=code,company&area=03&format=csv-shown"))
    assert len(every) == 7 and len(shown) == 2
    assert {row[0] for row in rows} == {"S0RA3", "UM1E3", "YAMA3", "KAZE3"}


def test_a_person_without_a_company_role_can_keep_views_too(cast):
    client = client_of(person(cast.sora, "sora.nothing", roles=[]))
    assert save(client).status_code in (302, 404)


# --- What the database refuses ------------------------------------------------------------------------------------

ATTEMPTS = {
    "a_view_has_a_name": "UPDATE portal_savedview SET name = ''",
    "a_list_opens_with_a_view_of_ones_own": """INSERT INTO portal_firstview (user_id, page, view_id)
        SELECT %(stranger)s, page, id FROM portal_savedview""",
    "a_list_opens_with_one_view": """INSERT INTO portal_firstview (user_id, page, view_id)
        SELECT user_id, page, view_id FROM portal_firstview""",
    "a_view_is_named_once_per_person_and_list": """INSERT INTO portal_savedview
        (company_id, owner_id, made_by_id, page, name, query)
        SELECT company_id, owner_id, made_by_id, page, name, '' FROM portal_savedview WHERE owner_id IS NOT NULL""",
    "a_shared_view_is_named_once_per_company_and_list": """INSERT INTO portal_savedview
        (company_id, owner_id, made_by_id, page, name, query)
        SELECT company_id, NULL, made_by_id, page, name, '' FROM portal_savedview WHERE owner_id IS NULL""",
}


@pytest.mark.parametrize("promise", ATTEMPTS)
def test_the_database_refuses(cast, client, promise):
    save(client, opens_first="on")
    save(client, is_shared="on")
    with pytest.raises(DatabaseError, match=promise), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ATTEMPTS[promise], {"stranger": cast["umi.viewer"].pk})
