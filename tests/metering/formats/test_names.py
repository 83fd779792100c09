"""File names of the Business Protocol."""

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.formats import names
from metering.formats.errors import Unreadable

DAY = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("name", "code", "start", "revision", "split"),
    [
        ("W401202026040100000000.zip", "0120", time(), 0, 0),
        ("W41120202604010000020013.zip", "1120", time(), 2, 13),
        ("W401102026040123300001.zip", "0110", time(23, 30), 0, 1),
        ("W41110202604010030000000.zip", "1110", time(0, 30), 0, 0),
        ("W51210202604010100007.zip", "1210", None, 1, 7),
        ("W51420202604010000000.zip", "1420", None, 0, 0),
    ],
)
def test_a_name_says_what_the_file_holds(name, code, start, revision, split):
    found = names.parse(name)
    assert found == names.FileName(code, DAY, start, revision, split)
    assert str(found) == name and found.xml == name[:-4] + ".xml"


@given(
    st.sampled_from(names.CODES),
    st.dates(date(2016, 1, 1), date(2099, 12, 31)),
    st.integers(0, 47),
    st.integers(0, 99),
    st.integers(0, 99),
)
def test_building_and_parsing_a_name_is_the_identity(code, day, half_hour, revision, split):
    start = time(half_hour // 2, half_hour % 2 * 30) if code in ("0110", "1110") else None
    name = names.build(code, day, revision=revision, split=split, start=start)
    assert names.GRAMMAR.match(str(name)) and names.parse(str(name)) == name
    assert name.slot == (half_hour + 1 if start else None)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "name_form"),
        ("usage.zip", "name_form"),
        ("W401202026040100000000.xml", "name_form"),
        ("../W401202026040100000000.zip", "name_form"),
        ("W401202026040100000000.zip\n", "name_form"),
        ("W4０1202026040100000000.zip", "name_form"),
        ("W401302026040100000000.zip", "name_form"),
        ("W401202026023000000000.zip", "name_date"),
        ("W401102026040124000000.zip", "name_date"),
        ("W401202026040100300000.zip", "name_start"),
        ("W401102026040100150000.zip", "name_start"),
        ("W40120202604010000000000.zip", "name_split"),
        ("W411202026040100000000.zip", "name_split"),
    ],
)
def test_a_wrong_name_is_told_what_is_wrong(name, code):
    with pytest.raises(Unreadable) as caught:
        names.parse(name)
    assert caught.value.code == code and caught.value.sentence


def test_later_revisions_and_splits_come_later():
    wanted = [(0, 0), (0, 1), (1, 0), (10, 0)]
    built = [names.build("1120", DAY, revision=r, split=s) for r, s in wanted]
    assert sorted(reversed(built), key=lambda name: name.order) == built


@pytest.mark.parametrize(
    "parts",
    [
        {"code": "0130"},
        {"code": "0120", "revision": 100},
        {"code": "0120", "split": 100},
        {"code": "1120", "split": 10_000},
        {"code": "0120", "start": time(0, 30)},
        {"code": "0110", "start": time(0, 10)},
        {"code": "1210", "start": time()},
    ],
)
def test_a_name_that_cannot_be_is_not_built(parts):
    with pytest.raises(ValueError, match=r"\w"):
        names.build(day=DAY, **parts)
