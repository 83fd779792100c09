"""Files of many cases for tests: points inquired about and explained, rows that fit them, files sent and worked on."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from metering.models import Consent, FacilityInquiry, SupplyPoint
from portal.models import User
from switching.bulk import uploads
from switching.models import Content, Upload
from tests.switching.cases import ADDRESS, DESIRED, HOLDER, KANA, Play

RELAY_HEAD = (
    "supply_class",
    "supply_point",
    "losing_retailer",
    "contract_number",
    "holder_name",
    "holder_kana",
    "holder_address",
    "desired_date",
    "contact_person",
    "reference",
)
START_HEAD = (
    "supply_class",
    "supply_point",
    "desired_date",
    "meter_work",
    "contract_number",
    "holder_name",
    "holder_kana",
    "holder_address",
    "reference",
)


def inquire(play: Play, points: Iterable[SupplyPoint], who: str = "sora") -> None:
    """The company's facility inquiry about each point, as its answer stands in the books."""
    by = play.cast[f"{who}.inquiry"]
    consent = Consent.objects.create(
        company=by.company,
        reference="T-1",
        channel=Consent.Channel.WEB,
        purpose=Consent.Purpose.SWITCH,
        obtained_on=play.now.date(),
        recorded_at=play.now,
        recorded_by=by,
    )
    FacilityInquiry.objects.bulk_create(
        FacilityInquiry(
            company=by.company,
            by=by,
            at=play.now,
            consent=consent,
            supply_class=point.supply_class,
            area=point.area,
            point=point,
            answer={},
        )
        for point in points
    )


def ready(play: Play, count: int, **fields: Any) -> list[SupplyPoint]:
    """Points of umi about which sora has inquired and whose customers it has told the disadvantages."""
    points = [play.point(**fields) for _ in range(count)]
    inquire(play, points)
    for point in points:
        play.disclosure(point)
    return points


def relay_row(point: SupplyPoint, **changes: str) -> dict[str, str]:
    """A row that registers a relay for the point, with the data umi holds."""
    return {
        "supply_class": point.supply_class,
        "supply_point": point.number,
        "losing_retailer": "UM1E3",
        "contract_number": point.contracts.latest("pk").number,
        "holder_name": HOLDER,
        "holder_kana": KANA,
        "holder_address": ADDRESS,
        "desired_date": DESIRED.isoformat(),
        "contact_person": "空 太郎",
        "reference": f"ref-{point.pk}",
        **changes,
    }


def start_row(point: SupplyPoint, **changes: str) -> dict[str, str]:
    """A row that files a switch start for the point."""
    return {
        "supply_class": point.supply_class,
        "supply_point": point.number,
        "desired_date": DESIRED.isoformat(),
        "meter_work": "",
        "contract_number": f"S-{point.pk}",
        "holder_name": HOLDER,
        "holder_kana": KANA,
        "holder_address": ADDRESS,
        "reference": "",
        **changes,
    }


def csv_of(rows: Sequence[dict[str, str]], head: Sequence[str] = (), encoding: str = "utf-8-sig") -> bytes:
    """The rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    head = head or list(rows[0])
    writer.writerow(head)
    writer.writerows([row.get(name, "") for name in head] for row in rows)
    return text.getvalue().encode(encoding, "surrogatepass")


def send(
    content: str,
    data: bytes,
    *,
    by: User,
    now: datetime,
    name: str = "list.csv",
) -> Upload:
    """Sent and checked, as the page and a worker do it."""
    upload = uploads.receive(io.BytesIO(data), content=Content(content), name=name, by=by, now=now)
    checked = uploads.check(upload.pk, now=now)
    assert checked is not None
    return checked


def work_off(upload: Upload, *, now: datetime, **options: Any) -> Upload:
    """What a worker does with a confirmed file, to its end."""
    while uploads.carry_out(upload.pk, now=now, **options):
        pass
    upload.refresh_from_db()
    return upload


def states(upload: Upload) -> list[str]:
    """The rows' states in their order."""
    return list(upload.lines.order_by("line").values_list("state", flat=True))


def rules(upload: Upload) -> list[list[str]]:
    """The rules found broken, row by row."""
    return [[item["rule"] for item in row] for row in upload.lines.order_by("line").values_list("findings", flat=True)]
