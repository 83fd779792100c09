"""Posting and sending: nothing is lost when mail server or broker is away, and nothing is sent by two workers."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from portal import outbox
from portal.models import Delivery, Notice

State = Delivery.State


def post(cast: Any, now: Any, count: int = 1) -> None:
    context = {"supply_class": "LV", "desired_date": "2026-04-15", "due_at": "2026-04-03T17:00:00+09:00"}
    outbox.post_many(
        [
            outbox.Post(cast.umi.pk, "relay_registered", f"R{n:010d}", link=f"/relays/R{n:010d}/", context=context)
            for n in range(count)
        ],
        now=now,
    )


@pytest.mark.django_db
def test_a_mail_carries_number_headline_and_a_link_that_works_outside(cast, now, settings) -> None:
    settings.SITE_ADDRESS = "https://hub.example/"
    post(cast, now)
    assert outbox.send_due(now=now) == 1
    [letter] = mail.outbox
    assert letter.to == ["umi@umi.example"]
    assert "R0000000000" in letter.subject
    assert letter.extra_headers["X-Kirikae-Notice"] == str(Notice.objects.get().number)
    assert "https://hub.example/relays/R0000000000/" in letter.body
    assert outbox.send_due(now=now) == 0, "a sent mail is not sent again"


@pytest.mark.django_db
def test_nothing_is_sent_before_its_hour(cast, now) -> None:
    post(cast, now)
    assert outbox.send_due(now=now - timedelta(seconds=1)) == 0


@pytest.mark.django_db
def test_a_mail_server_that_is_away_is_asked_again_with_growing_pauses_and_then_by_the_operator(
    cast, now, monkeypatch
) -> None:
    def away(*args: Any, **options: Any) -> None:
        raise smtplib.SMTPConnectError(421, "away")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", away)
    post(cast, now)
    pauses, moment = [], now
    while (delivery := Delivery.objects.get()).state == State.WAITING:
        assert outbox.send_due(now=moment) == 0
        delivery.refresh_from_db()
        pauses.append(delivery.next_attempt_at - moment)
        moment = delivery.next_attempt_at
    assert pauses[0] == outbox.FIRST_RETRY
    assert pauses == sorted(pauses)
    assert max(pauses) == outbox.LONGEST_RETRY
    assert (delivery.attempts, delivery.state) == (outbox.GIVE_UP_AFTER, State.GIVEN_UP)
    assert "away" in delivery.last_error
    monkeypatch.undo()
    assert outbox.send_due(now=moment) == 0
    assert outbox.send_again([delivery.pk], now=moment) == 1
    assert outbox.send_due(now=moment) == 1


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_never_turns_a_decision_into_an_error(cast, now, monkeypatch) -> None:
    def away(*args: Any, **options: Any) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr("portal.outbox.current_app.send_task", away)
    with transaction.atomic():
        post(cast, now)
    assert Delivery.objects.get().state == State.WAITING
    assert outbox.send_due(now=now) == 1, "the sweep finds it"


@pytest.mark.django_db
def test_a_transaction_that_fails_posts_nothing(cast, now) -> None:
    before = cast.umi.notices_posted
    with pytest.raises(InterruptedError), transaction.atomic():
        post(cast, now)
        raise InterruptedError
    assert not Notice.objects.filter(kind="relay_registered").exists()
    cast.umi.refresh_from_db()
    assert cast.umi.notices_posted == before


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_mails(cast, now) -> None:
    post(cast, now, count=30)
    barrier = Barrier(2)

    def work(_: int) -> int:
        barrier.wait(timeout=10)
        sent = 0
        while portion := outbox.send_due(now=now, limit=4):
            sent += portion
        connection.close()
        return sent

    with ThreadPoolExecutor(2) as threads:
        sent = list(threads.map(work, range(2)))
    assert sum(sent) == len(mail.outbox) == 30
    assert len({letter.subject for letter in mail.outbox}) == 30


@pytest.mark.django_db
def test_a_company_without_address_gets_the_notice_alone(cast, now) -> None:
    cast.umi.notice_address = ""
    cast.umi.save()
    post(cast, now)
    assert Notice.objects.filter(recipient=cast.umi, kind="relay_registered").count() == 1
    assert not Delivery.objects.exists()
