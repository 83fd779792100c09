"""Attacks tried from outside and from inside; what other tests try stands in docs/security/threat-model.md."""

import base64
import csv
import io
import json
import random
import re

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client
from django.utils.http import urlsafe_base64_encode

from metering import refused_rows
from metering.models import UsageFile
from portal import people
from portal.access import Role
from portal.models import User
from portal.people import Hold
from tests import calling
from tests.cast import NOW, PASSWORD, client_of
from tests.metering.delivering import block_of, csv_of, deliver

EVIL = "https://evil.example"
ELSEWHERE = [
    EVIL,
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "\t//evil.example",
]


# --- Which user ids exist -----------------------------------------------------------------------------------------
@pytest.fixture
def hashed(monkeypatch):
    """How many passwords were hashed: what takes the time of an answer."""
    seen: list[str] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher, "encode", lambda self, password, salt: seen.append(password) or encode(self, password, salt)
    )
    return seen


def told(username: str, password: str = "wrong-password") -> tuple[int, str]:
    answer = Client().post("/sign-in/", {"username": username, "password": password})
    text = answer.content.decode().replace(username, "…")
    return answer.status_code, re.sub(r'(name="csrfmiddlewaretoken" value=|Trace-Id: )"?\w+', "", text)


def test_the_sign_in_takes_as_long_for_an_id_that_does_not_exist(cast, hashed):
    sora, suspended = cast["sora.relay"], cast["sora.viewer"]
    people.suspend(suspended, reason="on leave", by=cast["sora.administrator"], now=NOW)
    counts = {}
    for username in (sora.username, suspended.username, "nobody.here"):
        hashed.clear()
        told(username)
        counts[username] = len(hashed)
    assert len(set(counts.values())) == 1, counts


def test_the_sign_in_says_the_same_whether_the_id_exists_or_not(cast):
    assert told(cast["sora.relay"].username) == told("nobody.here")


def test_a_link_for_a_password_says_the_same_whether_the_person_exists_or_not(cast):
    answers = set()
    for number in (cast["sora.relay"].pk, 10**9):
        uid = urlsafe_base64_encode(str(number).encode())
        answer = Client().get(f"/invitation/{uid}/cxyz12-0123456789abcdef0123456789abcdef/")
        text = answer.content.decode().replace(uid, "…")
        answers.add((answer.status_code, re.sub(r'[A-Z2-9]{4}-[A-Z2-9]{4}|value="\w{64}"', "", text)))
    assert len(answers) == 1 and next(iter(answers))[0] == 410


def test_the_token_endpoint_says_the_same_whether_the_client_exists_or_not(cast):
    api = calling.caller(cast, "sora", "relay")
    answers = set()
    for name in (api.client.client_id, "c-does-not-exist"):
        basic = base64.b64encode(f"{name}:wrong-secret".encode()).decode()
        answer = Client().post(
            "/api/v1/token",
            "grant_type=client_credentials",
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": f"Basic {basic}"},
        )
        said = answer.json()
        said.pop("trace_id")
        answers.add((answer.status_code, json.dumps(said, sort_keys=True)))
    assert len(answers) == 1 and next(iter(answers))[0] == 401


# --- Led elsewhere ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ELSEWHERE)
def test_no_next_leads_to_another_site(cast, where):
    clerk = client_of(cast["sora.relay"])
    answers = [
        Client().post("/sign-in/", {"username": "sora.relay", "password": PASSWORD, "next": where}),
        Client().post(f"/sign-in/?next={where}", {"username": "sora.relay", "password": PASSWORD}),
        clerk.post("/language/", {"language": "en", "next": where}),
        clerk.get("/sign-in/", {"next": where}),
        clerk.get("/sign-in/again/", {"next": where}),
    ]
    for answer in answers:
        location = answer.headers.get("Location", "/")
        assert "evil" not in location and re.match(r"/(?![/\\])", location), location
        assert f'href="{where}"' not in answer.content.decode()


def test_a_forged_host_does_not_stand_in_a_mailed_link(cast, settings):
    client = client_of(cast["sora.administrator"])
    client.post(
        "/people/sora.relay/password-link/", {"reason": "forgotten", "confirm": "on"}, headers={"Host": "evil.example"}
    )
    from_outside = Client().get("/sign-in/", headers={"Host": "evil.example"}).content.decode()
    assert "evil.example" not in from_outside
    for letter in mail.outbox:
        assert "evil.example" not in letter.body + letter.subject
    assert settings.SITE_ADDRESS


# --- More than was asked for --------------------------------------------------------------------------------------
def test_a_form_takes_no_field_it_does_not_show(cast):
    """Mass assignment on pages: what a person may not choose stays as it is."""
    victim = cast["sora.relay"]
    before = User.objects.values().get(pk=victim.pk)
    more = {
        **{"is_staff": "on", "is_superuser": "on", "is_active": "on", "username": "root", "password": "x", "id": 1},
        **{"company": cast.hub.pk, "company_id": cast.hub.pk},
    }
    answer = client_of(cast["sora.administrator"]).post(
        f"/people/{victim.username}/name/", {"name": "新しい 名前", "email": "new@sora.example", **more}
    )
    assert answer.status_code in {302, 422}
    after = User.objects.values().get(pk=victim.pk)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"name", "email"}, changed


@pytest.mark.parametrize(
    "extra", ["state", "gaining_retailer", "id", "number", "registered_by", "judged_at", "__class__"]
)
def test_the_api_takes_no_field_it_does_not_know(cast, extra):
    api = calling.caller(cast, "sora", "relay")
    said = calling.refused(api.post("/relays", {extra: "02"}), 422, "api.entries_wrong")
    assert {"pointer": f"/{extra}", "code": "unknown"}.items() <= next(
        wrong for wrong in said["errors"] if wrong["pointer"] == f"/{extra}"
    ).items()


# --- Cursors ------------------------------------------------------------------------------------------------------
def test_a_cursor_that_was_touched_or_is_somebody_elses_shows_nothing_of_others(cast, points):
    rng = random.Random(7)
    with time_machine.travel(NOW, tick=False):
        theirs = calling.caller(cast, "umi", "relay", "viewer")
        first = calling.good(theirs.get("/participants?limit=1"))
        cursor = first["next_cursor"]
        assert cursor
        for _attempt in range(25):
            at = rng.randrange(len(cursor))
            touched = cursor[:at] + rng.choice([c for c in "abcXYZ019-_" if c != cursor[at]]) + cursor[at + 1 :]
            answer = theirs.get(f"/participants?limit=1&cursor={touched}")
            assert answer.status_code in {200, 422}, touched
        mine = calling.caller(cast, "sora", "relay", "viewer")
        for forged in (cursor, base64.urlsafe_b64encode(b'{"k": [0]}').decode(), "' OR 1=1 --", "%00", "9" * 500):
            answer = mine.get("/relays?limit=5&cursor=" + forged)
            assert answer.status_code in {200, 400, 422}, forged
            if answer.status_code == 200:
                assert calling.good(answer)["items"] == []


# --- Spreadsheets -------------------------------------------------------------------------------------------------
HOSTILE = '=HYPERLINK("https://evil.example","click")'


def test_a_name_that_is_a_formula_reaches_no_spreadsheet(cast):
    people.invite(
        company=cast.sora,
        username="sora.evil",
        name="=cmd|'/C calc'!A0",
        email="evil@sora.example",
        roles=[Hold(Role.VIEWER)],
        by=cast["sora.administrator"],
        now=NOW,
    )
    answer = client_of(cast["sora.administrator"]).get("/people/?format=csv")
    text = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert any("cmd|" in cell for cell in cells), "the hostile name is on the list"
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and "cmd" in cell]


@pytest.mark.parametrize(
    "cell", [HOSTILE, "+1+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0"]
)
def test_refused_rows_come_back_without_formulas_in_any_column(cast, points, cell):
    header, row, *_rest = csv_of(block_of([points.house])).decode("utf-8-sig").splitlines()
    cells = next(csv.reader([row]))
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([*cells[:3], cell, "-0.5", *cells[5:]])
    file = deliver(cast, f"{header}\n{line.getvalue()}\n".encode())
    assert UsageFile.objects.get(pk=file.pk).rows_refused == 1
    text = b"".join(refused_rows.to_correct(file).streaming_content).decode("utf-8-sig")
    shown = [each for each in csv.reader(io.StringIO(text))][1]
    assert f"'{cell}" in shown and cell not in shown
    assert "-0.5" in shown, "a number keeps its sign"


# --- The workbench ------------------------------------------------------------------------------------------------
def test_the_workbench_shows_no_password_and_offers_none(cast):
    operator = client_of(cast["hub.operator"])
    victim = cast["sora.relay"]
    page = operator.get(f"/workbench/portal/user/{victim.pk}/change/")
    assert page.status_code == 200
    text = page.content.decode()
    assert victim.password not in text and 'type="password"' not in text and 'name="password"' not in text
    elsewhere = operator.get(f"/workbench/portal/user/{victim.pk}/password/", follow=True)
    assert "password" not in elsewhere.request["PATH_INFO"] and 'type="password"' not in elsewhere.content.decode()
    for address in ("/workbench/password_change/", "/workbench/auth/", "/workbench/auth/user/"):
        assert operator.get(address).status_code == 404, address
    for name in ("is_superuser", "is_staff", "user_permissions", "groups", "password"):
        assert f'name="{name}"' not in text, name


@pytest.mark.parametrize(
    "table", ["otp_totp/totpdevice", "otp_static/staticdevice", "axes/accessattempt", "sessions/session"]
)
def test_keys_and_sessions_are_nobodys_to_read(cast, table):
    assert client_of(cast["hub.operator"]).get(f"/workbench/{table}/").status_code == 404


def test_the_workbench_wants_the_second_factor_and_freezes_like_every_door(cast):
    half = client_of(cast["hub.operator"], verified=False)
    assert half.get("/workbench/").url.startswith("/sign-in/code/")
    assert Client().get("/workbench/login/").status_code == 404
    for _attempt in range(5):
        Client().post("/sign-in/", {"username": "hub.operator", "password": "wrong"})
    answer = Client().post("/sign-in/", {"username": "hub.operator", "password": PASSWORD})
    assert answer.status_code == 429
