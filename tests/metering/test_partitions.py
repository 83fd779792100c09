"""The monthly partitions of the stored days."""

import threading
from datetime import date, datetime

import pytest
from django.db import IntegrityError, connection

from metering import partitions
from metering.models import UsageDay
from portal.workdays import JST

MARCH, APRIL = date(2031, 3, 31), date(2031, 4, 1)


def insert(day: date, revision: int = 0) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_usageday (point_id, batch_id, day, revision, layer, meter, packed)"
            " VALUES (1, 1, %s, %s, 'D', '', '\\x01')",
            [day, revision],
        )


def test_missing_months_are_made_once(db):
    assert partitions.ensure([MARCH, APRIL, APRIL]) == ["metering_usageday_2031_03", "metering_usageday_2031_04"]
    assert partitions.ensure([MARCH, APRIL]) == []
    insert(MARCH)
    insert(APRIL)
    assert UsageDay.objects.count() == 2


def test_a_partition_has_the_promises_of_the_table(db):
    partitions.ensure([MARCH])
    insert(MARCH)
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'metering_usageday_2031_03'")
        indexes = " ".join(line for (line,) in cursor.fetchall())
    assert "UNIQUE" in indexes and "brin" in indexes
    with pytest.raises(Exception, match="Cannot update rows"), connection.cursor() as cursor:
        cursor.execute("UPDATE metering_usageday SET revision = 1 WHERE day = %s", [MARCH])


def test_a_partition_refuses_a_row_twice(db):
    partitions.ensure([MARCH])
    insert(MARCH)
    with pytest.raises(IntegrityError):
        insert(MARCH)


def test_months_behind_and_ahead_are_counted_in_japan(db):
    now = datetime(2031, 1, 1, 0, 30, tzinfo=JST)  # still December in UTC
    partitions.ahead(2, now=now, back=1)
    assert [name for name in sorted(partitions._existing()) if "203" in name] == [
        "metering_usageday_2030_12",
        "metering_usageday_2031_01",
        "metering_usageday_2031_02",
        "metering_usageday_2031_03",
    ]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_a_month_once():
    day = date(2041, 7, 1)
    gate, made, errors = threading.Barrier(2), [], []

    def work() -> None:
        gate.wait()
        try:
            made.extend(partitions.ensure([day]))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE metering_usageday_2041_07")
    assert (made, errors) == (["metering_usageday_2041_07"], [])
