"""The books of a rehearsal: facts recounted from the tables and from the published files themselves, past all verbs."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, cast

import numpy as np
from django.core.files.storage import default_storage
from django.db import connection

from metering.formats import bp
from metering.formats.blocks import DayBlock
from metering.formats.csv import read_wide
from metering.halfhours import NULL, unpack
from metering.models import PublishedFile
from switching.rehearsal.days import Diary

FETCH_ROWS = 5000


@dataclass(frozen=True)
class Finding:
    """One fact of the books: how many rows speak against it (0: it balances)."""

    fact: str
    against: int


FACTS = {
    "every point has exactly one supplier every day": """
        SELECT count(*) FROM (
            SELECT p.id, d.day FROM metering_supplypoint p
            CROSS JOIN generate_series(%(first)s::date, %(last)s::date, '1 day') AS d(day)
            LEFT JOIN metering_supplyperiod s
                   ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> d.day::date
            GROUP BY p.id, d.day HAVING count(s.id) <> 1) AS wrong
    """,
    "every relay stands where its last step left it": """
        SELECT count(*) FROM switching_relay r
        WHERE r.state IS DISTINCT FROM
              (SELECT s.to_state FROM switching_step s WHERE s.relay_id = r.id ORDER BY s.id DESC LIMIT 1)
    """,
    "every application stands where its last step left it": """
        SELECT count(*) FROM switching_application a
        WHERE a.state IS DISTINCT FROM
              (SELECT s.to_state FROM switching_step s WHERE s.application_id = a.id ORDER BY s.id DESC LIMIT 1)
    """,
    "every matched relay has one start and one termination, and only these are matched": """
        SELECT count(*) FROM (
            SELECT m.id FROM switching_match m LEFT JOIN switching_application a ON a.match_id = m.id
            LEFT JOIN switching_relay r ON r.id = a.relay_id AND a.kind = 'switch_termination' AND r.state = '04'
            WHERE m.dissolved_at IS NULL
            GROUP BY m.id HAVING count(a.id) <> 2 OR count(r.id) <> 1
            UNION ALL
            SELECT r.id FROM switching_relay r LEFT JOIN switching_application a
                ON a.relay_id = r.id AND a.kind = 'switch_termination' AND a.match_id IS NOT NULL
            WHERE r.state = '04' GROUP BY r.id HAVING count(a.id) <> 1) AS wrong
    """,
    "no relay waits past its deadline and none is accepted past its cut-off": """
        SELECT count(*) FROM switching_relay r
        LEFT JOIN switching_application a ON a.relay_id = r.id AND a.kind = 'switch_termination'
        WHERE (r.state = '01' AND r.due_at < %(last)s::date) OR
              (r.state = '02' AND (a.id IS NULL OR a.state <> 'waiting' OR a.matching_deadline < %(last)s))
    """,
    "every switch in effect shows in the supply of its point, from its day": """
        SELECT count(*) FROM switching_application a
        WHERE a.kind = 'switch_start' AND a.state IN ('in_effect', 'completed') AND NOT EXISTS (
            SELECT FROM metering_supplyperiod s WHERE s.point_id = a.point_id AND s.known_until IS NULL
               AND s.retailer_id = a.retailer_id AND lower(s.during) = a.in_effect_on AND s.cause = a.number)
          AND NOT EXISTS (SELECT FROM metering_contract c WHERE c.point_id = a.point_id
                             AND c.retailer_id = a.retailer_id AND c.annulled_at IS NOT NULL)
    """,
    "no match is overdue or stuck": """
        SELECT count(*) FROM switching_match
        WHERE handed_over_at IS NULL AND dissolved_at IS NULL AND (switch_date <= %(last)s OR stuck_because <> '')
    """,
    "every step has its ledger row": """
        SELECT abs((SELECT count(*) FROM switching_step)
                 - (SELECT count(*) FROM portal_ledgerentry WHERE action ~ '^(relay|application|undoing)[.]'
                    AND detail ? 'to'))
    """,
    "notice numbers have no gap": """
        SELECT count(*) FROM portal_company c
        LEFT JOIN (SELECT recipient_id, count(*), max(number) FROM portal_notice GROUP BY 1) AS n
               ON n.recipient_id = c.id
        WHERE c.notices_posted <> coalesce(n.count, 0) OR n.max <> n.count
    """,
    "no usage file waits and no taken-in day is unpublished": """
        SELECT (SELECT count(*) FROM metering_usagefile WHERE state = 'waiting')
             + (SELECT count(*) FROM metering_usagebatch WHERE publication_id IS NULL AND day < %(last)s)
    """,
    "every row taken in is published, without supplier, or corrected before it was published": """
        SELECT count(*) FROM metering_publication p
        LEFT JOIN (SELECT publication_id, sum(rows) AS rows, sum(readings) AS readings
                   FROM metering_usagebatch GROUP BY 1) AS b ON b.publication_id = p.id
        WHERE coalesce(b.rows, 0) <> p.rows - p.rows_moved + p.rows_without_supplier + p.rows_superseded
           OR coalesce(b.readings, 0)
              <> p.readings - p.readings_moved + p.readings_without_supplier + p.readings_superseded
    """,
    "no published day that changed hands waits": """
        SELECT count(*) FROM metering_owedday WHERE settled_at IS NULL
    """,
}

READ_BACK_FACTS = {
    "every reading stored is in the files of the one retailer that supplied its point that day": """
        SELECT count(*) FROM (
            SELECT number, day, s.number IS NOT NULL AS is_stored, p.number IS NOT NULL AS is_published, p.recipient_id,
                   s.readings = p.readings AND s.wh = p.wh AS is_same
            FROM stored s
            FULL JOIN (SELECT DISTINCT ON (number, day, meter) * FROM held
                       ORDER BY number, day, meter, revision DESC) AS p USING (number, day, meter)) AS pair
        JOIN metering_supplypoint point ON point.number = pair.number
        LEFT JOIN metering_supplyperiod period
               ON period.point_id = point.id AND period.known_until IS NULL AND period.during @> pair.day
        WHERE (period.id IS NULL AND is_published)
           OR (period.id IS NOT NULL
               AND NOT coalesce(is_stored AND is_published AND is_same AND recipient_id = period.retailer_id, false))
    """,
    "no reading is published twice or to a second retailer that keeps it": """
        SELECT count(*) FROM (
            SELECT number, day, meter FROM published GROUP BY number, day, meter
            HAVING count(*) <> count(DISTINCT revision)
            UNION ALL
            SELECT number, day, meter FROM held GROUP BY number, day, meter HAVING count(DISTINCT recipient_id) <> 1
        ) AS wrong
    """,
    "what was withdrawn from a retailer had been published to it": """
        SELECT count(*) FROM withdrawn w
        WHERE NOT EXISTS (SELECT FROM published p WHERE p.recipient_id = w.recipient_id AND p.number = w.number
                             AND p.day = w.day AND p.revision < w.revision)
    """,
}


def balance(diary: Diary, *, first_day: date, last_day: date) -> Iterator[Finding]:
    """Recount everything between the days; `diary` is what the players themselves noted down."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM switching_relay")
        yield Finding("every relay registered is there", abs(cursor.fetchone()[0] - diary.registered))
        cursor.execute("SELECT sum(rows_taken + rows_unchanged), sum(rows_refused) FROM metering_usagefile")
        taken, refused = (count or 0 for count in cursor.fetchone())
        yield Finding("every good row sent was taken in", abs(taken - diary.usage_rows_sent))
        yield Finding("every bad row sent was refused and kept", abs(refused - diary.bad_rows_sent))
        for fact, statement in FACTS.items():
            cursor.execute(statement, {"first": first_day, "last": last_day})
            yield Finding(fact, cursor.fetchone()[0])
    yield Finding("every published file is what its record says", _read_back())
    _recount_stored()
    with connection.cursor() as cursor:
        for fact, statement in READ_BACK_FACTS.items():
            cursor.execute(statement)
            yield Finding(fact, cursor.fetchone()[0])


def _read_back() -> int:
    """Read every published file into the temporary tables `published` (wide CSV) and `withdrawn`, and what a careful
    reader is left with into the view `held`; returns how many files do not fit.
    """
    wrong = 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE published (recipient_id bigint, revision int, number text, day date, meter text,
                                              readings int, wh bigint);
            CREATE TEMPORARY TABLE withdrawn (recipient_id bigint, revision int, number text, day date);
            CREATE TEMPORARY VIEW held AS SELECT * FROM published p
            WHERE NOT EXISTS (SELECT FROM withdrawn w WHERE w.recipient_id = p.recipient_id AND w.number = p.number
                                 AND w.day = p.day AND w.revision > p.revision);
            """
        )
    for file in PublishedFile.objects.exclude(format=PublishedFile.Format.MANIFEST).select_related("publication"):
        with default_storage.open(file.content.name, "rb") as opened:
            stream = cast(io.BufferedReader, opened)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            if file.format == PublishedFile.Format.WIDE_CSV:
                blocks = [block for block in read_wide(stream) if isinstance(block, DayBlock)]
                _copy_published(file, blocks)
            elif file.format == PublishedFile.Format.WITHDRAWAL:
                wrong += _copy_withdrawn(file, stream) != file.rows or digest != file.sha256
                continue
            else:
                delivery = bp.read_zip(stream)
                blocks = [block for block in delivery.items if isinstance(block, DayBlock)]
        rows, readings = sum(map(len, blocks)), sum(block.readings() for block in blocks)
        if (digest, rows, readings) != (file.sha256, file.rows, file.readings):
            wrong += 1
    return wrong


def _copy_published(file: PublishedFile, blocks: Iterable[DayBlock]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY published FROM STDIN") as copy,
    ):
        for block in blocks:
            present = block.values != NULL
            sums = np.where(present, block.values, 0).sum(axis=1, dtype=np.int64).tolist()
            for number, day, meter, count, wh in zip(
                block.numbers(), block.days.tolist(), block.meters, present.sum(axis=1).tolist(), sums, strict=True
            ):
                copy.write_row((file.recipient_id, file.publication.revision, number, day, meter, count, wh))


def _copy_withdrawn(file: PublishedFile, stream: BinaryIO) -> int:
    lines = stream.read().decode().splitlines()[1:]
    with connection.cursor() as cursor, cursor.copy("COPY withdrawn FROM STDIN") as copy:
        for line in lines:
            copy.write_row((file.recipient_id, file.publication.revision, *line.split(",")))
    return len(lines)


def _recount_stored() -> None:
    """The newest revision of every stored day, recounted into the temporary table `stored`."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE stored (number text, day date, meter text, readings int, wh bigint)")
        cursor.execute(
            """SELECT DISTINCT ON (u.point_id, u.day, u.layer, u.meter) p.number, u.day, u.meter, u.packed
               FROM metering_usageday u JOIN metering_supplypoint p ON p.id = u.point_id
               ORDER BY u.point_id, u.day, u.layer, u.meter, u.revision DESC"""
        )
        counted = []
        while rows := cursor.fetchmany(FETCH_ROWS):
            numbers, days, meters, packed = zip(*rows, strict=True)
            values = unpack([bytes(item) for item in packed])
            present = values != NULL
            sums = np.where(present, values, 0).sum(axis=1, dtype=np.int64).tolist()
            counted.append(list(zip(numbers, days, meters, present.sum(axis=1).tolist(), sums, strict=True)))
        with cursor.copy("COPY stored FROM STDIN") as copy:
            for portion in counted:
                for row in portion:
                    copy.write_row(row)
