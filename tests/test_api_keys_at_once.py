"""One Idempotency-Key in two requests at the same time: real connections, one deed, the same answer twice."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from metering import inquiries
from metering.models import Consent
from portal.models import ApiWrite
from tests import calling
from tests.switching.test_races import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clock")]
CONSENT = {"reference": "R-1", "channel": "web", "purpose": "switch", "obtained_on": "2026-04-01"}


@pytest.fixture
def two(cast: Any) -> list[calling.Caller]:
    """The same program in two processes."""
    first = calling.caller(cast, "sora", "inquiry")
    return [first, calling.Caller(first.client, first.secret)]


def somebody_waits() -> None:
    """Until another connection waits for this one's lock."""
    for _each in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("the second request did not wait for the first one")


@pytest.fixture
def slowly(monkeypatch: Any) -> Callable[[Callable[[], None]], list[str]]:
    """Let the deed of whoever comes first end when the other request waits, then do what is given."""

    def begin(afterwards: Callable[[], None]) -> list[str]:
        done: list[str] = []
        real = inquiries.record_consent

        def record_consent(**given: Any) -> Consent:
            made = real(**given)
            done.append(given["reference"])
            if len(done) == 1:
                somebody_waits()
                afterwards()
            return made

        monkeypatch.setattr(inquiries, "record_consent", record_consent)
        return done

    return begin


def nothing() -> None:
    """Go on."""


def test_two_at_once_are_one_deed_and_one_answer(two, slowly) -> None:
    done = slowly(nothing)
    answers = together(*[lambda api=api: api.post("/consents", CONSENT, key="k") for api in two])
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content and answers[0]["ETag"] == answers[1]["ETag"]
    assert sorted("Idempotent-Replayed" in answer for answer in answers) == [False, True]
    assert done == ["R-1"] and Consent.objects.count() == 1 and ApiWrite.objects.count() == 1


def test_another_deed_with_the_key_at_once_is_refused(two, slowly) -> None:
    slowly(nothing)
    asks = [CONSENT, CONSENT | {"reference": "R-2"}]
    answers = together(
        *[lambda api=api, ask=ask: api.post("/consents", ask, key="k") for api, ask in zip(two, asks, strict=True)]
    )
    by_status = {answer.status_code: answer.json() for answer in answers}
    assert set(by_status) == {201, 422} and by_status[422]["code"] == "api.key_used_otherwise"
    assert [made.reference for made in Consent.objects.all()] == [by_status[201]["reference"]]


@pytest.mark.parametrize(
    ("failure", "status"), [(inquiries.ConsentInTheFuture(), 422), (RuntimeError("a fault of the hub"), 500)]
)
def test_when_the_first_comes_to_nothing_the_second_does_it(two, slowly, failure, status) -> None:
    def fail() -> None:
        raise failure

    done = slowly(fail)
    answers = together(*[lambda api=api: api.post("/consents", CONSENT, key="k") for api in two])
    assert sorted(answer.status_code for answer in answers) == [201, status]
    assert len(done) == 2 and ApiWrite.objects.count() == 1
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    assert Consent.objects.filter(pk=made["id"]).exists()


def test_the_same_key_of_two_programs_is_two_deeds(cast, two) -> None:
    other = calling.caller(cast, "sora", "inquiry")
    answers = together(*[lambda api=api: api.post("/consents", CONSENT, key="k") for api in (two[0], other)])
    assert [answer.status_code for answer in answers] == [201, 201] and Consent.objects.count() == 2
