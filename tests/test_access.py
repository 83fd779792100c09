"""Every address of the site, opened by everybody who should not: anonymous, half signed in, role-less, stranger."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from portal import certificates, gates
from portal.access import may
from portal.gates import FUNCTION_OF
from portal.middleware import is_marked
from portal.models import User
from tests.addresses import ALL, OWN, ROWS, address, opened
from tests.cast import NOW, ROLES, Cast, client_of, person
from tests.metering.collecting import believing, machine_of
from tests.portal.certificate_tools import issued

SIGN_IN, CODE = "/sign-in/", "/sign-in/code/"


WORKBENCH = [(name, pattern) for name, _, pattern in ALL if name.startswith("admin:")]
ABILITY_OF = {
    name: pattern.callback.ability for name, _route, pattern in ALL if name in ROWS and ROWS[name].opens == "ability"
}


def workbench_addresses(cast: Cast) -> list[str]:
    found = []
    for name, pattern in WORKBENCH:
        groups = pattern.pattern.regex.groupindex
        known = {"object_id": cast.sora.pk, "content_type_id": 1, "app_label": "portal", "url": "no-such-page"}
        if name.endswith("final_catch_all") or not pattern.name:
            continue
        found.append(reverse(name, kwargs={group: known[group] for group in groups} or None))
    return [*found, "/workbench/no-such-page/", f"/workbench/portal/company/{cast.sora.pk}/"]


def everything_but_the_hub(cast: Cast, username: str, company: str) -> User:
    """A person with every role the company can give."""
    return person(cast.companies[company], username, roles=list(ROLES[company]))


def test_every_address_says_who_may_open_it():
    unmarked = [name or route for name, route, pattern in ALL if not is_marked(pattern.callback)]
    assert not unmarked


def test_every_address_has_a_row_and_every_row_an_address():
    assert not [name for name in OWN if name not in ROWS], "add a row to tests/<room>/access_rows.py"
    assert not [name for name in ROWS if name not in OWN], "these rows name no address"


@pytest.mark.parametrize("name", OWN)
def test_nobody_without_a_session_gets_in(cast, name):
    answer = opened(Client(), name, address(name, cast))
    if ROWS[name].opens == "public":
        assert answer.status_code in {200, 302}
    elif ROWS[name].opens == "certificate":
        assert answer.status_code == 403
    elif ROWS[name].opens == "token":
        assert answer.status_code == 404
    else:
        assert answer.status_code == 302 and answer.url.startswith(SIGN_IN)


@pytest.mark.parametrize("name", OWN)
def test_a_password_alone_opens_nothing(cast, name):
    client = client_of(cast["sora.relay"], verified=False)
    answer = opened(client, name, address(name, cast))
    if ROWS[name].opens in {"public", "half"}:
        assert answer.status_code in {200, 302, 404}
    elif ROWS[name].opens == "certificate":
        assert answer.status_code == 403
    elif ROWS[name].opens == "token":
        assert answer.status_code == 404
    else:
        assert answer.status_code == 302 and answer.url.startswith(CODE)


@pytest.mark.parametrize("name", [name for name in OWN if name in ROWS and ROWS[name].opens == "ability"])
def test_a_colleague_without_the_role_finds_nothing(cast, name):
    row = ROWS[name]
    company = (row.owner or "sora.relay").partition(".")[0]
    client = client_of(person(cast.companies[company], f"{company}.nothing", roles=[]))
    assert opened(client, name, address(name, cast)).status_code == 404


@pytest.mark.parametrize("name", [name for name in OWN if name in ROWS and ROWS[name].opens == "certificate"])
def test_a_door_of_machines_opens_with_the_own_companys_certificate_alone(cast, name, settings, tmp_path, time_machine):
    believing(settings, tmp_path)
    time_machine.move_to(NOW, tick=False)
    row, url = ROWS[name], address(name, cast)
    company = row.owner.partition(".")[0]
    assert (
        opened(client_of(everything_but_the_hub(cast, f"{company}.everything", company)), name, url).status_code == 403
    )
    theirs = issued(cast["yama.administrator"], purpose="api")
    answer = opened(machine_of(theirs), name, url)
    assert answer.status_code == (404 if row.kwargs and not row.shared else 200)
    certificates.revoke(theirs, reason="lost", by=cast["yama.administrator"], now=NOW)
    web = issued(cast[f"{company}.administrator"], purpose="web")
    for certificate in (None, theirs, web):
        assert opened(machine_of(certificate), name, url).status_code == 403
    assert opened(machine_of(issued(cast[f"{company}.administrator"], purpose="api")), name, url).status_code == 200


@pytest.mark.parametrize("name", [name for name in OWN if name in ROWS and ROWS[name].kwargs and not ROWS[name].shared])
def test_a_stranger_finds_nothing_whatever_the_roles(cast, name):
    url = address(name, cast)
    client = client_of(everything_but_the_hub(cast, "yama.everything", "yama"))
    closed = {403, 404} if ROWS[name].opens == "certificate" else {404}
    assert opened(client, name, url).status_code in closed
    if ROWS[name].method == "get":
        assert client.post(url, {}).status_code in {405, *closed}


@pytest.mark.parametrize(
    "name", [name for name in OWN if name in ROWS and ROWS[name].owner and ROWS[name].opens != "certificate"]
)
def test_who_may_open_it_can(cast, name):
    url = address(name, cast)
    answer = opened(client_of(cast[ROWS[name].owner]), name, url)
    assert answer.status_code in {200, 302, 422}, "otherwise the refusals above prove nothing"


@pytest.mark.parametrize("name", ABILITY_OF)
def test_each_role_of_the_own_company_opens_what_the_table_says_and_nothing_else(cast, name):
    """Every page × every role; a page of one case may be absent for a role that may see others of its kind."""
    row, url = ROWS[name], address(name, cast)
    company = (row.owner or "sora.relay").partition(".")[0]
    for role in ROLES[company]:
        user = cast[f"{company}.{role}"]
        status = opened(client_of(user), name, url).status_code
        if not may(user, ABILITY_OF[name]):
            assert status == 404, role
        elif not row.kwargs:
            assert status in {200, 302, 422}, role


@pytest.mark.parametrize("name", [name for name, ability in ABILITY_OF.items() if ability in FUNCTION_OF])
def test_every_page_of_a_function_waits_for_its_gate_to_the_second(cast, name):
    url, opening = address(name, cast), NOW + timedelta(minutes=1)
    function = FUNCTION_OF[ABILITY_OF[name]]
    gates.open_function(function, opened_from=opening, by=None, now=NOW)
    with time_machine.travel(opening - timedelta(seconds=1), tick=False):
        client = client_of(cast[ROWS[name].owner])
        answer = opened(client, name, url)
        assert answer.status_code == 503 and answer["Retry-After"] == "2"
    with time_machine.travel(opening, tick=False):
        assert opened(client, name, url).status_code in {200, 302, 422}


@pytest.mark.parametrize("name", [name for name in OWN if name in ROWS and ROWS[name].opens == "inside"])
def test_pages_for_everybody_open_for_a_person_without_any_clerk_role(cast, name):
    assert opened(client_of(cast["sora.administrator"]), name, address(name, cast)).status_code == 200


def test_the_workbench_is_absent_for_everybody_but_hub_staff(cast):
    anonymous, half = Client(), client_of(cast["hub.operator"], verified=False)
    strangers = [
        client_of(everything_but_the_hub(cast, "sora.everything", "sora")),
        client_of(everything_but_the_hub(cast, "kaze.everything", "kaze")),
        client_of(cast["hub.administrator"]),
    ]
    for url in workbench_addresses(cast):
        answer = anonymous.get(url)
        assert answer.status_code == 404 or answer.url.startswith(SIGN_IN), url
        answer = half.get(url)
        assert answer.status_code == 404 or answer.url.startswith(CODE), url
        for stranger in strangers:
            assert stranger.get(url).status_code == 404, url
            assert stranger.post(url).status_code == 404, url


def test_the_workbench_opens_for_hub_staff(cast):
    for name in ("hub.operator", "hub.helpdesk", "hub.auditor"):
        client = client_of(cast[name])
        assert client.get("/workbench/").status_code == 200
        assert client.get(f"/workbench/portal/company/{cast.sora.pk}/change/").status_code == 200


def test_an_unknown_address_is_not_there_for_anybody(cast):
    for client in (Client(), client_of(cast["sora.relay"]), client_of(cast["hub.operator"])):
        assert client.get("/no-such-page/").status_code == 404
