"""What every endpoint of the API does, whatever it is about: who calls, keys, states, pages, rates, problems."""

import base64
import errno
import hashlib
import json
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from portal import api_clients, certificates, people
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery
from portal.api.schema import operation
from portal.models import ApiClient, ApiWrite, Company, LedgerEntry, User
from tests import calling
from tests.cast import NOW, client_of
from tests.portal import certificate_tools

pytestmark = pytest.mark.django_db


# --- A small endpoint of the test's own -----------------------------------------------------------------------------
class Entry(Entries):
    name = serializers.CharField(max_length=20)
    size = serializers.IntegerField(min_value=0, required=False)


class Things(Endpoint):
    needs = {"get": Ability.SEE_RELAYS, "post": Ability.REGISTER_RELAY, "put": Ability.REGISTER_RELAY}

    @operation("list", query=PageQuery)
    def get(self, request: Request):
        return self.page(Company.objects.all(), lambda company: {"name": company.name}, self.query(PageQuery))

    @operation("make", entries=Entry)
    def post(self, request: Request):
        entered = self.entries(Entry)
        if entered["name"] == "break":
            raise RuntimeError("a fault of the hub")
        Company.objects.create(name=entered["name"])
        if entered["name"] == "refuse":
            raise people.BadName
        if entered["name"] == "closed":
            raise api_clients.TooMany
        if entered["name"] == "forbid":
            raise PermissionDenied
        if entered["name"] == "deadlock":
            raise OperationalError("deadlock detected")
        if entered["name"] == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if entered["name"] == "away":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return self.one({"name": entered["name"]}, status=201)

    @operation("change", entries=Entry, matches=True)
    def put(self, request: Request):
        self.must_match({"companies": Company.objects.count()})
        return self.one({"companies": Company.objects.count()})


from config.urls import *  # noqa: E402, F403
from config.urls import urlpatterns as _of_the_site  # noqa: E402

urlpatterns = [path("api/v1/things", Things.as_view()), *_of_the_site]


@pytest.fixture
def things(settings):
    settings.ROOT_URLCONF = "tests.portal.test_api_framework"


@pytest.fixture
def api(cast, things):
    return calling.caller(cast, "sora", "relay")


def problem(answer, status: int, code: str) -> dict:
    said = answer.json()
    assert (answer.status_code, said.get("code")) == (status, code), said
    assert answer["Content-Type"].startswith("application/problem+json")
    assert said["trace_id"] == answer["Trace-Id"] and said["type"].endswith(f"/api/errors/#{code}")
    return said


# --- Who calls ------------------------------------------------------------------------------------------------------
def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def ask(api, **more):
    headers = more.pop("headers", {"Authorization": basic(api.client.client_id, api.secret)})
    form = "&".join(f"{k}={v}" for k, v in {"grant_type": "client_credentials", **more}.items())
    return Client().post("/api/v1/token", form, content_type="application/x-www-form-urlencoded", headers=headers)


def me(token: str, **more):
    return Client(**more).get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


def test_a_secret_gives_a_token_and_the_token_says_who_calls(api):
    answer = ask(api)
    said = answer.json()
    assert answer.status_code == 200 and said["expires_in"] == 600 and answer["Cache-Control"] == "no-store"
    assert me(said["access_token"]).json()["client_id"] == api.client.client_id


def test_the_secret_may_stand_in_the_form(api):
    answer = ask(api, headers={}, client_id=api.client.client_id, client_secret=api.secret)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("more", "status", "error"),
    [
        ({"headers": {"Authorization": basic("api-nobody", "x")}}, 401, "invalid_client"),
        ({"headers": {"Authorization": "Basic !!!"}}, 401, "invalid_client"),
        ({"headers": {}}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "administrator"}, 400, "invalid_scope"),
    ],
)
def test_a_token_is_refused_as_oauth_has_it(api, more, status, error):
    answer = ask(api, **more)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer["Content-Type"] == "application/json", "a client of OAuth reads it, as RFC 6749 has it"
    assert answer.json()["trace_id"] == answer["Trace-Id"]


def test_a_token_can_be_narrowed_to_some_of_the_roles(cast, things):
    api = calling.caller(cast, "sora", "relay", "inquiry")
    token = ask(api, scope="inquiry").json()["access_token"]
    assert [grant["role"] for grant in me(token).json()["grants"]] == ["inquiry"]
    answer = Client().get("/api/v1/things", headers={"Authorization": f"Bearer {token}"})
    assert problem(answer, 403, "api.role_missing")["roles"] == ["relay"]


def test_a_token_ends_after_ten_minutes(api):
    with time_machine.travel(NOW, tick=False):
        token = ask(api).json()["access_token"]
    with time_machine.travel(NOW + timedelta(minutes=9, seconds=59), tick=False):
        assert me(token).status_code == 200
    with time_machine.travel(NOW + timedelta(minutes=10), tick=False):
        problem(me(token), 401, "api.token_not_good")


def test_a_token_that_was_written_by_hand_opens_nothing(api):
    token = ask(api).json()["access_token"]
    for bad in (token[:-1], token + "x", "x", token.replace(":", ".")):
        problem(me(bad), 401, "api.token_not_good")
    problem(Client().get("/api/v1/me"), 401, "api.token_missing")
    assert Client().get("/api/v1/me")["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("deed", ["revoke", "suspend", "company"])
def test_who_is_shut_out_is_shut_out_from_the_next_request_on(cast, api, deed):
    token = ask(api).json()["access_token"]
    by = cast["sora.administrator"]
    if deed == "revoke":
        api_clients.revoke(api.client, by=by, now=timezone.now())
    elif deed == "suspend":
        people.suspend(api.client.user, by=by, now=NOW)
    else:
        Company.objects.filter(pk=cast.sora.pk).update(is_active=False)
    problem(me(token), 401, "api.token_not_good")
    assert ask(api).json()["error"] == "invalid_client"


def test_a_new_secret_ends_the_old_one_and_its_tokens_or_leaves_them_for_a_while(cast, api):
    by = cast["sora.administrator"]
    with time_machine.travel(NOW, tick=False) as clock:
        token = ask(api).json()["access_token"]
        new = api_clients.rotate(api.client, overlap="1", by=by, now=NOW + timedelta(seconds=1))
        clock.shift(5)
        assert ask(api).status_code == 200 and me(token).status_code == 200
        clock.shift(timedelta(days=1))
        assert ask(api).status_code == 401
        api.secret = new
        token = ask(api).json()["access_token"]
        api_clients.rotate(api.client, overlap="0", by=by, now=timezone.now() + timedelta(seconds=1))
        clock.shift(2)
        assert ask(api).status_code == 401
        problem(me(token), 401, "api.token_not_good")


# --- Certificates ---------------------------------------------------------------------------------------------------
def through_nginx(settings, certificate) -> dict:
    """What nginx adds to a request that came with this certificate."""
    settings.CERTIFICATE_SOURCE, settings.CERTIFICATE_SECRET = "secret", "s" * 32
    return {
        "HTTP_X_CLIENT_CERTIFICATE": certificate.pem.replace("\n", "%0A"),
        "HTTP_X_CLIENT_VERIFY": "SUCCESS",
        "HTTP_X_PROXY_SECRET": "s" * 32,
    }


def test_where_the_site_asks_for_certificates_nothing_opens_without_one(cast, api, settings):
    settings.API_CERTIFICATE_REQUIRED = True
    assert ask(api).json()["error"] == "invalid_client"
    token = api_clients.give_token(api.client, certificate_sha256="", scopes=["relay"], now=timezone.now())
    problem(me(token), 401, "api.certificate_missing")


def test_a_token_opens_only_beside_the_certificate_it_was_asked_for_with(cast, api, settings, tmp_path):
    settings.API_CERTIFICATE_REQUIRED, settings.AUTHORITY_DIR = True, tmp_path / "authority"
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        mine = certificate_tools.issued(cast["sora.administrator"], purpose="api")
        other = certificate_tools.issued(cast["sora.administrator"], purpose="api", terminal="机13")
        web = certificate_tools.issued(cast["sora.administrator"], terminal="机14")
        theirs = certificate_tools.issued(cast["umi.administrator"], purpose="api")
        with_mine, secret = through_nginx(settings, mine), api.secret
        form = {"grant_type": "client_credentials", "client_id": api.client.client_id, "client_secret": secret}
        body = "&".join(f"{k}={v}" for k, v in form.items())
        got = Client(**with_mine).post("/api/v1/token", body, content_type="application/x-www-form-urlencoded")
        token = got.json()["access_token"]
        assert me(token, **with_mine).status_code == 200
        problem(me(token, **through_nginx(settings, other)), 401, "api.token_of_another_certificate")
        for bad, standing in ((web, "elsewhere"), (theirs, "elsewhere")):
            said = problem(me(token, **through_nginx(settings, bad)), 401, "api.certificate_missing")
            assert said["standing"] == standing
        problem(me(token), 401, "api.certificate_missing")
        unbound = api_clients.give_token(api.client, certificate_sha256="", scopes=["relay"], now=timezone.now())
        problem(me(unbound, **with_mine), 401, "api.token_of_another_certificate")
        certificates.revoke(mine, reason="紛失", by=cast["sora.administrator"], now=timezone.now())
        assert problem(me(token, **with_mine), 401, "api.certificate_missing")["standing"] == "revoked"


# --- Machine accounts -----------------------------------------------------------------------------------------------
def test_nobody_signs_in_with_a_machine_account(cast, api):
    user = api.client.user
    assert not user.has_usable_password()
    for change in ({"password": "md5$x$y"}, {"email": "a@sora.example"}):
        with pytest.raises(IntegrityError, match="a_machine_has_neither"), transaction.atomic():
            User.objects.filter(pk=user.pk).update(**change)
    by = cast["sora.administrator"]
    for deed in (
        lambda: people.send_password_link(user, by=by, now=NOW),
        lambda: people.set_password(user, password="correct-horse-battery", by=by, now=NOW),
        lambda: people.change(user, email="a@sora.example", by=by, now=NOW),
        lambda: people.set_roles(user, roles=["administrator"], by=by, now=NOW),
    ):
        with pytest.raises(people.NotForMachines):
            deed()
    user.save = None
    client = Client()
    client.force_login(User.objects.get(pk=user.pk), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/").url.startswith("/sign-in/")


def test_machine_accounts_stand_among_no_people(cast, api):
    assert api.client.client_id not in client_of(cast["sora.administrator"]).get("/people/").content.decode()


# --- The database promises ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"secret_hash": "plain"}, "an_api_client_keeps_a_hash_of_its_secret"),
        ({"former_hash": "0" * 64}, "a_former_secret_ends"),
        ({"revoked_at": NOW + timedelta(days=1)}, "a_revoked_api_client_has_a_person_and_a_time"),
    ],
)
def test_an_api_client_cannot_be_half_made(api, change, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        ApiClient.objects.filter(pk=api.client.pk).update(**change)


def test_an_api_client_is_not_revoked_before_it_is_registered(cast, api):
    with pytest.raises(IntegrityError, match="an_api_client_is_revoked_after"), transaction.atomic():
        early = NOW - timedelta(days=1)
        ApiClient.objects.filter(pk=api.client.pk).update(revoked_at=early, revoked_by=cast["sora.administrator"])


def test_a_key_is_kept_once_per_client(api):
    ApiWrite.objects.create(client=api.client, key="k", at=NOW)
    with pytest.raises(IntegrityError, match="a_key_of_a_client_writes_once"), transaction.atomic():
        ApiWrite.objects.create(client=api.client, key="k", at=NOW)


def test_the_verbs_ask_who_does_it_and_what_for(cast, api):
    for by in (cast["sora.relay"], cast["umi.administrator"], cast["hub.operator"]):
        with pytest.raises(api_clients.NotAllowed):
            api_clients.set_roles(api.client, roles=[], by=by, now=NOW)
    with pytest.raises(api_clients.RoleNotForClients):
        calling.caller(cast, "sora", "administrator")
    with pytest.raises(api_clients.NoSuchOverlap):
        api_clients.rotate(api.client, overlap="9", by=cast["sora.administrator"], now=NOW)
    api_clients.revoke(api.client, by=cast["hub.operator"], now=timezone.now())
    with pytest.raises(api_clients.RevokedAlready):
        api_clients.rotate(api.client, overlap="0", by=cast["sora.administrator"], now=NOW)
    assert LedgerEntry.objects.filter(action="api client revoked").exists()


def test_a_company_has_twenty_clients_at_most(cast):
    for _each in range(api_clients.MOST):
        calling.caller(cast, "sora")
    with pytest.raises(api_clients.TooMany):
        calling.caller(cast, "sora")


# --- Keys of writes -------------------------------------------------------------------------------------------------
def test_the_same_key_does_it_once_and_answers_the_same(api):
    first = api.post("/things", {"name": "一"}, key="k1")
    again = api.post("/things", {"name": "一"}, key="k1")
    assert (first.status_code, again.status_code) == (201, 201) and first.json() == again.json()
    assert "Idempotent-Replayed" not in first and again["Idempotent-Replayed"] == "true"
    assert first["ETag"] == again["ETag"] and Company.objects.filter(name="一").count() == 1


def test_the_same_key_with_another_body_is_refused(api):
    api.post("/things", {"name": "一"}, key="k1")
    problem(api.post("/things", {"name": "二"}, key="k1"), 422, "api.key_used_otherwise")


def test_a_key_belongs_to_one_client(cast, api):
    api.post("/things", {"name": "一"}, key="k1")
    assert calling.caller(cast, "umi", "relay").post("/things", {"name": "二"}, key="k1").status_code == 201


def test_what_was_refused_leaves_its_key_free(api):
    problem(api.post("/things", {"size": 1}, key="k1"), 422, "api.entries_wrong")
    assert api.post("/things", {"name": "一"}, key="k1").status_code == 201


def test_an_error_of_the_hub_undoes_everything_and_leaves_the_key_free(api):
    said = problem(api.post("/things", {"name": "break"}, key="k1"), 500, "api.error")
    assert "RuntimeError" not in json.dumps(said)
    assert not ApiWrite.objects.exists()


def test_a_write_needs_a_key_of_the_right_form(api):
    problem(api.post("/things", {"name": "一"}, headers={"Idempotency-Key": ""}), 400, "api.key_missing")
    problem(api.post("/things", {"name": "一"}, key="a b"), 400, "api.key_not_good")
    problem(api.post("/things", {"name": "一"}, key="x" * 101), 400, "api.key_not_good")


def test_old_keys_are_forgotten(api):
    with time_machine.travel(NOW, tick=False):
        api.post("/things", {"name": "一"}, key="k1")
    assert api_clients.forget_keys(now=NOW + timedelta(days=6)) == 0
    assert api_clients.forget_keys(now=NOW + timedelta(days=8)) == 1


# --- States, pages, rates -------------------------------------------------------------------------------------------
def test_a_change_names_the_state_it_was_made_from(cast, api):
    problem(api.put("/things", {"name": "x"}), 428, "api.state_not_named")
    problem(api.put("/things", {"name": "x"}, headers={"If-Match": '"other"'}), 412, "api.state_has_changed")
    tag = api.put("/things", {"name": "x"}, headers={"If-Match": "*"})["ETag"]
    assert api.put("/things", {"name": "x"}, headers={"If-Match": tag}).status_code == 200


def test_what_has_not_changed_is_not_sent_again(api):
    first = api.get("/errors")
    again = api.get("/errors", headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304 and not again.content and again["ETag"] == first["ETag"]


def test_a_list_comes_in_pages_and_ends(api):
    seen, cursor = [], ""
    while True:
        said = api.get("/things?limit=2" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [row["name"] for row in said["items"]]
        cursor = said["next_cursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == Company.objects.count()


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("limit=0", "api.entries_wrong", "limit"),
        ("limit=201", "api.entries_wrong", "limit"),
        ("limit=x", "api.entries_wrong", "limit"),
        ("colour=red", "api.entries_wrong", "colour"),
        ("limit=1&limit=2", "api.entries_wrong", "limit"),
        ("cursor=abc", "api.cursor_not_good", ""),
    ],
)
def test_a_query_that_says_nothing_is_refused_by_name(api, query, code, parameter):
    said = problem(api.get(f"/things?{query}"), 422, code)
    if parameter:
        assert [wrong["parameter"] for wrong in said["errors"]] == [parameter]


def test_each_wrong_entry_is_pointed_at(api):
    said = problem(api.post("/things", {"size": -1, "colour": "red"}), 422, "api.entries_wrong")
    assert {wrong["pointer"]: wrong["code"] for wrong in said["errors"]} == {"/colour": "unknown"}
    said = problem(api.post("/things", {"size": -1}), 422, "api.entries_wrong")
    assert {wrong["pointer"]: wrong["code"] for wrong in said["errors"]} == {"/name": "required", "/size": "min_value"}


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\xff\xfe", '{"name": NaN}', "", "null", "[]", '"x"', "1"])
def test_a_body_that_is_no_object_is_refused_and_never_an_error_of_the_hub(api, text):
    data = text.encode("latin-1")
    answer = api.http.generic(
        "POST",
        "/api/v1/things",
        data,
        content_type="application/json",
        headers={"Authorization": f"Bearer {api.token}", "Idempotency-Key": "k"},
    )
    assert answer.status_code in {400, 422}, answer.content


def test_what_cannot_be_read_is_said_to_be_so(api):
    content_type = "application/json; charset=utf-8"
    problem(api.call("post", "/things", "{", content_type=content_type), 400, "api.unreadable")


def test_a_form_of_too_many_parts_is_no_request(cast, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    api = calling.caller(cast, "sora", "inquiry")
    problem(api.send("/usage-access-requests", {"a": "1", "b": "2", "c": "3"}), 400, "api.bad_request")


def test_what_djangos_own_refusals_say(api):
    problem(api.post("/things", {"name": "forbid"}), 403, "api.forbidden")


def test_two_deeds_that_held_one_another_up_are_sent_again(api):
    answer = api.post("/things", {"name": "deadlock"}, key="k1")
    problem(answer, 503, "api.busy")
    assert answer["Retry-After"] == "1" and not ApiWrite.objects.exists()


def test_a_full_disk_is_no_fault_of_the_request(api):
    answer = api.post("/things", {"name": "full"}, key="k1")
    said = problem(answer, 503, "api.storage_full")
    assert answer["Retry-After"] == "600" and "full" in said["detail"] and not ApiWrite.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_is_told_as_such_and_the_next_request_is_served(api):
    answer = api.post("/things", {"name": "away"}, key="k1")
    problem(answer, 503, "api.database_away")
    assert answer["Retry-After"] == "30"
    connection.close()
    assert api.post("/things", {"name": "一"}, key="k1").status_code == 201


def test_a_body_of_another_form_is_not_read(api):
    problem(api.call("post", "/things", "name=x", content_type="text/plain"), 415, "api.form_not_read")
    problem(api.get("/things", headers={"Accept": "text/html"}), 406, "api.form_not_offered")
    assert problem(api.delete("/things"), 405, "api.method_not_offered")


def test_a_body_that_is_too_large_is_said_to_be(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    problem(api.post("/things", {"name": "x" * 20}), 413, "api.too_large")


def test_over_the_rate_a_client_is_told_when_to_come_again(cast, api, settings):
    settings.API_READS_PER_MINUTE = 2
    with time_machine.travel(NOW + timedelta(seconds=40), tick=False):
        left = [api.get("/things")["RateLimit-Remaining"] for _each in range(2)]
        refused = api.get("/things")
        problem(refused, 429, "api.too_many_requests")
        assert left == ["1", "0"] and refused["Retry-After"] == "20"
        assert api.post("/things", {"name": "一"}).status_code == 201, "writes are counted by themselves"
        assert calling.caller(cast, "umi", "relay").get("/things").status_code == 200
    with time_machine.travel(NOW + timedelta(seconds=60), tick=False):
        assert api.get("/things").status_code == 200


# --- Words ----------------------------------------------------------------------------------------------------------
def test_problems_speak_the_callers_language(cast, things):
    in_ja = problem(calling.caller(cast, "sora", language="ja").get("/things"), 403, "api.role_missing")
    in_en = problem(calling.caller(cast, "sora", language="en").get("/things"), 403, "api.role_missing")
    assert in_en["detail"].startswith("This client holds no role")
    assert any("぀" < letter < "ヿ" for letter in in_ja["detail"])


def test_an_address_that_is_not_there_is_a_problem_too(cast, api):
    problem(api.get("/no-such-thing"), 404, "api.not_found")
    assert Client().get("/no-such-page/")["Content-Type"].startswith("text/html")


def test_an_endpoint_without_an_ability_is_not_built():
    with pytest.raises(TypeError, match="which ability"):
        type("Careless", (Endpoint,), {"get": lambda self, request: None})


def test_the_catalogue_says_everything_in_both_languages(cast):
    codes = set()
    for language in ("ja", "en"):
        rows = calling.Caller(None, language=language).get("/errors").json()["items"]
        assert all(row["sentence"] and row["title"] and row["what_to_do"] for row in rows)
        assert not [row["code"] for row in rows if "%(" in row["sentence"] or "{" in row["sentence"]]
        codes = codes or {row["code"] for row in rows}
        assert codes == {row["code"] for row in rows} == {kind.code for kind in problems.catalogue()}


def test_who_calls_learns_roles_and_hour(cast):
    api = calling.caller(cast, "sora", people.Hold("relay", "03", "LV"))
    with time_machine.travel(NOW, tick=False):
        said = api.get("/me").json()
    assert said["grants"] == [{"role": "relay", "area": "03", "supply_class": "LV"}]
    assert said["company"] == "空でんき" and said["now"] == "2026-04-01T10:00:00+09:00"
    assert "register_relay" in said["abilities"] and "inquire" not in said["abilities"]


def test_the_secret_stands_nowhere(cast, api):
    stored = ApiClient.objects.get(pk=api.client.pk)
    assert api.secret not in json.dumps([str(v) for v in vars(stored).values()])
    assert hashlib.sha256(api.secret.encode()).hexdigest() != stored.secret_hash
