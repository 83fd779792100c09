"""Dangerous acts want the second factor shown minutes ago; who shows it then finds nothing lost."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from lxml import html

from portal.middleware import is_workbench
from tests.addresses import ALL
from tests.cast import client_of
from tests.portal.authenticator import HOST, Authenticator, enrolled, shown
from tests.portal.dangerous_acts import PAGES, WITH_A_FILE, WORKBENCH
from tests.portal.test_sign_in import code_now
from tests.test_access import workbench_addresses

PROOF = reverse("portal:proof")


pytestmark = pytest.mark.usefixtures("clock")


def acts(cast, name):
    """(person, address, what is entered, whether it was done) of one line of the table."""
    if name in PAGES:
        act = PAGES[name]
        url = act.url(cast)
        return cast[act.owner], url, act.data() if callable(act.data) else act.data, act.done
    url, data = WORKBENCH[name].where(cast)
    return cast["hub.operator"], url, data, WORKBENCH[name].done


def hidden(page):
    """What the page's form would send, the code aside."""
    [form] = html.fromstring(page.content.decode()).xpath("//main//form")
    return [(e.get("name"), e.get("value")) for e in form.xpath(".//input[@type='hidden']")]


def sent(fields):
    data = {}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    return data


EVERY = [*PAGES, *WORKBENCH]


@pytest.mark.parametrize("name", EVERY)
def test_shortly_after_the_second_factor_it_is_done(cast, name):
    user, url, data, done = acts(cast, name)
    assert not done(), "the test would prove nothing"
    assert client_of(user).post(url, data).status_code in {200, 302}
    assert done()


@pytest.mark.parametrize("name", EVERY)
def test_later_it_is_asked_for_and_then_the_act_is_done_as_it_was_entered(cast, clock, name):
    user, url, data, done = acts(cast, name)
    client = client_of(user)
    clock.shift(timedelta(minutes=5, seconds=1))
    entered = {**data, "csrfmiddlewaretoken": "x"}  # as every form of the site sends it
    answer = client.post(url, entered)
    assert answer.status_code == 307 and answer.url.startswith(PROOF) and not done()
    page = client.post(answer.url, entered)  # what a browser does at 307
    assert page.status_code == 200 and not done()
    wrong = client.post(answer.url, sent([*hidden(page), ("proof-code", "000000")]))
    assert wrong.status_code == 422 and not done()
    clock.shift(timedelta(seconds=30))
    fields = sent([*hidden(wrong), ("proof-code", code_now(user))])
    onwards = client.post(answer.url, fields)
    assert onwards.status_code == 307 and onwards.url == url and not done()
    assert client.post(onwards.url, fields).status_code in {200, 302}
    assert done()


@pytest.mark.parametrize("name", PAGES)
def test_whose_ability_is_gone_is_asked_for_nothing(cast, clock, name):
    _user, url, data, done = acts(cast, name)
    client = client_of(cast["umi.viewer"])
    clock.shift(timedelta(minutes=6))
    answer = client.post(url, data)
    assert answer.status_code == 404 or answer.url.startswith(PROOF)
    assert not done()


def test_every_marked_page_stands_in_the_table():
    marked = {
        name
        for name, _route, pattern in ALL
        if getattr(pattern.callback, "is_dangerous", False) and not is_workbench(pattern.callback)
    }
    assert marked == {*PAGES, WITH_A_FILE}


def test_every_deed_of_the_workbench_is_dangerous(cast, clock):
    client = client_of(cast["hub.operator"])
    clock.shift(timedelta(minutes=6))
    for url in workbench_addresses(cast):
        if url == reverse("admin:logout"):
            continue
        answer = client.post(url, {"some": "deed"})
        assert answer.status_code == 404 or (answer.status_code == 307 and answer.url.startswith(PROOF)), url
    assert client.post(reverse("admin:logout"), {"some": "deed"}).status_code == 200


def test_looking_is_free_in_the_workbench_and_at_the_evidence(cast, clock):
    operator, auditor = client_of(cast["hub.operator"]), client_of(cast["hub.auditor"])
    clock.shift(timedelta(minutes=6))
    assert operator.get("/workbench/portal/quota/add/").status_code == 200
    assert operator.get("/workbench/portal/user/").status_code == 200
    assert auditor.get("/evidence/").status_code == 200


def test_a_file_is_asked_for_again(cast, clock):
    client, url = client_of(cast["sora.administrator"]), reverse(WITH_A_FILE)
    assert client.get(url).status_code == 200
    clock.shift(timedelta(minutes=6))
    data = {"purpose": "web", "terminal": "机12", "certificate": SimpleUploadedFile("a.pem", b"x")}
    answer = client.post(url, data)
    data["certificate"].seek(0)
    answer = client.post(answer.url, data)
    assert answer.status_code == 302 and answer.url == f"{PROOF}?next=%2Fcertificates%2Fregistration%2F"
    assert "もう一度選択してください" in client.get(answer.url).content.decode()
    answer = client.post(answer.url, {"code": code_now(cast["sora.administrator"])})
    assert answer.status_code == 302 and answer.url == url and client.get(url).status_code == 200


def test_names_of_the_proofs_own_fields_are_the_acts_where_an_act_waits(cast, clock):
    client, user = client_of(cast["sora.relay"]), cast["sora.relay"]
    address = f"{PROOF}?next=/somewhere/&carry=1"
    page = client.post(address, {"next": "https://evil.example/", "code": "7", "twice": ["a", '"><b>']})
    fields = hidden(page)
    assert {("next", "https://evil.example/"), ("code", "7"), ("twice", "a"), ("twice", '"><b>')} <= set(fields)
    answer = client.post(address, sent([*fields, ("proof-code", code_now(user))]))
    assert (answer.status_code, answer.url) == (307, "/somewhere/")


@pytest.mark.parametrize("onwards", ["https://evil.example/", "//evil.example/", "javascript:x", ""])
def test_nothing_is_taken_to_another_site(cast, onwards):
    client, user = client_of(cast["sora.relay"]), cast["sora.relay"]
    answer = client.post(f"{PROOF}?next={onwards}&carry=1", {"secret": "x", "proof-code": code_now(user)})
    assert (answer.status_code, answer.url) == (302, "/")


def test_a_forged_form_gets_nothing_done(cast, clock):
    client = Client(enforce_csrf_checks=True)
    client.cookies = client_of(cast["hub.operator"]).cookies
    assert client.post(f"{PROOF}?next=/workbench/portal/quota/add/&carry=1", {"most": "1"}).status_code == 403


def test_a_passkey_proves_it_too_and_the_page_knows_where_to_go_on(cast, clock):
    user = cast["sora.administrator"]
    client, key = client_of(user), Authenticator()
    enrolled(client, key)
    clock.shift(timedelta(minutes=6))
    url = PAGES["portal:departure"].url(cast)
    answer = client.post(url, {"reason": "退職"})
    page = client.post(answer.url, {"reason": "退職"}, HTTP_HOST=HOST)
    [button] = html.fromstring(page.content.decode()).xpath("//button[@data-passkey]")
    assert button.get("data-waiting") == url
    assert shown(client, key).status_code == 200
    assert client.post(url, sent(hidden(page))).status_code == 302
    assert PAGES["portal:departure"].done()
