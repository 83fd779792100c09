"""Triggers are told on every connection that none of them is left out, and leave one out where that is asked for."""

import pgtrigger
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from portal import ledger
from portal.models import LedgerEntry


def left_out() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('pgtrigger.ignore')")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_leaves_no_trigger_out():
    connection.close()
    assert left_out() == "{}"


def test_leaving_out_ends_with_its_block(db):
    ledger.record("tried", "thing", by=None, now=timezone.now())
    with pgtrigger.ignore("portal.LedgerEntry:append_only"):
        LedgerEntry.objects.filter(action="tried").update(subject="another")
        assert "append_only" in left_out()
    with pytest.raises(DatabaseError, match="append"), transaction.atomic():
        LedgerEntry.objects.filter(action="tried").update(subject="a third")
