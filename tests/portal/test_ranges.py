"""What a Range header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.ranges import NotSatisfiable, Range, names, wanted


@pytest.mark.parametrize(
    ("header", "first", "count"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-5", 2, 4),
        ("bytes=2-", 2, 8),
        ("bytes=2-999", 2, 8),
        ("bytes=-3", 7, 3),
        ("bytes=-999", 0, 10),
        (" Bytes = 1 - 2 ", 1, 2),
    ],
)
def test_a_part_is_cut_to_the_file(header, first, count):
    assert wanted(header, 10) == Range(first, count)


@pytest.mark.parametrize(
    "header", ["", "bytes", "bytes=-", "bytes=5-2", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b", "bytes=+1-2"]
)
def test_what_is_no_single_range_means_the_whole(header):
    assert wanted(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_behind_the_end_there_is_nothing(header):
    with pytest.raises(NotSatisfiable):
        wanted(header, 10)


@given(st.binary(min_size=1, max_size=50), st.data())
def test_two_neighbouring_parts_are_the_whole(content, data):
    cut = data.draw(st.integers(0, len(content) - 1))
    rest = wanted(f"bytes={cut}-", len(content))
    assert rest and content[:cut] + content[rest.first : rest.first + rest.count] == content


@given(st.text(max_size=30), st.integers(0, 100))
def test_no_header_is_an_error(header, size):
    try:
        found = wanted(header, size)
    except NotSatisfiable:
        return
    assert found is None or 0 <= found.first <= found.last < size


def test_a_tag_is_known_among_others():
    assert names('"a", W/"b"', '"b"') and names("*", '"b"') and not names("", '"b"') and not names('"bb"', '"b"')
