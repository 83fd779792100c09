"""Every address an event names in the API is there, for each company that was told of it."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import resolve

from portal.models import Event
from switching import exits, matching, meter_works, movements, relays, stops, threads
from tests import calling
from tests.cast import NOW, ROLES
from tests.switching.bulk import sending
from tests.switching.cases import DESIRED, Play
from tests.switching.undoings import AFTER, Undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(cast, settings, tmp_path):
    """A life with something of everything that is told of."""
    settings.MEDIA_ROOT = tmp_path
    play = Play(cast, NOW)
    undo = Undo(play)
    with time_machine.travel(NOW, tick=False):
        asked = play.relay(play.point())
        threads.say(relay_id=asked.pk, topic="ask_will", text="", by=cast["umi.relay"], now=NOW)
        relays.withdraw(relay_id=asked.pk, by=cast["sora.relay"], now=NOW)
        play.rejected(play.point(), 8)
        undo.cool_off(undo.matched())
        change = play.file("ampere_change", play.point())
        play.taken_up(change)
        work = meter_works.plan(
            point=change.point,
            application=change,
            kind="ampere",
            planned_on=DESIRED,
            by=cast["kaze.application"],
            now=NOW,
        )
        stops.ask(application_id=change.pk, reason="x", by=cast["umi.application"], now=NOW)
        movements.announce(point=play.point(), kind="switch", wished_on=DESIRED, by=cast["sora.application"], now=NOW)
        [listed] = sending.ready(play, 1)
        sending.send("relays", sending.csv_of([sending.relay_row(listed)]), by=cast["sora.relay"], now=NOW)
        play.accepted(play.point(), who="yama")
    switched = play.point()
    with time_machine.travel(AFTER, tick=False):
        matching.close_unmatched(now=AFTER)
        done = meter_works.Done(done_on=DESIRED)
        meter_works.report(work_id=work.pk, done=done, by=cast["kaze.application"], now=AFTER)
        at_point = meter_works.plan(
            point=switched, kind="ampere", planned_on=AFTER.date(), by=cast["kaze.application"], now=AFTER
        )
        today = meter_works.Done(done_on=AFTER.date())
        meter_works.report(work_id=at_point.pk, done=today, by=cast["kaze.application"], now=AFTER)
        relays.remind_due(now=AFTER)
        exits.announce(
            company=cast.umi, last_day=AFTER.date() + timedelta(days=9), text="x", by=cast["hub.operator"], now=AFTER
        )
    return cast


def test_every_address_an_event_names_opens_for_who_was_told(told):
    seen: dict[str, set[str]] = {}
    with time_machine.travel(AFTER + timedelta(hours=1), tick=False):
        for who in ("sora", "umi", "yama", "kaze"):
            api = calling.caller(told, who, *[role for role in ROLES[who] if role != "administrator"])
            company = getattr(told, who)
            addresses = Event.objects.filter(recipient=company).exclude(resource="").order_by("resource")
            for path, kind in addresses.values_list("resource", "kind").distinct():
                assert resolve(path).func.is_endpoint, path
                answer = api.get(path)
                assert answer.status_code == 200, (who, kind, path, answer.content.decode())
                seen.setdefault(path.split("/")[3], set()).add(kind)
    assert set(seen) >= {"relays", "applications", "supply-points", "movements", "uploads", "undoing"}, seen


def test_what_has_an_address_in_the_api_has_it_in_its_event_too(told):
    without = set(
        Event.objects.filter(resource="", recipient__is_hub_operator=False)
        .exclude(topic="company")
        .values_list("kind", flat=True)
    )
    assert without == set(), "a case's event leads to the case"
