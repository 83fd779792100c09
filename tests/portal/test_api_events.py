"""The feed and webhooks by API: pages without a gap, roles, position, what is gone, the inbox as data."""

from datetime import timedelta

import pytest

from portal import events, webhooks
from portal.access import Ability
from portal.models import Cause, Topic
from tests import calling
from tests.portal.access_rows import a_webhook


@pytest.fixture
def sora(cast, now):
    events.write_many(
        [
            events.Happening(
                cast.sora.pk, Topic.RELAYS, "relay.accept", Cause.SILENCE, f"relay R{at}", ability=Ability.SEE_RELAYS
            )
            for at in range(5)
        ],
        now=now,
    )
    return calling.caller(cast, "sora", "relay")


@pytest.mark.django_db
def test_pages_follow_one_another_without_a_gap(sora, cast):
    after, got = 0, []
    while items := (answer := sora.get(f"/events?after={after}&limit=2").json())["items"]:
        got += [item["number"] for item in items]
        after = answer["after"]
    assert got == list(range(1, answer["last"] + 1))
    assert answer["company"] == cast.sora.pk


@pytest.mark.django_db
def test_without_the_role_the_number_comes_alone(sora, cast):
    items = calling.caller(cast, "sora", "usage").get("/events").json()["items"]
    withheld = [item for item in items if item.get("withheld")]
    assert len(withheld) >= 5 and all(set(item) == {"number", "at", "withheld"} for item in withheld)


@pytest.mark.django_db
def test_the_position_is_acknowledged_and_refused_with_its_own_codes(sora, cast):
    last = events.standing(cast.sora).last
    assert sora.post("/events/acknowledgement", {"number": last}).json()["acknowledged"] == last
    refused = [sora.post("/events/acknowledgement", {"number": number}) for number in (last - 1, last + 1000)]
    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (409, "events.backwards"),
        (422, "events.not_posted_yet"),
    ]
    assert sora.get("/events/acknowledgement").json()["acknowledged"] == last


@pytest.mark.django_db
def test_what_is_no_longer_kept_says_where_to_read_on(cast, now, settings):
    old = now - timedelta(days=4000)
    happening = events.Happening(cast.yama.pk, Topic.USAGE, "usage.publish", Cause.SCHEDULE, "x")
    events.write_many([happening], now=old)
    caller = calling.caller(cast, "yama", "relay")
    events.write_many([happening], now=now)
    events.drop_old(now=now)
    assert events.standing(cast.yama).oldest > 1
    answer = caller.get("/events?after=0")
    assert (answer.status_code, answer.json()["code"]) == (410, "events.no_longer_kept")


@pytest.mark.django_db
def test_what_waits_and_how_far_one_may_fall_behind_are_data(sora):
    assert sora.get("/todo").json()["items"] == []
    assert calling.nobody().get("/events/back-pressure").json()["page_size"] == events.AT_ONCE


@pytest.mark.django_db
def test_a_webhook_is_steered_by_api_and_its_secret_never_told(sora, cast):
    pk = a_webhook(cast)["pk"]
    assert "secret" not in sora.get(f"/webhooks/{pk}").json()
    assert sora.post(f"/webhooks/{pk}/pause").json()["state"] == "paused"
    assert sora.post(f"/webhooks/{pk}/pause").json()["code"] == "webhooks.moved"
    assert sora.post(f"/webhooks/{pk}/resumption").json()["state"] == "active"
    assert sora.post(f"/webhooks/{pk}/resend", {"first": 1, "last": 2}).json()["resend_until"] == 2
    assert sora.post(f"/webhooks/{pk}/resend", {"first": 1, "last": 2}).json()["code"] == "webhooks.running_already"
    assert sora.post(f"/webhooks/{pk}/resend", {"first": 2, "last": 1}).json()["code"] == "webhooks.wrong_range"
    assert sora.post(f"/webhooks/{pk}/test").json()["failure"] == "connection"
    assert sora.get(f"/webhooks/{pk}/deliveries").json()["items"][0]["number"] == 0
    for _ in range(webhooks.TESTS_A_MINUTE):
        last = sora.post(f"/webhooks/{pk}/test")
    assert last.json()["code"] == "webhooks.too_many_tests"
