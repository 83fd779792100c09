"""The clock of a market goes forward, and what falls due on the way is done on the way by hub and partners."""

from datetime import timedelta

import pytest

from linkage import cast, scripts, travel
from linkage.models import Clock
from metering.models import PublishedFile, UsageFile
from metering.supply import current_period
from portal import clock
from portal.models import Company, LedgerEntry
from switching.models import Application, Relay
from switching.partners import gaining, network
from switching.partners.behaviours import GAINING, LOSING, NETWORK, Partner, Scripts
from switching.reasons import Reason
from switching.states import ApplicationState, RelayState
from tests.linkage.playing import at, go, jst, me, relay_for, rival_point, start_for


def test_every_partner_has_a_behaviour_for_every_digit():
    for table in (LOSING, GAINING, NETWORK):
        assert list(table) == [str(digit) for digit in range(10)]
        assert all(str(behaviour.words) for behaviour in table.values())


def test_a_script_for_a_point_goes_before_one_for_its_digit():
    told = Scripts({("losing", "1"): "5", ("losing", "0" * 21 + "1"): "7"})
    assert [told.digit(Partner.LOSING, n) for n in ("0" * 21 + "1", "1" * 22, "2" * 22)] == ["7", "5", "2"]
    assert told.digit(Partner.GAINING, "1" * 22) == "1"


def test_the_losing_retailer_does_what_the_last_digit_says(market, now):
    """Registered on Wednesday 1 April at ten, due on Friday 3 April at 17:00."""
    with at(now):
        sent = {digit: relay_for(rival_point(digit), now=now) for digit in range(10)}
        wrong = relay_for(rival_point(0, at=1), now=now, holder_name="別人", contract_number="R9999999999")
        travel.play_partners(now=now)
        found = {digit: Relay.objects.get(pk=relay.pk) for digit, relay in sent.items()}
        assert {d for d, relay in found.items() if relay.state == RelayState.ACCEPTED} == {1, 8, 9}
        assert [found[d].reasons for d in (5, 6, 7)] == [[2], [4, 5, 6], [8]]
        go(to=jst(2026, 4, 1, 11, 30))
        assert Relay.objects.get(pk=sent[0].pk).state == RelayState.ACCEPTED
        assert set(Relay.objects.get(pk=wrong.pk).reasons) == {Reason.NUMBER_DIFFERS, Reason.NAME_DIFFERS}
        assert Relay.objects.get(pk=sent[8].pk).owes_termination
        go(to=jst(2026, 4, 2, 16, 45))
        assert not Relay.objects.get(pk=sent[8].pk).owes_termination  # due on 2 April at 17:00
        assert Relay.objects.get(pk=sent[2].pk).state == RelayState.WAITING
        go(to=jst(2026, 4, 3, 16, 45))
        assert Relay.objects.get(pk=sent[2].pk).state == RelayState.ACCEPTED
        go(to=jst(2026, 4, 3, 19))
        assert {d for d in sent if Relay.objects.get(pk=sent[d].pk).state == RelayState.EXPIRED} == {3, 4}
        late = LedgerEntry.objects.get(action="partner.spoke_too_late")
        assert late.detail["refused"] == "AlreadyMoved" and late.subject.endswith(sent[3].number)
        go(to=jst(2026, 4, 9, 1))
        assert Relay.objects.get(pk=sent[9].pk).state == RelayState.MATCHING_FAILED


def test_a_switch_is_played_to_its_end_and_its_usage_is_published(market, now, nights):
    with at(now):
        point = rival_point(1)
        relay = relay_for(point, now=now)
        start = start_for(relay, now=now)
        go(days=1)
        relay.refresh_from_db()
        assert relay.state == RelayState.MATCHED
        go(to=jst(2026, 4, 10, 12))
        start = Application.objects.get(pk=start.pk)
        assert start.state == ApplicationState.COMPLETED and start.in_effect_on == relay.desired_date
        assert current_period(point, jst(2026, 4, 10).date()).retailer == me().company
        mine = PublishedFile.objects.filter(recipient=me().company)
        assert mine.filter(publication__day__gte=relay.desired_date).exists()
        assert not UsageFile.objects.filter(state=UsageFile.State.WAITING).exists()


def test_the_gaining_retailer_asks_for_the_participants_customers(market, now):
    with at(now):
        go(days=1)
        came = Relay.objects.filter(losing_retailer=me().company)
        assert came.filter(registered_at__lte=now + timedelta(days=1)).count() == 4  # two a day, from ten
        assert {relay.gaining_retailer.name for relay in came} == {cast.SUITOR[1]}
        go(to=jst(2026, 4, 5, 12))
        assert came.all().count() == 6  # none on Saturday and Sunday


def test_what_the_gaining_retailer_tells_is_wrong_exactly_where_the_table_says(market, now):
    with at(now):
        own = {period.point.number[-1]: period for period in cast.customers(me().company)}
        for digit, behaviour in GAINING.items():
            period = own[digit]
            relay = gaining.send(
                period.point, behaviour, clerk=cast.clerk(cast.SUITOR), participant=me().company, now=now
            )
            held = period.contract
            differing = {
                name
                for name, value in (
                    ("contract_number", held.number),
                    ("holder_name", held.holder_name),
                    ("holder_kana", held.holder_kana),
                    ("holder_address", held.holder_address),
                )
                if getattr(relay, name) != value
            }
            if not behaviour.other_writing:
                assert differing == behaviour.wrong, digit
        with pytest.raises(gaining.NotSent):
            gaining.send(own["1"].point, GAINING["1"], clerk=cast.clerk(cast.SUITOR), participant=me().company, now=now)
        go(to=jst(2026, 4, 2, 12))
        states = dict(Relay.objects.filter(losing_retailer=me().company).values_list("point__number", "state"))
        assert states[own["3"].point.number] == RelayState.WITHDRAWN
        starts = set(Application.objects.filter(kind="switch_start").values_list("point__number", flat=True))
        assert own["2"].point.number in starts and own["9"].point.number not in starts


def test_the_network_operator_sends_usage_late_twice_and_corrected(market, now, nights):
    with at(now):
        go(to=jst(2026, 4, 6, 3, 30))
        names = set(UsageFile.objects.values_list("name", flat=True))
    assert {f"usage-03-2026040{day}-0.csv" for day in range(1, 6)} <= names
    assert "usage-03-20260402-3.csv" in names and "usage-03-20260403-3.csv" not in names  # three days late
    assert "usage-03-20260405-again.csv" in names and "usage-03-20260403-corrected.csv" in names


def test_invented_usage_is_the_same_whenever_it_is_asked_for(now):
    day = now.date()
    one, again = network.usage_of("03" + "0" * 20, day), network.usage_of("03" + "0" * 20, day)
    assert (one == again).all() and (one != network.usage_of("03" + "0" * 19 + "1", day)).any() and one.min() >= 10


class TestClock:
    def test_time_goes_forward_only_and_not_too_far(self, market, now):
        with at(now):
            for target in (now, now - timedelta(seconds=1)):
                with pytest.raises(travel.NotForward):
                    travel.set_out(target, by=None, now=now)
            with pytest.raises(travel.TooFar):
                travel.set_out(now + timedelta(days=travel.MOST_DAYS + 1), by=None, now=now)
            travel.set_out(now + timedelta(days=1), by=None, now=now)
            with pytest.raises(travel.OnItsWay):
                travel.set_out(now + timedelta(days=2), by=None, now=now)

    def test_the_market_stays_ahead_and_its_clock_runs_on(self, market, now):
        with at(now):
            go(days=1)
        later = now + timedelta(hours=2)
        with at(later):
            assert clock.now() == later + timedelta(days=1)
            travel.go_on(real=lambda: later)
            assert Clock.objects.get().worked_until == later + timedelta(days=1)

    def test_who_looks_on_the_way_sees_how_far_it_is(self, market, now):
        with at(now):
            held = travel.set_out(now + timedelta(days=4), by=None, now=now)
            held.worked_until = now + timedelta(days=1)
            assert travel.share_done(held) == 25

    def test_one_process_goes_the_way_for_all(self, market, now, monkeypatch):
        with at(now + timedelta(hours=3)), travel._claimed() as is_ours:
            assert is_ours
            from django.db import connection

            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [travel._CLAIM])
                assert cursor.fetchone() == (False,)
            other.close()

    def test_work_that_fails_holds_nothing_up(self, market, now, monkeypatch, caplog):
        with at(now):
            point = rival_point(1)
            relay = relay_for(point, now=now)
            monkeypatch.setattr("switching.matching.match_waiting", lambda **given: 1 / 0)
            go(days=1)
            assert Relay.objects.get(pk=relay.pk).state == RelayState.ACCEPTED
            assert Clock.objects.get().worked_until == now + timedelta(days=1)
        assert "work of the market sora" in caplog.text

    def test_a_market_nobody_visits_sleeps(self, market, now):
        with at(now):
            assert travel.is_awake(now=now)
            late = now + travel.FALLS_ASLEEP_AFTER + timedelta(minutes=1)
            assert not travel.is_awake(now=late)
            travel.visit(now=late)
            assert travel.is_awake(now=late)


def test_a_script_makes_the_partner_behave_otherwise_from_then_on(market, now):
    with at(now):
        scripts.write(partner=Partner.LOSING, number="1", behaves_as="5", by=None, now=now)
        relay = relay_for(rival_point(1), now=now)
        travel.play_partners(now=now)
        assert Relay.objects.get(pk=relay.pk).reasons == [Reason.NUMBER_DIFFERS]
        assert LedgerEntry.objects.filter(action="script.write").exists()
    assert Company.objects.exists()
