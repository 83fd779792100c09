"""The answer to a file, row by row: the verdict with its reasons, and for inquiries what was answered."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from switching.bulk.words import told
from switching.models import Content, UploadRow

ANSWERED = (Content.INQUIRIES, Content.MOVEMENTS)
# Codes and figures as the inquiry keeps them: a file is read by systems, the page has the words.
ITEMS = (
    *("area", "remote_island", "contract_size", "contract_size_unit", "current_limit_a", "menu", "power_factor"),
    *("phases", "voltage_v", "capacity_method", "service_pole", "has_generation", "last_wheeling_change"),
    *("reading_day", "next_reading_date", "contract_state", "on_termination", "half_hourly_collectable"),
    *("remote_reading_possible",),
)
METER_ITEMS = ("number", "kind", "multiplier")
PLAN = ("kind", "wished_on", "meter_work", "earliest_on", "announced_at")


def rows(content: str, lines: Iterable[UploadRow]) -> Iterator[list[str]]:
    """The file's head and one row per row that was sent."""
    head = ["row", "supply_class", "supply_point", "reference", "verdict", "verdict_words", "reasons"]
    if content == Content.INQUIRIES:
        yield [*head, "inquiry", *ITEMS, "meters", "pending"]
    else:
        yield [*head, *PLAN]
    for line in lines:
        common = [
            str(line.line),
            line.supply_class or line.cells.get("supply_class", ""),
            line.cells.get("supply_point", ""),
            line.cells.get("reference", ""),
            line.state,
            str(line.get_state_display()),
            " ".join(told(item["words"]) for item in line.findings),
        ]
        yield [*common, *(_inquiry(line) if content == Content.INQUIRIES else _plan(line))]


def _inquiry(line: UploadRow) -> list[str]:
    if line.inquiry is None:
        return [""] * (len(ITEMS) + 3)
    answer = line.inquiry.answer
    meters = "; ".join(" ".join(_text(meter[name]) for name in METER_ITEMS) for meter in answer["meters"])
    pending = "; ".join(f"{one['kind']} {one['date']}" for one in answer["pending"])
    return [str(line.inquiry.pk), *(_text(answer[name]) for name in ITEMS), meters, pending]


def _plan(line: UploadRow) -> list[str]:
    plan = line.movement
    if plan is None:
        return [""] * len(PLAN)
    return [_text(getattr(plan, name)) for name in PLAN]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


def name(pk: int) -> str:
    """What the browser calls the file."""
    return f"answers-{pk}.csv"


def title() -> str:
    """What the link to the file says."""
    return _("Download the answers")
