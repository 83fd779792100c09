"""200,428 deliveries are lost, as happened in the real hub's first month: all are found, and sent within the hour."""

import time
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.db.models import Sum

from metering import books, completeness, publication
from metering.formats.blocks import day_block
from metering.models import DayCount, SupplyPeriod
from portal import delivery, events, webhooks
from portal.models import Cause, Topic
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, csv_of, deliver, figures
from tests.portal.receiver import Receiver

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

POINTS, DAYS = 50_107, [DAY - timedelta(days=back) for back in range(4)]
LOST = 200_428
assert POINTS * len(DAYS) == LOST
AN_HOUR = 3600
"""What the hub has promised for it. The figures of a quiet machine stand in docs/performance.md, not in a test."""


def numbers_of(points: int, cast) -> list[str]:
    """So many points of umi's, made of one that the verbs made."""
    [template] = make_points(cast, 1, now=NOW - timedelta(days=60))
    period = SupplyPeriod.objects.get(point=template)

    def copied(cursor, table: str, own: dict[str, str], others: str, pk: int) -> None:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> ALL (%s)",
            [table, ["id", *own]],
        )
        same = [f'"{name}"' for (name,) in cursor.fetchall()]
        cursor.execute(
            f"INSERT INTO {table} ({', '.join([*own, *same])}) "
            f"SELECT {', '.join([*own.values(), *(f't.{name}' for name in same)])} FROM {table} t, {others} "
            "WHERE t.id = %s",
            [pk],
        )

    with connection.cursor() as cursor:
        copied(
            cursor,
            "metering_supplypoint",
            {"number": "'030' || lpad((5000000 + n)::text, 19, '0')"},
            f"generate_series(1, {points - 1}) n",
            template.pk,
        )
        copied(
            cursor,
            "metering_supplyperiod",
            {"point_id": "p.id"},
            f"(SELECT id FROM metering_supplypoint WHERE id <> {template.pk}) p",
            period.pk,
        )
        cursor.execute("ANALYZE metering_supplypoint, metering_supplyperiod")
        cursor.execute("SELECT number FROM metering_supplypoint ORDER BY number")
        return [number for (number,) in cursor.fetchall()]


def test_usage_that_nobody_published_is_found_to_the_last_point_and_published_once(cast, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    numbers = numbers_of(POINTS, cast)
    for at, day in enumerate(DAYS):
        block = day_block(numbers, np.full(POINTS, np.datetime64(day)), figures(POINTS, seed=at, gaps=False))
        file = deliver(cast, csv_of(block), name=f"{day}.csv")
        assert (file.rows_taken, file.rows_refused) == (POINTS, 0)

    def held() -> int:
        for day in DAYS:
            completeness.count(day, now=NOW)
        return DayCount.objects.aggregate(n=Sum("held"))["n"]

    assert held() == LOST, "the board names every value that lies at the hub"
    assert not books.balance(min(DAYS), max(DAYS))["rows_published"]
    began = time.monotonic()
    published = publication.publish_late(now=NOW)  # the sweep; every task that was sent for it is lost
    assert len(published) == len(DAYS) and time.monotonic() - began < AN_HOUR
    assert held() == 0
    balance = books.balance(min(DAYS), max(DAYS))
    assert balance["balanced"] and balance["rows_published"] == LOST
    assert publication.publish_late(now=NOW) == [], "and nothing goes out twice"


def test_events_that_no_receiver_took_are_told_to_the_number_and_read_again_without_a_gap(cast, settings):
    settings.WEBHOOK_SECONDS, settings.WEBHOOK_PAUSE_AFTER = 1, 1
    receiver = Receiver()
    try:
        administrator = cast["sora.administrator"]
        before = events.standing(cast.sora).last
        webhooks.register(url=receiver.url("/fail"), topics=[Topic.RELAYS], by=administrator, now=NOW)
        for _ in DAYS:
            events.write_many(
                (
                    events.Happening(cast.sora.pk, Topic.RELAYS, "relay.accept", Cause.COUNTERPART_DEED, f"relay R{at}")
                    for at in range(POINTS)
                ),
                now=NOW,
            )
        assert webhooks.serve_next(now=NOW) == 0, "the receiver is down, and is paused"
    finally:
        receiver.stop()
    later = NOW + settings.UNSENT_ALARM + timedelta(minutes=1)
    waiting = {one.channel: one.count for one in delivery.waiting(company=cast.sora)}
    assert waiting["webhook"] == LOST
    assert delivery.look(now=later)[0] >= 1, "the operator is told within five minutes"

    began, read = time.monotonic(), before
    for event in events.stream(cast.sora, after=before, until=before + LOST):
        assert event.number == read + 1, "no gap, none twice"
        read = event.number
    assert read == before + LOST and time.monotonic() - began < AN_HOUR
    events.acknowledge(read, by=administrator, now=later)
    [unread] = delivery.unread(company=cast.sora)
    assert unread.count == events.standing(cast.sora).last - read
