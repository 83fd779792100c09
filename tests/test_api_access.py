"""Every endpoint of the API, called by everybody who should not: without token, from a stranger, without the role.

Each room keeps its rows, `tests/<room>/api_rows.py`, with `ROWS: dict[str, ApiRow]` by URL name (`api:relay`).
Written in `docs/decisions`: without the role 403 (that the endpoint is there is public), of others' cases 404.
"""

from importlib import import_module
from importlib.util import find_spec

import pytest
from django.test import Client
from django.urls import reverse

from portal.access import Ability, may
from portal.api.endpoint import ANYBODY
from portal.middleware import is_endpoint
from tests import calling
from tests.addresses import ALL
from tests.api_rows import ApiRow
from tests.cast import ROLES

ROOMS = ("portal", "metering", "switching", "linkage")
ROWS: dict[str, ApiRow] = {}
for _room in ROOMS:
    if find_spec(f"tests.{_room}.api_rows"):
        ROWS.update(import_module(f"tests.{_room}.api_rows").ROWS)

NEEDS = {name: pattern.callback.needs for name, _route, pattern in ALL if is_endpoint(pattern.callback)}
CALLS = [(name, method) for name, needs in sorted(NEEDS.items()) for method in needs if name in ROWS]
CLOSED = [call for call in CALLS if NEEDS[call[0]][call[1]] != ANYBODY]
OPEN_TO = [call for call in CLOSED if call[1] in ROWS[call[0]].good]
CASES = [call for call in CLOSED if ROWS[call[0]].kwargs]
ALL_ROLES = [role for role in ROLES["sora"] if role != "administrator"]


pytestmark = pytest.mark.usefixtures("clock")


def address(name, cast):
    row = ROWS[name]
    return reverse(name, kwargs=row.kwargs(cast) if row.kwargs else None)


def body(row, method, cast):
    given = row.bodies.get(method, {})
    return given(cast) if callable(given) else given


def call(api, name, method, url, cast):
    row = ROWS[name]
    headers = {"If-Match": "*"}
    more = {"content_type": row.content_type} if method == "post" and row.content_type else {}
    return api.call(
        method, url + row.query, None if method == "get" else body(row, method, cast), headers=headers, **more
    )


def test_every_endpoint_has_a_row_and_every_row_an_endpoint():
    assert not [name for name in NEEDS if name not in ROWS], "add a row to tests/<room>/api_rows.py"
    assert not [name for name in ROWS if name not in NEEDS], "these rows name no endpoint"
    for name, row in ROWS.items():
        closed = {method for method, ability in NEEDS[name].items() if ability != ANYBODY}
        assert set(row.owners) == closed, f"{name}: say for each method who may call it"


@pytest.mark.parametrize(("name", "method"), CLOSED)
def test_nobody_gets_in_without_a_token(cast, name, method):
    url = address(name, cast)
    answer = call(calling.nobody(), name, method, url, cast)
    assert (answer.status_code, answer.json()["code"]) == (401, "api.token_missing")
    signed_in = Client()
    signed_in.force_login(cast["sora.relay"], backend="django.contrib.auth.backends.ModelBackend")
    assert signed_in.get(url).status_code == 401, "a browser's session opens no endpoint"


@pytest.mark.parametrize(("name", "method"), CLOSED)
def test_without_the_certificate_nobody_gets_in_where_it_is_asked_for(cast, name, method, settings):
    url = address(name, cast)
    settings.API_CERTIFICATE_REQUIRED = True
    answer = call(calling.caller(cast, "sora", *ALL_ROLES), name, method, url, cast)
    assert (answer.status_code, answer.json()["code"]) == (401, "api.certificate_missing")


@pytest.mark.parametrize(("name", "method"), CLOSED)
def test_a_client_without_the_role_is_told_which_one_it_lacks(cast, name, method):
    row, url = ROWS[name], address(name, cast)
    company, ability = row.owners[method].partition(".")[0], NEEDS[name][method]
    for role in [None, *[role for role in ROLES[company] if role != "administrator"]]:
        api = calling.caller(cast, company, *([role] if role else []))
        answer = call(api, name, method, url, cast)
        if may(api.client.user, ability):
            assert answer.status_code not in {401, 403} or answer.json()["code"] != "api.role_missing", role
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "api.role_missing"), role


@pytest.mark.parametrize(("name", "method"), CASES)
def test_a_stranger_finds_nothing_whatever_the_roles(cast, name, method):
    if ROWS[name].shared:
        return
    url = address(name, cast)
    for company in ("yama", "kaze"):
        if company in ROWS[name].parties:
            continue
        api = calling.caller(cast, company, *[role for role in ROLES[company] if role != "administrator"])
        answer = call(api, name, method, url, cast)
        if may(api.client.user, NEEDS[name][method]):
            assert (answer.status_code, answer.json()["code"]) == (404, "api.not_found"), company
        else:
            assert answer.status_code == 403, company


@pytest.mark.parametrize(("name", "method"), OPEN_TO)
def test_who_may_call_it_can(cast, name, method):
    row, url = ROWS[name], address(name, cast)
    company, _dot, role = row.owners[method].partition(".")
    answer = call(calling.caller(cast, company, role), name, method, url, cast)
    assert answer.status_code in {200, 201, 202, 204}, f"otherwise the refusals prove nothing: {answer.content!r}"


def test_every_ability_named_is_one():
    for needs in NEEDS.values():
        assert all(ability == ANYBODY or isinstance(ability, Ability) for ability in needs.values())
