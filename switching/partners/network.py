"""The simulated network operator: answers applications, does the work at meters and delivers usage each night."""

import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering import intake, meters
from metering.formats.blocks import day_block
from metering.formats.csv import write_wide
from metering.halfhours import SLOTS
from metering.models import Meter, SupplyPoint, UsageFile
from portal.models import User
from portal.workdays import JST, ONE_DAY, jst_date
from switching import answers, applications, meter_works, network_work, stops
from switching.codes import AnswerCode
from switching.models import Application, MeterWork
from switching.network_work import Duty
from switching.partners.behaviours import Network, Scripts, When

SENDS_AT = time(3)
CORRECTED_AFTER_DAYS = 2
CORRECTION_WH = 10
WORK_FOR = {
    Application.Kind.SWITCH_START: MeterWork.Kind.EXCHANGE,
    Application.Kind.RECONNECTION: MeterWork.Kind.AMPERE,
    Application.Kind.AMPERE_CHANGE: MeterWork.Kind.AMPERE,
    Application.Kind.TERMINATION: MeterWork.Kind.REMOVE,
}


def act(clerk: User, scripts: Scripts, *, now: datetime) -> int:
    """Do whatever is due on the clerk's network; returns how many deeds were done."""
    done = 0
    for application in network_work.of(clerk).select_related("point"):
        done += _work_on(application, scripts.network(application.point.number), clerk, now=now)
    return done + send_usage(clerk, scripts, now=now)


# --- Applications -------------------------------------------------------------------------------------------------
def _work_on(application: Any, behaviour: Network, clerk: User, *, now: datetime) -> int:
    today = jst_date(now)
    try:
        match application.duty:
            case Duty.ANSWER:
                return _answer(application, behaviour, clerk, now=now)
            case Duty.STOP:
                asked = stops.open_request(application)
                if asked is None or behaviour.when == When.NEVER:
                    return 0
                stops.decide(request_id=asked.pk, stops=True, by=clerk, now=now)
            case Duty.PLAN:
                day = max(application.duty_due or today, today)
                meter_works.plan(
                    point=application.point,
                    kind=WORK_FOR[application.kind],
                    planned_on=day,
                    application=application,
                    by=clerk,
                    now=now,
                )
            case Duty.REPORT:
                return _report(MeterWork.objects.get(pk=application.work_id), clerk, now=now)
            case Duty.PAPERWORK:
                applications.complete(application_id=application.pk, by=clerk, now=now)
    except (applications.NotPossible, meters.NotPossible):
        return 0
    return 1


def _answer(application: Application, behaviour: Network, clerk: User, *, now: datetime) -> int:
    last = application.matching_deadline or application.desired_date
    if behaviour.when == When.NEVER or (behaviour.when == When.AT_THE_DEADLINE and jst_date(now) < last - ONE_DAY):
        return 0
    if behaviour.codes:
        answers.reject(application_id=application.pk, codes=behaviour.codes, by=clerk, now=now)
    else:
        code = AnswerCode.WITH_WORK if application.meter_work else AnswerCode.AS_FILED
        answers.accept(application_id=application.pk, codes=[code], by=clerk, now=now)
    return 1


def _report(work: MeterWork, clerk: User, *, now: datetime) -> int:
    if work.planned_on > jst_date(now):
        return 0
    old = Meter.objects.filter(point=work.point, removed_on__isnull=True).order_by("pk").first()
    removes, installs = meter_works.NEEDED[MeterWork.Kind(work.kind)]
    new = meters.NewMeter(f"LT{work.pk:07d}") if installs else None
    meter_works.report(
        work_id=work.pk,
        done=meter_works.Done(
            done_on=work.planned_on,
            old_meter=old.number if old and removes else "",
            new_meter=new,
            old_reading_wh=1_000_000 if old and removes else None,
            new_reading_wh=0 if new else None,
        ),
        by=clerk,
        now=now,
    )
    return 1


# --- Usage --------------------------------------------------------------------------------------------------------
def send_usage(clerk: User, scripts: Scripts, *, now: datetime) -> int:
    """Send the night's files that were not sent yet; returns how many."""
    local = now.astimezone(JST)
    if local.time() < SENDS_AT:
        return 0
    begun = SupplyPoint.objects.filter(network_operator=clerk.company)
    by_area: dict[str, list[str]] = defaultdict(list)
    for area, number in begun.order_by("number").values_list("area", "number"):
        by_area[area].append(number)
    done = 0
    for area, numbers in by_area.items():
        for label, day, chosen, more in _deliveries(numbers, scripts, local.date()):
            name = f"usage-{area}-{day:%Y%m%d}-{label}.csv"
            if chosen and not UsageFile.objects.filter(sender=clerk.company, name=name).exists():
                done += _send(name, chosen, day, more, clerk, now=now)
    return done


def _deliveries(numbers: list[str], scripts: Scripts, today: date) -> Iterator[tuple[str, date, list[str], int]]:
    """What goes out in the night before `today`: (label, day of usage, points, Wh added to each half-hour)."""
    behaviour = {number: scripts.network(number) for number in numbers}
    for late in sorted({found.days_late for found in behaviour.values()}):
        chosen = [number for number in numbers if behaviour[number].days_late == late]
        yield f"{late}", today - (1 + late) * ONE_DAY, chosen, 0
    again = [number for number in reversed(numbers) if behaviour[number].is_sent_twice]
    yield "again", today - ONE_DAY, again, 0
    corrected = [number for number in numbers if behaviour[number].is_corrected]
    yield "corrected", today - (1 + CORRECTED_AFTER_DAYS) * ONE_DAY, corrected, CORRECTION_WH


def _send(name: str, numbers: list[str], day: date, more: int, clerk: User, *, now: datetime) -> int:
    values = np.stack([usage_of(number, day) for number in numbers]) + np.int32(more)
    file = io.BytesIO()
    write_wide(file, [day_block(numbers, [day] * len(numbers), values)])
    file.seek(0)
    try:
        intake.receive(file, name=name, sender=clerk.company, by=clerk, now=now)
    except intake.AlreadyReceived:
        return 0
    return 1


def usage_of(number: str, day: date) -> NDArray[np.int32]:
    """A household's invented day, 48 half-hours in Wh: always the same for the same point and day."""
    random = np.random.default_rng([int(number[-9:]), day.toordinal()])
    hours = np.arange(SLOTS) / 2
    shape = 120 + 90 * np.exp(-((hours - 7.5) ** 2) / 3) + 220 * np.exp(-((hours - 20) ** 2) / 8)
    return np.asarray(shape * random.uniform(0.6, 1.4) + random.normal(0, 12, SLOTS), np.int32).clip(10)
