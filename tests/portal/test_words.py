"""How numbers, moments, classes and states are written."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from portal.templatetags.words import badge, class_mark, deadline, jst, kwh, may_break, point_number
from tests.cast import NOW

NUMBER = "0300112233445566778899"


def test_a_point_number_is_grouped_and_copied_without_spaces():
    html = point_number(NUMBER)
    groups = ["03", "0011", "2233", "4455", "6677", "8899"]
    assert (
        html == '<span class="point-number" translate="no">' + "".join(f"<span>{g}</span>" for g in groups) + "</span>"
    )


def test_what_is_no_point_number_is_shown_as_it_is():
    assert point_number("12345") == "12345"
    assert point_number(None) == "–"


@pytest.mark.parametrize(
    ("wh", "digits", "text"),
    [
        (1_234_560, 2, "1,234.56"),
        (1_234_567, 2, "1,234.567"),
        (0, 2, "0.00"),
        (-50, 2, "-0.05"),
        (1_234_500, 1, "1,234.5"),
        (1_234_560, 1, "1,234.560"),
        (2_000, 0, "2"),
        (None, 2, "–"),
    ],
)
def test_wh_are_written_as_kwh(wh, digits, text):
    assert kwh(wh, digits) == text


@given(st.integers(-(10**12), 10**12), st.integers(0, 3))
def test_no_watt_hour_is_lost_in_writing(wh, digits):
    whole, _, decimals = kwh(wh, digits).replace(",", "").partition(".")
    assert int(whole + decimals.ljust(3, "0")) == wh


def test_moments_are_written_in_japanese_time():
    with translation.override("ja"):
        assert jst(datetime(2026, 3, 31, 15, 30, tzinfo=UTC)) == "2026-04-01 (水) 00:30"
        assert jst(date(2026, 4, 1)) == "2026-04-01 (水)"
    with translation.override("en"):
        assert jst(date(2026, 4, 1)) == "2026-04-01 (Wed)"
    assert jst(None) == "–"


def test_the_three_classes_differ_in_letter_word_and_shape():
    with translation.override("ja"):
        marks = [class_mark(value) for value in ("LV", "HV", "FIT")]
    for letter, word, css, mark in zip("LHF", ("低圧", "高圧", "低圧FIT"), ("lv", "hv", "fit"), marks, strict=True):
        assert f">{letter}<" in mark and mark.endswith(f"{word}</span>") and f"class-mark-{css}" in mark


def test_a_state_has_word_and_tone_and_an_unknown_tone_is_a_mistake():
    assert badge("<b>", "done") == '<span class="state state-done">&lt;b&gt;</span>'
    with pytest.raises(ValueError, match="no tone"):
        badge("x", "pink")


@pytest.mark.parametrize(
    ("hours", "text", "css"),
    [
        (-1, "期限超過（2026-04-01 (水) 09:00）", "is-overdue"),
        (7, "本日 17:00まで", "is-soon"),
        (31, "明日 17:00まで", "is-soon"),
        (55, "2026-04-03 (金) 17:00まで", ""),
    ],
)
def test_a_deadline_is_said_as_people_say_it(hours, text, css):
    with translation.override("ja"):
        assert deadline(NOW + timedelta(hours=hours), NOW) == {"css": css, "text": text}


def test_a_long_code_breaks_between_its_words_alone():
    assert may_break("relay.not_<yours>") == "relay.<wbr>not_<wbr>&lt;yours&gt;"
