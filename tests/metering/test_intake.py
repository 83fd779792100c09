"""Usage files in: what is stored, what is refused and why, what happens twice, at once or half way."""

import io
import os
import threading
from datetime import date, timedelta

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection

from metering import day_intake, drop_folder, intake, supply, tallies, usage, usage_formats
from metering.formats.csv import wide_lines
from metering.halfhours import NULL, Quality
from metering.models import RefusedRow, UsageBatch, UsageDay, UsageFile
from metering.vee import RANK, Severity
from portal.models import LedgerEntry, Notice
from tests.cast import NOW, make_points
from tests.metering.delivering import (
    DAY,
    block_of,
    counts,
    csv_of,
    deliver,
    figures,
    reasons,
    receive,
    stored,
    zip_of,
)

ONE_DAY = timedelta(days=1)
State = UsageFile.State


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.USAGE_DROP_DIR = tmp_path / "drop"


@pytest.fixture
def houses(cast):
    return make_points(cast, 6)


def test_a_csv_goes_in_value_by_value(cast, houses):
    values = figures(6)
    values[0, 0], values[1, :] = 0, NULL
    file = deliver(cast, csv_of(block_of(houses, values=values)))
    assert (file.state, counts(file)) == (State.TAKEN_IN, (6, 6, 0, 0))
    for row, point in enumerate(houses):
        [day] = usage.days(point, DAY, DAY)
        assert day.values == [None if wh == NULL else wh for wh in values[row].tolist()]
        assert day.revision == 0
        assert day.quality == [Quality.MISSING if wh == NULL else Quality.MEASURED for wh in values[row].tolist()]
    [batch] = UsageBatch.objects.all()
    assert (batch.day, batch.rows, batch.readings) == (DAY, 6, int((values != NULL).sum()))


def test_a_day_message_goes_in_like_a_csv(cast, houses):
    values = figures(6)
    meters = ["", "M1", "計器2", "M" * 16, "M1", ""]
    name, content = zip_of(block_of(houses, values=values, meters=meters))
    file = deliver(cast, content, name=name)
    assert (file.state, file.format, counts(file)) == (State.TAKEN_IN, "bp_day", (6, 6, 0, 0))
    for row, point in enumerate(houses):
        [day] = usage.days(point, DAY, DAY)
        assert (day.meter, day.values) == (meters[row], [None if wh == NULL else wh for wh in values[row].tolist()])


def test_every_width_of_a_stored_day_and_every_quality_survives(cast, houses):
    values = figures(6, gaps=False)
    values[0], values[1], values[2, 5], values[3] = 254, 255, 65_535, 2_000_000_000
    block = block_of(houses, values=values, meters=["", "a", "bb", "計器", "", "x" * 16])
    block.quality[4, 7] = Quality.PROFILE
    deliver(cast, csv_of(block))
    for row, point in enumerate(houses):
        [day] = usage.days(point, DAY, DAY)
        assert (day.values, day.quality) == (values[row].tolist(), block.quality[row].tolist())
        assert day.wh == int(values[row].sum())


def test_good_rows_go_in_and_bad_rows_are_kept_with_their_reasons(cast, houses):
    [sold_elsewhere] = make_points(cast, 1)
    values = figures(9, gaps=False)
    values[1, 4] = -10
    rows = [*houses, *houses[:3]]
    days = [DAY, DAY, NOW.date() + ONE_DAY, date(2024, 12, 31), DAY, NOW.date(), DAY, DAY, DAY]
    lines = csv_of(block_of(rows, days, values=values)).decode().splitlines()
    lines[7] = lines[7].replace(rows[6].number, "0300000000000000099999")  # nobody's point
    lines[8] = lines[8].replace(rows[7].number, "123")
    lines[9] = lines[9].replace(f"{values[8, 0] / 1000:.3f}", "much", 1)
    file = deliver(cast, "\n".join(lines).encode())
    assert counts(file) == (9, 2, 0, 7)
    assert reasons(file) == [
        (3, "negative"),
        (4, "day_future"),
        (5, "day_too_old"),
        (7, "slot_future"),
        (8, "point_unknown"),
        (9, "point_length"),
        (10, "number_text"),
    ]
    assert stored() == 2
    negative = file.refused.get(code="negative")
    assert (negative.field, negative.params) == ("hh05", {"slot": "05", "value": "-0.010"})
    assert negative.raw == lines[2]
    assert sold_elsewhere.pk
    notice = Notice.objects.get(kind="usage_refused")
    assert (notice.recipient, notice.context["refused"]) == (cast.kaze, 7)


def test_the_half_hours_of_today_go_in_as_far_as_they_are_over(cast, houses):
    values = np.full((2, 48), NULL, np.int32)
    values[:, :20] = 100  # ten o'clock: twenty half-hours are over
    values[1, 20] = 100
    file = deliver(cast, csv_of(block_of(houses[:2], NOW.date(), values=values)))
    assert counts(file) == (2, 1, 0, 1)
    assert file.refused.get().params == {"slot": "21", "day": "2026-04-01"}


def test_another_network_operators_point_is_as_unknown_as_none(cast, houses):
    from portal import companies
    from portal.companies import TakesPart

    other = companies.register(
        name="波送配電",
        name_en="Nami Network",
        notice_address="nami@nami.example",
        participations=[TakesPart("network_operator", "04", "NAM14")],
        by=None,
        now=NOW,
    )
    file = intake.receive(io.BytesIO(csv_of(block_of(houses))), name="day.csv", sender=other, by=None, now=NOW)
    file = intake.take_in(file.pk, now=NOW)
    assert counts(file) == (6, 0, 0, 6)
    unknown = file.refused.first()
    assert unknown.code == "point_unknown"
    assert set(unknown.params) == {"number", "day"}
    assert stored() == 0


def test_an_idle_point_has_no_usage_but_its_past_may_be_corrected(cast, houses):
    supply.terminate({houses[0].pk: date(2026, 3, 20)}, cause="moved out", now=NOW)
    block = block_of([houses[0], houses[0]], [date(2026, 3, 19), date(2026, 3, 20)])
    file = deliver(cast, csv_of(block))
    assert reasons(file) == [(3, "point_inactive")]
    assert usage.days(houses[0], date(2026, 3, 1), DAY)[0].day == date(2026, 3, 19)


def test_the_same_content_is_received_once(cast, houses):
    content = csv_of(block_of(houses))
    first = deliver(cast, content)
    with pytest.raises(intake.AlreadyReceived) as known:
        receive(cast, content, name="another name.csv")
    assert known.value.file == first
    assert UsageFile.objects.count() == 1


def test_a_resend_of_the_same_rows_changes_nothing(cast, houses):
    content = csv_of(block_of(houses))
    deliver(cast, content)
    again = deliver(cast, content + b"\n")
    assert counts(again) == (6, 0, 6, 0)
    assert stored() == 6
    assert not UsageBatch.objects.filter(file=again).exists()


def test_corrected_rows_alone_become_the_next_revision(cast, houses):
    values = figures(6)
    deliver(cast, csv_of(block_of(houses, values=values)))
    values = values.copy()
    values[2, 10] = 1230
    again = deliver(cast, csv_of(block_of(houses, values=values)))
    assert counts(again) == (6, 1, 5, 0)
    assert UsageBatch.objects.get(file=again).rows_corrected == 1
    [day] = usage.days(houses[2], DAY, DAY)
    assert (day.revision, day.values[10]) == (1, 1230)
    assert list(UsageDay.objects.filter(point=houses[2]).order_by("revision").values_list("revision", flat=True)) == [
        0,
        1,
    ]


def test_a_row_packed_wider_by_an_older_release_is_known_when_it_comes_again(cast, houses):
    values = np.full((1, 48), 2_500, np.int32)
    deliver(cast, csv_of(block_of(houses[:1], values=values)))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE older ON COMMIT DROP AS SELECT * FROM metering_usageday")
        cursor.execute("UPDATE older SET packed = %s", [b"\x02" + (2_500).to_bytes(2, "little") * 48])
        cursor.execute("DELETE FROM metering_usageday")
        cursor.execute("INSERT INTO metering_usageday SELECT * FROM older")
    assert counts(deliver(cast, csv_of(block_of(houses[:1], values=values)) + b"\n")) == (1, 0, 1, 0)
    assert usage.days(houses[0], DAY, DAY)[0].values == [2_500] * 48


def test_a_better_quality_alone_is_a_correction_too(cast, houses):
    block = block_of(houses[:1], values=figures(1, gaps=False))
    deliver(cast, csv_of(block))
    block.quality[0, 3] = Quality.EDITED
    assert counts(deliver(cast, csv_of(block))) == (1, 1, 0, 0)
    assert usage.days(houses[0], DAY, DAY)[0].quality[3] == Quality.EDITED


def test_refused_rows_corrected_and_sent_again_go_in(cast, houses):
    values = figures(6, gaps=False)
    values[1, 0] = -10
    first = deliver(cast, csv_of(block_of(houses, values=values)))
    assert counts(first) == (6, 5, 0, 1)
    corrected = first.refused.get().raw.replace("-0.010", "0.010")
    header = csv_of().decode()
    again = deliver(cast, (header + corrected + "\n").encode(), name="corrected.csv")
    assert counts(again) == (1, 1, 0, 0)
    assert usage.days(houses[1], DAY, DAY)[0].values[0] == 10


def test_the_same_row_twice_in_a_file_counts_once(cast, houses):
    content = csv_of(block_of([houses[0], houses[1], houses[0]], values=figures(2)[[0, 1, 0]]))
    assert counts(deliver(cast, content)) == (3, 2, 1, 0)


@pytest.mark.parametrize("work_rows", [1, 2, 100])
def test_a_row_that_contradicts_an_earlier_one_is_refused_wherever_it_stands(cast, houses, monkeypatch, work_rows):
    monkeypatch.setattr(day_intake, "WORK_ROWS", work_rows)
    small = usage_formats.read_wide
    monkeypatch.setattr(usage_formats, "read_wide", lambda stream, **limits: small(stream, block_rows=2, **limits))
    values = figures(4, gaps=False)
    content = csv_of(block_of([houses[1], houses[0], houses[2], houses[1]], values=values))
    file = deliver(cast, content)
    assert counts(file) == (4, 3, 0, 1)
    assert reasons(file) == [(5, "row_differs")]
    assert usage.days(houses[1], DAY, DAY)[0].values == values[0].tolist()


def test_two_meters_at_a_point_are_two_rows(cast, houses):
    block = block_of([houses[0]] * 2, meters=["A1", "B2"])
    assert counts(deliver(cast, csv_of(block))) == (2, 2, 0, 0)
    assert [row.meter for row in usage.days(houses[0], DAY, DAY)] == ["A1", "B2"]


def test_a_file_received_earlier_never_overtakes_a_later_one(cast, houses):
    old, new = figures(1, seed=1), figures(1, seed=2)
    first = receive(cast, csv_of(block_of(houses[:1], values=old)))
    second = receive(cast, csv_of(block_of(houses[:1], values=new)))
    intake.take_in(second.pk, now=NOW)
    first = intake.take_in(first.pk, now=NOW)
    assert counts(first) == (1, 0, 1, 0)
    assert first.warnings["overtaken"] == {"rows": 1, "first": 2, "severity": RANK[Severity.AUDIT]}
    [day] = usage.days(houses[0], DAY, DAY)
    assert day.values == [None if wh == NULL else wh for wh in new[0].tolist()]


def test_warnings_are_counted_and_hold_nothing_back(cast, houses):
    values = figures(6, gaps=False)
    values[0, 0] = 3_001  # 40 A: at most 3,000 Wh, and no multiple of 10
    values[1, 3] = NULL
    values[2, 0] = 15
    file = deliver(cast, csv_of(block_of(houses, [DAY, DAY, DAY, date(2026, 3, 1), DAY, DAY], values=values)))
    assert counts(file) == (6, 6, 0, 0)
    assert file.warnings == {
        "above_contract": {"rows": 1, "first": 2, "severity": RANK[Severity.WARNING]},
        "resolution": {"rows": 2, "first": 2, "severity": RANK[Severity.WARNING]},
        "gaps": {"rows": 1, "first": 3, "severity": RANK[Severity.INFO]},
        "late": {"rows": 6, "first": 2, "severity": RANK[Severity.INFO]},  # yesterday's file came at 10:00, after 06:00
    }


def test_a_day_file_before_six_is_on_time(cast, houses):
    now = NOW.replace(hour=5, minute=59)
    assert "late" not in deliver(cast, csv_of(block_of(houses)), now=now).warnings


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("usage.xlsx", b"PK\x03\x04....", "name_kind"),
        ("usage.csv", b"PK\x03\x04....", "content_differs"),
        ("usage.csv", b"\x1f\x8b\x08....", "content_differs"),
        ("usage.csv.gz", b"supply_point", "content_differs"),
        ("W41120202603310000000000.zip", b"supply_point", "content_differs"),
        ("W4112020260331.zip", b"PK\x03\x04....", "name_form"),
        ("W41110202603311015000000.zip", b"PK\x03\x04....", "name_start"),
        ("W51410202602300000000.zip", b"PK\x03\x04....", "name_date"),
        ("usage.csv", b"", "file_empty"),
        ("x" * 121 + ".csv", b"supply_point", "name_kind"),
    ],
)
def test_what_is_no_usage_file_is_told_at_the_door(cast, name, content, code):
    with pytest.raises(intake.NotAUsageFile) as problem:
        receive(cast, content, name=name)
    assert problem.value.code == code
    assert "%(" not in problem.value.sentence
    assert not UsageFile.objects.exists()
    assert not default_storage.exists("usage/in")


def test_a_file_beyond_the_limit_is_refused(cast, settings):
    settings.USAGE_FILE_MAX_BYTES = 100
    with pytest.raises(intake.NotAUsageFile, match="file_too_large"):
        receive(cast, b"x" * 101)


def test_only_network_operators_send_usage(cast, houses):
    with pytest.raises(intake.NotANetworkOperator):
        receive(cast, csv_of(block_of(houses)), sender="umi")


def test_a_file_that_cannot_be_read_says_why_and_leaves_nothing(cast, houses):
    whole = csv_of(block_of(houses))
    file = deliver(cast, whole + b"\xff\xfe\xfd,\x81\n")
    assert (file.state, file.problem["code"]) == (State.UNREADABLE, "undecodable")
    assert counts(file) == (0, 0, 0, 0)
    assert stored() == 0 and not RefusedRow.objects.exists() and not UsageBatch.objects.exists()
    assert Notice.objects.filter(kind="usage_unreadable", recipient=cast.kaze).exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sender": "YAMA3"}, "bp_sender"),
        ({"sender": ""}, "bp_sender"),
        ({"test": True}, "bp_test"),
    ],
)
def test_a_message_of_somebody_else_or_of_a_test_is_not_taken_in(cast, houses, changes, code):
    name, content = zip_of(block_of(houses), **changes)
    file = deliver(cast, content, name=name)
    assert (file.state, file.problem["code"]) == (State.UNREADABLE, code)
    assert stored() == 0


def test_a_message_under_another_days_name_is_not_taken_in(cast, houses):
    _, content = zip_of(block_of(houses))
    file = deliver(cast, content, name="W41120202603300000000000.zip")
    assert file.problem == {
        "code": "bp_name_differs",
        "params": {"name_code": "1120", "name_day": "2026-03-30", "message_code": "1120", "message_day": "2026-03-31"},
    }


def test_a_crash_half_way_leaves_nothing_and_the_file_waiting(cast, houses, monkeypatch):
    file = receive(cast, csv_of(block_of(houses)))
    monkeypatch.setattr(tallies.Tally, "write_refused", _crash)
    with pytest.raises(Crash):
        intake.take_in(file.pk, now=NOW)
    assert stored() == 0 and not UsageBatch.objects.exists()
    file.refresh_from_db()
    assert (file.state, file.attempts) == (State.WAITING, 1)
    monkeypatch.undo()
    assert counts(intake.take_in(file.pk, now=NOW)) == (6, 6, 0, 0)


def test_a_file_that_fails_again_and_again_waits_for_the_operator(cast, houses, monkeypatch):
    file = receive(cast, csv_of(block_of(houses)))
    monkeypatch.setattr(day_intake.DayStore, "all", _crash)
    for _ in range(intake.GIVE_UP_AFTER + 1):
        intake.take_in_waiting(now=NOW)
    file.refresh_from_db()
    assert file.attempts == intake.GIVE_UP_AFTER
    assert intake.waiting() == []
    assert intake.try_again([file.pk], by=cast["hub.operator"], now=NOW) == 1
    assert intake.waiting() == [file.pk]


def test_a_crash_while_receiving_leaves_no_file_behind(cast, houses, monkeypatch):
    monkeypatch.setattr(intake.ledger, "record", _crash)
    with pytest.raises(Crash):
        receive(cast, csv_of(block_of(houses)))
    assert not UsageFile.objects.exists()
    assert [path for path in _all_files() if "in" in path] == []


def test_who_sent_what_stands_in_the_ledger(cast, houses):
    file = deliver(cast, csv_of(block_of(houses)))
    entries = LedgerEntry.objects.filter(subject=f"usage file {file.pk}").order_by("id")
    assert [(entry.action, entry.user_id) for entry in entries] == [
        ("usage file received", cast["kaze.usage"].pk),
        ("usage file taken in", None),
    ]


def test_the_database_keeps_what_is_stored(cast, houses):
    deliver(cast, csv_of(block_of(houses)))
    with pytest.raises(Exception, match="Cannot update rows"), connection.cursor() as cursor:
        cursor.execute("UPDATE metering_usageday SET revision = 5")


def test_every_row_read_is_accounted_for_by_the_database(cast, houses):
    file = deliver(cast, csv_of(block_of(houses)))
    with pytest.raises(IntegrityError, match="every_row_read_is_taken_known_or_refused"):
        UsageFile.objects.filter(pk=file.pk).update(rows_taken=7)


def test_many_rows_travel_in_several_blocks(cast):
    points = make_points(cast, 700)
    days = [DAY - ONE_DAY * back for back in range(3)]
    blocks = [block_of(points, day, values=figures(700, seed=at)) for at, day in enumerate(days)]
    file = deliver(cast, csv_of(*blocks))
    assert counts(file) == (2100, 2100, 0, 0)
    assert UsageBatch.objects.count() == 3
    assert [row.day for row in usage.days(points[50], days[-1], DAY)] == sorted(days)


@pytest.mark.django_db(transaction=True)
def test_a_file_is_taken_in_by_one_of_two_workers(cast, houses):
    file = receive(cast, csv_of(block_of(houses)))
    results = _at_once([file.pk, file.pk])
    assert sorted(results, key=str) == [(6, 6, 0, 0), None]
    assert stored() == 6


@pytest.mark.django_db(transaction=True)
def test_two_files_with_the_same_rows_at_once_both_end_well(cast):
    points = make_points(cast, 400)
    values = figures(400)
    forth = receive(cast, csv_of(block_of(points, values=values)))
    back = receive(cast, csv_of(block_of(points[::-1], values=values[::-1])))
    results = _at_once([forth.pk, back.pk])
    assert sorted(results) == [(400, 0, 400, 0), (400, 400, 0, 0)]
    assert stored() == 400


def test_dropped_files_are_received_when_they_are_whole(cast, houses, settings):
    drop_folder.collect_dropped(now=NOW)  # makes the folders
    folder = settings.USAGE_DROP_DIR / "KAZE3"
    good = csv_of(block_of(houses))
    for name, content, age in [
        ("day.csv", good, 60),
        ("same.csv", good, 60),
        ("note.txt", b"hello", 60),
        ("growing.csv", b"supply_point", 0),
        ("upload.csv.part", b"supply_point", 60),
    ]:
        (folder / name).write_bytes(content)
        stamp = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (stamp, stamp))
    (folder / "link.csv").symlink_to("/etc/passwd")
    collected = drop_folder.collect_dropped(now=NOW)
    assert (collected.received, collected.refused) == (1, 1)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == [
        *(["growing.csv", "link.csv"] if (folder / "link.csv").is_file() else ["growing.csv"]),
        "upload.csv.part",
    ]
    assert sorted(path.name for path in (folder / "done").iterdir()) == ["day.csv", "same.csv", "same.csv.txt"]
    assert sorted(path.name for path in (folder / "refused").iterdir()) == ["note.txt", "note.txt.txt"]
    assert "note.txt" in (folder / "refused" / "note.txt.txt").read_text()
    assert UsageFile.objects.get().sender == cast.kaze
    assert intake.take_in_waiting(now=NOW) == 1


def test_months_are_recorded_in_bulk_and_read_newest_first(cast, houses):
    months = [date(2025 + (at + 1) // 12, (at + 1) % 12 + 1, 1) for at in range(14)]
    rows = [usage.NewMonth(houses[0].pk, month, 100_000 + at, month) for at, month in enumerate(months)]
    assert usage.record_months(rows, now=NOW) == 14
    usage.record_months([usage.NewMonth(houses[0].pk, months[3], 5, months[3], revision=1)], now=NOW)
    found = usage.monthly(houses[0])
    assert [row.month for row in found] == months
    assert (found[3].wh, found[3].revision) == (5, 1)
    with pytest.raises(IntegrityError, match="a_month_is_fixed_once"):
        usage.record_months(rows[:1], now=NOW)


class Crash(Exception):
    pass


def _crash(*args, **values):
    raise Crash


def _all_files() -> list[str]:
    return [os.path.join(folder, name) for folder, _, names in os.walk(default_storage.location) for name in names]


def _at_once(file_ids: list[int]) -> list[tuple[int, int, int, int] | None]:
    """Take files in by as many workers at once, each with a connection of its own."""
    gate, results = threading.Barrier(len(file_ids)), []

    def work(file_id: int) -> None:
        gate.wait()
        try:
            file = intake.take_in(file_id, now=NOW)
            results.append(None if file is None else counts(file))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[file_id]) for file_id in file_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == len(file_ids)
    return results


def test_a_refused_row_stands_as_the_sender_wrote_it(cast, houses):
    values = figures(1, gaps=False)
    values[0, 47] = -1
    block = block_of(houses[:1], values=values)
    file = deliver(cast, csv_of(block))
    assert file.refused.get().raw == wide_lines(block).decode().rstrip("\n")
