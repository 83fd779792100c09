"""The network operator's side of the demo: work at meters in every state, days told anew, a file of answers."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import timedelta

from metering import meters
from portal.market import Area, SupplyClass
from portal.models import User
from switching import actual_days, meter_works, network_work
from switching.bulk import uploads
from switching.demo.cases import Teller
from switching.demo.estate import Site, Wanted
from switching.demo.usage_files import Story
from switching.kinds import Kind
from switching.models import ActualDay, Application, Content, MeterWork, UndoCase
from switching.network_work import Duty
from switching.states import ApplicationState

WANTED = tuple(Wanted(Area.TOKYO, SupplyClass.LV, company, smart=False) for company in ("umi", "sora", "umi", "yama"))
"""Meters read by hand, which are exchanged for smart ones one after the other."""


def stories(teller: Teller, sites: Sequence[Site]) -> Iterator[Story]:
    """What kaze's people planned and reported."""
    yield _exchange(teller, sites)
    yield _work_of_applications(teller)
    yield _begun_later(teller)
    yield _answers(teller)


def _operator(teller: Teller) -> User:
    return teller.person(teller.market.network_operator(Area.TOKYO), "application")


def _exchange(teller: Teller, sites: Sequence[Site]) -> Story:
    """Four meters whose time is up: one exchanged, one not reported yet, one called off, one to come."""
    clock, by = teller.clock, _operator(teller)
    now = yield clock.at(clock.business_day(-6), 10, 10)
    planned = [
        meter_works.plan(
            point=site.row,
            kind=MeterWork.Kind.EXCHANGE,
            planned_on=clock.business_day(at),
            by=by,
            now=now,
        )
        for site, at in zip(sites, (-2, -1, 1, 3), strict=False)
    ]
    if len(planned) < len(WANTED):
        return
    now = yield clock.at(clock.business_day(-3), 16)
    meter_works.call_off(work_id=planned[2].pk, by=by, now=now)
    now = yield clock.at(clock.business_day(-2), 16, 30)
    done = meter_works.Done(
        now.date(),
        old_meter=sites[0].meter,
        new_meter=meters.NewMeter("0326-118207"),
        old_reading_wh=48_213_000,
        new_reading_wh=0,
    )
    meter_works.report(work_id=planned[0].pk, done=done, by=by, now=now)


def _work_of_applications(teller: Teller) -> Story:
    """The equipment of a termination is taken away on its day, which is still to come."""
    clock, by = teller.clock, _operator(teller)
    now = yield clock.at(clock.business_day(-1), 15, 20)
    for application in Application.objects.filter(
        kind=Kind.TERMINATION,
        state=ApplicationState.ACCEPTED,
        removal=True,
        point__area=Area.TOKYO,
        desired_date__gte=now.date(),
    ).select_related("point"):
        meter_works.plan(
            point=application.point,
            kind=MeterWork.Kind.REMOVE,
            planned_on=application.desired_date,
            application=application,
            by=by,
            now=now,
        )


def _begun_later(teller: Teller) -> Story:
    """A reconnection was carried out one day after the planned one: the door was locked."""
    clock, by = teller.clock, _operator(teller)
    now = yield clock.no_later(clock.at(clock.business_day(0), 9, 20), before_end=timedelta(minutes=15))
    begun = (
        Application.objects.filter(
            kind=Kind.RECONNECTION, state=ApplicationState.IN_EFFECT, in_effect_on__lt=now.date() - timedelta(days=1)
        )
        .exclude(point__in=UndoCase.objects.values("point"))
        .first()
    )
    if begun is not None and begun.in_effect_on is not None:
        actual = begun.in_effect_on + timedelta(days=1)
        actual_days.report(application_id=begun.pk, actual=actual, cause=ActualDay.Cause.ACCESS, by=by, now=now)


def _answers(teller: Teller) -> Story:
    """A file of answers that waits for its confirmation: the first accepted, the next refused, one nobody knows."""
    clock, by = teller.clock, _operator(teller)
    now = yield clock.no_later(clock.at(clock.business_day(0), 9, 40), before_end=timedelta(minutes=10))
    waiting = network_work.of(by).filter(duty=Duty.ANSWER).order_by("pk")[:2]
    rows = [
        [application.number, verdict, code]
        for application, verdict, code in zip(waiting, ("accept", "reject"), ("A01", "R04"), strict=False)
    ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["application", "verdict", "codes"], *rows, ["A0000000000", "accept", "A01"]])
    sent = uploads.receive(
        io.BytesIO(text.getvalue().encode("cp932")),
        content=Content.NETWORK_ANSWERS,
        name="申込回答.csv",
        by=by,
        now=now,
    )
    uploads.check(sent.pk, now=now)
