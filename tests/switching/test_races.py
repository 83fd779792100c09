"""Two people or workers at the same case at the same time: real connections, real locks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction

from metering.models import SupplyPeriod
from portal import outbox
from portal.models import Company, Notice
from portal.workdays import JST
from switching import applications, matching, relays
from switching.models import Application, Match, Relay
from switching.relays import Verdict
from switching.states import ApplicationState, RelayState
from tests.switching.cases import DESIRED

pytestmark = pytest.mark.django_db(transaction=True)


def together(*deeds: Callable[[], Any]) -> list[Any]:
    """Do the deeds at once, each on its own connection; returns what each returned or raised."""
    barrier = Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=10)
            return deed()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(do, deeds))


def test_two_retailers_at_once_one_relay_wins(play, cast):
    point = play.point()
    asks = [(play.request(point, who), cast[f"{who}.relay"]) for who in ("sora", "yama")]
    results = together(*[lambda a=a: relays.register(a[0], by=a[1], now=play.now) for a in asks])
    assert sorted(type(result).__name__ for result in results) == ["PointBusy", "Relay"]
    assert Relay.objects.count() == 1


def test_accept_and_reject_at_once_one_wins(play, cast):
    umi_relay = cast["umi.relay"]
    for _ in range(5):
        relay = play.relay(play.point())
        results = together(
            lambda r=relay: relays.judge(relay_id=r.pk, verdict=Verdict.ACCEPT, by=umi_relay, now=play.now),
            lambda r=relay: relays.judge(
                relay_id=r.pk, verdict=Verdict.REJECT, reasons=[8], by=umi_relay, now=play.now
            ),
        )
        assert sorted(type(result).__name__ for result in results) == ["AlreadyMoved", "Relay"]
        relay.refresh_from_db()
        assert relay.steps.count() == 2
        assert relay.applications.count() == (relay.state == RelayState.ACCEPTED)


def test_judge_while_withdrawing_leaves_nothing_half_done(play, cast):
    umi_relay, sora_relay = cast["umi.relay"], cast["sora.relay"]
    for _ in range(5):
        relay = play.relay(play.point())
        together(
            lambda r=relay: relays.judge(relay_id=r.pk, verdict=Verdict.ACCEPT, by=umi_relay, now=play.now),
            lambda r=relay: relays.withdraw(relay_id=r.pk, by=sora_relay, now=play.now),
        )
        relay.refresh_from_db()
        assert relay.state == RelayState.WITHDRAWN
        assert not relay.applications.filter(state=ApplicationState.WAITING).exists()


def test_match_while_cancelling_gives_a_pair_or_none(play, cast):
    sora_application = cast["sora.application"]
    for _ in range(5):
        point = play.point()
        relay = play.accepted(point)
        start = play.start(point, relay=relay)
        together(
            lambda: matching.match_waiting(now=play.now),
            lambda s=start: applications.cancel(application_id=s.pk, by=sora_application, now=play.now),
        )
        start.refresh_from_db()
        relay.refresh_from_db()
        if start.state == ApplicationState.CANCELLED:
            assert relay.state == RelayState.ACCEPTED
            assert not Match.objects.filter(point=point).exists()
        else:
            assert (start.state, relay.state) == (ApplicationState.MATCHED, RelayState.MATCHED)


def test_two_workers_share_the_matching_and_hand_each_point_over_once(play):
    for _ in range(12):
        point = play.point()
        play.start(point, relay=play.accepted(point))
    assert sum(together(*[lambda: _all(matching.match_waiting, play.now)] * 2)) == 12
    assert Match.objects.count() == 12
    due = datetime(DESIRED.year, DESIRED.month, DESIRED.day, tzinfo=JST)
    assert sum(together(*[lambda: _all(matching.hand_over_due, due)] * 2)) == 12
    current = SupplyPeriod.objects.filter(known_until__isnull=True)
    assert current.filter(ending="open").count() == current.filter(ending="handed_over").count() == 12
    assert Application.objects.filter(state=ApplicationState.IN_EFFECT).count() == 24


def test_notice_numbers_have_no_gap_and_no_twin_when_many_post_at_once(play, cast):
    def post_some() -> None:
        for n in range(10):
            try:
                with transaction.atomic():
                    outbox.post(outbox.Post(cast.umi.pk, "relay_reminder", f"R{n}"), now=play.now)
                    if n % 3 == 0:
                        raise InterruptedError
            except InterruptedError:
                pass

    assert together(*[post_some] * 4) == [None] * 4
    numbers = list(Notice.objects.filter(recipient=cast.umi).order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, 25))
    assert Company.objects.get(pk=cast.umi.pk).notices_posted == 24


def _all(verb: Callable[..., int], now: datetime) -> int:
    """Call the worker's verb in batches of three until nothing is left."""
    done = 0
    while count := verb(now=now, limit=3):
        done += count
    return done
