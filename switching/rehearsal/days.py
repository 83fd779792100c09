"""The days of a rehearsal: clerks at ten, network operators at night, workers in between; every deed is a real verb."""

import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum, auto
from random import Random
from time import monotonic, sleep

import numpy as np
from celery import Task
from celery.result import AsyncResult

from metering import inquiries, intake, supply
from metering import tasks as metering_tasks
from metering.formats.blocks import day_block
from metering.formats.csv import write_wide
from metering.halfhours import NULL, SLOTS
from metering.models import UsageFile
from portal.models import Company
from portal.workdays import JST, Workdays
from switching import applications, disclosures, relays
from switching import tasks as switching_tasks
from switching.models import Application, Disclosure, Relay
from switching.reasons import Reason
from switching.rehearsal.market import Customer, Market
from switching.relays import Request, Verdict
from switching.states import ApplicationState, RelayState

ONE_DAY = timedelta(days=1)
TASK_SECONDS = 300
GAP_SHARE, BAD_SHARE, CORRECTED_SHARE = 0.02, 0.002, 0.01
REVERSED_SHARE = 0.2


class Fate(Enum):
    """What becomes of a case, drawn by lot."""

    SWITCH = auto()
    REJECTED = auto()
    WITHDRAWN = auto()
    SILENT = auto()
    NO_START = auto()


LOTS = {Fate.SWITCH: 76, Fate.REJECTED: 9, Fate.WITHDRAWN: 5, Fate.SILENT: 5, Fate.NO_START: 5}


@dataclass
class Case:
    """One customer who wants to switch, and the relay once it is registered."""

    customer: Customer
    gaining: Company
    fate: Fate
    start_first: bool
    relay_id: int = 0

    @property
    def relay(self) -> Relay:
        """The relay as it stands now."""
        return Relay.objects.select_related("point").get(pk=self.relay_id)


@dataclass
class Diary:
    """What the players did, to be held against the books."""

    registered: int = 0
    judged: int = 0
    completed: int = 0
    usage_rows_sent: int = 0
    readings_sent: int = 0
    bad_rows_sent: int = 0
    reversed: int = 0


class Play:
    """One run over `days` days from `first_day`, with `switches` cases spread over its working days."""

    def __init__(self, market: Market, *, first_day: date, days: int, switches: int, seed: int) -> None:
        self.market, self.first_day, self.day_count = market, first_day, days
        self.random = Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.calendar = Workdays()
        self.diary = Diary()
        self.plan = self._spread(switches)
        self.open_cases: dict[date, list[Case]] = defaultdict(list)

    def _spread(self, switches: int) -> dict[date, list[Case]]:
        """Cases over the working days that leave time enough to come to their end."""
        days = [self.first_day + n * ONE_DAY for n in range(max(1, self.day_count - 8))]
        working = [day for day in days if self.calendar.is_open(day)] or days[:1]
        customers = self.random.sample(self.market.customers, min(switches, len(self.market.customers)))
        plan: dict[date, list[Case]] = defaultdict(list)
        for n, customer in enumerate(customers):
            others = [retailer for retailer in self.market.retailers if retailer != customer.supplier]
            fate = self.random.choices(list(LOTS), weights=list(LOTS.values()))[0]
            plan[working[n % len(working)]].append(
                Case(customer, self.random.choice(others), fate, start_first=self.random.random() < 0.5)
            )
        return plan

    def days(self) -> Iterator[date]:
        """Play day by day; yields each day when it is over."""
        for n in range(self.day_count):
            today = self.first_day + n * ONE_DAY
            if n:
                self._night(today)
            self._work(today)
            yield today
        last = self.first_day + self.day_count * ONE_DAY
        self._night(last)
        self._run(metering_tasks.publish_late, at(last, 9))

    # --- Night: hand-over, usage of yesterday in, publication out ---------------------------------------------

    def _night(self, today: date) -> None:
        self._run(switching_tasks.hand_over, at(today, 0, 5))
        self._run(switching_tasks.take_effect, at(today, 0, 6))
        for task in (switching_tasks.expire_relays, switching_tasks.close_unmatched):
            self._run(task, at(today, 0, 10))
        self._send_usage(today - ONE_DAY, at(today, 3))
        self._take_in(at(today, 3, 30))
        self._run(metering_tasks.publish_nightly, at(today, 5))
        if today.day % 3 == 0:
            self._send_usage(today - 2 * ONE_DAY, at(today, 7), share=CORRECTED_SHARE)
            self._take_in(at(today, 7, 30))
            self._run(metering_tasks.publish_late, at(today, 8))

    def _send_usage(self, day: date, now: datetime, *, share: float = 1.0) -> None:
        """Each network operator's day file: a share of its points, some gaps, and at first sending some bad rows."""
        by_area: dict[str, list[str]] = defaultdict(list)
        for customer in self.market.customers:
            by_area[customer.point.area].append(customer.point.number)
        for area, numbers in by_area.items():
            chosen = numbers if share == 1.0 else self.random.sample(numbers, max(1, round(len(numbers) * share)))
            count = len(chosen)
            values = (self.numbers.gamma(2.0, 9.0, (count, SLOTS)) * 10).astype(np.int32)
            if share == 1.0:
                values[self.numbers.random((count, SLOTS)) < GAP_SHARE] = NULL
                bad = np.flatnonzero(self.numbers.random(count) < BAD_SHARE)
                values[bad, 0] = -10
                self.diary.bad_rows_sent += len(bad)
                good = np.delete(values, bad, axis=0)
            else:
                good = values
            self.diary.usage_rows_sent += len(good)
            self.diary.readings_sent += int(np.count_nonzero(good != NULL))
            file = io.BytesIO()
            write_wide(file, [day_block(chosen, [day] * count, values)])
            operator = self.market.network_operators[area]
            name = f"{operator.pk}-{day:%Y%m%d}-{now:%H%M}.csv"
            intake.receive(file, name=name, sender=operator, by=self.market.clerks[operator.pk], now=now)

    # --- Day: the clerks -------------------------------------------------------------------------------------

    def _work(self, today: date) -> None:
        if not self.calendar.is_open(today):
            return
        self._complete(at(today, 9))
        for case in self.open_cases.pop(today, []):
            self._judge(case, at(today, 9, 30))
        for case in self.plan.get(today, []):
            self._register(case, at(today, 10))
        if today.day % 3 == 1:
            self._reverse(at(today, 11))
        for task in (switching_tasks.match, switching_tasks.remind):
            self._run(task, at(today, 18))

    def _register(self, case: Case, now: datetime) -> None:
        """Consent, facility inquiry, disclosure, relay and, for some, the start at once."""
        clerk, customer = self.market.clerks[case.gaining.pk], case.customer
        consent = inquiries.record_consent(
            reference=f"call {customer.point.pk}",
            channel="telephone",
            purpose="switch",
            obtained_on=now.date(),
            by=clerk,
            now=now,
        )
        point = inquiries.inquire(
            number=customer.point.number,
            supply_class=customer.point.supply_class,
            consent=consent,
            by=clerk,
            now=now,
        ).point
        version = self.market.disclosure
        disclosure = disclosures.record(
            point=point,
            version=version,
            acknowledged=set(version.items.values_list("pk", flat=True)),
            channel=Disclosure.Channel.TELEPHONE,
            explained_on=now.date(),
            by=clerk,
            now=now,
        )
        earliest, _ = applications.date_window(point, meter_work=False, today=now.date(), calendar=self.calendar)
        relay = relays.register(
            Request(
                point=point,
                losing_retailer=customer.supplier,
                contract_number=customer.contract_number,
                holder_name=customer.holder_name,
                holder_kana=customer.holder_kana,
                holder_address=customer.address,
                desired_date=earliest + self.random.randint(1, 3) * ONE_DAY,
                contact_person=clerk.name,
                disclosure=disclosure,
            ),
            by=clerk,
            now=now,
        )
        case.relay_id = relay.pk
        self.diary.registered += 1
        if case.start_first and case.fate in (Fate.SWITCH, Fate.SILENT):
            self._start(case, now)
        if relay.state == RelayState.WAITING:
            self.open_cases[self.calendar.add(now.date(), 1)].append(case)
        elif not case.start_first and case.fate != Fate.NO_START:
            self._start(case, now)

    def _judge(self, case: Case, now: datetime) -> None:
        relay, judge = case.relay, self.market.clerks[case.customer.supplier.pk]
        if case.fate == Fate.SILENT:
            return
        if case.fate == Fate.WITHDRAWN:
            relays.withdraw(relay_id=relay.pk, by=self.market.clerks[case.gaining.pk], now=now)
            return
        relays.read_for_judgement(relay, by=judge, now=now)
        verdict = Verdict.REJECT if case.fate == Fate.REJECTED else Verdict.ACCEPT
        relays.judge(
            relay_id=relay.pk,
            verdict=verdict,
            reasons=[Reason.CUSTOMER_DENIES] if verdict == Verdict.REJECT else [],
            by=judge,
            now=now,
        )
        self.diary.judged += 1
        if case.fate == Fate.SWITCH and not case.start_first:
            self._start(case, now)

    def _start(self, case: Case, now: datetime) -> None:
        customer, clerk, relay = case.customer, self.market.clerks[case.gaining.pk], case.relay
        earliest, _ = applications.date_window(
            customer.point, meter_work=False, today=now.date(), calendar=self.calendar
        )
        if relay.desired_date < earliest:
            return  # filed too late for the day the customer wished: the termination stays alone
        applications.file_start(
            applications.Start(
                point=customer.point,
                desired_date=relay.desired_date,
                contract_number=f"{customer.contract_number}-2",
                holder_name=customer.holder_name,
                holder_kana=customer.holder_kana,
                holder_address=customer.address,
                relay=relay,
            ),
            by=clerk,
            now=now,
        )

    def _reverse(self, now: datetime) -> None:
        """Some switches turn out to have been erroneous, days after usage went to the wrong retailer."""
        begun = (
            Application.objects.filter(
                kind=Application.Kind.SWITCH_START,
                state__in=[ApplicationState.IN_EFFECT, ApplicationState.COMPLETED],
                in_effect_on__lt=now.date(),
            )
            .exclude(point__contracts__annulled_at__isnull=False)
            .order_by("number")
        )
        found = list(begun)
        chosen = self.random.sample(found, min(len(found), round(len(found) * REVERSED_SHARE) or 1))
        former = {customer.point.pk: customer.supplier.pk for customer in self.market.customers}
        supply.restore(
            [
                supply.Restoration(
                    point_id=start.point_id,
                    from_date=start.in_effect_on,
                    wrongful_retailer_id=start.retailer_id,
                    rightful_retailer_id=former[start.point_id],
                    cause=f"reversal of {start.number}",
                )
                for start in chosen
                if start.in_effect_on
            ],
            now=now,
        )
        self.diary.reversed += len(chosen)

    def _complete(self, now: datetime) -> None:
        """Network operators report the paperwork of what took effect."""
        for application in Application.objects.filter(state=ApplicationState.IN_EFFECT).select_related("point"):
            clerk = self.market.clerks[application.point.network_operator_id]
            applications.complete(application_id=application.pk, by=clerk, now=now)
            self.diary.completed += 1

    def _take_in(self, moment: datetime) -> None:
        """Have the waiting files taken in; some may be in another worker's hands already, so wait for these too."""
        self._run(metering_tasks.take_in_waiting, moment)
        until = monotonic() + TASK_SECONDS
        while UsageFile.objects.filter(state=UsageFile.State.WAITING).exists():
            if monotonic() > until:
                raise TimeoutError("usage files wait although a worker was asked to take them in")
            sleep(0.02)

    def _run(self, task: Task, moment: datetime) -> None:
        """Have a worker do the task as of that moment and wait until it is done."""
        result: AsyncResult = task.apply_async(kwargs={"at": moment.isoformat()}, ignore_result=False)
        result.get(timeout=TASK_SECONDS, interval=0.01)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment in Japan."""
    return datetime.combine(day, time(hour, minute), JST)
