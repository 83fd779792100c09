"""A request for past usage is corrected while it waits: each correction is kept, the difference shown, nothing told."""

from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction

from metering import access_codes, access_corrections
from metering.access_corrections import NothingCorrected
from metering.inquiries import OutsideYourRoles
from metering.models import AccessCorrection, UsageAccessRequest
from portal.models import LedgerEntry
from tests.cast import NOW, client_of
from tests.metering.asking import ask_for_usage
from tests.metering.test_past_usage import NEXT_DAY

State = UsageAccessRequest.State


@pytest.fixture
def asked(sora_inquiry: Any, points: Any, now: Any) -> UsageAccessRequest:
    return ask_for_usage(sora_inquiry, points.house, now=now)


def entries(asked: UsageAccessRequest, **changes: Any) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in access_corrections.FIELDS} | changes


def test_what_is_corrected_is_what_is_compared_on_the_day_that_stays(asked, sora_inquiry, now) -> None:
    right = asked.contract_number
    for number in ("wrong", right):
        access_corrections.correct(asked, **entries(asked, contract_number=number), by=sora_inquiry, now=now)
    asked.refresh_from_db()
    assert access_codes.issue_due(now=NEXT_DAY) == 1
    due_on = asked.due_on
    asked.refresh_from_db()
    assert (asked.state, asked.due_on) == (State.ISSUED, due_on)
    first, second = asked.corrections.all()
    assert (first.number, second.number) == (1, 2)
    assert access_corrections.differences(second)[0][1:] == ("wrong", right)
    entry = LedgerEntry.objects.filter(action="usage access corrected").latest("pk")
    assert entry.detail["fields"] == ["contract_number"] and right not in str(entry.detail)


def test_a_wrong_correction_is_refused_like_any_wrong_request(asked, sora_inquiry, now) -> None:
    access_corrections.correct(asked, **entries(asked, contract_number="wrong"), by=sora_inquiry, now=now)
    access_codes.issue_due(now=NEXT_DAY)
    asked.refresh_from_db()
    assert asked.state == State.REFUSED


def test_nothing_is_corrected_once_the_code_is_there_or_the_request_has_ended(asked, sora_inquiry, now) -> None:
    access_codes.issue_due(now=NEXT_DAY)
    with pytest.raises(access_codes.NotWaiting):
        access_corrections.correct(asked, **entries(asked, valid_days=31), by=sora_inquiry, now=NEXT_DAY)
    with pytest.raises(DatabaseError), transaction.atomic():
        UsageAccessRequest.objects.update(valid_days=31)
    assert not AccessCorrection.objects.exists()


@pytest.mark.parametrize(
    ("changes", "refusal"), [({}, NothingCorrected), ({"holder_name": " "}, access_codes.HolderMissing)]
)
def test_a_correction_changes_something_and_leaves_nothing_out(asked, sora_inquiry, now, changes, refusal) -> None:
    with pytest.raises(refusal):
        access_corrections.correct(asked, **entries(asked, **changes), by=sora_inquiry, now=now)


@pytest.mark.parametrize("who", ["umi.inquiry", "yama.inquiry", "sora.viewer"])
def test_nobody_else_corrects(asked, cast, now, who) -> None:
    with pytest.raises(OutsideYourRoles):
        access_corrections.correct(asked, **entries(asked, valid_days=31), by=cast[who], now=now)


def test_a_check_writes_nothing(asked, sora_inquiry, now) -> None:
    access_corrections.correct(asked, **entries(asked, valid_days=31), by=sora_inquiry, now=now, dry_run=True)
    asked.refresh_from_db()
    assert asked.valid_days != 31 and not AccessCorrection.objects.exists()


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("corrections_of_a_request_are_numbered_once", "'{}', '{\"a\": 1}' FROM generate_series(1, 2)"),
        ("a_correction_changes_something", "'{}', '{}'"),
    ],
)
def test_the_database_insists(asked, sora_inquiry, name, sql) -> None:
    from django.db import connection

    with pytest.raises(DatabaseError, match=name), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_accesscorrection (request_id, by_id, at, number, reason, before, after) "
            f"SELECT %s, %s, now(), 7, '', {sql}",
            [asked.pk, sora_inquiry.pk],
        )


def test_corrections_are_kept(asked, sora_inquiry, now) -> None:
    access_corrections.correct(asked, **entries(asked, valid_days=31), by=sora_inquiry, now=now)
    for deed in ({"reason": "x"}, None):
        with pytest.raises(DatabaseError, match=r"(?i)cannot"), transaction.atomic():
            AccessCorrection.objects.update(**deed) if deed else AccessCorrection.objects.all().delete()


def test_the_page_shows_the_difference_before_and_after(asked, sora_inquiry, cast) -> None:
    sora, way = client_of(sora_inquiry), f"/usage-inquiries/{asked.pk}/correction/"
    with time_machine.travel(NOW, tick=False):
        assert way in sora.get(f"/usage-inquiries/{asked.pk}/").content.decode()
        assert asked.contract_number in sora.get(way).content.decode()
        given = entries(asked, holder_name="別人 太郎", reason="読み間違い")
        page = sora.post(way, given).content.decode()
        assert f"<del>{asked.holder_name}</del>" in page and "<ins>別人 太郎</ins>" in page
        assert not AccessCorrection.objects.exists()
        page = sora.post(way, given | {"back": "1"}).content.decode()
        assert 'value="別人 太郎"' in page and "<ins>" not in page
        assert sora.post(way, entries(asked, holder_name="")).status_code == 422
        assert sora.post(way, entries(asked)).status_code == 422
        assert sora.post(way, given | {"confirmed": "1"}).url == f"/usage-inquiries/{asked.pk}/"
        page = sora.get(f"/usage-inquiries/{asked.pk}/").content.decode()
        assert "<ins>別人 太郎</ins>" in page and "読み間違い" in page
        for stranger in ("umi.inquiry", "yama.inquiry"):
            assert client_of(cast[stranger]).get(way).status_code == 404
        access_codes.cancel(asked, by=sora_inquiry, now=NOW)
        assert sora.get(way).url == f"/usage-inquiries/{asked.pk}/"
