"""The manifest: one form for all formats, exact in and out, and it finds every change to a file."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.formats import csv, jsonl, long_csv, manifest, parquet
from metering.formats.errors import Unreadable
from metering.formats.manifest import Entry, Manifest
from tests.metering.formats.rows import example

COUNT = st.integers(0, 2**63)
entries = st.builds(Entry, st.text(max_size=20), st.text(max_size=9), COUNT, COUNT, COUNT, st.text("0123456789abcdef"))
manifests = st.builds(
    Manifest,
    day=st.dates().map(str),
    layer=st.sampled_from("PDF"),
    revision=st.integers(0, 99),
    published_at=st.datetimes(timezones=st.just(UTC)),
    area=st.text(max_size=2),
    supply_class=st.sampled_from(["lv", "hv", "fit"]),
    recipient=st.text(max_size=5),
    rows=COUNT,
    points=COUNT,
    readings=COUNT,
    files=st.lists(entries, max_size=4).map(lambda e: tuple(sorted(e, key=lambda entry: (entry.format, entry.name)))),
)
PLAIN = Manifest("2026-04-01", "D", 0, datetime(2026, 4, 2, tzinfo=UTC), "03", "lv", "12345", 1, 1, 48)


@given(manifests)
def test_a_written_manifest_is_read_back_equal(one):
    assert manifest.read(manifest.write(one)) == one
    assert manifest.write(manifest.read(manifest.write(one))) == manifest.write(one)


def test_files_of_every_format_are_found_whole_and_any_change_is_seen():
    for name, write in {
        "wide_csv": lambda out: csv.write_wide(out, [example()]),
        "long_csv": lambda out: long_csv.write_long(out, [example()], compress=True),
        "parquet": lambda out: parquet.write_parquet(out, [example()]),
        "jsonl": lambda out: jsonl.write_lines(out, [example()]),
    }.items():
        out = io.BytesIO()
        entry = Entry.of(f"usage.{name}", name, write(out))
        assert (entry.rows, entry.readings, entry.size) == (3, 3 * 47, len(out.getvalue()))
        manifest.compare(entry, io.BytesIO(out.getvalue()))
        changed = bytearray(out.getvalue())
        changed[len(changed) // 2] ^= 1
        for broken, what in ((bytes(changed), "SHA-256"), (out.getvalue()[:-1], "size")):
            with pytest.raises(Unreadable) as caught:
                manifest.compare(entry, io.BytesIO(broken))
            assert caught.value.code == "manifest_differs" and what in caught.value.sentence


def test_the_splits_of_one_format_add_up():
    parts = [Entry(f"{n}", format_, n, 10 * n, 1, "") for n in (1, 2) for format_ in ("bp_zip", "wide_csv")]
    assert manifest.total(parts, "bp_zip") == (3, 30)


@pytest.mark.parametrize(
    "change",
    [
        {"revision": "0"},
        {"rows": -1},
        {"rows": True},
        {"published_at": "2026-04-02T00:00:00"},
        {"published_at": "yesterday"},
        {"published_at": 5},
        {"files": [1]},
        {"files": [{"name": "x"}]},
        {"files": None},
        {"day": None},
    ],
)
def test_a_manifest_that_is_none_gets_a_sentence(change):
    data = json.dumps(json.loads(manifest.write(PLAIN)) | change).encode()
    with pytest.raises(Unreadable) as caught:
        manifest.read(data)
    assert caught.value.code == "manifest_broken" and "%(" not in caught.value.sentence


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"files":[]}'])
def test_other_bytes_are_no_manifest(data):
    with pytest.raises(Unreadable) as caught:
        manifest.read(data)
    assert caught.value.code == "manifest_broken"


def test_keys_of_a_later_release_are_passed_over():
    content = json.loads(manifest.write(PLAIN)) | {"signature": "x"}
    assert manifest.read(json.dumps(content).encode()) == replace(PLAIN, files=())
