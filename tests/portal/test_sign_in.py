"""Signing in: each step and each failure, through the pages."""

import time
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import companies, demo, people
from portal.models import LedgerEntry
from tests.cast import NOW, PASSWORD, client_of

SIGN_IN, CODE = reverse("portal:sign-in"), reverse("portal:code")


pytestmark = pytest.mark.usefixtures("clock")


def code_now(user, ahead=0):
    device = TOTPDevice.objects.get(user=user)
    return f"{totp(device.bin_key, device.step, device.t0, device.digits, ahead):06d}"


def give_password(client, user, password=PASSWORD, **more):
    return client.post(SIGN_IN, {"username": user.username, "password": password, **more})


def test_password_and_code_lead_to_the_inbox(sora_relay):
    client = Client()
    answer = give_password(client, sora_relay)
    assert answer.status_code == 302 and answer.url == CODE
    answer = client.post(CODE, {"code": code_now(sora_relay)})
    assert answer.status_code == 302 and answer.url == reverse("portal:home")
    assert client.get(answer.url).status_code == 200
    assert LedgerEntry.objects.filter(action="signed in", user=sora_relay).count() == 1


def test_the_page_asked_for_comes_after_signing_in(sora_relay):
    client = Client()
    answer = client.get("/notices/?sort=number")
    assert answer.url == f"{SIGN_IN}?next=%2Fnotices%2F%3Fsort%3Dnumber"
    assert 'value="/notices/?sort=number"' in client.get(answer.url).content.decode()
    answer = give_password(client, sora_relay, next="/notices/?sort=number")
    answer = client.post(answer.url, {"code": code_now(sora_relay)})
    assert answer.url == "/notices/?sort=number"


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"])
def test_signing_in_never_leads_to_another_site(sora_relay, evil):
    client = Client()
    answer = give_password(client, sora_relay, next=evil)
    assert answer.url == CODE
    assert client.post(CODE, {"code": code_now(sora_relay), "next": evil}).url == reverse("portal:home")


def test_the_session_key_changes_at_both_steps(sora_relay):
    client = Client()
    client.get(SIGN_IN)
    give_password(client, sora_relay)
    first = client.session.session_key
    client.post(CODE, {"code": code_now(sora_relay)})
    assert client.session.session_key != first


def test_a_wrong_password_and_an_unknown_id_sound_the_same(sora_relay):
    wrong = give_password(Client(), sora_relay, "wrong").content.decode()
    unknown = Client().post(SIGN_IN, {"username": "nobody.here", "password": "wrong"}).content.decode()
    assert "ユーザIDまたはパスワードが違います" in wrong and "ユーザIDまたはパスワードが違います" in unknown
    assert LedgerEntry.objects.filter(action="sign-in failed").count() == 2


def test_missing_entries_have_their_own_sentences(db):
    text = Client().post(SIGN_IN, {}).content.decode()
    assert "ユーザIDを入力してください" in text and "パスワードを入力してください" in text


def test_five_wrong_passwords_freeze_the_id_until_an_administrator_thaws_it(sora_relay, cast):
    client = Client()
    for _ in range(4):
        assert give_password(client, sora_relay, "wrong").status_code == 422
    assert give_password(client, sora_relay, "wrong").status_code == 429
    answer = give_password(Client(REMOTE_ADDR="10.9.8.7", HTTP_USER_AGENT="another"), sora_relay)
    assert answer.status_code == 429 and "凍結" in answer.content.decode()
    assert people.is_frozen(sora_relay)
    people.thaw(sora_relay, by=cast["sora.administrator"], now=NOW)
    assert not people.is_frozen(sora_relay)
    assert give_password(Client(), sora_relay).status_code == 302
    assert LedgerEntry.objects.filter(action="user frozen", user=sora_relay).exists()


def test_a_suspended_person_learns_so_only_with_the_right_password(sora_relay, hub_operator):
    people.suspend(sora_relay, by=hub_operator, now=NOW)
    assert "停止されています" in give_password(Client(), sora_relay).content.decode()
    assert "停止されています" not in give_password(Client(), sora_relay, "wrong").content.decode()


def test_a_suspended_person_is_out_at_the_next_request(sora_relay, hub_operator):
    client = client_of(sora_relay)
    assert client.get("/").status_code == 200
    people.suspend(sora_relay, by=hub_operator, now=NOW)
    assert client.get("/").url == SIGN_IN


def test_a_suspended_company_is_out_at_the_next_request(sora, sora_relay, hub_operator):
    client = client_of(sora_relay)
    companies.suspend(sora, by=hub_operator, now=NOW)
    answer = client.get("/", follow=True)
    assert answer.redirect_chain[-1][0] == SIGN_IN and "停止" in answer.content.decode()
    assert give_password(Client(), sora_relay).status_code == 422


def test_a_code_serves_once_and_the_next_one_again(sora_relay, clock):
    first, second = Client(), Client()
    give_password(first, sora_relay)
    give_password(second, sora_relay)
    code = code_now(sora_relay)
    assert first.post(CODE, {"code": code}).status_code == 302
    assert "使用済み" in second.post(CODE, {"code": code}).content.decode()
    clock.shift(timedelta(seconds=30))
    assert second.post(CODE, {"code": code_now(sora_relay)}).status_code == 302


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("12345", "5桁"), ("1234567", "7桁"), ("12a456", "数字だけ"), ("", "6桁の数字を入力")],
)
def test_a_mistyped_code_has_its_own_sentence(sora_relay, typed, sentence):
    client = client_of(sora_relay, verified=False)
    answer = client.post(CODE, {"code": typed})
    assert answer.status_code == 422 and sentence in answer.content.decode()


def test_a_code_may_be_typed_in_full_width_with_a_gap(sora_relay):
    client = client_of(sora_relay, verified=False)
    code = code_now(sora_relay)
    typed = "".join(chr(ord(digit) + 0xFEE0) for digit in code[:3]) + "　" + code[3:]
    assert client.post(CODE, {"code": typed}).status_code == 302


def test_wrong_codes_slow_the_next_try_down(sora_relay, clock):
    client = client_of(sora_relay, verified=False)
    wrong = f"{(int(code_now(sora_relay)) + 1) % 1_000_000:06d}"
    assert "正しくありません" in client.post(CODE, {"code": wrong}).content.decode()
    assert "秒待って" in client.post(CODE, {"code": code_now(sora_relay)}).content.decode()
    clock.shift(timedelta(seconds=2))
    assert client.post(CODE, {"code": code_now(sora_relay)}).status_code == 302


def test_the_first_sign_in_sets_the_second_factor_up(cast):
    user = people.register(
        company=cast.sora, username="sora.new", name="新", password=PASSWORD, roles=["viewer"], by=None, now=NOW
    )
    client = Client()
    give_password(client, user)
    set_up = reverse("portal:second-factor")
    assert client.get(CODE).url == set_up
    page = client.get(set_up).content.decode()
    picture = client.get(reverse("portal:qr"))
    assert reverse("portal:qr") in page and picture["Content-Type"] == "image/svg+xml"
    assert b"style=" not in picture.content
    assert client.get("/").url == CODE, "an unproven device opens nothing"
    assert client.post(set_up, {"code": code_now(user)}).url == reverse("portal:home")
    assert client.get("/").status_code == 200
    assert client.get(reverse("portal:qr")).status_code == 404, "the key is shown once"


def test_a_reset_second_factor_ends_the_session(sora_relay, hub_operator):
    client = client_of(sora_relay)
    people.reset_second_factor(sora_relay, by=hub_operator, now=NOW)
    assert client.get("/").url == CODE


def test_signing_out_needs_a_post(sora_relay):
    client = client_of(sora_relay)
    assert client.get(reverse("portal:sign-out")).status_code == 405
    assert client.post(reverse("portal:sign-out")).url == SIGN_IN
    assert client.get("/").url == SIGN_IN


def test_the_language_switch_is_kept(sora_relay):
    client = client_of(sora_relay)
    assert "通知" in client.get("/").content.decode()
    client.post(reverse("portal:language"), {"language": "en", "next": "/"})
    assert "Newest notices" in client.get("/").content.decode()


def test_demo_people_are_shown_in_the_demo_only(sora_relay):
    half = client_of(sora_relay, verified=False)
    with override_settings(ENVIRONMENT="demo"):
        page = Client().get(SIGN_IN, {"as": "sora.relay"}).content.decode()
        assert demo.DEMO_PASSWORD in page and 'value="sora.relay"' in page
        assert code_now(sora_relay) in half.get(CODE).content.decode()
    for environment in ("production", "test"):
        with override_settings(ENVIRONMENT=environment):
            page = Client().get(SIGN_IN).content.decode()
            assert demo.DEMO_PASSWORD not in page and "sora.relay" not in page
            assert code_now(sora_relay) not in half.get(CODE).content.decode()
            with pytest.raises(demo.NotADemo):
                demo.users()


def test_the_demo_shows_a_code_that_was_not_used_yet(sora_relay):
    client = client_of(sora_relay, verified=False)
    with override_settings(ENVIRONMENT="demo"):
        assert client.post(CODE, {"code": demo.code_of(sora_relay)}).status_code == 302
        again = client_of(sora_relay, verified=False)
        assert demo.code_of(sora_relay) == code_now(sora_relay, ahead=1)
        assert again.post(CODE, {"code": demo.code_of(sora_relay)}).status_code == 302


def test_the_password_page_changes_it_and_keeps_this_session(sora_relay):
    client, other = client_of(sora_relay), client_of(sora_relay)
    page = reverse("portal:password")
    assert "今のパスワードと違います" in client.post(page, {"current": "x", "new": "y"}).content.decode()
    assert client.post(page, {"current": PASSWORD, "new": "short"}).status_code == 422
    assert client.post(page, {"current": PASSWORD, "new": "another-long-password-7"}).status_code == 302
    assert client.get("/").status_code == 200
    assert other.get("/").url == SIGN_IN
    assert give_password(Client(), sora_relay, "another-long-password-7").status_code == 302


def test_the_clock_of_these_tests_stands_still():
    assert time.time() == NOW.timestamp()
