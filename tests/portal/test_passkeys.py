"""Passkeys: taken in, shown, removed; and everything that is not one refused."""

import json
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnAttestation, WebAuthnCredential

from portal import companies, passkeys, people
from portal.models import LedgerEntry, SignIn
from tests.cast import NOW, client_of
from tests.portal.authenticator import HOST, NEW, PRESENT, SHOW, Authenticator, enrolled, posted, shown
from tests.portal.test_sign_in import CODE, SIGN_IN, code_now, give_password

OWN, PROOF, SET_UP = reverse("portal:passkeys"), reverse("portal:proof"), reverse("portal:second-factor")
ODD = [
    *["", "{", "[]", "null", "1", '"x"', "{}", '{"id": 1}', "[" * 100_000, b"\xff\xfe"],
    json.dumps({"id": "x", "rawId": "x", "response": {}, "type": "public-key"}),
]


pytestmark = pytest.mark.usefixtures("clock")


def actions(user):
    return list(LedgerEntry.objects.filter(user=user).order_by("pk").values_list("action", flat=True))


@pytest.fixture
def client(sora_relay):
    return client_of(sora_relay)


@pytest.fixture
def key(client):
    """A passkey of sora.relay's."""
    key = Authenticator()
    assert enrolled(client, key).status_code == 200
    return key


def half(user):
    client = Client(HTTP_HOST=HOST)
    give_password(client, user)
    return client


# --- taken in -----------------------------------------------------------------------------------------------------


def test_a_passkey_is_taken_in_under_its_name(client, key, sora_relay):
    passkey = WebAuthnCredential.objects.get()
    assert (passkey.user, passkey.name, bytes(passkey.credential_id)) == (sora_relay, "机の鍵", key.id)
    assert actions(sora_relay)[-1] == "passkey enrolled"
    page = client.get(OWN).content.decode()
    assert "机の鍵" in page and "机の鍵" in client.get(reverse("portal:me")).content.decode()


@pytest.mark.parametrize(
    ("given", "kept"),
    [(" a \n b\x00 ", "a b"), ("鍵" * 60, "鍵" * 40), ("", "2026-04-01"), (7, "2026-04-01"), ("\ud800x", "x")],
)
def test_a_name_is_what_a_page_can_show(client, given, kept):
    assert enrolled(client, Authenticator(), given).status_code == 200
    assert WebAuthnCredential.objects.get().name == kept


def test_the_browser_is_told_the_sites_own_rules(client, key, sora_relay):
    options = posted(client, NEW[0], {}).json()
    assert options["rp"] == {"id": "localhost", "name": "Kirikae"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert len(options["excludeCredentials"]) == 1
    assert posted(client, SHOW[0], {}).json()["userVerification"] == "required"
    assert posted(half(sora_relay), SHOW[0], {}).json()["allowCredentials"]
    assert posted(Client(), SHOW[0], {}).json()["allowCredentials"] == []


@pytest.mark.parametrize(
    "key", [Authenticator(origin="https://evil.example"), Authenticator(domain="evil"), Authenticator(flags=PRESENT)]
)
def test_another_site_and_a_key_nobody_unlocked_are_not_taken_in(client, key):
    answer = enrolled(client, key)
    assert answer.status_code == 422 and "パスキーで認証できませんでした" in answer.json()["detail"]
    assert not WebAuthnCredential.objects.exists()


def test_a_challenge_serves_once(client, sora_relay):
    key = Authenticator()
    answer = key.make(posted(client, NEW[0], {}).json())
    assert posted(client, NEW[1], answer).status_code == 200
    assert posted(client, NEW[1], answer).json()["code"] == "invalid_state"
    posted(client, NEW[0], {})
    assert posted(client, NEW[1], answer).status_code == 422
    assert WebAuthnCredential.objects.count() == 1


def test_a_passkey_is_one_persons_only(client, key, cast):
    other = client_of(cast["sora.viewer"])
    answer = enrolled(other, Authenticator(id=key.id))
    assert answer.status_code == 422
    assert WebAuthnCredential.objects.get().user == cast["sora.relay"]


def test_an_impossible_counter_is_refused(client):
    assert enrolled(client, Authenticator(count=2**32 - 1)).status_code == 422
    assert not WebAuthnCredential.objects.exists()


def test_ten_are_enough(client):
    for _ in range(passkeys.MOST):
        enrolled(client, Authenticator())
    answer = enrolled(client, Authenticator())
    assert answer.status_code == 409 and "10個" in answer.json()["detail"]
    assert WebAuthnCredential.objects.count() == passkeys.MOST


def test_taking_one_in_wants_a_fresh_second_factor(client, clock):
    clock.shift(timedelta(minutes=6))
    assert client.get(OWN).url.startswith(PROOF)
    for url in NEW:
        assert posted(client, url, {}).url.startswith(PROOF)
    assert client.post(OWN, {"remove": "1"}).url.startswith(PROOF)


def test_a_password_alone_takes_none_in_beside_another_factor(sora_relay):
    client = half(sora_relay)
    assert posted(client, NEW[0], {}).url == CODE
    assert posted(client, NEW[1], Authenticator().make({"challenge": "AAAA"})).url == CODE
    assert not WebAuthnCredential.objects.exists()


# --- the only second factor ---------------------------------------------------------------------------------------


@pytest.fixture
def newcomer(sora_relay):
    people.reset_second_factor(sora_relay, by=None, now=NOW)
    return sora_relay


def test_a_newcomer_may_set_up_a_passkey_alone(newcomer):
    client = half(newcomer)
    page = client.get(SET_UP, {"next": "/notices/"}).content.decode()
    assert "data-passkey" in page and TOTPDevice.objects.filter(confirmed=False).exists()
    before = client.session.session_key
    answer = posted(client, NEW[0], {})
    answer = posted(client, NEW[1] + "?next=/notices/", Authenticator().make(answer.json()))
    assert answer.json() == {"redirect_url": "/notices/"}
    assert client.session.session_key != before and client.get("/notices/").status_code == 200
    assert SignIn.objects.get().session_key == client.session.session_key
    assert not TOTPDevice.objects.exists(), "whoever had the password saw its key"


def test_a_password_alone_sets_up_no_app_beside_a_passkey(newcomer):
    key, client = Authenticator(), half(newcomer)
    enrolled(client, key)
    intruder = half(newcomer)
    assert intruder.get(SET_UP).url == CODE and intruder.post(SET_UP, {"code": "123456"}).url == CODE
    assert client.get(SET_UP).status_code == 200, "its owner may"
    assert client.get(reverse("portal:qr")).status_code == 200
    assert intruder.get(reverse("portal:qr")).status_code == 404
    assert "認証アプリは設定されていません" in intruder.post(CODE, {"code": "123456"}).content.decode()
    assert intruder.get("/").url == CODE


def test_an_app_is_added_to_a_passkey(newcomer, clock):
    client = half(newcomer)
    enrolled(client, Authenticator())
    clock.shift(timedelta(minutes=6))
    assert client.get(SET_UP).url.startswith(PROOF)
    clock.shift(timedelta(minutes=-6))
    client.get(SET_UP)
    assert client.post(SET_UP, {"code": code_now(newcomer)}).status_code == 302
    assert TOTPDevice.objects.get().confirmed and SignIn.objects.count() == 1


def test_the_last_second_factor_stays(newcomer):
    client = half(newcomer)
    enrolled(client, Authenticator())
    page = client.post(OWN, {"remove": WebAuthnCredential.objects.get().pk}, follow=True).content.decode()
    assert "二要素認証に使える最後の手段です" in page and WebAuthnCredential.objects.count() == 1
    enrolled(client, Authenticator())
    client.post(OWN, {"remove": WebAuthnCredential.objects.latest("pk").pk})
    assert WebAuthnCredential.objects.count() == 1


# --- shown --------------------------------------------------------------------------------------------------------


def test_it_takes_the_place_of_the_code(key, sora_relay):
    client = half(sora_relay)
    assert "data-passkey" in client.get(CODE).content.decode()
    before = client.session.session_key
    answer = shown(client, key, "?next=/notices/")
    assert answer.json()["redirect_url"] == "/notices/" and client.get("/notices/").status_code == 200
    assert client.session.session_key != before
    assert actions(sora_relay)[-2:] == ["passkey shown", "signed in"]
    assert WebAuthnCredential.objects.get().last_used_at == NOW


def test_it_takes_the_place_of_id_and_password_too(key, sora_relay):
    client = Client(HTTP_HOST=HOST)
    assert "data-passkey" in client.get(SIGN_IN).content.decode()
    posted(client, SHOW[0], {})
    assert Session.objects.get(pk=client.session.session_key).expire_date == NOW + timedelta(minutes=10)
    assert shown(client, key).json()["redirect_url"] == "/"
    assert client.get("/").status_code == 200 and client.session.get_expire_at_browser_close()
    assert actions(sora_relay)[-2:] == ["passkey shown", "signed in"]
    assert SignIn.objects.filter(session_key=client.session.session_key).exists()


@pytest.mark.parametrize("onwards", ["?next=https://evil.example/", "?next=//evil.example", "?next=javascript:x"])
def test_it_leads_nowhere_else(key, sora_relay, onwards):
    assert shown(half(sora_relay), key, onwards).json()["redirect_url"] == "/"


def test_it_opens_dangerous_acts_again(client, key, clock, sora_relay):
    clock.shift(timedelta(minutes=6))
    assert client.get(OWN).url.startswith(PROOF)
    assert "data-passkey" in client.get(PROOF, HTTP_HOST=HOST).content.decode()
    assert shown(client, key, "?next=" + OWN).json()["redirect_url"] == OWN
    assert client.get(OWN).status_code == 200
    assert actions(sora_relay)[-2:] == ["passkey shown", "second factor shown again"]


def test_an_answer_is_not_taken_twice(key, sora_relay):
    client, other = half(sora_relay), half(sora_relay)
    options = posted(client, SHOW[0], {}).json()
    answer = key.show(options)
    posted(other, SHOW[0], {})
    assert posted(other, SHOW[1], answer).status_code == 422, "another browser's challenge"
    assert posted(client, SHOW[1], answer).status_code == 200
    assert posted(client, SHOW[1], answer).url == SIGN_IN
    posted(client, SHOW[0], {})
    assert posted(client, SHOW[1], answer).status_code == 422


def test_a_copy_of_the_key_is_noticed(key, sora_relay):
    shown(half(sora_relay), key)
    key.count = 0
    client = half(sora_relay)
    assert shown(client, key).status_code == 422 and client.get("/").url == CODE


@pytest.mark.parametrize(
    "fault", [{"origin": "https://evil.example"}, {"domain": "evil"}, {"flags": PRESENT}, {"key": Authenticator().key}]
)
def test_another_site_and_a_key_nobody_unlocked_open_nothing(key, sora_relay, fault):
    for name, value in fault.items():
        setattr(key, name, value)
    client = half(sora_relay)
    assert shown(client, key).status_code == 422 and client.get("/").url == CODE
    assert LedgerEntry.objects.filter(action="second factor failed", user=sora_relay).exists()
    anonymous = Client()
    assert shown(anonymous, key).status_code == 422 and anonymous.get("/").url.startswith(SIGN_IN)


def test_a_key_the_hub_does_not_know_opens_nothing(key, sora_relay):
    answer = shown(half(sora_relay), Authenticator())
    assert answer.status_code == 404 and "登録されていません" in answer.json()["detail"]


def test_another_persons_key_is_no_second_factor(key, cast):
    client = half(cast["sora.viewer"])
    answer = shown(client, key)
    assert answer.status_code == 403 and "別のユーザID" in answer.json()["detail"]
    assert client.get("/").url == CODE


@pytest.mark.parametrize(
    ("shut", "words"),
    [
        (lambda user: people.suspend(user, by=None, now=NOW), "停止"),
        (lambda user: companies.suspend(user.company, by=None, now=NOW), "停止"),
        (lambda user: [give_password(Client(), user, password="wrong") for _ in range(5)], "凍結"),
    ],
)
def test_who_may_not_come_in_does_not_with_a_passkey(key, sora_relay, shut, words):
    shut(sora_relay)
    client = Client()
    answer = shown(client, key)
    assert answer.status_code == 403 and words in answer.json()["detail"]
    assert client.get("/").url.startswith(SIGN_IN)
    assert actions(sora_relay)[-1] == "sign-in refused"


def test_a_removed_key_opens_nothing(client, key, sora_relay):
    session = half(sora_relay)
    shown(session, key)
    client.post(OWN, {"remove": WebAuthnCredential.objects.get().pk})
    assert session.get("/").url == CODE, "what it opened is half open again"
    assert shown(Client(), key).status_code == 404


@pytest.mark.parametrize("deed", [people.reset_second_factor, people.leave])
def test_a_reset_takes_passkeys_away_too(key, sora_relay, cast, deed):
    session = half(sora_relay)
    shown(session, key)
    deed(sora_relay, by=cast["sora.administrator"], now=NOW)
    assert not WebAuthnCredential.objects.exists() and not WebAuthnAttestation.objects.exists()
    assert session.get("/").status_code == 302


# --- anything else ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("steps", [NEW, SHOW])
def test_anything_else_is_refused_in_words(client, steps, body):
    for _ in range(2):
        assert posted(client, steps[0], {}).status_code == 200
        answer = client.post(steps[1], body, content_type="application/json")
        assert 400 <= answer.status_code < 500 and answer.json()["detail"]
    assert not WebAuthnCredential.objects.exists()


@pytest.mark.parametrize("part", ["id", "rawId", "type", "response", "clientExtensionResults"])
@pytest.mark.parametrize("value", [None, 1, [], {}, "", "é", {"credProps": 1}])
def test_a_damaged_part_is_refused_in_words(client, sora_relay, part, value):
    key = Authenticator()
    answer = enrolled(client, key, **{part: value})
    assert answer.status_code in {200, 422}
    assert WebAuthnCredential.objects.count() == (answer.status_code == 200)


def test_one_removes_only_ones_own(client, key, cast):
    enrolled(client_of(cast["sora.viewer"]), Authenticator())
    theirs = WebAuthnCredential.objects.get(user=cast["sora.viewer"])
    for pk in (theirs.pk, "x", "", "9" * 30):
        assert client.post(OWN, {"remove": pk}).status_code == 404
    assert client.post(OWN, {"remove": WebAuthnCredential.objects.get(user=cast["sora.relay"]).pk}).url == OWN
    assert list(WebAuthnCredential.objects.all()) == [theirs]
    assert actions(cast["sora.relay"])[-1] == "passkey removed"


@pytest.mark.parametrize(
    ("address", "host", "is_offered"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://localhost:8000", "127.0.0.1:8000", False),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", False),
        ("http://hub.example", "hub.example", False),
        ("https://hub.example", "hub.example", True),
        ("https://hub.example", "other.example", False),
    ],
)
def test_they_are_offered_where_a_browser_lets_them_be_used(client, settings, address, host, is_offered):
    settings.SITE_ADDRESS = address
    page = client.get(OWN, HTTP_HOST=host, secure=address.startswith("https")).content.decode()
    assert ("data-passkey" in page) == is_offered
    assert (f"パスキーは{address}でのみ使えます" in page) != is_offered


def test_the_page_asks_the_same_whether_there_are_few_or_many(client, django_assert_max_num_queries, sora_relay):
    for count in (1, 3):
        while WebAuthnCredential.objects.count() < count:
            enrolled(client, Authenticator())
        with django_assert_max_num_queries(12):
            client.get(OWN)
