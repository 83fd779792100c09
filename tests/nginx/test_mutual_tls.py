"""Client certificates with real TLS handshakes: through nginx as we ship it, and through gunicorn's own TLS."""

import socket
import ssl
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from portal import certificate_requests, certificates, four_eyes, trusted_authorities
from portal.models import Certificate, Proposal, User
from tests.cast import client_of, person
from tests.nginx.conftest import Browser, answers, free_port, site_environment, started, stop, wait_until
from tests.portal import certificate_tools as tools

CHECK, INSIDE = "/certificates/check/", "/me/"
VALID, NONE = "registered and valid", "sent no client certificate"
UNKNOWN, EXPIRED, REVOKED = "not registered here", "has expired", "was revoked"
ELSEWHERE, UNTRUSTED = "registered for another company", "is not trusted"


@pytest.fixture
def admin(transactional_db, cast) -> User:
    return cast["sora.administrator"]


def cookie_of(user: User) -> str:
    client: Client = client_of(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def stored(folder: Path, name: str, key: bytes, certificate: bytes | str) -> tuple[Path, Path]:
    pair = folder / f"{name}.pem", folder / f"{name}.key"
    pair[0].write_bytes(certificate.encode() if isinstance(certificate, str) else certificate)
    pair[1].write_bytes(key)
    return pair


def enrolled(by: User, folder: Path, now, name: str = "desk", **values) -> tuple[Certificate, tuple[Path, Path]]:
    """A certificate issued for a key made with openssl."""
    key = tools.new_key()
    csr = tools.new_csr(by.company.name, key=key)
    certificate = tools.issued(by, csr=csr, terminal=name, now=now, **values)
    return certificate, stored(folder, name, key, certificate.pem)


def required(by: User, now) -> None:
    certificates.require_for_web(by.company, required=True, by=by, now=now)


def test_who_has_none_the_wrong_one_or_a_lost_one_is_told_so(nginx, admin, cast, folder, built_in, now):
    certificate, pair = enrolled(admin, folder, now)
    other, _pair = enrolled(cast["umi.administrator"], folder, now, "umi")
    required(admin, now)
    cookie = cookie_of(admin)

    def page(pair=None, path=INSIDE, **headers):
        return Browser(nginx.port, folder, pair=pair, cookie=cookie).get(path, **headers)

    status, text = page()
    assert status == 403 and NONE in text
    assert page(path="/sign-in/")[0] in {200, 302}, "the pages before signing in stay open"
    status, text = page(pair)
    assert status == 200 and "sora.administrator" in text
    assert VALID in page(pair, CHECK)[1] and NONE in page(None, CHECK)[1]

    stranger = tools.outside_authority(folder / "stranger", "Kirikae Test Issuing")
    key = tools.new_key()
    twin = stored(folder, "twin", key, stranger.sign(tools.new_csr(key=key), serial=f"0x{certificate.serial}"))
    status, text = page(twin)
    assert status == 403 and UNKNOWN in text

    umi = folder / "umi.pem", folder / "umi.key"
    status, text = page(umi)
    assert status == 403 and ELSEWHERE in text
    assert Certificate.objects.get(pk=other.pk).company != admin.company

    api, api_pair = enrolled(admin, folder, now, "api", purpose="api")
    status, text = page(api_pair)
    assert status == 403 and ELSEWHERE in text and api.purpose == "api"


def test_a_revocation_holds_at_the_next_click_of_an_open_connection(nginx, admin, folder, now):
    certificate, pair = enrolled(admin, folder, now)
    required(admin, now)
    browser = Browser(nginx.port, folder, pair=pair, cookie=cookie_of(admin))
    assert browser.get(INSIDE)[0] == 200
    certificates.revoke(certificate, reason="stolen", by=admin, now=now)
    status, text = browser.get(INSIDE)
    assert status == 403 and REVOKED in text
    assert browser.connections == 1, "it was the same connection, without a new handshake"


def test_old_and_new_serve_side_by_side_until_the_old_one_is_revoked(nginx, admin, folder, now):
    old, old_pair = enrolled(admin, folder, now, "old")
    _new, new_pair = enrolled(admin, folder, now, "new")
    required(admin, now)
    cookie = cookie_of(admin)
    browsers = [Browser(nginx.port, folder, pair=pair, cookie=cookie) for pair in (old_pair, new_pair)]
    assert [browser.get(INSIDE)[0] for browser in browsers] == [200, 200]
    certificates.revoke(old, reason="renewed", by=admin, now=now)
    assert [browser.get(INSIDE)[0] for browser in browsers] == [403, 200]


def test_an_expired_certificate_gets_our_page_not_nginxs(nginx, admin, folder, now):
    _fresh, _pair = enrolled(admin, folder, now, "fresh")
    long_ago = now - timedelta(days=800)
    settings_days = settings.CERTIFICATE_DAYS
    key = tools.new_key()
    request = tools.asked(admin, csr=tools.new_csr(admin.company.name, key=key), terminal="old", now=now)
    certificate = certificate_requests.approve(request, by=admin, now=long_ago)
    assert certificate.not_after == (long_ago + timedelta(days=settings_days)).replace(microsecond=0)
    required(admin, now)
    pair = stored(folder, "old", key, certificate.pem)
    status, text = Browser(nginx.port, folder, pair=pair, cookie=cookie_of(admin)).get(INSIDE)
    assert status == 403 and EXPIRED in text


def test_headers_of_a_client_are_not_believed(nginx, web, admin, folder, now):
    certificate, _pair = enrolled(admin, folder, now)
    required(admin, now)
    cookie, escaped = cookie_of(admin), quote(certificate.pem)
    for name in ("X-Client-Certificate", "x-client-certificate", "X_Client_Certificate", "X-Client_Certificate"):
        forged = {name: escaped, name.replace("ertificate", "erify"): "SUCCESS", "X-Client-Verify": "SUCCESS"}
        status, text = Browser(nginx.port, folder, cookie=cookie).get(INSIDE, **forged)
        assert status == 403 and NONE in text, name


def test_nginx_passes_the_certificate_of_the_handshake_not_the_one_in_the_header(nginx, admin, cast, folder, now):
    certificate, _pair = enrolled(admin, folder, now)
    _other, umi_pair = enrolled(cast["umi.administrator"], folder, now, "umi")
    required(admin, now)
    forged = {"X-Client-Certificate": quote(certificate.pem), "X-Client-Verify": "SUCCESS"}
    browser = Browser(nginx.port, folder, pair=umi_pair, cookie=cookie_of(admin))
    status, text = browser.get(INSIDE, **forged)
    assert status == 403 and ELSEWHERE in text


def test_a_certificate_without_its_key_opens_nothing(admin, folder, now):
    certificate, _pair = enrolled(admin, folder, now)
    pair = stored(folder, "stolen", tools.new_key(), certificate.pem)
    with pytest.raises(ssl.SSLError):
        Browser(1, folder, pair=pair)


def test_an_outside_authoritys_certificate_comes_in_while_it_is_trusted(nginx, admin, cast, folder, now):
    outside = tools.outside_authority(folder / "outside")
    proposed = trusted_authorities.propose(name="o", content=outside.pem, by=cast["hub.operator"], now=now)
    second = person(cast.hub, "hub.operator2", roles=["operator"])
    four_eyes.confirm(Proposal.objects.get(), by=second, now=now)
    key = tools.new_key()
    signed = outside.sign(tools.new_csr("any words", key=key))
    later = timezone.now() + timedelta(seconds=2)
    certificates.register(purpose="web", terminal="desk", content=signed, by=admin, now=later)
    required(admin, later)
    pair, cookie = stored(folder, "desk", key, signed), cookie_of(admin)
    nginx.reload("", "")  # it reads trusted.pem when it starts
    browser = Browser(nginx.port, folder, pair=pair, cookie=cookie)
    assert browser.get(INSIDE)[0] == 200
    proposed.refresh_from_db()
    trusted_authorities.end_trust(proposed, by=second, now=later)
    status, text = browser.get(INSIDE)
    assert status == 403 and UNTRUSTED in text


def test_a_registered_certificate_whose_authority_nginx_does_not_trust_stays_outside(nginx, admin, cast, folder, now):
    """The chain counts too: nginx was not told of the authority yet."""
    outside = tools.outside_authority(folder / "outside")
    trusted_authorities.propose(name="o", content=outside.pem, by=cast["hub.operator"], now=now)
    second = person(cast.hub, "hub.operator2", roles=["operator"])
    four_eyes.confirm(Proposal.objects.get(), by=second, now=now)
    key = tools.new_key()
    signed = outside.sign(tools.new_csr("any words", key=key))
    later = timezone.now() + timedelta(seconds=2)
    certificates.register(purpose="web", terminal="desk", content=signed, by=admin, now=later)
    required(admin, later)
    pair = stored(folder, "desk", key, signed)
    status, text = Browser(nginx.port, folder, pair=pair, cookie=cookie_of(admin)).get(INSIDE)
    assert status == 403 and UNTRUSTED in text


def test_the_list_of_revoked_ones_serves_nginx(nginx, admin, folder, now):
    kept, kept_pair = enrolled(admin, folder, now, "kept")
    gone, gone_pair = enrolled(admin, folder, now, "gone")
    required(admin, now)
    certificates.revoke(gone, reason="lost", by=admin, now=now)
    line = f"ssl_client_certificate {folder}/authority/trusted.pem;"
    nginx.reload(line, f"{line}\n    ssl_crl {folder}/authority/revoked.pem;")
    cookie = cookie_of(admin)
    assert Browser(nginx.port, folder, pair=kept_pair, cookie=cookie).get(INSIDE)[0] == 200
    status, text = Browser(nginx.port, folder, pair=gone_pair, cookie=cookie).get(INSIDE)
    assert status == 403 and REVOKED in text, "our page, although nginx refused by itself"
    assert "certificate revoked" in (folder / "error.log").read_text() and kept.pk


# --- Without nginx --------------------------------------------------------------------------------------------------
def plain_get(port: int, cookie: str, headers: dict[str, str]) -> str:
    """A request over TCP, past nginx."""
    lines = [f"{name}: {value}" for name, value in {"Host": "localhost", "Cookie": cookie, **headers}.items()]
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall("\r\n".join([f"GET {INSIDE} HTTP/1.0", "Accept-Language: en", *lines, "", ""]).encode())
        return b"".join(iter(lambda: line.recv(65536), b"")).decode()


def test_past_nginx_no_header_helps(built_in, admin, folder, now):
    certificate, _pair = enrolled(admin, folder, now)
    required(admin, now)
    forged = {"X-Client-Certificate": quote(certificate.pem), "X-Client-Verify": "SUCCESS"}
    secret = "s" * 40
    for source, more, expected in (
        ({"KIRIKAE_CERTIFICATE_SOURCE": "socket"}, {}, "403"),
        ({}, {}, "403"),
        ({"KIRIKAE_CERTIFICATE_SOURCE": "secret"}, {}, "403"),
        ({"KIRIKAE_CERTIFICATE_SOURCE": "secret"}, {"X-Proxy-Secret": "s" * 39}, "403"),
        ({"KIRIKAE_CERTIFICATE_SOURCE": "secret"}, {"X-Proxy-Secret": secret}, "200"),
    ):
        port, log = free_port(), folder / "tcp.log"
        environment = {**site_environment(folder), **source, "KIRIKAE_CERTIFICATE_SECRET": secret}
        process = started(
            [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"127.0.0.1:{port}",
             "--no-control-socket"],
            environment, log,
        )  # fmt: skip
        try:
            wait_until(lambda port=port: answers(port), process, log)
            answer = plain_get(port, cookie_of(admin), {**forged, **more})
        finally:
            stop(process)
        assert answer.split(" ")[1] == expected, (source, more)


def test_gunicorn_alone_serves_tls_and_hands_the_certificate_over(built_in, admin, folder, now):
    certificate, pair = enrolled(admin, folder, now)
    required(admin, now)
    cookie, port, log = cookie_of(admin), free_port(), folder / "tls.log"
    process = started(
        [sys.executable, "-m", "django", "serve_tls", "--port", str(port)],
        {**site_environment(folder), "DJANGO_SETTINGS_MODULE": "config.settings"},
        log,
    )
    try:
        wait_until(lambda: answers(port), process, log)
        status, text = Browser(port, folder, cookie=cookie).get(INSIDE)
        assert status == 403 and NONE in text
        forged = {"X-Client-Certificate": quote(certificate.pem), "X-Client-Verify": "SUCCESS"}
        assert Browser(port, folder, cookie=cookie).get(INSIDE, **forged)[0] == 403
        browser = Browser(port, folder, pair=pair, cookie=cookie)
        assert browser.get(INSIDE)[0] == 200
        certificates.revoke(certificate, reason="stolen", by=admin, now=now)
        status, text = browser.get(INSIDE)
        assert status == 403 and REVOKED in text
        stranger = tools.outside_authority(folder / "stranger")
        key = tools.new_key()
        unknown = stored(folder, "unknown", key, stranger.sign(tools.new_csr(key=key)))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Browser(port, folder, pair=unknown, cookie=cookie).get(INSIDE)
    finally:
        stop(process)


def test_gunicorns_hook_ends_the_handshake_of_a_revoked_certificate(built_in, admin, folder, now):
    kept, kept_pair = enrolled(admin, folder, now, "kept")
    gone, gone_pair = enrolled(admin, folder, now, "gone")
    required(admin, now)
    cookie, port, log = cookie_of(admin), free_port(), folder / "tls.log"
    process = started(
        [sys.executable, "-m", "django", "serve_tls", "--crl", "--port", str(port)],
        {**site_environment(folder), "DJANGO_SETTINGS_MODULE": "config.settings"},
        log,
    )
    try:
        wait_until(lambda: answers(port), process, log)
        assert Browser(port, folder, pair=gone_pair, cookie=cookie).get(INSIDE)[0] == 200
        certificates.revoke(gone, reason="stolen", by=admin, now=now)  # the list is written anew with the commit
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Browser(port, folder, pair=gone_pair, cookie=cookie).get(INSIDE)
        assert Browser(port, folder, pair=kept_pair, cookie=cookie).get(INSIDE)[0] == 200 and kept.pk
    finally:
        stop(process)
