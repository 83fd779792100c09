"""Inbox, notices, participants, profile, health and error pages."""

import errno
import logging
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from config import urls
from portal import context, inbox, navigation, outbox, people
from portal.access import Ability, needs, public
from portal.inbox import Task
from portal.models import Notice
from portal.navigation import Entry
from portal.outbox import Post
from portal.people import Hold
from tests.cast import NOW, client_of


@public
def breaks(request: HttpRequest):
    raise RuntimeError("broken on purpose")


@public
def fills_the_disk(request: HttpRequest):
    raise OSError(errno.ENOSPC, "No space left on device")


def unmarked(request: HttpRequest):
    raise AssertionError("must never be reached")


@needs(Ability.JUDGE_RELAY)
def for_judges(request: HttpRequest):
    raise AssertionError("opened")


urlpatterns = [
    *urls.urlpatterns,
    path("breaks/", breaks, name="breaks"),
    path("fills-the-disk/", fills_the_disk, name="fills-the-disk"),
    path("unmarked/", unmarked, name="unmarked"),
    path("for-judges/", for_judges, name="for-judges"),
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


@pytest.fixture
def providers(monkeypatch):
    """An inbox of the test's own, beside nobody else's."""
    monkeypatch.setattr(inbox, "_providers", [])
    return inbox.register


def test_the_inbox_is_sorted_by_deadline(providers, sora_relay):
    providers(
        lambda user, now: [
            Task("いつでも", "/a/", None, 5, "x.anytime"),
            Task("明日まで", "/b/", NOW + timedelta(hours=31), 2, "x.tomorrow", "HV"),
            Task("空", "/c/", NOW, 0, "x.nothing"),
        ]
    )
    providers(lambda user, now: [Task("遅れ", "/d/", NOW - timedelta(hours=1), 1, "y.late")])
    with time_machine.travel(NOW, tick=False):
        page = client_of(sora_relay).get("/").content.decode()
    assert page.index("遅れ") < page.index("明日まで") < page.index("いつでも")
    assert "最初は明日 17:00まで" in page and "期限超過" in page and "class-mark-hv" in page
    assert 'href="/c/"' not in page


def test_an_empty_inbox_offers_the_next_steps(providers, sora_relay):
    page = client_of(sora_relay).get("/").content.decode()
    assert "対応待ちの案件はありません" in page and '<li><a href="/participants/">' in page


def post(company, kind="user_thawed", **more):
    outbox.post(Post(company.pk, kind, "user x", context={"username": "x.y"}, **more), now=NOW)


def test_notices_reach_those_whom_they_concern(cast):
    post(cast.sora, link="/everybody/")
    post(cast.sora, link="/relay/", ability=Ability.SEE_RELAYS)
    post(cast.sora, link="/relay-03/", ability=Ability.SEE_RELAYS, area="03")
    post(cast.umi, link="/umi/")
    for page in ("/", "/notices/"):
        relay = client_of(cast["sora.relay"]).get(page).content.decode()
        viewer = client_of(cast["sora.viewer"]).get(page).content.decode()
        assert "/everybody/" in relay and "/relay/" in relay and "/relay-03/" in relay and "/umi/" not in relay
        assert "/everybody/" in viewer and "/relay/" not in viewer and "/umi/" not in viewer


def test_a_notice_of_one_area_stays_in_that_area(cast):
    user = cast["sora.relay"]
    people.set_roles(user, roles=[Hold("relay", "06")], by=None, now=NOW)
    post(cast.sora, link="/in-03/", ability=Ability.SEE_RELAYS, area="03")
    post(cast.sora, link="/in-06/", ability=Ability.SEE_RELAYS, area="06")
    page = client_of(cast["sora.relay"]).get("/notices/").content.decode()
    assert "/in-06/" in page and "/in-03/" not in page


def test_a_notice_whose_words_are_gone_still_says_what_it_was_about(cast):
    post(cast.sora, kind="no_such_kind")
    assert "user x" in client_of(cast["sora.relay"]).get("/notices/").content.decode()


def test_notices_speak_both_languages(cast):
    post(cast.sora)
    client = client_of(cast["sora.relay"])
    assert "ユーザx.yが再びログインできるようになりました" in client.get("/").content.decode()
    client.post("/language/", {"language": "en", "next": "/"})
    assert "User x.y can sign in again" in client.get("/").content.decode()


def test_the_words_of_the_rooms_own_notices_are_whole(cast):
    for kind in ("user_suspended", "user_thawed"):
        post(cast.sora, kind=kind)
        for language in ("ja", "en"):
            headline, body = outbox.words(Notice.objects.filter(kind=kind).get(), language)
            assert "x.y" in headline and "x.y" in body and "Kirikae" in body and "&" not in body


def test_every_page_says_company_and_environment(sora_relay):
    client = client_of(sora_relay)
    for environment, words in context.ENVIRONMENT_WORDS.items():
        with override_settings(ENVIRONMENT=environment):
            page = client.get("/participants/").content.decode()
        assert str(words) in page and f"environment-{environment}" in page and "空でんき" in page


def test_the_menu_shows_what_the_person_may_open(monkeypatch, cast):
    monkeypatch.setattr(navigation, "_entries", {})
    navigation.register(
        Entry("後", "portal:notices", Ability.ENTER, 9),
        Entry("先", "portal:participants", Ability.SEE_PARTICIPANTS, 1),
        Entry("判断", "portal:me", Ability.JUDGE_RELAY, 2),
    )
    relay = client_of(cast["sora.relay"]).get("/participants/").content.decode()
    viewer = client_of(cast["sora.viewer"]).get("/participants/").content.decode()
    assert relay.index(">先<") < relay.index(">判断<") < relay.index(">後<")
    assert '<a href="/participants/" aria-current="page">先</a>' in relay
    assert ">判断<" not in viewer


def test_the_profile_shows_name_roles_company_and_second_factor(sora_relay):
    page = client_of(sora_relay).get("/me/").content.decode()
    for words in (sora_relay.name, "sora.relay", "廃止取次", "全区域", "空でんき", "認証アプリ"):
        assert words in page


@override_settings(ROOT_URLCONF=__name__)
def test_a_fault_shows_an_id_that_stands_in_the_log(db, caplog):
    client = Client(raise_request_exception=False)
    with caplog.at_level(logging.ERROR, logger="portal.views.errors"):
        answer = client.get("/breaks/")
    assert answer.status_code == 500
    text = answer.content.decode()
    entry = next(record for record in caplog.records if record.name == "portal.views.errors")
    assert entry.args[0] in text and "broken on purpose" in caplog.text
    assert "broken on purpose" not in text


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("language, words", [("ja", "保存領域がいっぱい"), ("en", "storage is full")])
def test_a_full_disk_is_told_as_such_and_in_the_log(db, caplog, language, words):
    client = Client(raise_request_exception=False, headers={"Accept-Language": language})
    answer = client.get("/fills-the-disk/")
    assert answer.status_code == 503 and answer["Retry-After"] == "600"
    assert words in answer.content.decode() and "No space left" in caplog.text


@override_settings(ROOT_URLCONF=__name__)
def test_the_fault_page_asks_no_database(db, django_assert_num_queries):
    client = Client(raise_request_exception=False)
    with django_assert_num_queries(0):
        assert client.get("/breaks/").status_code == 500


@override_settings(ROOT_URLCONF=__name__)
def test_an_unmarked_page_is_not_served(sora_relay, caplog):
    with caplog.at_level(logging.ERROR, logger="portal.middleware"):
        assert client_of(sora_relay).get("/unmarked/").status_code == 404
    assert "says not who may open it" in caplog.text


@override_settings(ROOT_URLCONF=__name__)
def test_a_page_is_absent_without_the_role_or_the_market_role(cast):
    assert client_of(cast["sora.viewer"]).get("/for-judges/").status_code == 404
    with pytest.raises(AssertionError, match="opened"):
        client_of(cast["sora.relay"]).get("/for-judges/")


def test_what_does_not_exist_has_a_page_with_an_id(sora_relay):
    answer = client_of(sora_relay).get("/nowhere/")
    assert answer.status_code == 404 and "お探しのページはありません" in answer.content.decode()


def test_an_expired_form_says_that_nothing_was_filed(sora_relay):
    client = Client(enforce_csrf_checks=True)
    client.force_login(sora_relay, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/sign-out/")
    assert answer.status_code == 403 and "登録はされていません" in answer.content.decode()


def test_a_bad_request_is_answered_with_a_sentence(sora_relay):
    with override_settings(ALLOWED_HOSTS=["kirikae.example"]):
        answer = client_of(sora_relay).get("/", headers={"host": "evil.example"})
    assert answer.status_code == 400


def test_pages_are_protected_and_not_kept_by_the_browser(sora_relay):
    answer = client_of(sora_relay).get("/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY" and answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_search_index_speaks_japanese(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT show_trgm('東京都')")
        assert cursor.fetchone()[0]


def test_a_menu_entry_marks_the_longest_path(sora_relay):
    request = RequestFactory().get("/notices/17/")
    here = [entry.url for entry in navigation.shown_to(sora_relay, request) if entry.is_here]
    assert here == ["/notices/"]
