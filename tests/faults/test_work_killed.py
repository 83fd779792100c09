"""Every piece of the hub's work killed at random lines: it is done whole or not at all, and is done by the next run."""

import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from metering import intake
from portal import seals
from portal.workdays import JST
from switching import cooling_off, matching, relays
from switching.bulk import uploads
from switching.models import Content, Relay
from switching.relays import Verdict
from tests.cast import NOW, make_points
from tests.faults import books, killing
from tests.metering.delivering import block_of, csv_of, receive
from tests.switching.bulk import sending
from tests.switching.cases import Play
from tests.switching.undoings import AFTER, Undo

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

SEED, ROUNDS = 20160401, 20
ON_THE_DAY = datetime(2026, 4, 15, 0, 5, tzinfo=JST)
LATER = datetime(2026, 4, 10, 10, 0, tzinfo=JST)  # after every deadline of a relay of NOW
Work = Callable[[], Any]
Rounds = Iterator[Work]
"""Endless: each step lays the ground for one round anew and yields its work, which may be called again."""


@pytest.fixture
def scene(cast, settings, tmp_path) -> Any:
    """What the rounds play with; files lie in a folder of this test."""
    settings.MEDIA_ROOT = tmp_path / "files"
    play = Play(cast, NOW)
    play.undo = Undo(play)
    return play


def registering(play: Any) -> Rounds:
    while True:
        request = play.request(play.point())
        yield (
            lambda request=request: (
                Relay.objects.filter(point=request.point).exists()
                or relays.register(request, by=play.cast["sora.relay"], now=play.now)
            )
        )


def judging(play: Any, **answer: Any) -> Rounds:
    while True:
        relay = play.relay(play.point())

        def judge(pk: int = relay.pk) -> None:
            if Relay.objects.get(pk=pk).state == "01":
                relays.judge(relay_id=pk, by=play.cast["umi.relay"], now=play.now, **answer)

        yield judge


def accepting(play: Any) -> Rounds:
    return judging(play, verdict=Verdict.ACCEPT)


def rejecting(play: Any) -> Rounds:
    return judging(play, verdict=Verdict.REJECT, reasons=[1, 3])


def pairing(play: Any) -> Rounds:
    while True:
        for _ in range(2):
            point = play.point()
            play.start(point, relay=play.accepted(point))
        yield lambda: matching.match_waiting(now=play.now)


def handing_over(play: Any) -> Rounds:
    for work in pairing(play):
        work()
        yield lambda: matching.hand_over_due(now=ON_THE_DAY)


def closing(play: Any) -> Rounds:
    while True:
        for _ in range(2):
            play.accepted(play.point())
        yield lambda: matching.close_unmatched(now=ON_THE_DAY)


def expiring(play: Any) -> Rounds:
    while True:
        for _ in range(2):
            play.relay(play.point())
        yield lambda: relays.expire_overdue(now=LATER)


def returning(play: Any) -> Rounds:
    while True:
        play.undo.cool_off(play.undo.switched(), now=AFTER)
        yield lambda: cooling_off.carry_out_due(now=AFTER + timedelta(days=1))


def taking_in(play: Any) -> Rounds:
    points = make_points(play.cast, 3, now=play.now - timedelta(days=60))
    day = date(2026, 3, 1)
    while True:
        file = receive(play.cast, csv_of(block_of(points, day)), name=f"{day}.csv")
        day += timedelta(days=1)
        yield lambda pk=file.pk: intake.take_in(pk, now=play.now)


def sealing(play: Any) -> Rounds:
    while True:
        play.relay(play.point())
        yield lambda: seals.seal_waiting(now=play.now)


def filing_in_bulk(play: Any) -> Rounds:
    while True:
        by, data = play.cast["sora.relay"], sending.csv_of([sending.relay_row(p) for p in sending.ready(play, 3)])
        upload = sending.send(Content.RELAYS, data, by=by, now=play.now)
        uploads.confirm(upload.pk, by=by, now=play.now)

        def carry_out(pk: int = upload.pk) -> None:
            while uploads.carry_out(pk, now=play.now):
                pass

        yield carry_out


IN_ONE = [registering, accepting, rejecting, pairing, handing_over, closing, expiring, returning, sealing]
IN_STEPS = [taking_in, filing_in_bulk]  # what is committed on the way stays, the rest follows


@pytest.mark.parametrize("rounds_of", [*IN_ONE, *IN_STEPS], ids=lambda way: way.__name__)
def test_work_killed_at_any_line_is_done_whole_by_the_next_run(scene, rounds_of):
    random_ = random.Random(f"{SEED} {rounds_of.__name__}")
    rounds = rounds_of(scene)
    next(rounds)()  # what is done once in a process's life is done by this
    work, before = next(rounds), books.facts()
    lines = killing.lines_of(work)
    change = books.difference(before, books.facts())
    assert change, "the work does something"
    killed = 0
    for _ in range(ROUNDS):
        work, before = next(rounds), books.facts()
        killed += killing.at_line(work, random_.randint(1, lines - lines // 20))
        found = books.difference(before, books.facts())
        assert rounds_of in IN_STEPS or found in ({}, change), "half of it is visible"
        work()
        assert books.difference(before, books.facts()) == change, "the next run does what is missing, once"
        work()
        assert books.difference(before, books.facts()) == change, "and nothing is left to do"
    assert killed >= ROUNDS - 2, "nearly all were killed on their way"
    books.balance()
