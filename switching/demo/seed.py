"""The demo market from nothing to this moment: one walk through the past weeks, in one transaction, once."""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count, islice
from pathlib import Path

from django.conf import settings
from django.db.models import Count
from django.utils.translation import gettext as _

from metering import partitions, points, usage
from metering.models import (
    Contract,
    FacilityInquiry,
    MonthlyUsage,
    Publication,
    PublishedFile,
    RefusedRow,
    SupplyPoint,
    UsageDay,
    UsageFile,
)
from portal import jobs
from portal.models import Company, LedgerEntry, Notice, User
from portal.workdays import JST
from switching import statistics
from switching.demo import (
    access,
    cases,
    desk,
    estate,
    files,
    moves,
    network,
    newcomers,
    undoing,
    usage_checks,
    usage_files,
    watch,
)
from switching.demo import market as people_and_companies
from switching.demo import readings as half_hours
from switching.demo.clock import Clock
from switching.demo.places import Places
from switching.demo.readings import Readings
from switching.demo.usage_files import Story
from switching.models import Application, Relay

JOB, VERSION = "seed_demo", "1"
FEWEST_POINTS = 110
DAYS_BEFORE = 520
"""How long before today the market opened: early enough for 14 months of usage."""
NEWER_DISCLOSURE = 24
"""Days since the second edition of the disadvantages is in force."""
SEED = 20160401


class NotForProduction(Exception):
    """The demo market is invented; it is never entered where the data is real."""

    def __str__(self) -> str:
        return _("seed_demo fills a market of invented companies; it does nothing under KIRIKAE_ENV=production.")


class NotEmpty(Exception):
    """The database holds companies that are not the demo's."""

    def __str__(self) -> str:
        return _("The database holds companies already. The demo market needs an empty database of its own.")


class TooFewPoints(Exception):
    """Fewer points than the stories need."""

    def __str__(self) -> str:
        return _("The demo market needs at least %(count)s supply points.") % {"count": FEWEST_POINTS}


@dataclass(frozen=True)
class Sources:
    """Files with real addresses and real readings; without them both are invented in the same manner."""

    addresses: Path | None = None
    half_hours: Path | None = None

    @classmethod
    def beside(cls, folder: Path) -> "Sources":
        """The files of a folder that are there."""
        addresses, readings = folder / "addresses.csv", folder / "half_hourly_kwh.csv"
        return cls(addresses if addresses.is_file() else None, readings if readings.is_file() else None)


def fill(*, points_wanted: int, sources: Sources, now: datetime, tell: Callable[[str], None] = print) -> bool:
    """Fill an empty database with the demo market as it stands at `now`; False when that was done before.

    One transaction: a crash leaves the database empty. Raises NotForProduction, TooFewPoints, NotEmpty.
    """
    if settings.PRODUCTION:
        raise NotForProduction
    if points_wanted < FEWEST_POINTS:
        raise TooFewPoints
    with jobs.once(JOB, VERSION, now=now) as run:
        if run is None:
            return False
        if Company.objects.exists():
            raise NotEmpty
        _Walk(points_wanted, sources, Clock(now.astimezone(JST)), tell).all()
        run.counts = {"points": points_wanted}
    return True


class _Walk:
    """The making of one market."""

    def __init__(self, points_wanted: int, sources: Sources, clock: Clock, tell: Callable[[str], None]) -> None:
        self.points_wanted, self.sources, self.clock, self.tell = points_wanted, sources, clock, tell
        self.rng = random.Random(SEED)
        self.opening = clock.at(clock.today - timedelta(days=DAYS_BEFORE), 9)

    def all(self) -> None:
        clock, today = self.clock, self.clock.today
        partitions.ensure(
            usage_files.first_day(today) + timedelta(days=n) for n in range(usage_files.DAYS_OF_USAGE + 1)
        )
        self.market = people_and_companies.found(now=self.opening)
        people_and_companies.explain_disadvantages(valid_from=clock.at(self.opening.date(), 0).date(), now=self.opening)
        people_and_companies.list_own_disadvantages(
            self.market, valid_from=clock.at(self.opening.date(), 0).date(), now=self.opening
        )
        self._make_points()
        self.tell(_("Companies, people and supply points stand; now the past weeks are played …"))
        teller = cases.Teller(self.market, clock, self.rng)
        stories: list[Story] = [self._fixed_usage(), self._second_edition(), cases.work_of_the_hub(clock)]
        for at, (plan, site) in enumerate(zip(cases.PLANS, self.sites, strict=False)):
            stories.append(teller.tell(plan, site, minute=at * 13))
        left = iter(self.sites[len(cases.PLANS) :])
        stories += moves.stories(teller, list(islice(left, len(moves.WANTED))))
        stories += undoing.stories(teller, list(islice(left, len(undoing.WANTED))))
        stories += network.stories(teller, list(islice(left, len(network.WANTED))))
        others = list(left)
        supplied = [site for site in self.sites if site.wanted.retailer in ("sora", "umi")]
        stories.append(teller.ask_around(supplied[-18:]))
        senders = usage_files.senders(self.market, self.sites, self.readings, today)
        stories += [usage_files.deliver(sender, clock) for sender in senders]
        kaze = next(sender for sender in senders if sender.key == "kaze")
        usage_checks.leave_out(kaze, others, clock)
        stories += [
            usage_checks.trickle(kaze, clock),
            usage_checks.read_registers(kaze, clock),
            usage_checks.fill_gap(kaze, clock),
            usage_checks.look_back(clock),
            usage_files.correct(kaze, clock),
            usage_files.slip(kaze, [s for s in self.sites if s.wanted.area != "03"], clock),
            usage_files.publish(clock),
            watch.set_hours(self.market, clock),
            watch.leaf_through(self.market, clock),
            desk.publish(self.market, clock),
            desk.ask(self.market, clock),
            files.send(self.market, self.sites, clock),
            access.change_staff(self.market, clock),
            access.bring_certificates(self.market, clock),
            access.pass_the_quota(teller, access.free_sites(others, market=self.market)),
        ]
        stories.append(newcomers.apply(self.market, clock))
        play(stories, until=clock.end)
        cases.sweep(clock.end)
        statistics.open_to(statistics.Audience.EVERYBODY, by=self.market.people["hub.operator"], now=clock.end)
        statistics.count_days(now=clock.end)

    def _make_points(self) -> None:
        today = self.clock.today
        self.readings: Readings = (
            half_hours.read(self.sources.half_hours) if self.sources.half_hours else half_hours.generate(SEED)
        )
        wanted = estate.fill(
            [*(plan.wanted for plan in cases.PLANS), *moves.WANTED, *undoing.WANTED, *network.WANTED],
            self.points_wanted,
            self.rng,
        )
        places = Places(self.rng, self.sources.addresses)
        self.sites = estate.draw(wanted, places=places, readings=self.readings, today=today, rng=self.rng)
        calendar: dict[tuple[str, int], list[date]] = defaultdict(list)
        days = list(estate.reading_calendar(today))
        for day in days:
            calendar[day.area, day.reading_day].append(day.day)
        points.set_reading_calendar(days, now=self.opening)
        estate.enter(self.sites, self.market, today=today, rng=self.rng, now=self.opening)
        months: dict[date, list[usage.NewMonth]] = defaultdict(list)
        for month in estate.record_months(self.sites, self.readings, today=today, calendar=calendar):
            months[month.month].append(month)
        self.months = months

    def _fixed_usage(self) -> Story:
        """Each month's usage, once the last group of the month is read."""
        for _month, rows in sorted(self.months.items()):
            read = self.clock.at(max(row.read_on for row in rows) + timedelta(days=1), 7)
            now = yield self.clock.no_later(read, before_end=timedelta(hours=1))
            usage.record_months(rows, now=now)

    def _second_edition(self) -> Story:
        """The list of disadvantages in new words, published a week before it holds."""
        valid_from = self.clock.today - timedelta(days=NEWER_DISCLOSURE)
        now = yield self.clock.at(valid_from - timedelta(days=7), 10)
        people_and_companies.explain_disadvantages(valid_from=valid_from, now=now, newer=True)


def play(stories: Iterable[Story], *, until: datetime) -> None:
    """Let stories go on in the order of their moments; what would come after `until` has not happened yet."""
    order = count()
    waiting: list[tuple[datetime, int, Story]] = []
    for story in stories:
        if (moment := next(story, None)) is not None:
            heapq.heappush(waiting, (moment, next(order), story))
    while waiting:
        moment, _place, story = heapq.heappop(waiting)
        if moment > until:
            continue
        try:
            heapq.heappush(waiting, (story.send(moment), next(order), story))
        except StopIteration:
            continue


def summary() -> list[tuple[str, int]]:
    """What the demo market holds, in words and figures."""
    rows: list[tuple[str, int]] = [
        (_("companies"), Company.objects.count()),
        (_("people"), User.objects.count()),
    ]
    by_class = SupplyPoint.objects.values_list("supply_class").annotate(Count("pk")).order_by("-supply_class")
    rows += [(_("supply points %(supply_class)s") % {"supply_class": name}, number) for name, number in by_class]
    rows += [
        (_("contracts"), Contract.objects.count()),
        (_("monthly usage"), MonthlyUsage.objects.count()),
        (_("days of half-hourly usage"), UsageDay.objects.count()),
        (_("usage files in"), UsageFile.objects.count()),
        (_("rows refused"), RefusedRow.objects.count()),
        (_("publications"), Publication.objects.count()),
        (_("usage files out"), PublishedFile.objects.count()),
        (_("facility inquiries"), FacilityInquiry.objects.count()),
    ]
    rows += _by_state(_("relays: %(state)s"), Relay)
    rows += _by_state(_("applications: %(state)s"), Application)
    rows += [(_("notices"), Notice.objects.count()), (_("ledger entries"), LedgerEntry.objects.count())]
    return rows


def _by_state(words: str, model: type[Relay] | type[Application]) -> list[tuple[str, int]]:
    labels = dict(model._meta.get_field("state").flatchoices)
    counted = model.objects.values_list("state").annotate(Count("pk")).order_by("state")
    return [(words % {"state": labels[state]}, number) for state, number in counted]
