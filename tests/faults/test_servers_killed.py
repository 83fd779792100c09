"""Database, broker and workers killed again and again under a full load of work: all of it is done, once."""

import random
import time
from datetime import timedelta

import pytest
from django.db import connection

from metering import books as usage_books
from metering import publication
from metering.models import SupplyPeriod, UsageBatch, UsageFile
from portal import seals
from portal.workdays import JST
from switching.models import Application, Match
from switching.states import ApplicationState
from tests import cast as the_cast
from tests.cast import NOW, make_points
from tests.faults import books
from tests.faults.own_servers import OwnHub, own_hub
from tests.metering.delivering import DAY, block_of, csv_of, receive
from tests.switching.cases import DESIRED, Play

pytestmark = pytest.mark.faults

PAIRS, FILES, POINTS, KILLS = 12, 24, 1500, 12  # a pair and two files for each kill
AT, NIGHT = NOW.isoformat(), NOW.replace(day=15, hour=0, minute=5).astimezone(JST).isoformat()
WORK = (
    f"switching.tasks.match {AT}",
    f"switching.tasks.hand_over {NIGHT}",
    f"metering.tasks.take_in_waiting {AT}",
    "portal.tasks.seal_ledger",
)


@pytest.fixture
def hub(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), own_hub() as hub:
        yield hub


def left() -> tuple[int, int]:
    """Files not taken in, started switches not handed over, of what was handed in so far."""
    started = Application.objects.filter(kind=Application.Kind.SWITCH_START)
    return (
        UsageFile.objects.filter(state=UsageFile.State.WAITING).count(),
        started.exclude(state=ApplicationState.IN_EFFECT).count(),
    )


def settled(hub: OwnHub, is_so, *work: str) -> None:
    """Ask for the work as beat does, until it is so."""
    end = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < end, hub.said()[-5000:]
        hub.send(*work)
        for _ in range(20):
            if is_so():
                return
            time.sleep(0.25)


def test_whatever_is_killed_under_load_nothing_is_lost_and_nothing_done_twice(hub):
    random_ = random.Random(20160401)
    cast = the_cast.gather()
    play = Play(cast, NOW, made=2 * POINTS)  # numbers behind those of the other points
    points = make_points(cast, POINTS, now=NOW - timedelta(days=90))
    days = [DAY - timedelta(days=back) for back in range(FILES)]
    connection.close()

    under_way = []
    kills = [hub.kill_database, hub.kill_broker, hub.kill_worker] * (KILLS // 3)
    random_.shuffle(kills)
    for at, kill in enumerate(kills):  # new work before each, so that none finds the workers idle
        point = play.point()
        play.start(point, relay=play.accepted(point))
        for day in days[2 * at : 2 * at + 2]:
            receive(cast, csv_of(block_of(points, day)), name=f"{day}.csv")
        hub.send(*WORK)
        time.sleep(random_.uniform(0.0, 0.3))
        under_way.append(left())
        kill()
    assert hub.killed == {"database": KILLS // 3, "broker": KILLS // 3, "worker": KILLS // 3}
    met = [what for what in under_way if what != (0, 0)]
    assert len(met) >= KILLS // 4, f"kills met work that was not done yet: {under_way}"

    settled(hub, lambda: left() == (0, 0), *WORK)
    files = UsageFile.objects.all()
    assert {(f.state, f.rows_taken, f.rows_refused) for f in files} == {(UsageFile.State.TAKEN_IN, POINTS, 0)}
    started = Application.objects.filter(kind=Application.Kind.SWITCH_START)
    assert set(started.values_list("state", flat=True)) == {ApplicationState.IN_EFFECT}
    handed = SupplyPeriod.objects.filter(known_until=None, retailer=cast.sora, during__startswith=DESIRED)
    assert handed.count() == PAIRS and Match.objects.count() == PAIRS

    waiting = UsageBatch.objects.filter(publication=None)
    settled(hub, lambda: not waiting.exists(), f"metering.tasks.publish_late {AT}")
    assert usage_books.balance(min(days), max(days))["balanced"]
    for day in days:
        assert publication.publish_day(day, now=NOW) is None, "nothing is published twice"
    seals.seal_waiting(now=NOW)
    books.balance()
