"""Checks beside what is stored: registers, zeros, the usual range, estimates on end, fixed months, revisions."""

from datetime import date, timedelta

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from metering import history_checks, registers, usage
from metering.finding_words import sentence
from metering.formats import names
from metering.formats.blocks import day_block
from metering.halfhours import NULL, Quality, plain_quality
from metering.models import CheckFinding, OwedCheck, RegisterReading
from metering.registers import Reading
from portal.models import LedgerEntry
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver, zip_of
from tests.metering.test_half_hours import send as send_half_hour

Kind = RegisterReading.Kind
ONE_DAY = timedelta(days=1)


@pytest.fixture
def house(cast):
    return make_points(cast, 1)[0]


def flat(wh: int = 500) -> np.ndarray:
    return np.full((1, 48), wh, np.int32)


def bring(cast, point, day: date = DAY, values=None, *, meter="", quality=None, now=NOW):
    values = flat() if values is None else values
    codes = plain_quality(values)
    if quality is not None:
        codes[:, :] = quality
    return deliver(cast, csv_of(day_block([point.number], [day], values, [meter], codes)), now=now)


def check(now=NOW) -> list[CheckFinding]:
    history_checks.run_due(now=now)
    return list(CheckFinding.objects.filter(replaced_at__isnull=True).exclude(check_code="V06").order_by("id"))


def kinds(now=NOW) -> list[tuple[str, str]]:
    return [(finding.check_code, finding.kind) for finding in check(now)]


def test_every_batch_is_checked_once(cast, house):
    bring(cast, house)
    assert OwedCheck.objects.filter(done_at__isnull=True).count() == 1
    assert history_checks.run_due(now=NOW) == 1
    assert history_checks.run_due(now=NOW) == 0
    assert OwedCheck.objects.get().done_at == NOW


def test_a_batch_that_fails_stays_owed_and_holds_up_nobody(cast, house, monkeypatch):
    bring(cast, house)
    bring(cast, house, DAY - ONE_DAY)
    right = history_checks._Run.all

    def all_but_one(run):
        if run.day == DAY:
            raise RuntimeError("disk full")
        return right(run)

    monkeypatch.setattr(history_checks._Run, "all", all_but_one)
    with pytest.raises(RuntimeError):
        history_checks.run_due(now=NOW)
    assert list(OwedCheck.objects.filter(done_at__isnull=True).values_list("batch__day", flat=True)) == [DAY]
    monkeypatch.undo()
    assert history_checks.run_due(now=NOW) == 1


# V07


def readings(point, *parts) -> None:
    """(meter, day, Wh[, kind])"""
    registers.record([Reading(point.pk, meter, day, wh, *kind) for meter, day, wh, *kind in parts], now=NOW)


def test_a_day_is_held_to_its_register_within_one_step(cast, house):
    readings(house, ("M1", DAY, 100_000), ("M1", DAY + ONE_DAY, 124_010))
    bring(cast, house, meter="M1")  # 24,000 Wh, steps of 10
    assert kinds() == []
    readings(house, ("M1", DAY + ONE_DAY, 124_020))
    bring(cast, house, meter="M1", values=np.where(np.arange(48) == 0, 510, flat()).astype(np.int32))
    assert kinds() == []
    bring(cast, house, meter="M1", values=np.where(np.arange(48) == 0, 520, flat()).astype(np.int32) + 10)
    [finding] = check()
    assert (finding.check_code, finding.severity) == ("V07", "error")
    assert finding.numbers == {"sum_wh": 24_500, "register_wh": 24_020, "step_wh": 10}
    assert "24.50" in sentence(finding)


def test_a_day_with_gaps_can_only_be_too_high(cast, house):
    values = flat()
    values[0, :10] = NULL
    readings(house, ("M1", DAY, 0), ("M1", DAY + ONE_DAY, 24_000))
    bring(cast, house, meter="M1", values=values)
    assert kinds() == []


def test_a_row_without_a_meter_is_held_to_all_registers_of_its_point(cast, house):
    readings(house, ("A", DAY, 0), ("A", DAY + ONE_DAY, 14_000), ("B", DAY, 50), ("B", DAY + ONE_DAY, 10_050))
    bring(cast, house)
    assert kinds() == []


@pytest.mark.parametrize(("last", "expected"), [(10_000, []), (11_000, [("V07", "register")])])
def test_on_the_day_of_an_exchange_both_meters_are_held_to_their_registers(cast, house, last, expected):
    old, new = flat(), flat()
    old[0, 20:] = NULL
    new[0, :20] = NULL
    readings(
        house,
        ("OLD", DAY, 900_000),
        ("OLD", DAY, 900_000 + last, Kind.TAKEN_AWAY),
        ("NEW", DAY, 7, Kind.PUT_UP),
        ("NEW", DAY + ONE_DAY, 14_007),
    )
    deliver(cast, csv_of(block_of([house, house], values=np.concatenate([old, new]), meters=["OLD", "NEW"])))
    found = check()
    assert [(finding.check_code, finding.kind) for finding in found] == expected
    assert all(finding.meter == "OLD" for finding in found)


def test_a_register_that_went_backwards_is_found(cast, house):
    readings(house, ("M1", DAY, 100_000), ("M1", DAY + ONE_DAY, 50_000))
    bring(cast, house, meter="M1")
    assert kinds() == [("V07", "register")]


def test_a_reading_is_kept_once_and_its_correction_beside_it(cast, house):
    readings(house, ("M1", DAY, 5))
    readings(house, ("M1", DAY, 5))
    readings(house, ("M1", DAY, 6))
    assert list(RegisterReading.objects.values_list("revision", "wh")) == [(0, 5), (1, 6)]
    assert registers.between(house.pk, "M1", DAY, DAY) == [(DAY, 6)]


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"wh": -1}, "a_register_never_shows_less_than_zero"),
        ({"wh": 5}, "a_register_is_read_once_per_meter_day_kind_and_revision"),
    ],
)
def test_the_database_refuses_a_reading_that_cannot_be(cast, house, wrong, constraint):
    readings(house, ("M1", DAY, 5))
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        RegisterReading.objects.create(point=house, meter="M1", day=DAY, recorded_at=NOW, **wrong)


# V08


def half_hours_of(cast, point, *values) -> None:
    for slot, wh in enumerate(values, 1):
        send_half_hour(cast, [point], [wh], slot, day=DAY)


def test_a_day_is_held_to_the_half_hours_that_came_during_it(cast, house):
    half_hours_of(cast, house, 500, 400, 500)
    bring(cast, house)
    [finding] = check()
    assert (finding.check_code, finding.kind, finding.severity) == ("V08", "half_hours", "error")
    assert finding.numbers == {"day_wh": 1_500, "half_hours_wh": 1_400}
    assert "1.50" in sentence(finding) and "1.40" in sentence(finding)


def test_only_slots_that_both_have_measured_are_compared(cast, house):
    half_hours_of(cast, house, 500, None, 400, 300)
    values, codes = flat(), plain_quality(flat())
    codes[0, 2] = Quality.INTERPOLATED  # what the day file estimates replaces what came
    values[0, 3] = NULL
    codes[0, 3] = Quality.MISSING
    deliver(cast, csv_of(day_block([house.number], [DAY], values, [""], codes)))
    assert kinds() == []


def test_a_half_hour_that_was_corrected_counts_as_corrected(cast, house):
    half_hours_of(cast, house, 400)
    send_half_hour(cast, [house], [500], 1, day=DAY, revision=1)
    bring(cast, house)
    assert kinds() == []


# V09, V13


def test_zeros_are_found_after_seven_days_and_said_again_after_as_many(cast, house):
    for back in range(9, -1, -1):
        bring(cast, house, DAY - timedelta(days=back), flat(0))
    found = check()
    assert [(finding.check_code, finding.day) for finding in found] == [("V09", DAY - timedelta(days=2))]
    assert found[0].numbers == {"days": 8, "since": (DAY - timedelta(days=9)).isoformat()}


def test_zeros_of_a_point_that_is_idle_are_nothing(cast, house):
    for back in range(8, -1, -1):
        bring(cast, house, DAY - timedelta(days=back), flat(0))
    type(house).objects.filter(pk=house.pk).update(contract_state="idle")
    assert kinds() == []


def test_a_day_with_a_value_breaks_the_zeros(cast, house):
    for back in range(8, -1, -1):
        bring(cast, house, DAY - timedelta(days=back), flat(10 if back == 4 else 0))
    assert kinds() == []


def test_a_fourth_estimated_day_on_end_is_an_alert(cast, house):
    for back in range(3, 0, -1):
        bring(cast, house, DAY - timedelta(days=back), quality=Quality.REFERENCE_DAY)
    assert kinds() == []
    bring(cast, house, quality=Quality.PROFILE)
    [finding] = check()
    assert (finding.check_code, finding.severity, finding.numbers["days"]) == ("V13", "alert", 4)


def test_agreed_values_are_no_estimate(cast, house):
    for back in range(4, -1, -1):
        bring(cast, house, DAY - timedelta(days=back), quality=Quality.AGREED)
    assert kinds() == []


# V10


def test_a_day_far_from_the_same_weekdays_is_unusual(cast, house):
    for week, wh in enumerate((480, 500, 520, 500), 1):
        bring(cast, house, DAY - timedelta(days=7 * week), flat(wh))
        bring(cast, house, DAY - timedelta(days=7 * week - 1), flat(2000))  # another weekday
    bring(cast, house, values=flat(600))
    found = [finding for finding in check() if finding.day == DAY]
    assert [finding.check_code for finding in found] == ["V10"]
    assert found[0].numbers == {"wh": 28_800, "mean_wh": 24_000, "deviation_wh": 784}


def test_two_such_days_say_nothing(cast, house):
    for week in (1, 2):
        bring(cast, house, DAY - timedelta(days=7 * week))
    bring(cast, house, values=flat(2000))
    assert kinds() == []


# V14


def test_a_correction_of_a_fixed_month_is_found_and_stands_in_the_ledger(cast, house):
    bring(cast, house)
    usage.record_months([usage.NewMonth(house.pk, date(2026, 4, 1), 700_000, date(2026, 4, 1))], now=NOW)
    assert kinds() == []  # the first revision changes nothing
    bring(cast, house, values=flat(510))
    [finding] = check()
    assert (finding.check_code, finding.severity, finding.numbers) == ("V14", "audit", {"revision": 1, "wh": 24_480})
    assert LedgerEntry.objects.get(action="fixed usage changed").detail["points"] == 1


def test_a_correction_before_the_month_is_fixed_is_nothing(cast, house):
    bring(cast, house)
    usage.record_months([usage.NewMonth(house.pk, date(2026, 3, 1), 700_000, date(2026, 3, 20))], now=NOW)
    bring(cast, house, values=flat(510))
    assert kinds() == []


def test_a_revision_that_does_not_follow_its_predecessor_is_found(cast, house):
    for revision, wh in ((0, 500), (1, 510), (3, 520)):
        _, content = zip_of(block_of([house], values=flat(wh)))
        name = str(names.build("1120", DAY, revision=revision))
        deliver(cast, content, name=name)
    found = check()
    assert [(finding.kind, finding.numbers) for finding in found] == [
        ("revision_order", {"revision": 3, "expected": 2})
    ]
    assert found[0].point is None and found[0].network_operator == cast.kaze


def test_findings_of_a_revision_are_replaced_when_the_next_one_is_checked(cast, house):
    values = flat()
    values[0, 3] = 505
    bring(cast, house, values=values)
    assert kinds() == [("V11", "resolution")]
    bring(cast, house, now=NOW + timedelta(hours=1))
    assert kinds(NOW + timedelta(hours=1)) == []
    assert CheckFinding.objects.get().replaced_at == NOW + timedelta(hours=1)
