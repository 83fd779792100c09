"""Who got fixed usage and the other categories, and which of it belongs to another retailer by now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import connection

from metering.models import LastRecipient, Publication
from metering.outgoing import Key


@dataclass(frozen=True)
class Moved:
    """What was published of a point and day went to a retailer that is not the entitled one; None is nobody."""

    point_id: int
    on: date
    number: str
    area: str
    supply_class: str
    from_retailer_id: int | None

    @property
    def key(self) -> Key | None:
        """Whom it is to be withdrawn from."""
        return (self.from_retailer_id, self.area, self.supply_class) if self.from_retailer_id else None


# Past days that changed hands are noted with the change (`metering.owed`): only these are looked at, and of these truth
# is compared with truth, so that a note that came to nothing, or that was followed before, moves nothing.
_MOVED = """
    SELECT DISTINCT r.point_id, r."on", p.number, p.area, p.supply_class, r.retailer_id
    FROM metering_owedday o
    JOIN metering_lastrecipient r ON r.point_id = o.point_id AND r."on" = o.day AND r.layer = %(layer)s
    JOIN metering_supplypoint p ON p.id = r.point_id
    LEFT JOIN metering_supplyperiod s ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> r."on"
    WHERE r.retailer_id IS DISTINCT FROM s.retailer_id AND (%(on)s::date IS NULL OR r."on" = %(on)s::date)
    ORDER BY p.number, r."on"
"""


def moved(layer: str, on: date | None = None) -> list[Moved]:
    """What was published in a layer (of one day) and now belongs to another retailer, by point number."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, {"layer": layer, "on": on})
        return [Moved(*row) for row in cursor.fetchall()]


def keep(given: Iterable[tuple[int, date, int | None]], publication: Publication) -> None:
    """Note who got what: (point, day, retailer or None), written by this publication."""
    rows = {(point_id, on): retailer_id for point_id, on, retailer_id in given}
    LastRecipient.objects.bulk_create(
        [
            LastRecipient(
                layer=publication.layer, point_id=point_id, on=on, retailer_id=retailer_id, publication=publication
            )
            for (point_id, on), retailer_id in sorted(rows.items(), key=lambda row: row[0])
        ],
        update_conflicts=True,
        unique_fields=["point", "on", "layer"],
        update_fields=["retailer", "publication"],
        batch_size=2000,
    )
