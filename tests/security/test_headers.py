"""What every answer tells the browser, graded: policy, framing, referrer, features, caching, cookies, transport."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings as site
from django.test import Client
from django.urls import reverse

from portal.views import sign_in
from tests import calling
from tests.addresses import OWN, ROWS
from tests.cast import PASSWORD, Cast, client_of

INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=[\"']|javascript:|<script(?![^>]*\ssrc=)|<base\b|<object|<embed|<iframe", re.I
)
ELSEWHERE = re.compile(r"<(?:script|link|img|form)[^>]*\s(?:src|href|action)=[\"'](?:https?:)?//", re.I)


def directives(answer) -> dict[str, list[str]]:
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in parts}


def graded(answer, address: str) -> None:
    """Every rule that holds for every answer of the site, whatever it is."""
    policy = directives(answer)
    assert policy["default-src"] == ["'none'"] and policy["frame-ancestors"] == ["'none'"], address
    assert policy["base-uri"] == ["'none'"] and policy["form-action"] == ["'self'"], address
    for name in ("script-src", "style-src", "connect-src", "font-src"):
        assert policy[name] == ["'self'"], (address, name)
    assert "unsafe" not in answer["Content-Security-Policy"] and "*" not in answer["Content-Security-Policy"], address
    assert answer["X-Content-Type-Options"] == "nosniff", address
    assert answer["X-Frame-Options"] == "DENY", address
    assert answer["Referrer-Policy"] == "same-origin", address
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin", address
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin", address
    assert (
        "camera=()" in answer["Permissions-Policy"]
        and "publickey-credentials-get=(self)" in answer["Permissions-Policy"]
    )
    for word in ("Server", "X-Powered-By"):
        assert word not in answer, address
    if answer.get("Content-Type", "").startswith("text/html") and not answer.streaming:
        text = answer.content.decode()
        assert not INLINE.search(text), (address, INLINE.search(text))
        assert not ELSEWHERE.search(text), (address, ELSEWHERE.search(text))


def owners(cast: Cast) -> dict[str, Client]:
    names = {row.owner for row in ROWS.values() if row.owner} | {"sora.relay"}
    return {name: client_of(cast[name]) for name in sorted(names)}


def test_every_page_is_graded_for_who_may_open_it_and_for_who_may_not(cast):
    """All addresses that name no case, as their owner and as nobody; those of cases go through the same doors."""
    clients, seen = owners(cast), 0
    for name in OWN:
        row = ROWS[name]
        if row.kwargs:
            continue
        address = reverse(name)
        for client in (Client(), clients[row.owner or "sora.relay"]):
            answer = getattr(client, row.method)(address, row.data)
            graded(answer, address)
            if answer.wsgi_request.session.accessed:
                assert {"no-store", "private", "no-cache"} & set(re.split(r"[,\s]+", answer["Cache-Control"])), address
            seen += 1
    assert seen > 120


def test_what_went_wrong_is_graded_too(cast, settings):
    clerk = client_of(cast["sora.relay"])
    graded(clerk.get("/no-such-page/"), "404")
    graded(Client(enforce_csrf_checks=True).post("/sign-in/", {}), "403 csrf")
    settings.ALLOWED_HOSTS = ["hub.example"]
    answer = Client().get("/sign-in/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    graded(answer, "400")


def test_a_fault_is_graded_too(cast, monkeypatch):
    monkeypatch.setattr(sign_in, "_demo_users", lambda: 1 / 0)
    answer = Client(raise_request_exception=False).get("/sign-in/")
    assert answer.status_code == 500
    graded(answer, "500")


def test_the_workbench_and_the_api_are_graded(cast):
    operator = client_of(cast["hub.operator"])
    for address in ("/workbench/", "/workbench/portal/company/", f"/workbench/portal/company/{cast.sora.pk}/change/"):
        graded(operator.get(address), address)
    api = calling.caller(cast, "sora", "relay")
    for answer in (
        api.get("/relays"),
        api.get("/no-such-thing"),
        calling.nobody().get("/relays"),
        api.post("/relays", {}),
    ):
        graded(answer, answer.wsgi_request.path)
        assert answer.get("Cache-Control", "no-store") == "no-store"
        assert "Access-Control-Allow-Origin" not in answer


def test_static_files_are_graded(db):
    answer = Client().get("/static/kirikae.css")
    assert answer.status_code == 200
    graded(answer, "static")
    assert "Access-Control-Allow-Origin" not in answer


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(cast):
    client = Client()
    client.get("/sign-in/")
    client.post("/language/", {"language": "en", "next": "/"})
    assert client.post("/sign-in/", {"username": cast["sora.relay"].username, "password": PASSWORD}).status_code == 302
    assert {"csrftoken", "sessionid", site.LANGUAGE_COOKIE_NAME} <= set(client.cookies)
    for name, cookie in client.cookies.items():
        assert cookie["httponly"] and cookie["samesite"] == "Lax", name
        assert not cookie["domain"], name


PRINT = """
import django, json
django.setup()
from django.conf import settings
names = ["SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD",
         "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE", "DEBUG", "SESSION_COOKIE_HTTPONLY"]
print(json.dumps({name: getattr(settings, name) for name in names}))
from django.test import Client
answer = Client().get("/livez", secure=True, headers={"Host": "hub.example"})
print(json.dumps([answer.status_code, answer.get("Strict-Transport-Security")]))
answer = Client().get("/sign-in/", headers={"Host": "hub.example"})
print(json.dumps([answer.status_code, answer.get("Location")]))
"""


def test_production_speaks_tls_alone(tmp_path):
    """The settings of production in a process of their own, and what it answers."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "KIRIKAE_ENV": "production",
        "KIRIKAE_SECRET_KEY": "k" * 60,
        "KIRIKAE_HOSTS": "hub.example",
        "KIRIKAE_DATA": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRINT],
        cwd=site.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    settings, secure, plain = (json.loads(line) for line in done.stdout.splitlines()[:3])
    assert settings.pop("DEBUG") is False and settings.pop("SECURE_HSTS_SECONDS") >= 31_536_000
    assert all(settings.values()), settings
    assert secure == [200, "max-age=31536000; includeSubDomains; preload"]
    assert plain == [301, "https://hub.example/sign-in/"]


@pytest.mark.parametrize("name", ["portal.headers.BrowserFeatures", "csp.middleware.CSPMiddleware"])
def test_the_headers_stand_before_whatever_may_answer_by_itself(name):
    order = site.MIDDLEWARE
    own = order.index(name)
    for later in ("django.middleware.csrf.CsrfViewMiddleware", "portal.middleware.ClosedByDefault"):
        assert own < order.index(later)
    assert order.index("django.middleware.clickjacking.XFrameOptionsMiddleware") < order.index(
        "csp.middleware.CSPMiddleware"
    )
