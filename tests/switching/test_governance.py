"""What the cases tell the watch over inquiries: relays that followed, customers who were not the holder."""

from datetime import timedelta

import pytest

from metering import governance
from metering.governance import Kind
from metering.inquiries import inquire, record_consent
from metering.models import InquiryAlarm, SupplyPoint
from switching.reasons import Reason
from tests.cast import NOW
from tests.switching.cases import Play

DAY = timedelta(days=1)
LATER = NOW + 20 * DAY


@pytest.fixture
def play(cast) -> Play:
    return Play(cast, NOW)


def ask(play: Play, count: int, purpose: str = "switch") -> list[SupplyPoint]:
    user = play.cast["sora.inquiry"]
    governance.set_rules(user.company, daily_budget=1000, hourly_alarm=1000, by=None, now=NOW)
    consent = record_consent(reference="R-1", channel="web", purpose=purpose, obtained_on=NOW.date(), by=user, now=NOW)
    points = [play.point() for _ in range(count)]
    for point in points:
        inquire(number=point.number, supply_class="LV", consent=consent, by=user, now=NOW)
    InquiryAlarm.objects.all().delete()  # the numbers of a test stand in a row
    return points


def test_inquiries_that_led_to_nothing_raise_an_alarm_once(play):
    ask(play, 20)
    assert governance.look_for_inquiries_without_result(now=NOW + 14 * DAY) == 0
    assert governance.look_for_inquiries_without_result(now=LATER) == 1
    alarm = InquiryAlarm.objects.get()
    assert (alarm.kind, alarm.count, alarm.user) == (Kind.WITHOUT_RESULT, 20, play.cast["sora.inquiry"])
    governance.explain(alarm, explanation="a trade fair", by=alarm.user, now=LATER)
    assert governance.look_for_inquiries_without_result(now=LATER + DAY) == 0


def test_a_few_idle_ones_raise_none(play):
    ask(play, 19)
    assert governance.look_for_inquiries_without_result(now=LATER) == 0


def test_quotations_raise_none(play):
    ask(play, 25, purpose="quote")
    assert governance.look_for_inquiries_without_result(now=LATER) == 0


def test_a_relay_or_an_application_of_the_own_company_is_a_result(play):
    points = ask(play, 22)
    play.relay(points[0])
    play.start(points[1])
    play.relay(points[2], who="yama")
    assert governance.look_for_inquiries_without_result(now=LATER) == 1
    assert InquiryAlarm.objects.get().count == 20


def test_half_of_them_idle_is_enough_only_when_it_is_more_than_half(play):
    points = ask(play, 40)
    for point in points[:20]:
        play.start(point)
    assert governance.look_for_inquiries_without_result(now=LATER) == 0


def test_repeated_rejections_for_identity_raise_an_alarm(play):
    for _case in range(4):
        play.rejected(play.point(), Reason.NAME_DIFFERS)
    play.rejected(play.point(), Reason.CUSTOMER_DENIES)
    assert not InquiryAlarm.objects.exists()
    play.rejected(play.point(), Reason.NUMBER_DIFFERS, Reason.ADDRESS_DIFFERS)
    alarm = InquiryAlarm.objects.get()
    assert (alarm.kind, alarm.count, alarm.user) == (Kind.IDENTITY, 5, play.cast["sora.relay"])


def test_old_rejections_and_those_before_the_last_alarm_do_not_count(play):
    for _case in range(5):
        play.rejected(play.point(), Reason.NAME_DIFFERS)
    alarm = InquiryAlarm.objects.get()
    governance.explain(alarm, explanation="a wrong list", by=alarm.user, now=NOW)
    play.now = NOW + DAY
    for _case in range(4):
        play.rejected(play.point(), Reason.NAME_DIFFERS, now=play.now)
    assert InquiryAlarm.objects.count() == 1
    play.rejected(play.point(), Reason.NAME_DIFFERS, now=play.now)
    assert InquiryAlarm.objects.count() == 2
