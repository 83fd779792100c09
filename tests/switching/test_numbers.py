"""Case numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switching import numbers

DIGITS = st.integers(0, 999_999_999).map(lambda n: f"{n:09d}")


@given(DIGITS, st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(digits, position, shift):
    right = digits + numbers.check_digit(digits)
    wrong = right[:position] + str((int(right[position]) + shift) % 10) + right[position + 1 :]
    assert numbers.is_well_formed("R" + right)
    assert not numbers.is_well_formed("R" + wrong)


@pytest.mark.parametrize("number", ["", "R", "R123", "X0000000018", "R00000000１8", "R000000001８", "A00000000181"])
def test_what_was_never_issued_is_not_well_formed(number):
    assert not numbers.is_well_formed(number)


def test_numbers_rise_and_are_never_used_twice(db):
    first, second = numbers.issue(numbers.RELAY, 3), numbers.issue(numbers.APPLICATION, 3)
    digits = [number[1:] for number in first + second]
    assert digits == sorted(set(digits))
    assert all(numbers.is_well_formed(number) for number in first + second)
