"""How half-hours that trickle in are best kept: three designs over a day of 48 files, side by side.

    python3 -m bench.half_hours --points 50000 --slots 48

Each writes the same values into tables of its own on the database of DATABASE_URL; the tables are dropped afterwards.
Results stand in docs/decisions/ (half-hours as segments).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

import numpy as np
import psycopg

sys.path.insert(0, os.getcwd())

from metering.halfhours import NULL, pack, unpack

SEGMENT = 1024


def figures(points: int, slot: int) -> Any:
    rng = np.random.default_rng(slot)
    return (rng.gamma(2.0, 90, points)).astype(np.int32) // 10 * 10


def upsert(cursor: Any, points: int, slots: int) -> None:
    """A: the day row is written again with every file, one slot more in it."""
    cursor.execute(
        "CREATE TABLE bench_a (point_id bigint, day date, values int[] NOT NULL, PRIMARY KEY (point_id, day))"
        " WITH (fillfactor = 50)"
    )
    cursor.execute("CREATE TEMP TABLE incoming (point_id bigint, wh int)")
    for slot in range(1, slots + 1):
        cursor.execute("TRUNCATE incoming")
        with cursor.copy("COPY incoming FROM STDIN") as copy:
            for point, wh in enumerate(figures(points, slot).tolist()):
                copy.write_row((point, wh))
        cursor.execute(
            "INSERT INTO bench_a SELECT point_id, '2026-04-01', array_fill(NULL::int, ARRAY[48]) FROM incoming"
            " ON CONFLICT DO NOTHING"
        )
        cursor.execute(
            f"UPDATE bench_a SET values[{slot}] = i.wh FROM incoming i"
            " WHERE bench_a.point_id = i.point_id AND day = '2026-04-01'"
        )
        cursor.connection.commit()


def rows(cursor: Any, points: int, slots: int) -> None:
    """B: a row per point and slot, rolled into packed day rows once when the day is over."""
    cursor.execute(
        "CREATE TABLE bench_b (day date, slot smallint, point_id bigint, wh int, PRIMARY KEY (point_id, day, slot))"
    )
    cursor.execute("CREATE TABLE bench_b_days (point_id bigint, day date, packed bytea, PRIMARY KEY (point_id, day))")
    for slot in range(1, slots + 1):
        with cursor.copy("COPY bench_b FROM STDIN") as copy:
            for point, wh in enumerate(figures(points, slot).tolist()):
                copy.write_row(("2026-04-01", slot, point, wh))
        cursor.connection.commit()
    began = time.monotonic()
    cursor.execute("SELECT point_id, slot, wh FROM bench_b WHERE day = '2026-04-01'")
    days = np.full((points, 48), NULL, np.int32)
    while found := cursor.fetchmany(50_000):
        table = np.array(found)
        days[table[:, 0], table[:, 1] - 1] = table[:, 2]
    with cursor.copy("COPY bench_b_days FROM STDIN") as copy:
        for point, packed in enumerate(pack(days)):
            copy.write_row((point, "2026-04-01", packed))
    cursor.connection.commit()
    print(f"    of this rolling up: {time.monotonic() - began:.1f} s")


def segments(cursor: Any, points: int, slots: int) -> None:
    """C: a file is kept as segments of 1,024 points, steps of ids and values packed; never rolled up."""
    cursor.execute(
        "CREATE TABLE bench_c (id bigserial PRIMARY KEY, day date, slot smallint, first_point bigint,"
        " last_point bigint, rows smallint, points bytea, packed bytea)"
    )
    cursor.execute("CREATE INDEX ON bench_c (day, slot, first_point)")
    ids = np.arange(points)
    for slot in range(1, slots + 1):
        values = figures(points, slot)
        with cursor.copy("COPY bench_c (day, slot, first_point, last_point, rows, points, packed) FROM STDIN") as copy:
            for at in range(0, points, SEGMENT):
                part = ids[at : at + SEGMENT]
                steps = np.diff(part, prepend=part[0]).astype(np.int32)
                copy.write_row(
                    (
                        *("2026-04-01", slot, int(part[0]), int(part[-1]), len(part)),
                        pack(steps.reshape(1, -1))[0],
                        pack(values[at : at + SEGMENT].reshape(1, -1))[0],
                    )
                )
        cursor.connection.commit()


def read_segments(cursor: Any, point: int) -> int:
    cursor.execute(
        "SELECT first_point, rows, points, packed FROM bench_c WHERE day = '2026-04-01' AND first_point <= %s"
        " AND last_point >= %s",
        [point, point],
    )
    found = 0
    for first, count, steps, packed in cursor.fetchall():
        ids = first + np.cumsum(unpack([steps], count)[0])
        found += int(np.count_nonzero(unpack([packed], count)[0][ids == point] != NULL))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--slots", type=int, default=48)
    chosen = parser.parse_args()
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_b_days")
        for name, way in (("a", upsert), ("b", rows), ("c", segments)):
            cursor.execute(f"DROP TABLE IF EXISTS bench_{name}")
            connection.commit()
            cursor.execute("SELECT pg_current_wal_lsn()")
            (before,) = cursor.fetchone()  # type: ignore[misc]
            began, busy = time.monotonic(), time.process_time()
            way(cursor, chosen.points, chosen.slots)
            took, busy = time.monotonic() - began, time.process_time() - busy
            cursor.execute(
                "SELECT pg_total_relation_size(%s), pg_wal_lsn_diff(pg_current_wal_lsn(), %s)",
                [f"bench_{name}", before],
            )
            size, wal = cursor.fetchone()  # type: ignore[misc]
            readings = chosen.points * chosen.slots
            print(
                f"{name}: {way.__doc__}\n    {took:.1f} s ({readings / took:,.0f} readings/s, {busy:.1f} s client),"
                f" {size / readings:.2f} bytes/reading, {int(wal) / readings:.1f} bytes of log per reading"
            )
        began = time.monotonic()
        points = np.random.default_rng(1).integers(0, chosen.points, 50).tolist()
        assert all(read_segments(cursor, point) == chosen.slots for point in points)
        print(f"    one point's day out of segments: {(time.monotonic() - began) / 50 * 1000:.1f} ms")
        cursor.execute("DROP TABLE bench_a, bench_b, bench_b_days, bench_c")
        connection.commit()


if __name__ == "__main__":
    main()
