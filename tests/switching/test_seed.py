"""The demo market: whole, in every state, the same however often it is asked for, with and without real data."""

import gzip
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings
from django_otp.plugins.otp_totp.models import TOTPDevice

from metering import usage
from metering.books import balance
from metering.halfhours import NULL
from metering.models import (
    CheckFinding,
    Contract,
    Estimate,
    FacilityInquiry,
    Gap,
    MonthlyUsage,
    OwedCheck,
    Publication,
    PublishedFile,
    RefusedRow,
    RegisterReading,
    SlotSegment,
    SupplyPeriod,
    SupplyPoint,
    UsageDay,
    UsageFile,
)
from portal import quotas
from portal.access import Role
from portal.demo import DEMO_PASSWORD
from portal.market import Area, MarketRole
from portal.models import Certificate, CertificateRequest, Company, JobRun, LedgerEntry, Participation, User
from portal.workdays import JST, jst_date
from switching import relays, statistics
from switching.demo import access, cases, estate, holders, moves, seed
from switching.demo import readings as half_hours
from switching.demo.clock import Clock
from switching.demo.places import Places
from switching.identity import Verdict
from switching.management.commands.seed_demo import SHARED
from switching.models import (
    ActualDay,
    Application,
    Cancellation,
    Content,
    DisclosureVersion,
    Escalation,
    Match,
    MeterWork,
    QueuedRegistration,
    Relay,
    RetailerPolicy,
    Step,
    UndoCase,
    Upload,
)
from switching.states import ApplicationState, RelayState

NOW = datetime(2026, 11, 24, 10, 50, tzinfo=JST)  # the Tuesday after a long weekend
TODAY = jst_date(NOW)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture(scope="module")
def market(django_db_setup: Any, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[None]:
    """The smallest market with invented data, made once for the module and rolled back after it."""
    files = tmp_path_factory.mktemp("files")
    folders = {"MEDIA_ROOT": files, "AUTHORITY_DIR": files / "authority"}
    with django_db_blocker.unblock(), override_settings(**folders), transaction.atomic():
        assert seed.fill(points_wanted=seed.FEWEST_POINTS, sources=seed.Sources(), now=NOW, tell=lambda _line: None)
        yield
        transaction.set_rollback(True)


def counted() -> dict[str, int]:
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(tables):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found[table] = cursor.fetchone()[0]
    return found


def test_a_second_run_changes_nothing(market: None) -> None:
    before = counted()
    again = seed.fill(points_wanted=600, sources=seed.Sources(), now=NOW + timedelta(hours=1))
    assert not again
    assert counted() == before


def test_the_database_finds_nothing_to_object_to(market: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_the_queue_and_the_certificates_stand_in_every_state(market: None) -> None:
    queued = QueuedRegistration.objects.select_related("company")
    assert [one.state for one in queued] == ["waiting"] * access.OVER_BY
    [left] = quotas.standing(queued[0].company, now=NOW)
    assert (left.used, left.waiting, left.left) == (left.most, access.OVER_BY, 0)
    assert Certificate.objects.filter(revoked_at=None).count() == 2
    assert Certificate.objects.exclude(revoked_at=None).count() == 1
    assert set(CertificateRequest.objects.values_list("state", flat=True)) == {"waiting", "approved", "issued"}


def test_every_area_has_its_network_operator_and_points(market: None) -> None:
    operators = Participation.objects.filter(market_role=MarketRole.NETWORK_OPERATOR)
    assert sorted(operators.values_list("area", flat=True)) == sorted(Area.values)
    assert set(SupplyPoint.objects.values_list("area", flat=True)) == set(Area.values)
    assert SupplyPoint.objects.count() == seed.FEWEST_POINTS
    for area in (Area.TOKYO, Area.KANSAI):
        assert Participation.objects.filter(market_role=MarketRole.RETAILER, area=area).count() >= 6


def test_everybody_can_sign_in_and_every_role_is_held(market: None) -> None:
    people = User.objects.prefetch_related("grants")
    assert {grant.role for user in people for grant in user.grants.all()} == set(Role.values)
    invited = people.filter(username__in=["sora.shinjin", "sora.kyushoku"])
    assert TOTPDevice.objects.filter(confirmed=True).count() == people.count() - 2
    assert not any(user.has_usable_password() for user in invited) and invited.filter(is_active=False).count() == 1
    assert people.get(username="sora.clerk").check_password(DEMO_PASSWORD)
    clerk = people.get(username="umi.clerk")
    assert {Role.RELAY, Role.APPLICATION, Role.INQUIRY, Role.USAGE, Role.VIEWER} <= clerk.roles


def test_contract_numbers_follow_their_retailers_own_rule(market: None) -> None:
    rules = {policy.retailer_id: policy for policy in RetailerPolicy.objects.all()}
    assert len(rules) >= 6 and sum(rule.auto_accept for rule in rules.values()) == 1
    for contract in Contract.objects.all():
        assert rules[contract.retailer_id].number_fits(contract.number), contract.number


def test_relays_and_applications_stand_in_every_state(market: None) -> None:
    assert set(Relay.objects.values_list("state", flat=True)) == set(RelayState.values)
    rare = {ApplicationState.SUPERSEDED}
    assert set(Application.objects.values_list("state", flat=True)) >= set(ApplicationState) - rare
    assert set(Relay.objects.values_list("point__supply_class", flat=True)) == {"LV", "HV", "FIT"}
    assert not Match.objects.exclude(stuck_because="").exists()
    assert Step.objects.filter(at__gt=NOW).count() == 0


def test_switches_are_being_undone_in_every_way(market: None) -> None:
    assert set(UndoCase.objects.values_list("kind", "state")) >= {
        ("cooling_off", "done"),
        ("cooling_off", "asked"),
        ("cooling_off", "going"),
        ("reversal", "asked"),
        ("reversal", "done"),
        ("reversal", "escalated"),
        ("fraud", "asked"),
        ("dark_point", "kept"),
    }
    asked = set(Cancellation.objects.values_list("status", flat=True))
    assert asked == {Cancellation.Status.REQUESTED, Cancellation.Status.REFUSED}


def test_the_network_operator_has_work_in_every_state(market: None) -> None:
    exchanges = MeterWork.objects.filter(application=None)
    assert exchanges.filter(done_on__isnull=False).count() == 1
    assert exchanges.filter(cancelled_at__isnull=False).count() == 1
    open_days = set(exchanges.filter(done_on=None, cancelled_at=None).values_list("planned_on", flat=True))
    assert min(open_days) < TODAY < max(open_days)
    assert MeterWork.objects.filter(kind=MeterWork.Kind.REMOVE, application__state="scheduled").exists()
    assert ActualDay.objects.count() == 1
    file = Upload.objects.get(content=Content.NETWORK_ANSWERS)
    assert (file.rows_good, file.rows_wrong) == (2, 1) and file.state == Upload.State.CHECKED


def test_the_first_sweep_after_it_finds_nothing_left(market: None) -> None:
    before = Escalation.objects.count()
    cases.sweep(NOW)
    assert Escalation.objects.count() == before


def test_relays_wait_with_several_deadlines_and_every_verdict(market: None) -> None:
    waiting = Relay.objects.filter(state=RelayState.WAITING).select_related("point", "losing_retailer")
    days = {jst_date(relay.due_at) for relay in waiting}
    assert min(days) == TODAY and len(days) == 3
    assert all(relay.due_at > NOW for relay in waiting)
    reports = [relays.compare(relay, today=TODAY) for relay in waiting]
    assert {report.holder_name.verdict for report in reports} >= {
        Verdict.EXACT,
        Verdict.NORMALISED,
        Verdict.WEAK,
        Verdict.DIFFERENT,
    }


def test_a_story_tells_the_identity_it_was_written_for(market: None) -> None:
    told = {plan.given: Counter[str]() for plan in cases.PLANS}
    waiting = Relay.objects.filter(state=RelayState.WAITING).order_by("pk").select_related("point")
    # But for the one beside yama's queue and what came in files of many cases.
    market_relays = waiting.exclude(desired_date=TODAY + access.WISH_AHEAD).filter(upload_rows__isnull=True)
    plans = [plan for plan in cases.PLANS if plan.outcome == "waiting"]
    assert market_relays.count() == len(plans)
    for relay in market_relays:
        report = relays.compare(relay, today=TODAY)
        fields = (report.contract_number, report.holder_name, report.address)
        told_as = max((field.verdict for field in fields), key=["exact", "normalised", "weak", "different"].index)
        told[told_as][relay.gaining_retailer.name] += 1
    assert Counter({given: sum(c.values()) for given, c in told.items()}) == Counter(plan.given for plan in plans)


def test_a_switch_date_lies_ahead_for_matched_pairs_and_behind_for_those_in_effect(market: None) -> None:
    matched = Match.objects.filter(handed_over_at__isnull=True)
    assert matched.exists() and all(match.switch_date > TODAY for match in matched)
    moved = [match for match in Match.objects.all() if match.applications.exclude(desired_date=match.switch_date)]
    assert len(moved) == 1, "one was matched too late for its day"
    done = Match.objects.filter(handed_over_at__isnull=False)
    assert done.count() >= 8 and all(match.switch_date <= TODAY for match in done)
    for match in done:
        assert jst_date(match.handed_over_at) == match.switch_date  # type: ignore[arg-type]


def test_one_supplier_per_point_and_day(market: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.id, d::date, count(s.id) FROM metering_supplypoint p
            CROSS JOIN generate_series(%s::date, %s::date, '1 day') d
            LEFT JOIN metering_supplyperiod s
                   ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> d::date
            WHERE p.contract_state = 'energised'
              AND NOT EXISTS (SELECT FROM switching_application a WHERE a.point_id = p.id AND a.kind = 'reconnection')
            GROUP BY p.id, d HAVING count(s.id) <> 1
            """,
            [TODAY - timedelta(days=60), TODAY],
        )
        assert cursor.fetchall() == []
    assert SupplyPeriod.objects.filter(known_until__isnull=True, ending="handed_over").count() >= 8


def test_usage_is_there_for_36_days_and_14_months(market: None) -> None:
    smart = SupplyPoint.objects.filter(half_hourly_collectable=True, contract_state="energised").exclude(
        applications__kind="reconnection"  # somebody has just moved in
    )
    silent = set(Gap.objects.filter(state="open").values_list("point", flat=True))
    assert silent, "one meter of each network does not answer"
    for point in smart:
        stored = usage.days(point, YESTERDAY - timedelta(days=34), YESTERDAY)
        assert len(stored) == (31 if point.pk in silent else 35), point
        assert len(usage.monthly(point)) == 14
    assert MonthlyUsage.objects.filter(wh__gt=0).exists()
    values = [v for point in smart[:20] for day in usage.days(point, YESTERDAY, YESTERDAY) for v in day.values]
    assert 0 in values and max(v or 0 for v in values) > 0


def test_gaps_stay_gaps(market: None) -> None:
    gaps = sum(
        value is None
        for point in SupplyPoint.objects.filter(supply_class="LV")
        for day in usage.days(point, TODAY - timedelta(days=36), YESTERDAY)
        for value in day.values
    )
    assert gaps > 20


def test_everything_stored_is_published_once_to_who_supplied_it(market: None) -> None:
    books = balance(TODAY - timedelta(days=36), YESTERDAY)
    assert books["balanced"] and books["rows_waiting"] == 0 and books["rows_without_supplier"] == 0
    assert books["rows_stored"] == UsageDay.objects.count()
    published = Publication.objects.filter(layer="D", revision=0).values_list("day", flat=True)
    assert set(published) == {TODAY - timedelta(days=n) for n in range(1, 37)}
    assert Publication.objects.filter(revision__gt=0).exists()
    assert PublishedFile.objects.filter(recipient__name="空でんき", area=Area.TOKYO, supply_class="LV").exists()


def test_a_switch_changes_who_gets_the_usage(market: None) -> None:
    start = (
        Application.objects.filter(kind="switch_start", state="completed", point__half_hourly_collectable=True)
        .select_related("point", "match", "relay")
        .first()
    )
    assert start is not None and start.match is not None and start.relay is not None
    day = start.match.switch_date

    def supplier_on(when: date) -> int:
        return SupplyPeriod.objects.get(point=start.point, known_until__isnull=True, during__contains=when).retailer_id

    assert supplier_on(day - timedelta(days=1)) == start.relay.losing_retailer_id
    assert supplier_on(day) == start.retailer_id
    for when, retailer in ((day - timedelta(days=1), start.relay.losing_retailer_id), (day, start.retailer_id)):
        assert start.point.number in _rows_published(when, retailer, start.point.area, start.point.supply_class)
    assert start.point.number not in _rows_published(
        day, start.relay.losing_retailer_id, start.point.area, start.point.supply_class
    )


def _rows_published(day: date, retailer: int, area: str, supply_class: str) -> set[str]:
    numbers: set[str] = set()
    for file in PublishedFile.objects.filter(
        publication__day=day, recipient=retailer, area=area, supply_class=supply_class, format="wide_csv"
    ):
        with file.content.open("rb") as stream:
            numbers |= {line.split(",")[0] for line in gzip.decompress(stream.read()).decode().splitlines()[1:]}
    return numbers


def test_files_went_wrong_as_files_do(market: None) -> None:
    codes = set(RefusedRow.objects.values_list("code", flat=True))
    assert {"point_length", "point_unknown", "negative", "number_text", "column_count"} <= codes
    assert UsageFile.objects.filter(state=UsageFile.State.UNREADABLE).count() == 1
    assert UsageFile.objects.filter(state=UsageFile.State.WAITING).count() == 1
    formats = set(UsageFile.objects.values_list("format", flat=True))
    assert formats == {"wide_csv", "bp_day", "bp_half_hour", "registers"}


def test_usage_was_looked_at_closely(market: None) -> None:
    found = CheckFinding.objects.filter(replaced_at__isnull=True)
    assert {"V07", "V16"} <= set(found.values_list("check_code", flat=True))
    assert found.filter(kind="register").values("point").distinct().count() == 1
    assert found.filter(kind="not_in_day_file").get().point_id in Gap.objects.filter(state="open").values_list(
        "point", flat=True
    )
    assert RegisterReading.objects.values("point").distinct().count() >= 12
    assert SlotSegment.objects.filter(day=TODAY).exists() and not OwedCheck.objects.filter(done_at=None).exists()


def test_a_gap_was_followed_up_and_estimated(market: None) -> None:
    [estimate] = Estimate.objects.all()
    assert estimate.gap is not None and estimate.gap.state == Gap.State.ARRIVED and estimate.gap.note
    assert estimate.slots == 96 and estimate.inputs[0]["registers"]
    for day in usage.days(estimate.point, estimate.first_day, estimate.last_day):
        assert None not in day.values
    assert Gap.objects.filter(state="open").exists()


def test_evidence_and_disclosures_are_there(market: None) -> None:
    assert DisclosureVersion.objects.filter(retailer=None).count() == 2
    assert all(version.items.count() == 8 for version in DisclosureVersion.objects.filter(retailer=None))
    assert FacilityInquiry.objects.values("company").distinct().count() >= 3
    actions = set(LedgerEntry.objects.values_list("action", flat=True))
    assert {"facility inquiry", "facility inquiry refused", "relay.read_identity", "usage published"} <= actions
    assert not LedgerEntry.objects.filter(at__gt=NOW).exists()


def test_the_past_weeks_are_counted_for_everybody(market: None) -> None:
    assert statistics.audience() == statistics.Audience.EVERYBODY
    assert statistics.counted_until() == YESTERDAY
    counted = statistics.total(statistics.table(statistics.Step.MONTH))
    today = jst_date(NOW)
    assert counted.inquiries == sum(1 for inquiry in FacilityInquiry.objects.all() if jst_date(inquiry.at) < today)
    assert counted.switch_starts and counted.others and statistics.answer_months()


def test_the_command_says_that_it_stands_already(market: None) -> None:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    assert "デモ市場はすでにあります" in out.getvalue()


@pytest.mark.django_db
def test_a_crash_leaves_the_database_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_keywords: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(estate, "draw", fail)
    with pytest.raises(RuntimeError):
        seed.fill(points_wanted=seed.FEWEST_POINTS, sources=seed.Sources(), now=NOW, tell=lambda _line: None)
    assert not Company.objects.exists()
    assert not JobRun.objects.filter(finished_at__isnull=False).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--points", "12"], f"少なくとも{seed.FEWEST_POINTS}件"),
        (["--today", "1 April"], "1 April"),
        (["--points", "many"], "many"),
    ],
)
def test_bad_arguments_get_a_sentence(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("seed_demo", *arguments)
    assert not Company.objects.exists()


@pytest.mark.django_db
def test_it_refuses_production() -> None:
    with override_settings(PRODUCTION=True), pytest.raises(CommandError, match="KIRIKAE_ENV=production"):
        call_command("seed_demo")
    assert not Company.objects.exists()


@pytest.mark.django_db
def test_it_leaves_other_companies_alone(cast: Any) -> None:
    with pytest.raises(CommandError, match="空のデータベース"):
        call_command("seed_demo")


@pytest.mark.parametrize("day", [date(2026, 1, 4), date(2026, 5, 6), date(2026, 11, 21), date(2028, 2, 29)])
@pytest.mark.parametrize("hour", [0, 9, 16, 23])
def test_some_relay_can_wait_whatever_the_hour(day: date, hour: int) -> None:
    clock = Clock(datetime(day.year, day.month, day.day, hour, 40, tzinfo=JST))
    teller = cases.Teller(market=None, clock=clock, rng=random.Random(1))  # type: ignore[arg-type]
    days = [teller.begins(plan) for plan in cases.PLANS if plan.outcome == "waiting"]
    assert days and all(begun <= day for begun in days)


def test_invented_readings_look_like_a_household() -> None:
    readings = half_hours.generate(7)
    present = readings.days != NULL
    assert 0.001 < 1 - present.mean() < 0.02
    assert 0.005 < (readings.days == 0).mean() < 0.15
    loads = [half_hours.Load(n, 1.0, 10, n, 3) for n in range(12)]
    first, again = (readings.values(loads, date(2026, 11, 20)) for _ in range(2))
    assert (first == again).all() and ((first[first != NULL] % 10) == 0).all()
    night, evening = readings.days[:, 4:10], readings.days[:, 36:44]
    assert night[night != NULL].mean() * 2 < evening[evening != NULL].mean()


def test_the_sun_shines_by_day() -> None:
    readings = half_hours.generate(7)
    panels = [half_hours.Load(0, 1.0, 10, salt, 3, solar_w=5000) for salt in range(40)]
    values = readings.values(panels, date(2026, 6, 10))
    assert (values[:, :6][values[:, :6] != NULL] == 0).all()
    assert 0 < values[:, 20:28].max() <= 2500


def test_invented_addresses_never_repeat_and_lie_in_their_area() -> None:
    places = Places(random.Random(3), None)
    for area in Area:
        made = [places.next(area) for _ in range(60)]
        assert all(place.area == area for place in made)
        assert len({place.plain for place in made}) == 60


def test_names_are_written_in_ways_people_write_them() -> None:
    rng = random.Random(5)
    for _ in range(200):
        holder = holders.person(rng, with_old_form=True)
        assert holders.loose_writing(holder).name != holder.name
        assert holders.another_writing(holder) != holder
    assert holders.half_width("ヤマダ ジュンコ") == "ﾔﾏﾀﾞ ｼﾞｭﾝｺ"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared/data with real addresses and readings is not here")
def test_real_addresses_and_readings_are_used_where_they_are() -> None:
    sources = seed.Sources.beside(SHARED)
    assert sources.addresses and sources.half_hours
    listed = sources.addresses.read_text(encoding="utf-8-sig")
    readings = half_hours.read(sources.half_hours)
    assert len(readings.days) == 3673
    rng = random.Random(1)
    wanted = estate.fill([plan.wanted for plan in cases.PLANS], 600, rng)
    sites = estate.draw(wanted, places=Places(rng, sources.addresses), readings=readings, today=TODAY, rng=rng)
    real = [site for site in sites if site.place.written.partition("\u3000")[0].partition(" ")[0] in listed]
    assert len(sites) == 600 and len(real) > 350
    assert {site.wanted.area for site in sites} == set(Area)
    drawn = readings.values([half_hours.Load(1, 1.0, 1, 9, 3)], TODAY)[0]
    assert any((drawn == day).all() for day in readings.days)


def test_the_shared_folder_is_looked_for_beside_the_repository() -> None:
    assert Path(settings.BASE_DIR).parent / "shared" / "data" == SHARED
    assert seed.Sources.beside(Path("/nowhere")) == seed.Sources()


def test_every_other_kind_of_application_is_told(market):
    others = Application.objects.exclude(kind__in=["switch_start", "switch_termination"]).exclude(
        point__in=UndoCase.objects.values("point")  # a return is filed by its undoing
    )
    found = others.filter(upload_rows=None)  # those of a file are told by the file
    assert sorted(found.values_list("kind", flat=True)) == sorted(str(plan.kind) for plan in moves.PLANS)
    states = set(found.values_list("state", flat=True))
    assert {"draft", "submitted", "rejected", "cancelled", "accepted", "in_effect"} <= states
