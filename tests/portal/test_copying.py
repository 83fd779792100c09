"""Rows that stream into a table are rows like any other: transaction, defaults and triggers hold."""

import pytest
from django.db import IntegrityError, transaction

from portal import ledger, outbox
from portal.copying import copy_rows
from portal.models import Delivery, LedgerEntry, Notice, UnsealedEntry
from portal.outbox import Post


class Broken(Exception):
    pass


def test_what_was_copied_goes_when_the_transaction_goes(db, now):
    with pytest.raises(Broken), transaction.atomic():
        ledger.record("tried", "case 1", by=None, now=now)
        assert LedgerEntry.objects.filter(action="tried").exists()
        raise Broken
    assert not LedgerEntry.objects.filter(action="tried").exists()


def test_copied_evidence_waits_for_its_seal_with_a_salt_of_its_own(db, now):
    ledger.record_many(
        [ledger.Entry("told", f"case {n}", detail={"名": "\\t\n\t"}) for n in range(3)], by=None, now=now
    )
    rows = LedgerEntry.objects.filter(action="told")
    assert len({row.salt for row in rows}) == 3
    assert {row.detail["名"] for row in rows} == {"\\t\n\t"}
    assert UnsealedEntry.objects.filter(entry_id__in=rows.values("pk")).count() == 3


def test_constraints_hold_for_copied_rows(cast, now):
    row = (cast.sora.pk, 1, "relay_accepted", "R1", "", "", "", {}, now)
    columns = ("recipient_id", "number", "kind", "subject", "link", "area", "ability", "context", "posted_at")
    with pytest.raises(IntegrityError, match="a_notice_number_is_used_once"), transaction.atomic():
        copy_rows(Notice, columns, [row, row])
    assert not Notice.objects.filter(subject="R1").exists()


def test_every_posted_notice_of_a_company_with_an_address_has_one_delivery(cast, now):
    cast.umi.notice_address = ""
    cast.umi.save()
    posts = [Post(company.pk, "relay_accepted", f"R{n}") for n in range(3) for company in (cast.sora, cast.umi)]
    for _again in range(2):
        assert outbox.post_many(posts, now=now) == 6
    assert list(Notice.objects.filter(recipient=cast.sora).order_by("number").values_list("number", "subject")) == [
        (1, "R0"), (2, "R1"), (3, "R2"), (4, "R0"), (5, "R1"), (6, "R2"),
    ]  # fmt: skip
    assert Delivery.objects.filter(notice__recipient=cast.sora, address=cast.sora.notice_address).count() == 6
    assert not Delivery.objects.filter(notice__recipient=cast.umi).exists()
