"""Fixed months, meter exchanges and off-cycle readings: in, checked, kept whole, out to who supplied."""

import io
import zipfile
from datetime import date, timedelta

import numpy as np
import pytest
from django.db import DatabaseError, IntegrityError, transaction

from metering import fixed_publication, fixed_rows, history_checks, meters, revisions, run_folders, tasks, usage
from metering.finding_words import sentence
from metering.formats import fixed, names
from metering.formats.fixed import MonthMessage, PointMonth
from metering.halfhours import NULL
from metering.models import (
    CheckFinding,
    FixedRow,
    Layer,
    Meter,
    MonthlyUsage,
    Publication,
    PublishedFile,
    RegisterReading,
    UsageBatch,
    UsageFile,
)
from metering.vee import RANK, Severity
from portal.models import LedgerEntry, Notice
from tests.cast import NOW, make_points
from tests.metering import independent_reader
from tests.metering.delivering import block_of, counts, csv_of, deliver, reasons
from tests.metering.test_arrival_checks import rule
from tests.metering.test_publication import bytes_of, hand_over

READ = date(2026, 3, 31)
MARCH = date(2026, 3, 1)
State = UsageFile.State


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast):
    return make_points(cast, 3)


def month_of(point, *, days=2, seed=1, meter="", sorted_=False, **changes):
    """A point's month with two days of half-hours whose sum it is."""
    rng = np.random.default_rng(seed)
    whole = rng.integers(0, 100, (days, 48)).astype(np.int32) * 10
    later = whole // 2 if sorted_ else np.full((days, 48), NULL, np.int32)
    said = {
        "month_wh": int(whole.sum()),
        "month_sorted_wh": int(later.sum()) if sorted_ else None,
        "days": np.array([MARCH + timedelta(days=at) for at in range(days)], "datetime64[D]"),
        "whole": whole,
        "sorted_": later,
        "max_demand_w": 3500,
        "next_reading": date(2026, 4, 30),
        **changes,
    }
    return PointMonth(point=getattr(point, "number", point), meter=meter, **said)


def send(cast, points, *, code="1220", revision=0, split=0, month=MARCH, read=READ, sender="KAZE3", now=NOW):
    name = names.build(code, read, revision=revision, split=split)
    message = MonthMessage(
        code=code, month=month if code[:2] == "12" else None, reading_day=read, sender=sender, created=NOW
    )
    out = io.BytesIO()
    fixed.write_zip(out, name, message, points)
    return deliver(cast, out.getvalue(), name=str(name), now=now)


def months_out(recipient):
    found = {}
    for file in PublishedFile.objects.filter(recipient=recipient, format="bp_zip").order_by("number"):
        found |= independent_reader.read_months(file.name, bytes_of(file)).points
    return found


def test_a_fixed_month_goes_in_with_its_half_hours(cast, houses):
    points = [month_of(point, seed=at, sorted_=at == 1) for at, point in enumerate(houses)]
    file = send(cast, points)
    assert (file.state, file.layer, counts(file)) == (State.TAKEN_IN, Layer.FIXED, (3, 3, 0, 0))
    for sent, point in zip(points, houses, strict=True):
        [month] = usage.monthly(point)
        assert (month.month, month.wh, month.read_on, month.revision) == (MARCH, sent.month_wh, READ, 0)
        [row] = fixed_rows.newest(point, MARCH)
        again = fixed_rows.to_point(row, point.number)
        assert (again.whole == sent.whole).all() and (again.sorted_ == sent.sorted_).all()
        assert (again.max_demand_w, again.next_reading) == (3500, date(2026, 4, 30))
    batch = UsageBatch.objects.get()
    assert (batch.day, batch.layer, batch.rows, batch.readings) == (READ, "F", 3, 3)


def test_a_month_is_the_sum_of_its_meters(cast, houses):
    send(cast, [month_of(houses[0], seed=1, meter="A1"), month_of(houses[0], seed=2, meter="B2")])
    rows = fixed_rows.newest(houses[0], MARCH)
    assert [row.meter for row in rows] == ["A1", "B2"]
    assert usage.monthly(houses[0])[0].wh == sum(row.wh for row in rows)


def test_a_changed_fixed_value_is_a_revision_and_stands_in_the_ledger(cast, houses):
    first = month_of(houses[0], seed=1)
    send(cast, [first, month_of(houses[1])])
    second = month_of(houses[0], seed=2)
    file = send(cast, [second, month_of(houses[1])], revision=1)
    assert counts(file) == (2, 1, 1, 0) and "revision_jump" not in file.warnings
    [month] = usage.monthly(houses[0])
    assert (month.wh, month.revision) == (second.month_wh, 1)
    entry = LedgerEntry.objects.get(action="fixed value changed")
    assert entry.subject == f"supply point {houses[0].number}"
    assert (entry.detail["wh_before"], entry.detail["wh"]) == (first.month_wh, second.month_wh)
    assert UsageBatch.objects.get(file=file).rows_corrected == 1


def test_an_older_revision_that_comes_late_changes_nothing(cast, houses):
    newer = month_of(houses[0], seed=2)
    assert "revision_jump" in send(cast, [newer], revision=1).warnings
    file = send(cast, [month_of(houses[0], seed=1)])
    assert counts(file) == (1, 0, 1, 0) and "overtaken" in file.warnings
    assert usage.monthly(houses[0])[0].wh == newer.month_wh
    assert not LedgerEntry.objects.filter(action="fixed value changed").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"month_wh": 1}, "month_sum"),
        ({"month_wh": -10}, "month_negative"),
        ({"month_wh": None}, "month_amount_missing"),
        ({"month_sorted_wh": 10**9}, "sorted_above_whole"),
        ({"point": "03" + "0" * 16 + "9999"}, "point_unknown"),
    ],
)
def test_a_month_that_contradicts_itself_is_refused_and_the_others_go_in(cast, houses, changes, code):
    bad = month_of(houses[0])
    for name, value in changes.items():
        setattr(bad, name, value)
    file = send(cast, [bad, month_of(houses[1])])
    assert (counts(file), reasons(file)) == ((2, 1, 0, 1), [(1, code)])
    assert usage.monthly(houses[0]) == [] and len(usage.monthly(houses[1])) == 1


@pytest.mark.parametrize(
    ("check", "severity", "changes", "reason", "numbers"),
    [
        ("V08", "warning", {"month_wh": 1_000}, "month_sum", {"month_wh": 1_000, "sum_wh": 48_760}),
        ("V04", "alert", {"month_wh": -10, "whole": np.full((2, 48), NULL, np.int32)}, "month_negative", {"wh": -10}),
    ],
)
def test_what_contradicts_itself_goes_in_and_is_found_where_the_rules_say_so(
    cast, houses, check, severity, changes, reason, numbers
):
    rule(cast, check, severity, area="03", supply_class="LV")
    file = send(cast, [month_of(houses[0], **changes), month_of(houses[1])])
    assert counts(file) == (2, 2, 0, 0)
    assert file.warnings[reason] == {"rows": 1, "first": 1, "severity": RANK[Severity(severity)]}
    [finding] = CheckFinding.objects.all()
    assert (finding.check_code, finding.severity, finding.point) == (check, severity, houses[0])
    assert (finding.day, finding.numbers, finding.file) == (READ, numbers, file)
    assert "%(" not in sentence(finding) and "kWh" in sentence(finding)
    assert usage.monthly(houses[0])[0].wh == changes["month_wh"]


def test_a_check_that_is_off_says_nothing_about_a_month(cast, houses):
    rule(cast, "V08", "off")
    file = send(cast, [month_of(houses[0], month_wh=1_000)])
    assert (counts(file), file.warnings) == ((1, 1, 0, 0), {}) and not CheckFinding.objects.exists()


def test_a_month_whose_sorted_part_is_more_than_the_whole_is_refused_whatever_the_rules_say(cast, houses):
    rule(cast, "V08", "info")
    assert reasons(send(cast, [month_of(houses[0], month_sorted_wh=10**9)])) == [(1, "sorted_above_whole")]
    slot = month_of(houses[0], sorted_=True)
    slot.whole[0, 3], slot.sorted_[0, 3] = 0, 10
    slot.month_wh, slot.month_sorted_wh = int(slot.whole.sum()), int(slot.sorted_.sum())
    assert counts(send(cast, [slot])) == (1, 1, 0, 0)
    assert CheckFinding.objects.get().numbers == {"sorted_wh": 10, "whole_wh": 0}


def test_a_changed_fixed_amount_is_found_until_the_next_revision_is_looked_at(cast, houses):
    sums = []
    for revision, seed in enumerate((1, 2, 3)):
        point = month_of(houses[0], seed=seed)
        sums.append(point.month_wh)
        send(cast, [point], revision=revision, now=NOW + timedelta(hours=revision))
    first, second = CheckFinding.objects.order_by("id")
    assert (first.check_code, first.severity, bool(first.replaced_at)) == ("V14", "audit", True)
    assert second.numbers == {"revision": 2, "before_wh": sums[1], "wh": sums[2]} and not second.replaced_at


def test_what_is_found_about_a_month_and_about_its_reading_day_stand_side_by_side(cast, houses):
    send(cast, [month_of(houses[0], seed=1)])
    send(cast, [month_of(houses[0], seed=2)], revision=1)
    deliver(cast, csv_of(block_of(houses[:1], READ, values=np.full((1, 48), 505, np.int32))))
    history_checks.run_due(now=NOW)
    send(cast, [month_of(houses[0], seed=3)], revision=2)
    in_force = CheckFinding.objects.filter(replaced_at__isnull=True).order_by("check_code")
    assert [(finding.check_code, finding.kind) for finding in in_force] == [
        ("V11", "resolution"),
        ("V14", "fixed_month"),
    ]


def test_a_revision_that_leaves_one_out_weighs_what_the_rules_say(cast, houses):
    rule(cast, "V14", "alert")
    file = send(cast, [month_of(houses[0])], revision=3)
    assert file.warnings["revision_jump"]["severity"] == RANK[Severity.ALERT]
    assert (
        send(cast, [month_of(houses[0], seed=5)], revision=1).warnings["overtaken"]["severity"] == RANK[Severity.ALERT]
    )


def test_a_half_hour_after_sorting_is_never_more_than_the_whole(cast, houses):
    bad = month_of(houses[0], sorted_=True)
    bad.sorted_[0, 3] = bad.whole[0, 3] + 10
    assert reasons(send(cast, [bad])) == [(1, "sorted_above_whole")]


def test_a_month_with_gaps_need_not_be_the_sum_of_what_is_there(cast, houses):
    gappy = month_of(houses[0])
    gappy.whole[0, 5] = NULL
    assert counts(send(cast, [gappy])) == (1, 1, 0, 0)


def test_a_point_that_is_not_provided_is_kept_without_an_amount(cast, houses):
    file = send(cast, [PointMonth(point=houses[0].number, provided=False)])
    assert counts(file) == (1, 1, 0, 0)
    assert usage.monthly(houses[0]) == [] and not FixedRow.objects.get().provided


def test_refused_months_are_corrected_in_their_message_and_sent_again(cast, houses, client_of):
    bad = month_of(houses[0])
    right, bad.month_wh = bad.month_wh, 777_777
    file = send(cast, [bad, month_of(houses[1])])
    page = client_of(cast["kaze.usage"]).get(f"/usage-files/{file.pk}/refused.csv")
    with zipfile.ZipFile(io.BytesIO(page.content)) as archive:
        (inside,) = archive.namelist()
        xml = archive.read(inside).replace(b"777.777", f"{right / 1000:.3f}".encode())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(inside, xml)
    again = deliver(cast, out.getvalue(), name=inside.replace(".xml", ".zip"))
    assert counts(again) == (1, 1, 0, 0)
    assert usage.monthly(houses[0])[0].wh == right


def test_the_same_point_twice_with_different_amounts_is_refused_the_second_time(cast, houses):
    file = send(cast, [month_of(houses[0], seed=1), month_of(houses[0], seed=2), month_of(houses[0], seed=1)])
    assert (counts(file), reasons(file)) == ((3, 1, 1, 1), [(2, "row_differs")])


def test_a_reading_day_to_come_is_refused(cast, houses):
    assert reasons(send(cast, [month_of(houses[0])], read=date(2026, 4, 2))) == [(1, "day_future")]


@pytest.mark.parametrize(("changes", "code"), [({"sender": "YAMA3"}, "bp_sender")])
def test_a_message_of_somebody_else_is_not_taken_in(cast, houses, changes, code):
    file = send(cast, [month_of(houses[0])], **changes)
    assert (file.state, file.problem["code"]) == (State.UNREADABLE, code)


def test_a_message_under_another_days_name_is_not_taken_in(cast, houses):
    name = names.build("1220", READ)
    out = io.BytesIO()
    fixed.write_zip(out, name, MonthMessage(code="1220", month=MARCH, reading_day=READ, sender="KAZE3"), [])
    file = deliver(cast, out.getvalue(), name=str(names.build("1220", READ - timedelta(days=1))))
    assert file.problem["code"] == "bp_name_differs"


# --- Meter exchanges and off-cycle readings -----------------------------------------------------------------------


def meters_of(point):
    return list(Meter.objects.filter(point=point).order_by("installed_on", "id").values_list("number", "removed_on"))


def test_an_exchange_takes_the_old_meter_away_and_puts_the_new_one_up(cast, houses):
    point = houses[0]
    Meter.objects.filter(point=point).delete()
    Meter.objects.create(point=point, number="OLD", kind="demand", multiplier=60, installed_on=date(2020, 1, 1))
    for order in (["NEW", "OLD"], ["OLD", "NEW"]):  # in no promised order; the second time it is known already
        rows = [PointMonth(point=point.number, meter=meter, month_wh=5) for meter in order]
        file = send(cast, rows, code="1320", revision=order[0] == "OLD")
        assert file.state == State.TAKEN_IN and "meter_unclear" not in file.warnings
        assert meters_of(point) == [("OLD", READ), ("NEW", None)]
    new = Meter.objects.get(number="NEW", point=point)
    assert (new.kind, new.multiplier, new.installed_on) == ("demand", 60, READ)


def test_an_exchange_reported_before_by_the_work_at_the_meter_is_left_as_it_is(cast, houses):
    point = houses[0]
    Meter.objects.filter(point=point).delete()
    Meter.objects.create(point=point, number="OLD", installed_on=date(2020, 1, 1))
    meters.change(point.pk, on=READ, old="OLD", new=meters.NewMeter("NEW"))
    send(cast, [PointMonth(point=point.number, meter=meter) for meter in ("OLD", "NEW")], code="1320")
    assert meters_of(point) == [("OLD", READ), ("NEW", None)]


def test_an_exchange_nobody_understands_changes_no_meter_and_is_noted(cast, houses):
    point = houses[0]
    before = meters_of(point)
    rows = [PointMonth(point=point.number, meter=meter) for meter in ("X1", "X2", "X3")]
    assert "meter_unclear" in send(cast, rows, code="1320").warnings
    assert meters_of(point) == before


@pytest.fixture
def reading_tags(settings):
    settings.USAGE_READING_TAGS = {"JP06498": "taken_away", "JP06499": "put_up"}


def test_an_exchange_brings_its_register_readings_where_its_items_carry_them(cast, houses, reading_tags):
    rows = [
        PointMonth(point=houses[0].number, meter="OLD", others=(("JP06498", "1234.5"), ("JP09999", "1"))),
        PointMonth(point=houses[0].number, meter="NEW", others=(("JP06499", "0"),)),
    ]
    file = send(cast, rows, code="1320")
    kept = RegisterReading.objects.order_by("-kind").values_list("meter", "kind", "day", "wh", "file")
    assert list(kept) == [("OLD", "taken_away", READ, 1_234_500, file.pk), ("NEW", "put_up", READ, 0, file.pk)]
    send(cast, rows, code="1320", revision=1)
    assert RegisterReading.objects.count() == 2


@pytest.mark.parametrize("text", ["-1", "much", "1.2345"])
def test_an_exchange_with_a_reading_that_is_no_number_is_refused(cast, houses, reading_tags, text):
    file = send(cast, [PointMonth(point=houses[0].number, meter="OLD", others=(("JP06498", text),))], code="1320")
    assert reasons(file) == [(1, "register_number")] and not RegisterReading.objects.exists()


def test_items_nobody_has_named_are_kept_and_are_no_readings(cast, houses):
    send(cast, [PointMonth(point=houses[0].number, meter="OLD", others=(("JP06498", "much"),))], code="1320")
    assert FixedRow.objects.get().rest["others"] == [["JP06498", "much"]]
    assert not RegisterReading.objects.exists()


def test_an_off_cycle_reading_is_kept_and_published_whole_with_what_nobody_knows(cast, houses):
    whole = (("JP06400", houses[0].number), ("JP09999", "何か"), ("JPM00077", (("JPMR00077", (("JP08888", "1"),)),)))
    send(cast, [PointMonth(point=houses[0].number, whole_point=whole)], code="1420")
    fixed_publication.publish_waiting(now=NOW)
    [file] = PublishedFile.objects.filter(format="bp_zip")
    assert file.name == "W514202026033100" + "00000.zip"
    delivery = fixed.read_zip(io.BytesIO(bytes_of(file)))
    [again] = delivery.items
    assert again.whole_point == whole


# --- Out ----------------------------------------------------------------------------------------------------------


def test_fixed_months_go_to_the_retailer_of_the_reading_day(cast, houses):
    hand_over(houses[:1], cast.sora, READ)
    shop = make_points(cast, 1, supply_class="HV")
    sent = [month_of(point, seed=at, sorted_=True) for at, point in enumerate([*houses, *shop])]
    send(cast, sent[:3])
    send(cast, sent[3:], code="1210")
    tasks.publish_fixed(at=NOW.isoformat())
    made = Publication.objects.get()
    assert (made.day, made.layer, made.rows, made.readings) == (READ, "F", 4, 4)
    assert set(months_out(cast.sora)) == {(houses[0].number, "")}
    theirs = months_out(cast.umi)
    assert set(theirs) == {(point.number, "") for point in [*houses[1:], *shop]}
    for point in sent[1:]:
        read = theirs[point.point, ""]
        assert (read.month, read.wh, read.sorted_wh) == ("202603", point.month_wh, point.month_sorted_wh)
        assert read.days == dict(zip(point.days.tolist(), point.whole.tolist(), strict=True))
        assert read.sorted_days == dict(zip(point.days.tolist(), point.sorted_.tolist(), strict=True))
    listed = PublishedFile.objects.filter(recipient=cast.umi).order_by("number")
    assert list(listed.values_list("number", "name")) == [
        (1, "W51210202603310000000.zip"),
        (2, "manifest_fixed_HV_20260331_00.json"),
        (3, "W51220202603310000000.zip"),
        (4, "manifest_fixed_LV_20260331_00.json"),
    ]
    assert Notice.objects.filter(kind="fixed_published", recipient=cast.umi).count() == 1
    assert fixed_publication.publish_waiting(now=NOW) == []


def test_a_correction_is_published_as_the_next_revision_alone(cast, houses):
    send(cast, [month_of(point, seed=1) for point in houses])
    fixed_publication.publish_waiting(now=NOW)
    send(cast, [month_of(houses[1], seed=9)], revision=1)
    [made] = fixed_publication.publish_waiting(now=NOW)
    assert (made.revision, made.rows) == (1, 1)
    assert months_out(cast.umi)[houses[1].number, ""].wh == month_of(houses[1], seed=9).month_wh
    assert PublishedFile.objects.with_later().filter(later_revision=1).count() == 2


def test_a_crash_while_publishing_leaves_nothing(cast, houses, monkeypatch):
    send(cast, [month_of(houses[0])])

    def crash(*args, **values):
        raise RuntimeError

    monkeypatch.setattr(revisions.ledger, "record", crash)
    with pytest.raises(RuntimeError):
        fixed_publication.publish_waiting(now=NOW)
    assert not PublishedFile.objects.exists() and run_folders.sweep_orphans(now=NOW) == 0
    monkeypatch.undo()
    assert len(fixed_publication.publish_waiting(now=NOW)) == 1


def test_many_months_are_cut_into_splits(cast, settings):
    settings.PUBLISHED_MONTHS_PER_FILE = 2
    points = make_points(cast, 5)
    send(cast, [month_of(point) for point in points])
    fixed_publication.publish_waiting(now=NOW)
    found = PublishedFile.objects.filter(format="bp_zip").order_by("number").values_list("name", "rows")
    assert [(names.parse(name).split, rows) for name, rows in found] == [(0, 2), (1, 2), (2, 1)]


# --- What the database promises -----------------------------------------------------------------------------------


def test_fixed_rows_are_never_changed(cast, houses):
    send(cast, [month_of(houses[0])])
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        FixedRow.objects.update(wh=1)


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({}, "a_fixed_row_stands_once_per_revision"),
        ({"revision": 1, "month": None}, "a_fixed_amount_is_of_a_month"),
        ({"revision": 1, "month": date(2026, 3, 2)}, "a_fixed_month_is_named_by_its_first_day"),
        ({"revision": 1, "wh": 5, "sorted_wh": 6}, "sorted_energy_is_part_of_the_whole"),
    ],
)
def test_a_fixed_row_is_what_its_constraints_say(cast, houses, changes, promise):
    send(cast, [month_of(houses[0])])
    row = FixedRow.objects.get()
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    with pytest.raises(IntegrityError, match=promise), transaction.atomic():
        row.save()
    assert MonthlyUsage.objects.count() == 1
