"""The books of publication: what is stored, what was published of it, and whether each retailer got what is its own."""

from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Sum

from metering.models import Layer, Publication, PublishedFile, UsageBatch

# Per retailer: the rows it was to get when they were published (what changed hands later says who that was), and those
# published again to it because it took the day over afterwards.
_ENTITLED = """
    WITH moved AS (
        SELECT o.point_id, o.day, q.revision, (array_agg(o.from_retailer_id ORDER BY o.id))[1] AS from_id,
               (array_agg(o.to_retailer_id ORDER BY o.id DESC))[1] AS to_id
        FROM metering_owedday o JOIN metering_publication q ON q.id = o.publication_id AND q.layer = %(layer)s
        WHERE o.day BETWEEN %(first)s AND %(last)s GROUP BY o.point_id, o.day, q.revision)
    SELECT retailer_id, sum(count)::bigint FROM (
        SELECT CASE WHEN since.id IS NULL THEN s.retailer_id ELSE since.from_retailer_id END AS retailer_id, count(*)
        FROM metering_usageday u
        JOIN metering_usagebatch b ON b.id = u.batch_id
        JOIN metering_publication done ON done.id = b.publication_id
        LEFT JOIN metering_supplyperiod s
          ON s.point_id = u.point_id AND s.known_until IS NULL AND s.during @> u.day
        LEFT JOIN LATERAL (
            SELECT o.id, o.from_retailer_id FROM metering_owedday o
            LEFT JOIN metering_publication q ON q.id = o.publication_id
            WHERE o.point_id = u.point_id AND o.day = u.day
              AND (o.settled_at IS NULL OR q.revision > done.revision
                   OR (q.id IS NULL AND o.settled_at > done.published_at))
            ORDER BY o.id LIMIT 1) AS since ON true
        WHERE u.day BETWEEN %(first)s AND %(last)s AND u.layer = %(layer)s
          AND NOT EXISTS (SELECT FROM metering_usageday n
                          JOIN metering_usagebatch nb ON nb.id = n.batch_id
                          WHERE n.point_id = u.point_id AND n.day = u.day AND n.layer = u.layer
                            AND n.meter = u.meter AND n.revision > u.revision
                            AND nb.publication_id = b.publication_id)
        GROUP BY 1
        UNION ALL
        SELECT m.to_id, count(*) FROM moved m
        JOIN LATERAL (
            SELECT DISTINCT ON (u.meter) u.meter, done.revision
            FROM metering_usageday u
            JOIN metering_usagebatch b ON b.id = u.batch_id
            JOIN metering_publication done ON done.id = b.publication_id AND done.revision <= m.revision
            WHERE u.point_id = m.point_id AND u.day = m.day AND u.layer = %(layer)s
            ORDER BY u.meter, u.revision DESC) AS newest ON newest.revision < m.revision
        WHERE m.from_id IS DISTINCT FROM m.to_id
        GROUP BY 1) AS counted
    WHERE retailer_id IS NOT NULL GROUP BY 1
"""


def balance(day_from: date, day_to: date, *, layer: str = Layer.DAILY) -> dict[str, Any]:
    """The books of a span of days (both included): what is stored, what was published, and to whom.

    Keys: rows_/readings_ stored, published, of these moved (published again because another retailer is entitled),
    without_supplier, superseded (corrected before publication), waiting; `retailers` {company id: {rows, readings,
    rows_entitled}}; `balanced`: every stored row is counted once, the published ones are exactly those the retailer
    got that was entitled to them then. Rows stored are counted in the store itself.
    """
    days = {"day__gte": day_from, "day__lte": day_to, "layer": layer}
    of_publication = {f"publication__{name}": value for name, value in days.items()}

    def sums(**columns: Any) -> dict[str, int]:
        return {name: value or 0 for name, value in columns.items()}

    batches = sums(**UsageBatch.objects.filter(**days).aggregate(rows=Sum("rows"), readings=Sum("readings")))
    waiting = sums(
        **UsageBatch.objects.filter(**days, publication__isnull=True).aggregate(
            rows=Sum("rows"), readings=Sum("readings")
        )
    )
    out = sums(
        **Publication.objects.filter(**days).aggregate(
            rows=Sum("rows"),
            readings=Sum("readings"),
            lost_rows=Sum("rows_without_supplier"),
            lost_readings=Sum("readings_without_supplier"),
            old_rows=Sum("rows_superseded"),
            old_readings=Sum("readings_superseded"),
            moved_rows=Sum("rows_moved"),
            moved_readings=Sum("readings_moved"),
        )
    )
    files = PublishedFile.objects.filter(**of_publication, format=PublishedFile.Format.WIDE_CSV)
    retailers: dict[int, dict[str, int]] = {
        row["recipient_id"]: {"rows": row["r"], "readings": row["n"], "rows_entitled": 0}
        for row in files.values("recipient_id").annotate(r=Sum("rows"), n=Sum("readings")).order_by()
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM metering_usageday WHERE day BETWEEN %s AND %s AND layer = %s",
            [day_from, day_to, layer],
        )
        (rows_stored,) = cursor.fetchone()
        cursor.execute(_ENTITLED, {"first": day_from, "last": day_to, "layer": layer})
        for retailer_id, count in cursor.fetchall():
            retailers.setdefault(retailer_id, {"rows": 0, "readings": 0, "rows_entitled": 0})["rows_entitled"] = count
    balanced = (
        rows_stored
        == batches["rows"]
        == out["rows"] - out["moved_rows"] + out["lost_rows"] + out["old_rows"] + waiting["rows"]
        and batches["readings"]
        == out["readings"] - out["moved_readings"] + out["lost_readings"] + out["old_readings"] + waiting["readings"]
        and sum(entry["rows"] for entry in retailers.values()) == out["rows"]
        and sum(entry["readings"] for entry in retailers.values()) == out["readings"]
        and all(entry["rows"] == entry["rows_entitled"] for entry in retailers.values())
    )
    return {
        "rows_stored": rows_stored,
        "readings_stored": batches["readings"],
        "rows_published": out["rows"],
        "readings_published": out["readings"],
        "rows_moved": out["moved_rows"],
        "readings_moved": out["moved_readings"],
        "rows_without_supplier": out["lost_rows"],
        "readings_without_supplier": out["lost_readings"],
        "rows_superseded": out["old_rows"],
        "readings_superseded": out["old_readings"],
        "rows_waiting": waiting["rows"],
        "readings_waiting": waiting["readings"],
        "retailers": retailers,
        "balanced": balanced,
    }
