"""By when an application for use is due for its start."""

from datetime import date, datetime, timedelta

import pytest

from portal import onboarding
from portal.models.onboarding import UseKind, UseState
from portal.workdays import JST
from tests.cast import NOW
from tests.portal.newcomers import (
    filed,
    filled,
)

pytestmark = pytest.mark.django_db


def jst(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=JST)


def test_for_a_start_on_1_march_2016_the_application_was_due_by_19_february():
    assert onboarding.deadline(UseKind.PRODUCTION, date(2016, 3, 1)) == date(2016, 2, 19)


def test_the_earliest_start_is_the_first_whose_deadline_is_not_over():
    assert onboarding.earliest_start(UseKind.PRODUCTION, date(2016, 2, 19)) == date(2016, 3, 1)
    for day in (date(2016, 2, 20) + timedelta(days=n) for n in range(40)):
        for kind in UseKind:
            earliest = onboarding.earliest_start(kind, day)
            assert onboarding.deadline(kind, earliest) >= day > onboarding.deadline(kind, earliest - timedelta(days=1))


def test_both_kinds_have_a_deadline_of_their_own():
    start = date(2026, 5, 29)
    assert onboarding.deadline(UseKind.PRODUCTION, start) < onboarding.deadline(UseKind.CONNECTION_TEST, start)


def test_on_the_last_day_it_is_filed_a_minute_later_it_is_refused_with_the_earliest_start():
    first = filled(1, jst(2016, 2, 10, 9), date(2016, 3, 1))
    onboarding.file(first, accepts=True, now=jst(2016, 2, 19, 23, 59))
    late = filled(2, jst(2016, 2, 10, 9), date(2016, 3, 1))
    with pytest.raises(onboarding.DeadlineOver, match=r"2016-02-19.*2016-03-02"):
        onboarding.file(late, accepts=True, now=jst(2016, 2, 20, 0, 0))


def test_an_answer_to_a_question_keeps_the_day_of_the_first_filing(cast):
    application = filed()
    onboarding.ask_back(application, message="区域を確認してください。", by=cast["hub.operator"], now=NOW)
    again = onboarding.file(application, accepts=True, now=NOW + timedelta(days=28))
    assert again.state == UseState.WAITING and again.filed_at == NOW
