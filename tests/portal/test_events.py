"""The feed: numbers without a gap whoever writes at once, 100,000 events read again, roles, position, retention."""

import itertools
import json
import resource
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from portal import companies, delivery, event_kinds, events, gates, hub_key, outbox, statements
from portal.access import Ability
from portal.models import (
    Cause,
    Delivery,
    DeliveryAlarm,
    Event,
    EventStatement,
    FeedPosition,
    Function,
    Notice,
    Topic,
)
from portal.workdays import JST


def happening(company, at: int = 0, **fields) -> events.Happening:
    return events.Happening(
        **{
            "recipient_id": company.pk,
            "topic": Topic.RELAYS,
            "kind": "relay.accept",
            "cause": Cause.COUNTERPART_DEED,
            "subject": f"relay R{at}",
            **fields,
        }
    )


def write(company, count: int, now, **fields) -> None:
    events.write_many([happening(company, at, **fields) for at in range(count)], now=now)


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_leave_no_gap_and_no_number_twice_and_do_not_lock_one_another_out(cast, now):
    barrier = Barrier(4)
    both = [cast.sora, cast.umi]

    def work(worker: int) -> None:
        barrier.wait(timeout=10)
        for at in range(12):
            with transaction.atomic():
                ordered = both if worker % 2 else both[::-1]
                events.write_many([happening(company, at) for company in ordered], now=now)
                if at % 4 == 3:
                    outbox.post(outbox.Post(ordered[0].pk, "relay_asked", f"R{at}"), now=now)
                if at % 6 == 5:
                    transaction.set_rollback(True)
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    for company in both:
        numbers = list(Event.objects.filter(recipient=company).order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        assert events.standing(company).last == len(numbers)


@pytest.mark.django_db
def test_a_hundred_thousand_events_are_read_again_in_constant_memory_and_bounded_queries(cast, now):
    write(cast.sora, 100_000, now)
    first = events.standing(cast.sora).oldest
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with CaptureQueriesContext(connection) as caught:
        for number, event in enumerate(events.stream(cast.sora, after=first - 1), first):
            assert event.number == number
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert number == events.standing(cast.sora).last
    assert len(caught) <= 100_000 / events.AT_ONCE + 3
    assert grown_kb < 60_000
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE portal_event")
        cursor.execute(
            "EXPLAIN (FORMAT JSON) SELECT * FROM portal_event WHERE recipient_id = %s AND number > 99000 "
            "ORDER BY number LIMIT 1000",
            [cast.sora.pk],
        )
        assert "an_event_number_is_used_once_per_recipient" in json.dumps(cursor.fetchone()[0])


@pytest.mark.django_db
def test_a_notice_is_an_event_with_its_cause_and_without_its_words(cast, now):
    post = outbox.Post(
        cast.umi.pk,
        "relay_reminder",
        "R0000000018",
        link="/relays/R0000000018/",
        area="03",
        ability=Ability.SEE_RELAYS,
        context={"supply_class": "LV", "secret": "山田"},
    )
    outbox.post(post, now=now)
    event = Event.objects.filter(recipient=cast.umi).latest("number")
    assert (event.kind, event.cause, event.supply_class) == ("relay.remind", Cause.DEADLINE_NEAR, "LV")
    assert event.page == "/relays/R0000000018/"
    assert "山田" not in json.dumps(events.told(event), ensure_ascii=False)
    assert event_kinds.of("never_heard_of").topic == Topic.COMPANY


@pytest.mark.django_db
def test_whoever_lacks_the_role_gets_the_number_alone(cast, now):
    write(cast.sora, 1, now, ability=Ability.SEE_RELAYS, area="03", supply_class="LV")
    event = Event.objects.filter(recipient=cast.sora).latest("number")
    assert events.told(event, to=cast["sora.relay"])["subject"] == "relay R0"
    withheld = events.told(event, to=cast["sora.usage"])
    assert withheld == {"number": event.number, "at": event.at.isoformat(), "withheld": True}
    for who, sees in (("sora.relay", True), ("sora.usage", False), ("yama.relay", False)):
        found = Event.objects.visible_to(cast[who]).concerning(cast[who])
        assert found.filter(pk=event.pk).exists() == sees


@pytest.mark.django_db
def test_the_position_moves_forward_alone_and_never_past_the_last(cast, now):
    write(cast.sora, 5, now)
    by, last = cast["sora.relay"], events.standing(cast.sora).last
    assert events.acknowledge(last - 1, by=by, now=now).acknowledged == last - 1
    assert events.acknowledge(last - 1, by=by, now=now).acknowledged == last - 1
    with pytest.raises(events.Backwards):
        events.acknowledge(last - 2, by=by, now=now)
    with pytest.raises(events.NotPostedYet):
        events.acknowledge(last + 1, by=by, now=now)
    assert FeedPosition.objects.get().company == cast.sora


@pytest.mark.django_db
def test_events_are_kept_ninety_days_whatever_is_tried_and_dropped_after_their_time(cast, now, settings):
    today = datetime.now(JST)
    write(cast.sora, 3, today - timedelta(days=settings.EVENT_DAYS + 2))
    write(cast.sora, 2, today)
    old = Event.objects.filter(
        recipient=cast.sora, at__lt=today - timedelta(days=settings.EVENT_DAYS), kind="relay.accept"
    )
    fresh = Event.objects.filter(recipient=cast.sora, at=today)
    for attempt in (lambda: fresh.delete(), lambda: fresh.update(subject="other"), lambda: old.update(subject="x")):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert events.drop_old(now=today) >= 3
    kept = events.standing(cast.sora)
    assert Event.objects.filter(recipient=cast.sora).count() == kept.last - kept.oldest + 1
    with pytest.raises(events.NoLongerKept) as caught:
        events.page(cast.sora, after=0)
    assert caught.value.oldest == kept.oldest
    assert events.page(cast.sora, after=kept.last) == []


@pytest.mark.django_db
def test_an_opening_and_a_maintenance_are_events_to_every_company(cast, now):
    gates.open_function(Function.RELAYS, opened_from=now, by=cast["hub.operator"], now=now)
    window = gates.announce(
        function=Function.RELAYS,
        begins_at=now + timedelta(days=2),
        ends_at=now + timedelta(days=2, hours=1),
        announced_from=now,
        words_ja="保守",
        words_en="maintenance",
        by=cast["hub.operator"],
        now=now,
    )
    gates.call_off(window, by=cast["hub.operator"], now=now)
    for kind in ("gate.set", "maintenance.announce", "maintenance.call_off"):
        told = set(Event.objects.filter(kind=kind).values_list("recipient", flat=True))
        assert told == {company.pk for company in cast.companies.values()}, kind


# --- Statements ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_each_day_with_an_event_has_one_statement_that_builds_upon_the_day_before(cast, now):
    days = [now, now + timedelta(days=1), now + timedelta(days=4)]
    for day in days:
        write(cast.sora, 3, day)
    end = now + timedelta(days=6)
    statements.make_due(now=end)
    assert statements.make_due(now=end) == 0
    made = list(EventStatement.objects.filter(company=cast.sora).order_by("day"))
    own = [one for one in made if one.day >= days[0].astimezone(JST).date()]
    assert [one.day for one in own] == [day.astimezone(JST).date() for day in days]
    for earlier, later in itertools.pairwise(made):
        assert (later.first, later.previous) == (earlier.last + 1, earlier.hash)
    assert sum(one.count for one in made) == events.standing(cast.sora).last
    assert all(statements.holds(one) for one in made)


@pytest.mark.django_db
def test_a_receiver_recomputes_the_hash_from_what_the_feed_told_it(cast, now):
    write(cast.sora, 4, now)
    statements.make_due(now=now + timedelta(days=1))
    made = EventStatement.objects.filter(company=cast.sora).latest("day")
    kept = [events.told(event) for event in events.page(cast.sora, after=made.first - 1)]
    fit = {"first": made.first, "last": made.last, "previous": made.previous}
    assert statements.account(cast.sora.pk, made.day, kept, **fit).hash == made.hash
    assert hub_key.is_signed(statements.signed_text(made.hash), signature=made.signature, public_key=hub_key.public())
    for broken in (kept[:-1], kept[::-1], [{**kept[0], "cause": "silence"}, *kept[1:]]):
        assert statements.account(cast.sora.pk, made.day, broken, **fit).hash != made.hash


@pytest.mark.django_db
def test_the_day_that_runs_has_no_statement_yet(cast, now):
    write(cast.sora, 1, now)
    statements.make_due(now=now)
    assert not EventStatement.objects.filter(company=cast.sora, day=now.astimezone(JST).date()).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "make"),
    [
        (
            "a_statement_counts_its_numbers_without_a_gap",
            lambda cast, now: EventStatement.objects.create(
                company=cast.sora, day=now.date(), first=1, last=5, count=4, made_at=now
            ),
        ),
        (
            "an_event_says_what_and_why",
            lambda cast, now: Event.objects.create(recipient=cast.sora, number=10**6, at=now, topic="relays"),
        ),
        (
            "event_numbers_begin_with_one",
            lambda cast, now: Event.objects.create(recipient=cast.sora, number=0, at=now, kind="x", cause="silence"),
        ),
        (
            "a_position_is_not_negative",
            lambda cast, now: FeedPosition.objects.create(company=cast.sora, number=-1, at=now, by=cast["sora.relay"]),
        ),
        (
            "an_event_number_is_used_once_per_recipient",
            lambda cast, now: [
                Event.objects.create(recipient=cast.sora, number=10**6, at=now, kind="x", cause="silence")
                for _ in range(2)
            ],
        ),
        (
            "one_delivery_alarm_stands_per_company_and_channel",
            lambda cast, now: [
                DeliveryAlarm.objects.create(company=None, channel="mail", raised_at=now, since=now, count=1)
                for _ in range(2)
            ],
        ),
    ],
)
def test_the_database_refuses(cast, now, name, make):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        make(cast, now)


# --- Alarms -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(cast):
    """Nothing of the cast's own notices waits."""
    Delivery.objects.update(state=Delivery.State.SENT, sent_at=datetime.now(JST))


@pytest.mark.django_db
def test_what_is_unsent_for_four_minutes_is_told_once_and_its_end_too(cast, now, sent, settings):
    outbox.post(outbox.Post(cast.umi.pk, "company_begins", "umi", context={"instead_of": "2026-04-01"}), now=now)
    assert delivery.look(now=now + settings.UNSENT_ALARM - timedelta(seconds=1)) == (0, 0)
    late = now + settings.UNSENT_ALARM
    assert delivery.look(now=late) == (1, 0)
    assert delivery.look(now=late) == (0, 0)
    notice = Notice.objects.get(kind="delivery_alarm")
    assert notice.recipient == cast.hub and notice.ability == Ability.WATCH_DELIVERY
    figures = {figure.name: figure.values for figure in delivery.figures(late)}
    assert figures["kirikae_unsent"]["mail",] >= 1
    assert figures["kirikae_unsent_age_seconds"]["mail",] >= settings.UNSENT_ALARM.total_seconds()
    assert figures["kirikae_delivery_alarms"] == {(): 1}
    assert outbox.send_due(now=late)
    assert delivery.look(now=late) == (0, 1)
    assert Notice.objects.filter(kind="delivery_well", recipient=cast.hub).count() == 1
    assert settings.UNSENT_ALARM + timedelta(minutes=1) <= timedelta(minutes=5)


@pytest.mark.django_db
def test_the_page_shows_the_hub_every_company_and_a_company_itself_alone(cast, now, client_of):
    write(cast.umi, 2, now)
    outbox.post(outbox.Post(cast.umi.pk, "company_begins", "umi", context={"instead_of": "2026-04-01"}), now=now)
    hub = client_of(cast["hub.operator"]).get("/events/delivery/").content.decode()
    own = client_of(cast["umi.relay"]).get("/events/delivery/").content.decode()
    other = client_of(cast["yama.relay"]).get("/events/delivery/").content.decode()
    body = [page.partition("<main")[2] for page in (hub, own, other)]
    assert [cast.umi.name in page for page in body] == [True, True, False]


@pytest.mark.django_db
def test_a_person_acknowledges_on_the_page_and_is_told_why_not(cast, now, client_of):
    write(cast.sora, 2, now)
    client = client_of(cast["sora.relay"])
    last = events.standing(cast.sora).last
    assert client.post("/events/acknowledgement/", {"number": last + 1}).status_code == 422
    assert client.post("/events/acknowledgement/", {"number": last}).status_code == 302
    assert f"{last}" in client.get("/events/?topic=relays").content.decode()
    assert client.get("/events/statements/").status_code == 200


@pytest.mark.django_db
def test_a_company_registered_later_begins_with_one(cast, now):
    fresh = companies.register(name="星でんき", name_en="Hoshi", by=None, now=now)
    write(fresh, 2, now)
    assert [event.number for event in events.page(fresh, after=0)] == [1, 2]
