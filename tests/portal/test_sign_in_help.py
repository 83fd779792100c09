"""The page before signing in that tells the failures apart, and tells strangers nothing."""

from datetime import timedelta
from unittest.mock import patch
from urllib.parse import quote

import pytest
from django.contrib.auth import hashers
from django.test import Client
from django.urls import reverse

from portal import certificates, companies, diagnosis, gates, people
from portal.certificates import Standing
from portal.gates import Function
from portal.models import LedgerEntry
from tests.cast import NOW, PASSWORD
from tests.portal.certificate_tools import issued, new_csr, outside_authority
from tests.portal.test_sign_in import SIGN_IN, give_password

HELP = reverse("portal:sign-in-help")


pytestmark = pytest.mark.usefixtures("clock")


def told(username: str, password: str = PASSWORD) -> str:
    return Client().post(HELP, {"username": username, "password": password}).content.decode()


def freeze(username: str) -> None:
    for _ in range(5):
        Client().post(SIGN_IN, {"username": username, "password": "wrong"})


def test_the_page_opens_for_everybody_and_says_what_the_connection_shows(db):
    page = Client().get(HELP).content.decode()
    assert "クライアント証明書" in page and "すべての機能が利用できます" in page


def test_right_entries_are_told_so_and_nobody_is_signed_in(sora_relay):
    client = Client()
    answer = client.post(HELP, {"username": "sora.relay", "password": PASSWORD})
    assert "凍結もされていません" in answer.content.decode() and client.get("/").url == SIGN_IN


def test_a_wrong_password_and_an_unknown_id_are_told_the_same(sora_relay):
    wrong, unknown = told("sora.relay", "wrong"), told("nobody.here", "wrong")
    findings = [page.split('<dl class="facts">')[1].split("</dl>")[0] for page in (wrong, unknown)]
    assert findings[0] == findings[1] and "違います" in findings[0]


def test_a_frozen_persons_own_administrator_is_named_to_who_knows_the_password(sora_relay, sora_administrator):
    freeze("sora.relay")
    page = told("sora.relay")
    assert "凍結されています" in page and sora_administrator.name in page
    assert "凍結されています" not in told("sora.relay", "wrong") and sora_administrator.name not in told(
        "sora.relay", "x"
    )


def test_where_no_administrator_can_it_is_the_helpdesk(sora_relay):
    freeze("sora.relay")
    assert "ヘルプデスクに電話" in told("sora.relay")


def test_a_suspended_person_and_a_suspended_company_are_told_apart(cast):
    people.suspend(cast["sora.relay"], by=None, now=NOW)
    assert "ユーザIDが停止されています" in told("sora.relay")
    umi = cast["umi.relay"]
    companies.suspend(cast.umi, by=None, now=NOW)
    assert "会社の利用が停止" in told(umi.username)
    assert "停止" not in told("sora.relay", "wrong").split('<dl class="facts">')[1].split("</dl>")[0]


def test_wrong_passwords_count_here_and_there_together(sora_relay):
    for _ in range(2):
        told("sora.relay", "wrong")
    for _ in range(2):
        give_password(Client(), sora_relay, "wrong")
    assert not people.is_frozen(sora_relay)
    answer = Client().post(HELP, {"username": "sora.relay", "password": "wrong"})
    assert people.is_frozen(sora_relay) and answer.status_code in {200, 429}


@pytest.mark.parametrize("username", ["sora.relay", "nobody.here"])
def test_a_frozen_id_is_no_place_to_go_on_guessing(sora_relay, username, clock):
    freeze(username)
    for _ in range(5):
        told(username, "wrong")
    answer = Client().post(HELP, {"username": username, "password": PASSWORD})
    assert answer.status_code == 429 and "問い合わせ回数が多すぎます" in answer.content.decode()
    clock.shift(timedelta(hours=1, seconds=1))
    assert Client().post(HELP, {"username": username, "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("state", ["known", "unknown", "frozen", "suspended", "unusable"])
def test_every_answer_costs_one_hash(cast, state):
    user = cast["sora.relay"]
    if state == "frozen":
        freeze("sora.relay")
    if state == "suspended":
        people.suspend(user, by=None, now=NOW)
    if state == "unusable":
        people.send_password_link(user, by=None, now=NOW)
    hashed = []
    encode = hashers.MD5PasswordHasher.encode

    def counted(self, password, salt):
        hashed.append(1)
        return encode(self, password, salt)

    with patch.object(hashers.MD5PasswordHasher, "encode", counted):
        told("nobody.here" if state == "unknown" else "sora.relay", "wrong")
    assert len(hashed) == 1


def test_each_question_leaves_a_trace(sora_relay):
    told("sora.relay")
    entry = LedgerEntry.objects.get(action=diagnosis.ASKED)
    assert (entry.subject, entry.user) == ("user sora.relay", sora_relay)


def test_missing_entries_have_their_sentences(db):
    answer = Client().post(HELP, {})
    assert answer.status_code == 422 and "ユーザIDを入力してください" in answer.content.decode()


@pytest.mark.parametrize("username", ["\x00", "a" * 41, "ＳＯＲＡ", "' or 1=1"])
def test_odd_entries_are_no_error(db, username):
    assert Client().post(HELP, {"username": username, "password": "x\x00"}).status_code in {200, 422}


def with_certificate(settings, pem: str, username: str = "sora.relay") -> str:
    """What the page says to a browser whose certificate nginx passes on."""
    settings.CERTIFICATE_SOURCE, settings.CERTIFICATE_SECRET = "secret", "s" * 40
    headers = {
        "HTTP_X_PROXY_SECRET": "s" * 40,
        "HTTP_X_CLIENT_CERTIFICATE": quote(pem),
        "HTTP_X_CLIENT_VERIFY": "SUCCESS",
    }
    return Client(**headers).post(HELP, {"username": username, "password": PASSWORD}).content.decode()


def test_the_failures_of_a_certificate_are_told_apart(cast, settings, tmp_path, clock):
    cast["sora.relay"], cast["umi.relay"]
    certificate = issued(cast["sora.administrator"])
    certificates.require_for_web(cast.sora, required=True, by=cast["sora.administrator"], now=NOW)
    assert str(Standing.NONE.label) in told("sora.relay")
    assert str(Standing.VALID.label) in with_certificate(settings, certificate.pem)
    assert str(Standing.ELSEWHERE.label) in with_certificate(settings, certificate.pem, "umi.relay")
    stranger = outside_authority(tmp_path / "outside").sign(new_csr()).decode()
    assert str(Standing.UNKNOWN.label) in with_certificate(settings, stranger)
    certificates.revoke(certificate, reason="lost", by=cast["sora.administrator"], now=NOW)
    assert str(Standing.REVOKED.label) in with_certificate(settings, certificate.pem)


def test_an_expired_certificate_is_told(cast, settings, clock):
    cast["sora.relay"]
    certificate = issued(cast["sora.administrator"])
    clock.move_to(certificate.not_after)
    assert str(Standing.EXPIRED.label) in with_certificate(settings, certificate.pem)


def test_a_closed_function_says_when_it_opens(cast):
    cast["sora.relay"]
    gates.open_function(Function.RELAYS, opened_from=NOW + timedelta(days=1), by=None, now=NOW)
    page = told("sora.relay")
    assert "1件の機能が閉じています" in page and "2026-04-02" in page
