"""A frozen application is stopped on request: asked by its retailer, decided by the network operator, once."""

import pytest
from django.db import IntegrityError, transaction

from metering import supply
from portal.models import LedgerEntry, Notice
from switching import applications, cooling_off, matching, meter_works, network_work, stops
from switching.models import Application, Cancellation, MeterWork
from switching.states import ApplicationState, RelayState
from tests.cast import NOW, client_of
from tests.switching.cases import DESIRED
from tests.switching.paging import said
from tests.switching.test_matching import at
from tests.switching.test_relay_pages import english

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def start(play):
    """sora's matched start with work planned."""
    point = play.point()
    start = play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=NOW)
    start.refresh_from_db()
    meter_works.plan(
        point=point, application=start, kind="exchange", planned_on=DESIRED, by=play.cast["kaze.application"], now=NOW
    )
    start.refresh_from_db()
    return start


@pytest.fixture
def change(play):
    """umi's ampere change with work planned."""
    change = play.taken_up(play.file("ampere_change", play.point()))
    meter_works.plan(
        point=change.point, application=change, kind="ampere", planned_on=DESIRED,
        by=play.cast["kaze.application"], now=NOW,
    )  # fmt: skip
    change.refresh_from_db()
    return change


def asked(cast, application, who="sora", reason="the customer changed its mind", now=NOW, **more):
    return stops.ask(application_id=application.pk, reason=reason, by=cast[f"{who}.application"], now=now, **more)


def decided(cast, request, *, stops_it, text="", now=NOW, who="kaze.application", **more):
    return stops.decide(request_id=request.pk, stops=stops_it, text=text, by=cast[who], now=now, **more)


def test_a_stopped_switch_ends_on_both_sides_with_its_relay_and_its_work(cast, start):
    request = asked(cast, start)
    assert Notice.objects.get(kind="application_asked").recipient == cast.kaze
    decided(cast, request, stops_it=True)
    assert set(start.match.applications.values_list("state", flat=True)) == {ApplicationState.CANCELLED}
    start.relay.refresh_from_db()
    assert start.relay.state == RelayState.WITHDRAWN
    assert MeterWork.objects.get().cancelled_at == NOW
    matching.hand_over_due(now=at(DESIRED, 1))
    assert supply.current_period(start.point, DESIRED).retailer == cast.umi
    assert set(Notice.objects.filter(kind="application_stopped").values_list("recipient", flat=True)) == {
        cast.sora.pk,
        cast.umi.pk,
        cast.kaze.pk,
    }


def test_a_stopped_change_of_one_side_keeps_its_reason_as_a_revision(cast, change):
    decided(cast, asked(cast, change, "umi", "typed wrongly"), stops_it=True)
    change.refresh_from_db()
    assert change.state == ApplicationState.CANCELLED
    assert change.revisions.last().reason == "typed wrongly"
    assert not MeterWork.objects.filter(cancelled_at__isnull=True).exists()


def test_a_refusal_says_why_and_the_application_goes_on(cast, start):
    request = asked(cast, start)
    with pytest.raises(stops.ReasonMissing):
        decided(cast, request, stops_it=False, text=" ")
    decided(cast, request, stops_it=False, text="the crew is there")
    start.refresh_from_db()
    assert start.state == ApplicationState.SCHEDULED
    assert Notice.objects.get(kind="application_kept").recipient == cast.sora
    with pytest.raises(stops.Answered):
        decided(cast, request, stops_it=True)
    asked(cast, start)  # another day, another reason


def test_the_day_comes_first_and_only_a_refusal_is_left(cast, start):
    request = asked(cast, start)
    matching.hand_over_due(now=at(DESIRED, 1))
    with pytest.raises(applications.AlreadyMoved):
        decided(cast, request, stops_it=True, now=at(DESIRED, 9))
    assert {row.duty for row in network_work.of(cast["kaze.application"])} >= {"stop"}
    decided(cast, request, stops_it=False, text="too late", now=at(DESIRED, 9))


def test_cooling_off_granted_calls_the_planned_work_off_as_well(cast, start):
    case = cooling_off.open_case(relay_id=start.relay_id, declared_on=NOW.date(), by=cast["sora.relay"], now=NOW)
    cooling_off.answer(case_id=case.pk, agrees=True, by=cast["kaze.application"], now=NOW)
    assert MeterWork.objects.get().cancelled_at == NOW


NEVER_OF_ONE_SIDE = {ApplicationState.MATCHED, ApplicationState.UNMATCHED}


@pytest.mark.parametrize("state", sorted(set(ApplicationState) - {ApplicationState.SCHEDULED} - NEVER_OF_ONE_SIDE))
def test_what_is_not_frozen_is_not_asked_for(cast, play, state):
    if state == ApplicationState.WAITING:
        application = play.start(play.point())
        who = "sora"
    else:
        application = play.taken_up(play.file("ampere_change", play.point()))
        done = ApplicationState.IN_EFFECT, ApplicationState.COMPLETED
        Application.objects.filter(pk=application.pk).update(
            state=state,
            in_effect_on=DESIRED if state in done else None,
            completed_at=NOW if state == ApplicationState.COMPLETED else None,
        )
        who = "umi"
    with pytest.raises(applications.AlreadyMoved):
        asked(cast, application, who)


def test_it_is_asked_once_at_a_time_and_with_a_reason(cast, start):
    with pytest.raises(stops.ReasonMissing):
        asked(cast, start, reason="  ")
    before = LedgerEntry.objects.count()
    asked(cast, start, dry_run=True)
    assert not Cancellation.objects.exists() and LedgerEntry.objects.count() == before
    request = asked(cast, start)
    with pytest.raises(stops.AskedAlready):
        asked(cast, start)
    request.pk = None
    with pytest.raises(IntegrityError, match="one_open_cancellation_per_application"), transaction.atomic():
        request.save(force_insert=True)


@pytest.mark.parametrize("who", ["umi.application", "yama.application", "kaze.application", "sora.viewer"])
def test_only_its_own_retailer_asks_and_only_the_network_operator_decides(cast, start, who):
    with pytest.raises(applications.NotYours):
        stops.ask(application_id=start.pk, reason="x", by=cast[who], now=NOW)
    request = asked(cast, start)
    if who != "kaze.application":
        with pytest.raises(applications.NotYours):
            decided(cast, request, stops_it=True, who=who)


def test_asked_and_stopped_on_the_pages(cast, start):
    sora, kaze = english(client_of(cast["sora.application"])), english(client_of(cast["kaze.application"]))
    case = f"/applications/{start.number}/"
    assert f"{case}stop-request/" in sora.get(case).content.decode()
    assert sora.post(f"{case}stop-request/", {"text": ""}).status_code == 422
    assert "Ask to stop this application?" in said(sora.post(f"{case}stop-request/", {"text": "typed wrongly"}))
    sora.post(f"{case}stop-request/", {"text": "typed wrongly", "confirmed": "1"})
    assert f"{case}stop-answer/" in kaze.get("/network-work/?duty=stop").content.decode()
    page = said(kaze.get(f"{case}stop-answer/"))
    assert "typed wrongly" in page
    assert kaze.post(f"{case}stop-answer/", {"answer": "refuse", "text": ""}).status_code == 422
    assert "Stop this application?" in said(kaze.post(f"{case}stop-answer/", {"answer": "stop"}))
    kaze.post(f"{case}stop-answer/", {"answer": "stop", "confirmed": "1"})
    start.refresh_from_db()
    assert start.state == ApplicationState.CANCELLED
    assert "No request to stop" in said(kaze.get(f"{case}stop-answer/", follow=True))
    assert "it is now “cancelled”" in said(sora.get(f"{case}stop-request/", follow=True))
    assert client_of(cast["yama.application"]).get(f"{case}stop-request/").status_code == 404
