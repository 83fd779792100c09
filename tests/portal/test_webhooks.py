"""Webhooks against a real receiver: order, signatures, failures of every sort, pauses, sending again, crashes."""

import base64
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from portal import events, hub_key, outward, webhook_signatures, webhooks
from portal.models import Cause, Event, LedgerEntry, Notice, Topic, Webhook, WebhookAttempt
from tests.portal.receiver import Receiver

Failure, State = Webhook.Failure, Webhook.State
NETWORKS = ("10.0.0.1", "192.168.3.4", "172.16.0.9", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1")
NETWORKS_6 = ("::", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1")


@pytest.fixture(scope="module")
def receiver():
    process = Receiver()
    yield process
    process.stop()


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.WEBHOOK_SECONDS = 1


@pytest.fixture
def hook_to(receiver, cast, now):
    def register(path: str, topics=(Topic.RELAYS,)) -> Webhook:
        hook, secret = webhooks.register(url=receiver.url(path), topics=topics, by=cast["sora.administrator"], now=now)
        hook.known_secret = secret
        return hook

    return register


def happen(cast, now, count: int = 1, topic: Topic = Topic.RELAYS) -> None:
    events.write_many(
        [
            events.Happening(cast.sora.pk, topic, "relay.accept", Cause.COUNTERPART_DEED, f"relay R{at}")
            for at in range(count)
        ],
        now=now,
    )


def serve(now) -> int:
    """Work until nobody waits; how many deliveries got through."""
    sent = 0
    while (more := webhooks.serve_next(now=now)) is not None:
        sent += more
    return sent


@pytest.mark.django_db
def test_events_arrive_in_order_and_each_once(receiver, hook_to, cast, now):
    hook = hook_to("/ok/order")
    happen(cast, now, 60)
    assert serve(now) == 60
    hook.refresh_from_db()
    numbers = receiver.numbers("/ok/order")
    assert numbers == list(range(numbers[0], numbers[0] + 60))
    assert hook.sent_to == numbers[-1] == events.standing(cast.sora).last
    assert webhooks.serve_next(now=now) is None


@pytest.mark.django_db
def test_both_signatures_hold_and_a_changed_body_breaks_them(receiver, hook_to, cast, now):
    hook = hook_to("/ok/signed")
    happen(cast, now)
    serve(now)
    [got] = [one for one in receiver.taken() if one["path"] == "/ok/signed"]
    headers = {name.title(): value for name, value in got["headers"].items()}
    signed = webhook_signatures.Signed(
        hook.url, got["json"]["event"]["number"], int(headers["Kirikae-Timestamp"]), got["body"].encode()
    )
    assert headers["Kirikae-Signature"] == f"v1={webhook_signatures.mac(signed, hook.known_secret)}"
    parameters = headers["Signature-Input"].removeprefix("hub=")
    signature = base64.b64decode(headers["Signature"].removeprefix("hub=:").removesuffix(":")).hex()
    base = webhook_signatures.base(signed, headers, parameters)
    assert re.search(r'keyid="([0-9a-f]{64})"', parameters)[1] == hub_key.public()
    assert hub_key.is_signed(base, signature=signature, public_key=hub_key.public())
    other = webhook_signatures.Signed(signed.url, signed.number, signed.timestamp, signed.body + b" ")
    assert webhook_signatures.mac(other, hook.known_secret) not in headers["Kirikae-Signature"]
    digest = webhook_signatures.headers(other, secrets=[])["Content-Digest"]
    changed = webhook_signatures.base(signed, {**headers, "Content-Digest": digest}, parameters)
    assert not hub_key.is_signed(changed, signature=signature, public_key=hub_key.public())


@pytest.mark.django_db
def test_a_changed_secret_signs_beside_the_former_one_until_the_overlap_is_over(receiver, hook_to, cast, now, settings):
    hook = hook_to("/ok/overlap")
    fresh = webhooks.change_secret(hook.pk, by=cast["sora.administrator"], now=now)
    later = now + settings.WEBHOOK_SECRET_OVERLAP + timedelta(seconds=1)
    for moment in (now, later):
        happen(cast, moment)
        serve(moment)
    first, second = [one for one in receiver.taken() if one["path"] == "/ok/overlap"]
    for got, secrets in ((first, [fresh, hook.known_secret]), (second, [fresh])):
        headers = {name.title(): value for name, value in got["headers"].items()}
        number, stamp = got["json"]["event"]["number"], int(headers["Kirikae-Timestamp"])
        signed = webhook_signatures.Signed(hook.url, number, stamp, got["body"].encode())
        wanted = ", ".join(f"v1={webhook_signatures.mac(signed, secret)}" for secret in secrets)
        assert headers["Kirikae-Signature"] == wanted
    webhooks.drop_old(now=later)
    hook.refresh_from_db()
    assert (hook.former_secret, hook.former_until) == ("", None)
    assert fresh not in hook.secret, "the secret stands sealed in the database"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "failure", "status"),
    [
        ("/fail", Failure.STATUS, 500),
        ("/redirect", Failure.REDIRECT, 302),
        ("/hang", Failure.TIMEOUT, None),
        ("/drip", Failure.TIMEOUT, None),
        ("/close", Failure.CONNECTION, None),
    ],
)
def test_whatever_goes_wrong_is_named_and_tried_again_later(receiver, hook_to, cast, now, path, failure, status):
    hook = hook_to(path)
    happen(cast, now)
    followed = len(receiver.numbers("/ok"))
    begun = time.monotonic()
    assert webhooks.serve_next(now=now) == 0
    assert time.monotonic() - begun < 5
    tried = WebhookAttempt.objects.get(webhook=hook)
    assert (tried.failure, tried.status) == (failure, status)
    assert len(receiver.numbers("/ok")) == followed, "a redirect was followed"
    assert webhooks.serve_next(now=now) is None, "not before the pause is over"
    hook.refresh_from_db()
    assert (hook.failures, hook.next_attempt_at) == (1, now + webhooks.FIRST_RETRY)
    assert webhooks.serve_next(now=hook.next_attempt_at) == 0
    hook.refresh_from_db()
    assert hook.failures == 2 and hook.next_attempt_at > now + 2 * webhooks.FIRST_RETRY


@pytest.mark.django_db
def test_a_receiver_that_is_down_and_comes_back_misses_nothing_and_order_holds(receiver, hook_to, cast, now):
    hook = hook_to("/flaky/2/back")
    happen(cast, now, 3)
    moment = now
    while events.standing(cast.sora).last != hook.sent_to:
        webhooks.serve_next(now=moment)
        hook.refresh_from_db()
        moment += timedelta(minutes=2)
    numbers = receiver.numbers("/flaky/2/back")
    first = numbers[0]
    assert numbers == [first, first, first, first + 1, first + 2]
    assert hook.failures == 0


@pytest.mark.django_db
def test_after_many_failures_it_is_paused_its_company_is_told_and_resuming_goes_on(
    receiver, hook_to, cast, now, settings
):
    settings.WEBHOOK_PAUSE_AFTER = 3
    hook = hook_to("/flaky/3/paused")
    happen(cast, now, 2)
    moment = now
    for _ in range(3):
        assert webhooks.serve_next(now=moment) == 0
        hook.refresh_from_db()
        moment = hook.next_attempt_at
    assert (hook.state, hook.paused_because) == (State.PAUSED, Failure.STATUS)
    notice = Notice.objects.get(kind="webhook_paused")
    assert notice.recipient == cast.sora and notice.ability == "manage_webhooks"
    assert Event.objects.get(kind="webhook.pause").cause == Cause.UNDELIVERED
    assert webhooks.serve_next(now=moment + timedelta(days=1)) is None
    webhooks.resume(hook.pk, by=cast["sora.administrator"], now=moment)
    assert serve(moment) == 2
    assert len(set(receiver.numbers("/flaky/3/paused"))) == 2


@pytest.mark.django_db
def test_a_receiver_that_says_gone_is_paused_at_once(hook_to, cast, now):
    hook = hook_to("/gone")
    happen(cast, now)
    assert webhooks.serve_next(now=now) == 0
    hook.refresh_from_db()
    assert (hook.state, hook.paused_because) == (State.PAUSED, Failure.GONE)


@pytest.mark.django_db
def test_only_chosen_topics_are_sent_and_the_position_passes_over_the_rest(receiver, hook_to, cast, now):
    hook = hook_to("/ok/topics", topics=[Topic.USAGE])
    happen(cast, now, 3)
    happen(cast, now, 1, Topic.USAGE)
    happen(cast, now, 2)
    assert serve(now) == 1
    hook.refresh_from_db()
    assert hook.sent_to == events.standing(cast.sora).last
    assert len(receiver.numbers("/ok/topics")) == 1


@pytest.mark.django_db
def test_events_are_sent_again_from_number_to_number(receiver, hook_to, cast, now):
    hook = hook_to("/ok/again")
    happen(cast, now, 70)
    serve(now)
    last = events.standing(cast.sora).last
    by = cast["sora.administrator"]
    webhooks.send_again(hook.pk, first=last - 59, last=last - 1, by=by, now=now)
    with pytest.raises(webhooks.RunningAlready):
        webhooks.send_again(hook.pk, first=last, last=last, by=by, now=now)
    assert serve(now) == 59
    again = [one["json"] for one in receiver.taken() if one["path"] == "/ok/again" and one["json"]["again"]]
    assert [one["event"]["number"] for one in again] == list(range(last - 59, last))
    hook.refresh_from_db()
    assert (hook.resend_next, hook.resend_until) == (None, None)
    for first, upto in ((0, 1), (5, 4), (1, last + 1)):
        with pytest.raises(webhooks.WrongRange):
            webhooks.send_again(hook.pk, first=first, last=upto, by=by, now=now)


@pytest.mark.django_db
def test_a_test_is_sent_also_to_a_paused_receiver_and_moves_nothing(receiver, hook_to, cast, now):
    hook, by = hook_to("/ok/test"), cast["sora.administrator"]
    webhooks.pause(hook.pk, by=by, now=now)
    assert webhooks.test(hook.pk, by=by, now=now).failure == ""
    assert receiver.numbers("/ok/test") == [0]
    hook.refresh_from_db()
    assert hook.state == State.PAUSED and hook.paused_because == Failure.BY_HAND
    with pytest.raises(webhooks.TooManyTests):
        for _ in range(10):
            webhooks.test(hook.pk, by=by, now=now)


@pytest.mark.django_db
def test_a_worker_killed_after_the_receivers_yes_sends_that_one_again_with_the_same_number(
    receiver, hook_to, cast, now, monkeypatch
):
    hook = hook_to("/ok/killed")
    happen(cast, now, 2)

    def dies(*args, **options):
        raise SystemExit

    monkeypatch.setattr(webhooks, "_moved_on", dies)
    with pytest.raises(SystemExit):
        webhooks.serve_next(now=now)
    monkeypatch.undo()
    assert webhooks.serve_next(now=now) is None, "the lease holds"
    assert serve(now + webhooks.LEASE) == 2
    numbers = receiver.numbers("/ok/killed")
    assert numbers == [numbers[0], numbers[0], numbers[0] + 1]
    hook.refresh_from_db()
    assert hook.sent_to == numbers[-1]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_overtake_one_another_at_one_receiver(receiver, hook_to, cast, now):
    hook_to("/ok/two")
    happen(cast, now, 80)
    barrier = Barrier(2)

    def work(_: int) -> int:
        barrier.wait(timeout=10)
        sent, idle = 0, 0
        while idle < 20:
            more = webhooks.serve_next(now=now)
            sent += more or 0
            idle = 0 if more else idle + 1
            if not more:
                time.sleep(0.02)
        connection.close()
        return sent

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(work, range(2))) == 80
    numbers = receiver.numbers("/ok/two")
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers) == 80


@pytest.mark.django_db
@pytest.mark.parametrize("address", [*NETWORKS, *NETWORKS_6, "127.0.0.1", "::1"])
def test_in_production_nothing_is_sent_into_a_private_network(settings, monkeypatch, cast, now, address):
    settings.PRODUCTION = True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **o: [(family, socket.SOCK_STREAM, 6, "", (address, 443))])
    with pytest.raises(outward.NotPublic):
        webhooks.register(
            url="https://rebinding.example/x", topics=[Topic.RELAYS], by=cast["sora.administrator"], now=now
        )
    assert not Webhook.objects.exists()


def test_one_private_address_among_public_ones_is_enough_to_refuse(settings, monkeypatch):
    settings.PRODUCTION = True
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **o: both)
    with pytest.raises(outward.NotPublic):
        outward.resolve("mixed.example", 443)
    both.pop()
    assert outward.resolve("mixed.example", 443) == "8.8.8.8"


@pytest.mark.django_db
def test_a_name_that_turns_private_after_registration_is_not_called(
    settings, monkeypatch, hook_to, receiver, cast, now
):
    hook = hook_to("/ok/rebound")
    happen(cast, now)
    settings.PRODUCTION = True
    Webhook.objects.filter(pk=hook.pk).update(url=receiver.url("/ok/rebound").replace("http:", "https:"))
    assert webhooks.serve_next(now=now) == 0
    assert WebhookAttempt.objects.get().failure == Failure.ADDRESS
    assert receiver.numbers("/ok/rebound") == []


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("events.example.jp", outward.NotAnAddress),
        ("ftp://events.example.jp/", outward.NotAnAddress),
        ("https://", outward.NotAnAddress),
        ("https://a b.example/", outward.NotAnAddress),
        ("https://events.example.jp:99999/", outward.NotAnAddress),
        ("https://[::1/", outward.NotAnAddress),
        ("http://events.example.jp/", outward.NotHttps),
        ("https://me:word@events.example.jp/", outward.HasCredentials),
        ("https://events.example.jp/#x", outward.HasFragment),
        ("https://events.example.jp:22/", outward.PortNotAllowed),
    ],
)
def test_an_address_that_will_not_do_is_refused_with_its_own_sentence(url, refusal):
    with pytest.raises(refusal) as caught:
        outward.check(url)
    assert str(caught.value)


def test_plain_http_to_this_machine_is_for_trying_out_alone(settings):
    assert outward.check("http://localhost:8080/x").port == 8080
    settings.PRODUCTION = True
    with pytest.raises(outward.NotHttps):
        outward.check("http://localhost:8080/x")


@pytest.mark.django_db
def test_only_administrators_register_at_most_ten_and_no_address_twice(hook_to, receiver, cast, now):
    with pytest.raises(webhooks.NotYours):
        webhooks.register(url=receiver.url("/ok"), topics=[Topic.RELAYS], by=cast["sora.relay"], now=now)
    with pytest.raises(webhooks.NoTopic):
        hook_to("/ok/none", topics=["nothing"])
    hook = hook_to("/ok/0")
    with pytest.raises(webhooks.Registered):
        hook_to("/ok/0")
    for at in range(1, 10):
        hook_to(f"/ok/{at}")
    with pytest.raises(webhooks.TooManyReceivers):
        hook_to("/ok/10")
    webhooks.remove(hook.pk, by=cast["sora.administrator"], now=now)
    hook.refresh_from_db()
    assert (hook.state, hook.secret) == (State.REMOVED, "")
    hook_to("/ok/0")
    assert LedgerEntry.objects.filter(action="webhook.register").count() == 11


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("a_paused_webhook_says_since_when_and_why", {"state": "paused"}),
        ("what_is_sent_again_runs_from_a_number_to_a_later_one", {"resend_next": 5, "resend_until": 4}),
        ("a_webhook_has_a_topic", {"topics": []}),
        ("a_former_secret_has_an_end", {"former_secret": "x"}),
    ],
)
def test_the_database_refuses(hook_to, name, fields):
    hook = hook_to("/ok/db")
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Webhook.objects.filter(pk=hook.pk).update(**fields)


@pytest.mark.django_db
def test_the_pages_lead_from_registering_to_removing(receiver, cast, client_of, now):
    client = client_of(cast["sora.administrator"])
    page = client.post("/webhooks/new/", {"url": receiver.url("/ok/pages"), "topics": ["relays", "usage"]})
    secret = re.search(r"whsec_[\w-]+", page.content.decode())[0]
    hook = Webhook.objects.get()
    address = f"/webhooks/{hook.pk}/"
    assert receiver.url("/ok/pages") in client.get("/webhooks/").content.decode()
    assert client.post(f"{address}test/", follow=True).status_code == 200
    assert receiver.numbers("/ok/pages") == [0]
    assert secret not in client.get(address).content.decode(), "the secret was shown once"
    assert client.post(f"{address}again/", {"again-first": 1, "again-last": 10**12}).status_code == 422
    assert client.post(f"{address}topics/", {}).status_code == 422
    assert client.post(f"{address}topics/", {"topics-topics": ["usage"]}).status_code == 302
    client.post(f"{address}pause/")
    assert "一時停止" in client.get(address).content.decode()
    client.post(f"{address}resumption/")
    assert "whsec_" in client.post(f"{address}secret/").content.decode()
    assert client.post(f"{address}removal/").status_code == 302
    assert client.get(address).status_code == 404
    bad = client.post("/webhooks/new/", {"url": "http://events.example.jp", "topics": ["relays"]})
    assert bad.status_code == 422 and "https://" in bad.content.decode()
