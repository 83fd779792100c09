"""The periodic work done several times over, at once, in any order, by a clock that jumps: the same books come out."""

import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from portal import clock
from portal.models import Delivery
from portal.workdays import JST
from switching.models import Application, Relay
from tests import cast as the_cast
from tests.cast import NOW, make_points
from tests.faults import books, killing
from tests.metering.delivering import DAY, block_of, csv_of, receive
from tests.switching.cases import Play

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

SEED = 20160401
JUMP = timedelta(hours=30)
MOMENTS = [
    NOW + timedelta(hours=1),
    NOW + JUMP,
    datetime(2026, 4, 10, 10, 0, tzinfo=JST),  # relays without judgement are over
    datetime(2026, 4, 15, 0, 5, tzinfo=JST),  # the day of the switch
    datetime(2026, 4, 15, 6, 30, tzinfo=JST),
]
JUMP = timedelta(hours=30)
LOOKING_ON = (  # these tell how things stand at their moment, so what they find depends on who went before
    "portal.tasks.look_at_delivery",
    "portal.tasks.make_statements",
    "metering.tasks.check_completeness",
)
BY_CHANCE = (  # into how many seals the ledger falls; what the slower of two publishers of a day cleared away again
    "portal_seal",
    "portal_unsealedentry",
    "portal_ledgerentry",
    "LedgerEntry unpublished files removed",
    "portal_eventstatement",  # made by a clock that ran ahead: what ClocksApart is for
)


def tasks() -> list[str]:
    """Whatever beat has done, by its name."""
    current_app.loader.import_default_modules()
    return [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]


def lay() -> None:
    """Everything that waits for a worker: pairs, a start alone, an acceptance alone, silence, usage, mail."""
    cast = the_cast.gather()
    points = make_points(cast, 20, now=NOW - timedelta(days=90))
    play = Play(cast, NOW, made=1000)
    for _ in range(3):
        point = play.point()
        play.start(point, relay=play.accepted(point))
    play.accepted(play.point())
    play.start(play.point())
    play.relay(play.point())
    for back in range(3):
        day = DAY - timedelta(days=back)
        receive(cast, csv_of(block_of(points, day)), name=f"{day}.csv")


def once(names: Sequence[str], moment: datetime) -> None:
    with time_machine.travel(moment, tick=True):
        for name in names:
            current_app.tasks[name]()


def in_order(names: list[str], moment: datetime) -> None:
    """As one beat and one worker do it."""
    once(names, moment)
    once(names, moment)  # what a task left for the next


def many_times_at_once(names: list[str], moment: datetime) -> None:
    """As three workers with two beats: everything twice over in each, in an order of its own."""
    pids = []
    for at in range(3):
        order = [name for name in names if name not in LOOKING_ON] * 2
        random.Random(f"{SEED} {moment} {at}").shuffle(order)
        pids.append(killing.started(lambda order=order: once(order, moment)))
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    once(names, moment)


def with_a_clock_that_jumps(names: list[str], moment: datetime) -> None:
    """Ahead by more than a day and back again, before it is time."""
    if moment == MOMENTS[0]:
        once(names, NOW + JUMP)
    in_order(names, moment)


def played(way: Callable[[list[str], datetime], None], folder: Path) -> tuple[Counter[str], dict[str, int]]:
    """The books after all moments, and how many mails went out of how many that were to."""
    settings.MEDIA_ROOT, settings.EMAIL_FILE_PATH = folder / "files", str(folder / "mail")
    lay()
    for moment in MOMENTS:
        way(tasks(), moment)
    books.balance()
    found = books.facts()
    for name in BY_CHANCE:
        del found[name]
    sent = Delivery.objects.filter(state=Delivery.State.SENT).count()
    mails = sum(file.read_bytes().count(b"\nMessage-ID:") for file in (folder / "mail").iterdir())
    return found, {"sent": sent, "to be sent": Delivery.objects.count(), "mails": mails}


@pytest.mark.parametrize("way", [many_times_at_once, with_a_clock_that_jumps], ids=lambda way: way.__name__)
def test_however_often_and_in_whatever_order_the_work_is_done_the_books_are_the_same(settings, tmp_path, way: Any):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    expected, letters = played(in_order, tmp_path / "once")
    assert letters["sent"] == letters["to be sent"] > 0 and letters["mails"] >= letters["sent"]
    states = (
        Counter(Application.objects.values_list("state", flat=True)),
        Counter(Relay.objects.values_list("state", flat=True)),
    )
    assert len(states[0]) >= 2 and len(states[1]) >= 3, "every way a case can end is among them"
    call_command("flush", verbosity=0, interactive=False)
    found, others = played(way, tmp_path / "again")
    assert books.difference(expected, found) == {}
    assert others == letters, "no mail is missing and none goes out twice"


def test_a_worker_whose_clock_is_wrong_does_nothing(settings):
    settings.CLOCKS_APART_AT_MOST = timedelta(minutes=5)
    lay()
    before = books.facts()
    for wrong in (JUMP, -JUMP):
        with time_machine.travel(timezone.now() + wrong, tick=True):
            for name in tasks():
                with pytest.raises(clock.ClocksApart):
                    current_app.tasks[name]()
            answer = Client().get("/readyz")
            assert answer.status_code == 503 and not answer.json()["clock"]
    assert books.facts() == before
    current_app.tasks["portal.tasks.seal_ledger"]()
    assert books.facts() != before, "with the right one it works"
