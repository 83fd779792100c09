"""Usage of the demo: the network operators' files as they would have come in, morning by morning."""

import io
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from metering import gaps, intake, publication
from metering.formats import bp, names
from metering.formats.blocks import DayBlock, day_block, join
from metering.formats.csv import write_wide
from metering.halfhours import NULL, Quality, plain_quality
from portal.market import SupplyClass
from switching.demo.clock import Clock
from switching.demo.estate import Site
from switching.demo.market import NETWORK_OPERATORS, Market
from switching.demo.readings import Readings

DAYS_OF_USAGE = 36
DAYS_PER_FILE = 9
# Network operators that send the Business Protocol's day messages lately, one file per day and code.
BY_MESSAGE = ("kaze", "naniwa")
DAYS_BY_MESSAGE = 5
SILENT_DAYS = 4

Story = Generator[datetime, datetime, None]
"""Yields the moments at which it wants to go on and is sent them."""


@dataclass
class Sender:
    """A network operator with the points it reads, ready to write files."""

    market: Market
    key: str
    sites: list[Site]
    readings: Readings
    silent_from: date = date.max  # from this day on one meter does not answer
    absent: Site | None = None  # another one did not for some days
    absent_days: frozenset[date] = frozenset()

    @property
    def code(self) -> str:
        return NETWORK_OPERATORS[self.key][1].code

    def block(self, day: date, supply_class: SupplyClass | None = None) -> DayBlock:
        """The day's rows of all points, or of high voltage alone, or of all others (LV)."""
        return self.rows(
            [
                site
                for site in (self.sites[:-2] + self.sites[-1:] if day >= self.silent_from else self.sites)
                if not (day in self.absent_days and site is self.absent)
                and (
                    supply_class is None
                    or (site.wanted.supply_class == SupplyClass.HV) == (supply_class == SupplyClass.HV)
                )
            ],
            day,
        )

    def rows(self, sites: Sequence[Site], day: date) -> DayBlock:
        """The day's rows of these points."""
        return day_block(
            [site.new.number for site in sites],
            [day] * len(sites),
            self.readings.values([site.load for site in sites], day),
            [site.meter for site in sites],
        )

    def send(self, name: str, content: bytes, *, now: datetime, take_in: bool = True) -> None:
        """Upload a file as the operator's clerk; a worker takes it in at once unless it is left waiting."""
        file = intake.receive(
            io.BytesIO(content),
            name=name,
            sender=self.market.companies[self.key],
            by=self.market.people[f"{self.key}.usage"],
            now=now,
        )
        if take_in:
            intake.take_in(file.pk, now=now)


def first_day(today: date) -> date:
    """The first day with half-hourly usage."""
    return today - timedelta(days=DAYS_OF_USAGE)


def senders(market: Market, sites: Sequence[Site], readings: Readings, today: date) -> list[Sender]:
    """The network operators that have points to read."""
    by_operator: dict[str, list[Site]] = defaultdict(list)
    for site in sorted(sites, key=lambda site: site.new.number):
        if site.is_read:
            by_operator[market.network_operator(site.wanted.area)].append(site)
    silent_from = today - timedelta(days=SILENT_DAYS)
    return [Sender(market, key, own, readings, silent_from) for key, own in by_operator.items()]


def deliver(sender: Sender, clock: Clock) -> Story:
    """Every day up to yesterday once: a wide CSV for some days each, and messages of single days at the end."""
    yesterday = clock.today - timedelta(days=1)
    by_message = DAYS_BY_MESSAGE if sender.key in BY_MESSAGE else 0
    minute = list(NETWORK_OPERATORS).index(sender.key)
    day = first_day(clock.today)
    while day <= yesterday - timedelta(days=by_message):
        last = min(day + timedelta(days=DAYS_PER_FILE - 1), yesterday - timedelta(days=by_message))
        days = [day + timedelta(days=n) for n in range((last - day).days + 1)]
        now = yield _morning(clock, last, minute)
        sender.send(
            f"{sender.code}_{days[0]:%Y%m%d}-{days[-1]:%Y%m%d}.csv",
            _csv(join([sender.block(day) for day in days])),
            now=now,
        )
        day = last + timedelta(days=1)
    while day <= yesterday:
        now = yield _morning(clock, day, minute)
        for supply_class, code in ((SupplyClass.LV, "1120"), (SupplyClass.HV, "0120")):
            block = sender.block(day, supply_class)
            if len(block):
                name, content = _message(sender, code, day, block, now)
                sender.send(name, content, now=now)
        day += timedelta(days=1)


def correct(sender: Sender, clock: Clock) -> Story:
    """A few values read again: one correction published a while ago, one that has only just come in."""
    for days_after, days_before, take_in in ((4, 9, True), (0, 3, False)):
        corrected = clock.today - timedelta(days=days_before)
        now = yield clock.no_later(
            clock.at(clock.today - timedelta(days=days_after), 8, 40), before_end=timedelta(minutes=2)
        )
        block = sender.block(corrected)
        block = block.rows(slice(days_before, days_before + 3))
        quality = plain_quality(block.values)
        for row in range(len(block)):
            slots = slice(30 + row, 36 + row)
            block.values[row, slots] = np.where(
                block.values[row, slots] == NULL, 120, (block.values[row, slots] // 1200 + 1) * 1200
            )
            quality[row, slots] = Quality.EDITED
        block.quality = np.where(block.values == NULL, np.uint8(Quality.MISSING), quality)
        sender.send(f"{sender.code}_{corrected:%Y%m%d}_correction.csv", _csv(block), now=now, take_in=take_in)


def slip(sender: Sender, strangers: Sequence[Site], clock: Clock) -> Story:
    """What goes wrong: a file with rows nobody can take in among good ones, and one that cannot be read at all."""
    day = clock.today - timedelta(days=2)
    now = yield clock.no_later(clock.at(day + timedelta(days=1), 9, 12), before_end=timedelta(minutes=8))
    good = sender.block(day).rows(slice(0, 5))
    lines = _csv(good).decode().splitlines()
    header, rows = lines[0], lines[1:]
    cells = next((row for row in rows if ",," not in row), rows[0]).split(",")
    number, first = header.split(",").index("supply_point"), header.split(",").index("hh01")

    def changed(at: int, value: str) -> str:
        return ",".join([*cells[:at], value, *cells[at + 1 :]])

    rows += [
        changed(number, cells[number][:-1]),  # 21 digits
        changed(number, cells[number][:12] + "9999999999"),  # nobody's
        changed(first + 17, "-0.240"),
        changed(first + 20, "n/a"),
        changed(first + 21, "1,25"),
        ",".join(cells[:-3]),
        *(changed(number, site.new.number) for site in strangers[:1]),  # another network's
    ]
    sender.send(f"{sender.code}_{day:%Y%m%d}_resend.csv", "\n".join([header, *rows, ""]).encode(), now=now)
    now = yield clock.no_later(clock.at(day + timedelta(days=1), 9, 31), before_end=timedelta(minutes=6))
    name, content = _message(sender, "1120", day, sender.block(day, SupplyClass.LV), now)
    sender.send(str(names.parse(name).with_split(7)), content[: len(content) // 2], now=now)


def publish(clock: Clock) -> Story:
    """The hub every morning at five: last night's day, and every earlier one that came in since; gaps in the end."""
    day = first_day(clock.today) + timedelta(days=1)
    while day <= clock.today:
        now = yield clock.no_later(clock.at(day, 5), before_end=timedelta(minutes=4))
        publication.publish_nightly(now=now)
        publication.publish_late(now=now)
        day += timedelta(days=1)
    now = yield clock.no_later(clock.at(clock.today, 7), before_end=timedelta(minutes=3))
    gaps.check(now=now)


def _morning(clock: Clock, last: date, minute: int) -> datetime:
    """When the file with this last day comes in: the next night, well before it is published."""
    return clock.no_later(clock.at(last + timedelta(days=1), 4, 10 + minute), before_end=timedelta(minutes=20 - minute))


def _csv(block: DayBlock) -> bytes:
    out = io.BytesIO()
    write_wide(out, [block])
    return out.getvalue()


def _message(sender: Sender, code: str, day: date, block: DayBlock, now: datetime) -> tuple[str, bytes]:
    name = names.build(code, day)
    message = bp.Message(
        code=code,
        day=day,
        sender=sender.code,
        sender_name=sender.market.companies[sender.key].name,
        receiver="HUB00",
        receiver_name=sender.market.hub.name,
        created=now,
    )
    out = io.BytesIO()
    bp.write_day_zip(out, name, message, block)
    return str(name), out.getvalue()
