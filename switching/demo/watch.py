"""What the hub operator has set in the demo: opening, maintenance, a quota, and alarms about somebody's inquiries."""

from datetime import timedelta

from metering import governance
from metering.models import InquiryAlarm
from portal import gates, quotas
from portal.models import Function, Registration
from switching.demo.clock import Clock
from switching.demo.market import Market
from switching.demo.usage_files import Story

ASKED_IN_A_ROW = 9
SUNDAY = 6


def set_hours(market: Market, clock: Clock) -> Story:
    """Everything is open since the market is; the Sunday after next the usage functions rest for three hours."""
    now = yield clock.at(clock.business_day(-3), 11)
    operator = market.people["hub.operator"]
    gates.open_function(
        Function.EVERYTHING, opened_from=now - timedelta(days=365), note="全機能の運用開始", by=operator, now=now
    )
    sunday = clock.today + timedelta(days=(SUNDAY - clock.today.weekday()) % 7 + 7)
    gates.announce(
        function=Function.USAGE,
        begins_at=clock.at(sunday, 2),
        ends_at=clock.at(sunday, 5),
        announced_from=now,
        words_ja="使用量データ保管装置の更新",
        words_en="New storage for usage data",
        by=operator,
        now=now,
    )
    quotas.set_quota(market.companies["sora"], Registration.RELAY, most=200, by=operator, now=now)


def leaf_through(market: Market, clock: Clock) -> Story:
    """Somebody of yama asked for numbers in a row; the explanation came the same day."""
    now = yield clock.at(clock.business_day(-6), 15)
    user = market.people["yama.inquiry"]
    for n in range(ASKED_IN_A_ROW):
        governance.count(user, number=f"03{n:020d}", now=now)
    now = yield clock.at(clock.business_day(-6), 16, 30)
    for alarm in InquiryAlarm.objects.filter(user=user):
        governance.explain(
            alarm,
            explanation="マンションの管理組合から全戸一括の切替を相談されたためです。",
            by=user,
            now=now,
        )
