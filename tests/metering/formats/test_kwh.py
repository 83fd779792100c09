"""kWh text and Wh: the fast columns agree with the slow single values, and both are exact."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.formats.kwh import BadNumber, kwh_text, parse_columns, parse_kwh, words
from metering.halfhours import NULL


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_wh_to_kwh_and_back_is_exact(wh):
    assert Decimal(kwh_text(wh)) == Decimal(wh) / 1000
    assert parse_kwh(kwh_text(wh)) == wh


@pytest.mark.parametrize(
    ("text", "wh"),
    [("0", 0), ("5", 5000), ("5.", 5000), (".5", 500), ("0.1000", 100), ("00012.34", 12340), ("-0.5", -500), ("-0", 0)],
)
def test_the_ways_to_write_a_number(text, wh):
    assert parse_kwh(text) == wh


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "number_text"),
        (".", "number_text"),
        ("-", "number_text"),
        ("abc", "number_text"),
        ("1e3", "number_text"),
        ("+1", "number_text"),
        ("１.5", "number_text"),
        ("1.2.3", "number_text"),
        ("nan", "number_text"),
        ("1 000", "number_text"),
        ("0,159", "number_comma"),
        ("0.1234", "number_fine"),
        ("2147483.648", "number_large"),
        ("99999999999999999999", "number_large"),
    ],
)
def test_what_is_no_number_is_named(text, code):
    with pytest.raises(BadNumber) as caught:
        parse_kwh(text)
    assert caught.value.code == code


@given(
    st.lists(st.one_of(st.text("0123456789.", max_size=9), st.text("0123456789.-,a \x80", max_size=10)), max_size=30)
)
@example(["0.159", "12.34", "1.2", "7", "", "1234.567", "12345.6", "12345678", "5.", ".5", ".", "0..1", "99999"])
def test_columns_read_what_single_values_read_and_nothing_else(texts):
    buffer, ends, lengths = bytearray(b"9" * 8), [], []
    for text in texts:
        buffer += text.encode("latin-1") + b"9"  # neighbours must not leak in
        ends.append(len(buffer) - 1)
        lengths.append(len(text))
    values, understood = parse_columns(words(buffer), np.array(ends, np.intp), np.array(lengths, np.intp))
    for text, value, known in zip(texts, values.tolist(), understood.tolist(), strict=True):
        if text == "":
            assert known and value == NULL
        elif known:
            assert value == parse_kwh(text)
        else:
            assert value == NULL


def test_columns_understand_every_usual_value():
    texts = [kwh_text(wh) for wh in range(0, 9_999_999, 997)]
    buffer = b"," * 8 + b",".join(text.encode() for text in texts)
    ends = np.cumsum([len(text) + 1 for text in texts]) + 7
    values, understood = parse_columns(words(buffer), ends, np.array([len(text) for text in texts]))
    assert understood.all() and values.tolist() == list(range(0, 9_999_999, 997))
