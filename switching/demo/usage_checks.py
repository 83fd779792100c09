"""Usage looked at closely in the demo: half-hours during the day, register readings, checks, and a gap estimated."""

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from metering import day_checks, estimates, gaps, history_checks, slot_publication
from metering.formats import bp, names
from metering.formats.blocks import SlotBlock
from metering.halfhours import NULL, SLOTS, slot_end, slot_start
from metering.models import Gap
from portal.market import SupplyClass
from switching.demo.clock import Clock
from switching.demo.estate import Site
from switching.demo.usage_files import Sender, Story, first_day

ABSENT_FROM, ABSENT_DAYS = 9, 2  # so many days ago one meter was silent, for so long
READ_DAYS, READ_SITES = 10, 12  # registers of so many meters, day by day
SLOTS_TODAY = 6
WRONG_WH = 2_400


def leave_out(sender: Sender, free: Sequence[Site], clock: Clock) -> None:
    """Choose the meter that is silent for two days and answers again: one that no other story is about."""
    known = {site.new.number for site in free}
    for site in sender.sites[:-2]:
        if site.new.number in known and site.wanted.supply_class == SupplyClass.LV:
            sender.absent = site
    first = clock.today - timedelta(days=ABSENT_FROM)
    sender.absent_days = frozenset(first + timedelta(days=n) for n in range(ABSENT_DAYS))


def look_back(clock: Clock) -> Story:
    """What workers do after every night: checks beside what is stored; in the end the days that have had their time."""
    day = first_day(clock.today) + timedelta(days=1)
    while day <= clock.today:
        now = yield clock.no_later(clock.at(day, 5, 10), before_end=timedelta(minutes=4))
        history_checks.run_due(now=now)
        day += timedelta(days=1)
    now = yield clock.no_later(clock.at(clock.today, 7, 5), before_end=timedelta(minutes=2))
    history_checks.run_due(now=now)
    day_checks.run_due(now=now)


def read_registers(sender: Sender, clock: Clock) -> Story:
    """Registers at 00:00 of the last days; one of them does not agree with its half-hours."""
    now = yield clock.at(clock.today - timedelta(days=1), 8, 5)
    sites = [site for site in sender.sites if site.wanted.supply_class == SupplyClass.LV][-READ_SITES:]
    if sender.absent and sender.absent not in sites:
        sites.append(sender.absent)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["supply_point", "meter", "date", "kind", "reading_kwh"])
    for at, site in enumerate(sites):
        register = 4_000_000 + at * 731_000
        for days_ago in range(READ_DAYS, 0, -1):
            day = clock.today - timedelta(days=days_ago)
            writer.writerow([site.new.number, site.meter, day.isoformat(), "regular", f"{register / 1000:.3f}"])
            register += _used(sender, site, day) - (WRONG_WH if (at, days_ago) == (3, 5) else 0)
    sender.send(f"{sender.code}_registers_{now:%Y%m%d}.csv", out.getvalue().encode(), now=now)


def _used(sender: Sender, site: Site, day: date) -> int:
    """What the register moves on by: the half-hours, those nobody sent as high as the others."""
    values = sender.rows([site], day).values[0]
    present = values[values != NULL]
    step = site.new.resolution_wh
    missing = (SLOTS - len(present)) * (int(present.mean()) if len(present) else 0)
    return int(present.sum()) + missing // step * step


def trickle(sender: Sender, clock: Clock) -> Story:
    """Half-hours as they end: one of a meter whose day file stays out, and those of this morning."""
    late = (sender.silent_from + timedelta(days=1), 21, sender.sites[-2:-1])
    for day, slot, sites in (late, *((clock.today, slot, sender.sites) for slot in _over(clock))):
        now = yield slot_end(day, slot) + timedelta(minutes=20)
        for is_high, code in ((False, "1110"), (True, "0110")):
            own = [site for site in sites if (site.wanted.supply_class == SupplyClass.HV) == is_high]
            if own:
                name, content = _half_hour(sender, code, own, day, slot)
                sender.send(name, content, now=now)
        slot_publication.publish_waiting(now=now)


def _over(clock: Clock) -> list[int]:
    """The last half-hours of today whose files have come."""
    over = [slot for slot in range(1, SLOTS + 1) if slot_end(clock.today, slot) + timedelta(minutes=20) <= clock.end]
    return over[-SLOTS_TODAY:]


def _half_hour(sender: Sender, code: str, sites: Sequence[Site], day: date, slot: int) -> tuple[str, bytes]:
    rows = sender.rows(sites, day)
    name = names.build(code, day, start=slot_start(day, slot).time())
    message = bp.Message(
        code=code,
        day=day,
        slot=slot,
        sender=sender.code,
        sender_name=sender.market.companies[sender.key].name,
        receiver="HUB00",
        receiver_name=sender.market.hub.name,
        created=slot_end(day, slot) + timedelta(minutes=20),
    )
    block = SlotBlock(
        rows.points,
        rows.meters,
        np.datetime64(day, "D"),
        slot,
        rows.values[:, slot - 1],
        rows.quality[:, slot - 1],
        rows.lines,
    )
    out = io.BytesIO()
    bp.write_half_hour_zip(out, name, message, block)
    return str(name), out.getvalue()


def fill_gap(sender: Sender, clock: Clock) -> Story:
    """The two days of the meter that was silent: a gap is opened, given to somebody and estimated."""
    now = yield clock.at(clock.today - timedelta(days=ABSENT_FROM - ABSENT_DAYS - 1), 7)
    gaps.check(now=now)
    gap = Gap.objects.filter(point=sender.absent.row, state=Gap.State.OPEN).first() if sender.absent else None
    if gap is None:
        return
    clerk = sender.market.people[f"{sender.key}.usage"]
    gaps.follow_up(
        gap.pk,
        assigned_to=clerk,
        follow_up_on=now.date() + timedelta(days=1),
        note="通信端末の交換を手配しました。",
        by=clerk,
        now=now + timedelta(hours=2),
    )
    now = yield clock.at(clock.today - timedelta(days=1), 9, 20)  # the registers have come
    proposal = estimates.propose(gap.point, min(sender.absent_days), max(sender.absent_days), by=clerk, now=now)
    estimates.make(
        gap.point,
        min(sender.absent_days),
        max(sender.absent_days),
        fingerprint=proposal.fingerprint,
        reason="通信端末の故障により30分値が残っていないため。",
        by=clerk,
        now=now,
        gap=gap,
    )
