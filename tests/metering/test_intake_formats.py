"""Every format that carries days goes in by the same door: the same rows, the same checks, the same resend."""

import csv
import gzip
import io
import json
import os

import numpy as np
import pytest
from django.db import connection

from metering import drop_folder, intake, usage
from metering.formats import espi, jsonl, long_csv, parquet
from metering.formats.csv import COLUMNS, write_wide
from metering.halfhours import NULL
from metering.models import UsageFile
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, counts, deliver, figures, reasons, receive, stored

State = UsageFile.State


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.USAGE_DROP_DIR = tmp_path / "drop"


@pytest.fixture
def houses(cast):
    return make_points(cast, 4)


def _long(block):
    out = io.BytesIO()
    long_csv.write_long(out, [block])
    return out.getvalue()


def _parquet(block):
    out = io.BytesIO()
    parquet.write_parquet(out, [block])
    return out.getvalue()


def _espi(block):
    out = io.BytesIO()
    espi.write_feed(out, [block], title="usage", updated=NOW)
    return out.getvalue()


def _lines(block):
    out = io.BytesIO()
    jsonl.write_lines(out, [block])
    return out.getvalue()


WAYS = {
    "long_csv": ("usage.csv", _long),
    "long_csv_gz": ("usage.csv.gz", lambda block: gzip.compress(_long(block))),
    "parquet": ("usage.parquet", _parquet),
    "espi": ("usage.xml", _espi),
    "json_lines": ("usage.jsonl", _lines),
}


@pytest.fixture(params=WAYS)
def way(request):
    return request.param.removesuffix("_gz"), *WAYS[request.param]


def test_the_rows_of_every_format_go_in_value_by_value(cast, houses, way):
    kind, name, write = way
    values = figures(4)
    values[0, 0], values[1, 5] = 0, NULL
    file = deliver(cast, write(block_of(houses, values=values, meters=["", "M1", "計器2", "M1"])), name=name)
    assert (file.format, file.state, counts(file)) == (kind, State.TAKEN_IN, (4, 4, 0, 0))
    for row, point in enumerate(houses):
        [day] = usage.days(point, DAY, DAY)
        assert day.values == [None if wh == NULL else wh for wh in values[row].tolist()]


def test_the_same_rows_in_another_format_change_nothing(cast, houses, way):
    _, name, write = way
    block = block_of(houses, values=figures(4))
    wide = io.BytesIO()
    write_wide(wide, [block])
    deliver(cast, wide.getvalue())
    assert counts(deliver(cast, write(block), name=name)) == (4, 0, 4, 0)
    assert stored() == 4


def test_what_a_check_refuses_can_be_corrected_and_sent_again(cast, houses, way, client_of):
    kind, name, write = way
    values = figures(4, gaps=False)
    values[2, 7] = -10
    file = deliver(cast, write(block_of(houses, values=values)), name=name)
    assert counts(file) == (4, 3, 0, 1)
    assert file.refused.get().code == "negative"
    page = client_of(cast["kaze.usage"]).get(f"/usage-files/{file.pk}/refused.csv")
    content = b"".join(page.streaming_content).decode()
    corrected = content.replace("-0.010", "0.010") if kind != "json_lines" else content.replace("-10", "10")
    assert corrected != content
    suffix = "jsonl" if kind == "json_lines" else "csv"
    again = deliver(cast, corrected.encode(), name=f"corrected.{suffix}")
    assert counts(again) == (1, 1, 0, 0)
    values[2, 7] = 10
    assert usage.days(houses[2], DAY, DAY)[0].values == values[2].tolist()


def test_a_long_csv_with_one_bad_half_hour_gives_back_the_whole_day(cast, houses):
    values = figures(2, gaps=False)
    values[1, 4] = 123
    lines = _long(block_of(houses[:2], values=values)).decode().splitlines()
    lines[48 + 5] = lines[48 + 5].replace("0.123", "much")
    file = deliver(cast, "\n".join(lines).encode())
    assert (counts(file), reasons(file)) == ((2, 1, 0, 1), [(54, "number_text")])
    [cells] = csv.reader([file.refused.get().raw])
    assert len(cells) == len(COLUMNS) and cells[7] == "much"
    raw = file.refused.get().raw.replace("much", "0.123")
    again = deliver(cast, f"{','.join(COLUMNS)}\n{raw}\n".encode(), name="again.csv")
    assert counts(again) == (1, 1, 0, 0)
    assert usage.days(houses[1], DAY, DAY)[0].values == values[1].tolist()


def test_rows_that_cannot_be_read_come_back_as_they_can_be_sent_again(cast, houses):
    block = block_of(houses[:2], values=figures(2, gaps=False))
    good, bad = _lines(block).decode().splitlines()
    told = json.loads(bad)
    told["wh"][3] = 1.5
    file = deliver(cast, f"{good}\n{json.dumps(told)}\n{{not json\n".encode(), name="usage.jsonl")
    assert reasons(file) == [(2, "json_wh"), (3, "json_broken")]
    told["wh"][3] = 2
    assert json.loads(file.refused.first().raw)["wh"][3] == 1.5
    assert counts(deliver(cast, json.dumps(told).encode(), name="usage.jsonl")) == (1, 1, 0, 0)


def test_a_green_button_value_nobody_can_hold_comes_back_as_a_row_of_wide_csv(cast, houses):
    values = figures(1, gaps=False)
    values[0, 9] = 777
    feed = _espi(block_of(houses[:1], values=values)).replace(b"<espi:value>777<", b"<espi:value>7x7<")
    file = deliver(cast, feed, name="usage.xml")
    assert counts(file) == (1, 0, 0, 1)
    [cells] = csv.reader([file.refused.get().raw])
    assert (cells[0], cells[2], cells[3 + 9], len(cells)) == (houses[0].number, DAY.isoformat(), "7x7", len(COLUMNS))


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("usage.parquet", b"supply_point,", "content_differs"),
        ("usage.xml", b"{}", "content_differs"),
        ("usage.jsonl", b"<feed/>", "content_differs"),
        ("usage.csv", b"PAR1....", "content_differs"),
        ("usage.jsonl", b"", "file_empty"),
        ("usage.json", b"{}", "name_kind"),
    ],
)
def test_what_is_not_what_its_name_says_is_told_at_the_door(cast, name, content, code):
    with pytest.raises(intake.NotAUsageFile) as problem:
        receive(cast, content, name=name)
    assert problem.value.code == code and "%(" not in problem.value.sentence


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("usage.parquet", b"PAR1" + b"\xff" * 60, "parquet_not"),
        ("usage.xml", b"<html/>", "espi_feed"),
        ("usage.xml", b"<!DOCTYPE feed [<!ENTITY a 'b'>]><feed>&a;</feed>", "xml_doctype"),
        ("usage.csv", b"supply_point,date,slot,kwh,slot\n", "header_twice"),
        ("usage.csv", b"slot,kwh" + b",x" * 1_000_000 + b"\n", "too_many_columns"),
        ("usage.csv.gz", gzip.compress(b"supply_point,date,slot,kwh\n" * 99, mtime=0)[:-9], "gzip_broken"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_leaves_nothing(cast, name, content, code):
    file = deliver(cast, content, name=name)
    assert (file.state, file.problem["code"], counts(file)) == (State.UNREADABLE, code, (0, 0, 0, 0))
    assert stored() == 0


def test_a_parquet_file_that_kills_its_reader_is_a_damaged_file(cast, houses):
    whole = bytearray(_parquet(block_of(houses)))
    rng = np.random.default_rng(7)
    codes = set()
    for at in rng.integers(len(whole) - 400, len(whole) - 8, 3).tolist():
        broken = bytes(whole[:at]) + bytes([whole[at] ^ 0x5A]) + bytes(whole[at + 1 :])
        file = deliver(cast, broken, name="usage.parquet")
        codes.add(file.problem.get("code", ""))
    assert codes <= {"", "parquet_not", "parquet_columns", "rows_many", "too_large"}
    assert not connection.in_atomic_block or connection.is_usable()


def test_bad_lines_of_a_long_csv_each_have_their_sentence(cast, houses):
    number = houses[0].number
    lines = [
        "\ufeffsupply_point,meter,date,slot,kwh,quality",
        f"{number},M1,2026-03-31,00,0.1,",
        f"{number},M2,2026-03-31,49,0.1,",
        f"{number},M3,2026-03-31,1,0.1,\r",
        f"{number},M3,2026-03-31,1,0.2,",
        f"{number},M4,2026-03-31,1,-0.1,",
        f"{number}9,M5,2026-03-31,1,0.1,",
        f"{'03' + '0' * 16 + '9999'},M6,2026-03-31,1,0.1,",
        f"{number},M7,2026-04-02,1,0.1,",
        f"{number},M8,2026-03-31,1,0,1,",
        f"{number},M9,2026-03-31,1,0.3,",
    ]
    file = deliver(cast, "\n".join(lines).encode())
    assert counts(file) == (9, 1, 0, 8)
    assert sorted(code for _, code in reasons(file)) == sorted(
        [
            *("slot_form", "slot_form", "duplicate_differs", "negative", "point_length", "point_unknown"),
            *("day_future", "column_count"),
        ]
    )


def test_files_of_every_format_are_received_from_the_drop_folder(cast, houses, settings):
    drop_folder.collect_dropped(now=NOW)
    folder = settings.USAGE_DROP_DIR / "KAZE3"
    for at, (name, write) in enumerate(WAYS.values()):
        path = folder / f"{at}-{name}"
        path.write_bytes(write(block_of(houses, values=figures(4, seed=at))))
        os.utime(path, (path.stat().st_mtime - 60,) * 2)
    collected = drop_folder.collect_dropped(now=NOW)
    assert (collected.received, collected.refused) == (5, 0)
    assert intake.take_in_waiting(now=NOW) == 5
    assert set(UsageFile.objects.values_list("state", flat=True)) == {State.TAKEN_IN}
