"""Usage files as a network operator would send them, made by the product's own writers."""

import gzip
import io
from datetime import date, datetime
from typing import Any

import numpy as np

from metering import intake
from metering.formats import bp, names
from metering.formats.blocks import DayBlock, day_block
from metering.formats.csv import read_wide, write_wide
from metering.halfhours import NULL, SLOTS
from metering.models import SupplyPoint, UsageDay, UsageFile
from tests.cast import NOW

DAY = date(2026, 3, 31)  # the day before NOW


def figures(count: int, *, seed: int = 1, gaps: bool = True) -> Any:
    """Half-hours of households in Wh, multiples of 10, with a gap here and there."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 150, (count, SLOTS)).astype(np.int32) * 10
    if gaps:
        values[rng.random((count, SLOTS)) < 0.01] = NULL
    return values


def block_of(
    points: list[SupplyPoint], day: date | list[date] = DAY, *, values: Any = None, meters: list[str] | None = None
) -> DayBlock:
    days = day if isinstance(day, list) else [day] * len(points)
    values = figures(len(points)) if values is None else values
    return day_block([point.number for point in points], days, values, meters)


def csv_of(*blocks: DayBlock) -> bytes:
    out = io.BytesIO()
    write_wide(out, blocks)
    return out.getvalue()


def zip_of(block: DayBlock, *, code: str = "1120", sender: str = "KAZE3", test: bool = False) -> tuple[str, bytes]:
    day = block.days[0].item()
    name = names.build(code, day)
    out = io.BytesIO()
    bp.write_day_zip(out, name, bp.Message(code=code, day=day, sender=sender, test=test), block)
    return str(name), out.getvalue()


def receive(
    cast: Any, content: bytes, *, name: str = "day.csv", sender: str = "kaze", now: datetime = NOW
) -> UsageFile:
    return intake.receive(
        io.BytesIO(content), name=name, sender=cast.companies[sender], by=cast[f"{sender}.usage"], now=now
    )


def deliver(
    cast: Any, content: bytes, *, name: str = "day.csv", sender: str = "kaze", now: datetime = NOW
) -> UsageFile:
    """Receive and take in; the finished file."""
    file = receive(cast, content, name=name, sender=sender, now=now)
    finished = intake.take_in(file.pk, now=now)
    assert finished is not None
    return finished


def counts(file: UsageFile) -> tuple[int, int, int, int]:
    """(read, taken, unchanged, refused)"""
    return file.rows_read, file.rows_taken, file.rows_unchanged, file.rows_refused


def reasons(file: UsageFile) -> list[tuple[int, str]]:
    return list(file.refused.order_by("line").values_list("line", "code"))


def stored() -> int:
    return UsageDay.objects.count()


def table_of(content: bytes) -> dict[tuple[str, str, date], list[int]]:
    """Wide CSV (or gzip) read back: {(point, meter, day): 48 values}."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    return _table(read_wide(io.BytesIO(content)))


def table_of_zip(content: bytes) -> dict[tuple[str, str, date], list[int]]:
    return _table(bp.read_zip(io.BytesIO(content)).items)


def _table(items: Any) -> dict[tuple[str, str, date], list[int]]:
    found = {}
    for block in items:
        assert isinstance(block, DayBlock), block
        for point, meter, day, values in zip(
            block.numbers(), block.meters, block.days.tolist(), block.values.tolist(), strict=True
        ):
            assert (point, meter, day) not in found
            found[point, meter, day] = values
    return found
