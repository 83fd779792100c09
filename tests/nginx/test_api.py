"""The JSON API through nginx as we ship it, by real handshakes and the real client: a token beside its certificate."""

import json

import pytest
from kirikae_client import Hub, Problem

from portal import api_clients, certificates
from portal.models import ApiWrite
from tests.nginx.test_collection_door import fetch
from tests.nginx.test_mutual_tls import enrolled

ROLES = ["relay", "viewer"]


@pytest.fixture
def strict(monkeypatch):
    """The API asks for certificates, as in production; stands before `nginx` in each test's list."""
    monkeypatch.setenv("KIRIKAE_API_CERTIFICATE", "1")


@pytest.fixture
def program(transactional_db, cast, now):
    """sora's program: client id and secret."""
    client, secret = api_clients.register(name="links", roles=ROLES, by=cast["sora.administrator"], now=now)
    return {"client_id": client.client_id, "secret": secret}


@pytest.fixture
def hub_at(folder, https_port):
    """A hub as the program sees it with this certificate, or with none."""
    made = []

    def hub(program, pair=None):
        files = tuple(map(str, pair)) if pair else None
        trusted = str(folder / "authority/root.pem")
        made.append(Hub(f"https://localhost:{https_port}", certificate=files, trusted=trusted, **program))
        return made[-1]

    yield hub
    for one in made:
        one.close()


def refused(deed):
    with pytest.raises(Problem) as found:
        deed()
    return found.value.status, found.value.code, found.value.detail


def test_a_token_opens_beside_its_own_certificate_alone(strict, nginx, cast, folder, now, program, hub_at):
    admin = cast["sora.administrator"]
    _mine, pair = enrolled(admin, folder, now, "links", purpose="api")
    _other, second = enrolled(admin, folder, now, "links2", purpose="api")
    _web, web = enrolled(admin, folder, now, "desk")
    _theirs, yama = enrolled(cast["yama.administrator"], folder, now, "yama", purpose="api")

    mine = hub_at(program, pair)
    assert mine.get("me")["company"] == cast.sora.name
    token = mine._bearer()

    def with_token(used):
        status, body = fetch(nginx.port, folder, "/api/v1/me", pair=used, Authorization=f"Bearer {token}")
        return status, json.loads(body)["code"]

    assert with_token(second) == (401, "api.token_of_another_certificate")
    for used in (None, web, yama):
        assert with_token(used) == (401, "api.certificate_missing")
        status, code, words = refused(lambda used=used: hub_at(program, used).get("me"))
        assert (status, code) == (401, "invalid_client") and words.startswith("certificate:")


def test_a_revoked_certificate_is_shut_out_at_the_next_call_of_an_open_line(
    strict, nginx, cast, folder, now, program, hub_at
):
    admin = cast["sora.administrator"]
    certificate, pair = enrolled(admin, folder, now, "links", purpose="api")
    hub = hub_at(program, pair)
    assert hub.get("me")
    certificates.revoke(certificate, reason="lost", by=admin, now=now)
    status, _code, _words = refused(lambda: hub.get("me"))
    assert status == 401
    _again, new = enrolled(admin, folder, now, "links", purpose="api")
    assert hub_at(program, new).get("me")


def test_feed_and_writes_over_the_same_line(strict, nginx, cast, folder, now, program, hub_at):
    _mine, pair = enrolled(cast["sora.administrator"], folder, now, "links", purpose="api")
    hub = hub_at(program, pair)
    numbers = [event["number"] for event in hub.events()]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 2  # the client, the certificate
    first = hub.ask("POST", "events/acknowledgement", body={"number": numbers[-1]}, key="k1")
    again = hub_at(program, pair).ask("POST", "events/acknowledgement", body={"number": numbers[-1]}, key="k1")
    assert first.body == again.body and again.is_replayed and not first.is_replayed
    assert ApiWrite.objects.filter(key="k1").count() == 1
    assert hub.get("events/acknowledgement")["acknowledged"] == numbers[-1]
    assert refused(lambda: hub.post("events/acknowledgement", {"number": 0}))[:2] == (409, "events.backwards")
    assert refused(lambda: hub.get("relays/R0000000001"))[:2] == (404, "api.not_found")


def test_where_no_certificates_are_asked_for_a_token_stays_bound_to_the_one_it_was_got_with(
    nginx, cast, folder, now, program, hub_at
):
    _mine, pair = enrolled(cast["sora.administrator"], folder, now, "links", purpose="api")
    bound, free = hub_at(program, pair), hub_at(program)
    assert free.get("me") and bound.get("me")
    free._token, free._token_ends = bound._token, bound._token_ends
    answer = free.send("GET", "me")
    assert answer.status_code == 200, "a new token is asked for without a certificate"
    answer.close()
    assert free._token != bound._token
