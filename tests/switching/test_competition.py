"""Two companies want the same point, or one wants what is not its to take: who wins, who is refused, who may end."""

from datetime import date, datetime, timedelta

import pytest

from metering import books, publication, supply
from metering.models import PublishedFile
from portal import outbox
from portal.models import Notice, Participation
from portal.workdays import JST
from switching import applications, disclosures, matching, relays
from switching.models import Application, Match, Relay
from switching.reasons import Reason
from switching.states import ApplicationState, RelayState
from tests.cast import client_of
from tests.metering.delivering import block_of, csv_of, deliver
from tests.switching.cases import DESIRED
from tests.switching.paging import said

pytestmark = pytest.mark.django_db

THE_DAY = datetime(DESIRED.year, DESIRED.month, DESIRED.day, tzinfo=JST)


def to_yama(point, cast, day):
    return supply.NewSupply(
        point_id=point.pk,
        retailer_id=cast.yama.pk,
        from_date=day,
        contract_number="Y-1",
        holder_name="山田 太郎",
        holder_kana="",
        holder_address="東京都",
    )


def test_who_does_not_supply_the_point_cannot_accept_its_cancellation(play, cast):
    point = play.point(supplier=cast.yama)
    relay = play.relay(point)
    with pytest.raises(relays.NotSupplying):
        relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=play.now)
    relay.refresh_from_db()
    assert relay.state == RelayState.WAITING
    assert not Application.objects.exists()
    relays.judge(
        relay_id=relay.pk,
        verdict=relays.Verdict.REJECT,
        reasons=[Reason.NOT_SUPPLIED_BY_US],
        by=cast["umi.relay"],
        now=play.now,
    )


def test_a_point_whose_supply_ended_meanwhile_is_not_cancelled_again(play, cast):
    point = play.point()
    relay = play.relay(point)
    supply.terminate({point.pk: date(2026, 4, 1)}, cause="moved out", now=play.now)
    with pytest.raises(relays.NotSupplying):
        relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=play.now)


def test_nobody_relays_for_a_point_nobody_supplies(play):
    point = play.point()
    supply.terminate({point.pk: date(2026, 4, 1)}, cause="moved out", now=play.now)
    with pytest.raises(relays.PointNotInUse):
        play.relay(point)


def test_a_point_that_went_elsewhere_before_the_switch_date_stays_there_and_the_match_is_stuck(play, cast):
    point, fine = play.point(), play.point()
    for each in (point, fine):
        play.start(each, relay=play.accepted(each))
    assert matching.match_waiting(now=play.now) == 2
    supply.hand_over([to_yama(point, cast, date(2026, 4, 10))], now=play.now)
    assert matching.hand_over_due(now=THE_DAY) == 2
    assert supply.current_period(point, DESIRED).retailer == cast.yama
    assert supply.current_period(fine, DESIRED).retailer == cast.sora
    assert Match.objects.exclude(stuck_because="").get().point == point
    assert matching.hand_over_due(now=THE_DAY) == 0


@pytest.mark.parametrize("who", ["sora", "umi"])
def test_both_retailers_need_a_participant_code_in_the_area(play, cast, who):
    point = play.point()
    request = play.request(point)
    Participation.objects.filter(company=cast.companies[who], area="03").delete()
    with pytest.raises(relays.NoPartInArea if who == "sora" else relays.NotARetailerThere):
        relays.register(request, by=cast["sora.relay"], now=play.now)
    if who == "sora":
        with pytest.raises(applications.NoPartInArea):
            play.start(point)


def test_another_companys_open_relay_keeps_a_start_away(play):
    point = play.point()
    relay = play.relay(point)
    with pytest.raises(applications.PointBusy):
        play.start(point, who="yama")
    play.start(point, relay=relay)


def test_a_start_without_relay_gives_way_to_the_first_accepted_relay(play, cast):
    point, other = play.point(), play.point()
    squatting, elsewhere = play.start(point, who="yama"), play.start(other, who="yama")
    relay = play.accepted(point)
    for start, state in ((squatting, ApplicationState.SUPERSEDED), (elsewhere, ApplicationState.WAITING)):
        start.refresh_from_db()
        assert start.state == state
    notice = Notice.objects.get(recipient=cast.yama, kind="application_superseded")
    told = " ".join(outbox.words(notice, "en"))
    assert "Another switch of this supply point was accepted first" in told
    page = said(client_of(cast["yama.application"]).get(f"/applications/{squatting.number}/"))
    assert "先に" in page
    for name in ("Sora", "空でんき", "Umi", "海エナジー", relay.number):
        assert name not in told and name not in page, "whose is not told"
    play.start(point, relay=relay)
    assert matching.match_waiting(now=play.now) == 1
    assert supply.current_period(point, date(2026, 4, 1)).retailer == cast.umi


def test_the_gaining_retailers_own_earlier_start_outlives_its_relays_acceptance(play):
    point = play.point()
    start = play.start(point)
    play.accepted(point)
    assert matching.match_waiting(now=play.now) == 1
    start.refresh_from_db()
    assert start.state == ApplicationState.MATCHED


def test_a_matched_point_takes_no_further_relay_until_its_switch_date(play, cast):
    point = play.point()
    play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=play.now)
    with pytest.raises(relays.PointBusy):
        play.relay(point, who="yama")
    matching.hand_over_due(now=THE_DAY)
    later = THE_DAY + timedelta(hours=10)
    relay = play.relay(
        point,
        who="yama",
        now=later,
        losing_retailer=cast.sora,
        contract_number=f"S-{point.pk}",
        desired_date=DESIRED + timedelta(days=30),
    )
    assert relay.state == RelayState.WAITING


def test_withdrawing_ends_the_start_filed_before_the_relay_and_no_other(play, cast):
    point, other = play.point(), play.point()
    start, elsewhere = play.start(point), play.start(other)
    relays.withdraw(relay_id=play.relay(point).pk, by=cast["sora.relay"], now=play.now)
    start.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (start.state, elsewhere.state) == (ApplicationState.CANCELLED, ApplicationState.WAITING)


def test_a_retailer_that_accepts_by_itself_is_no_oracle_for_contract_numbers(play, cast):
    play.policy(auto_accept=True)
    point = play.point()
    for guess in range(3):
        relay = play.relay(point, contract_number=f"U-9999999{guess}")
        assert relay.state == RelayState.WAITING
        relays.withdraw(relay_id=relay.pk, by=cast["sora.relay"], now=play.now)
    with pytest.raises(relays.Throttled):
        play.relay(point)
    assert Relay.objects.count() == 3


def test_customers_who_change_their_mind_do_not_throttle_where_a_person_judges(play, cast):
    point = play.point()
    for _ in range(4):
        relays.withdraw(relay_id=play.relay(point).pk, by=cast["sora.relay"], now=play.now)
    assert play.relay(point).state == RelayState.WAITING


def test_an_explanation_of_long_ago_stands_for_no_new_relay(play, settings):
    point = play.point()
    disclosure = play.disclosure(point)
    days = settings.CONSENT_MAX_AGE_DAYS - 1  # it was given the day before
    play.relay(
        point,
        now=play.now + timedelta(days=days),
        disclosure=disclosure,
        desired_date=DESIRED + timedelta(days=days),
        contract_number=point.contracts.get().number,
    )
    Relay.objects.update(state=RelayState.WITHDRAWN)
    with pytest.raises(relays.DisclosureMissing):
        play.relay(
            point,
            now=play.now + timedelta(days=days + 1),
            disclosure=disclosure,
            desired_date=DESIRED + timedelta(days=days + 1),
        )


def test_an_explanation_of_long_ago_is_not_recorded(play, cast):
    point = play.point()
    version = play.disclosure(point).version
    with pytest.raises(disclosures.ExplainedTooLongAgo) as refusal:
        disclosures.record(
            point=point,
            version=version,
            acknowledged=set(version.items.values_list("pk", flat=True)),
            channel="telephone",
            explained_on=date(2025, 4, 1),
            by=cast["sora.relay"],
            now=play.now,
        )
    assert refusal.value.oldest == date(2026, 1, 1)


def test_usage_of_the_switch_date_waits_for_a_late_hand_over_and_goes_to_the_new_retailer(play, cast):
    point = play.point()
    play.start(point, relay=play.accepted(point))
    matching.match_waiting(now=play.now)
    night = THE_DAY + timedelta(days=1, hours=5)
    deliver(cast, csv_of(block_of([point], DESIRED)), now=night)
    deliver(cast, csv_of(block_of([point], DESIRED - timedelta(days=1))), now=night)
    assert publication.publish_nightly(now=night) is None, "the hand-over of the day has not run yet"
    assert [p.day for p in publication.publish_late(now=night)] == [DESIRED - timedelta(days=1)]
    matching.hand_over_due(now=night + timedelta(hours=2))
    assert [p.day for p in publication.publish_late(now=night + timedelta(hours=2))] == [DESIRED]
    recipients = PublishedFile.objects.values_list("publication__day", "recipient").distinct()
    assert set(recipients) == {(DESIRED - timedelta(days=1), cast.umi.pk), (DESIRED, cast.sora.pk)}
    assert books.balance(DESIRED - timedelta(days=1), DESIRED)["balanced"]
