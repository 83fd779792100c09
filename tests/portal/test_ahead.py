"""A question is asked anew each time, but inside a reading once, and not at all where a set has answered."""

import pytest

from portal import ahead


@pytest.fixture
def asked():
    return []


@pytest.fixture
def double(asked):
    @ahead.question
    def double(number: int) -> int:
        """Twice the number."""
        asked.append(number)
        return 2 * number

    return double


def test_outside_a_reading_every_question_is_asked_anew(double, asked):
    assert [double(1), double(1)] == [2, 2]
    assert asked == [1, 1]
    double.know({(1,): 7})
    assert double(1) == 2, "nothing is remembered where nobody reads ahead"


def test_inside_a_reading_it_is_asked_once(double, asked):
    with ahead.reading():
        assert [double(1), double(1), double(2)] == [2, 2, 4]
    assert asked == [1, 2]
    double(1)
    assert asked == [1, 2, 1]


def test_a_set_answers_beforehand_and_none_is_an_answer(asked):
    @ahead.question
    def holder(number: int) -> str | None:
        asked.append(number)
        return "asked"

    with ahead.reading():
        holder.know({(1,): "told", (2,): None})
        assert [holder(1), holder(2), holder(3)] == ["told", None, "asked"]
    assert asked == [3]


def test_two_questions_with_the_same_arguments_are_told_apart(double):
    @ahead.question
    def triple(number: int) -> int:
        return 3 * number

    with ahead.reading():
        assert (double(2), triple(2)) == (4, 6)


def test_an_error_is_no_answer_and_ends_the_reading(double, asked):
    with pytest.raises(ZeroDivisionError), ahead.reading():
        double(1)
        raise ZeroDivisionError
    double(1)
    assert asked == [1, 1]


def test_a_question_keeps_its_words(double):
    assert (double.__name__, double.__doc__) == ("double", "Twice the number.")
