"""Half-hour files: in as they trickle in, out within minutes, never mixed with whole days."""

import io
import zipfile
from datetime import date, time, timedelta

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction

from metering import holds, publication, revisions, run_folders, slot_publication, slots, supply, tasks, usage
from metering.formats import bp, names
from metering.formats.blocks import SlotBlock
from metering.halfhours import NULL, plain_quality, slot_start
from metering.models import Layer, Publication, PublishedFile, SlotSegment, UsageBatch, UsageDay, UsageFile
from tests.cast import NOW, make_points
from tests.metering import independent_reader
from tests.metering.delivering import block_of, counts, csv_of, deliver, reasons, receive
from tests.metering.test_publication import bytes_of, hand_over

TODAY = date(2026, 4, 1)
State = UsageFile.State


pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def houses(cast):
    return make_points(cast, 4)


def half_hour(points, values, slot, *, day=TODAY, meters=None, revision=0, split=0, code="1110", sender="KAZE3"):
    """(name, content) of a half-hour file; the points may be numbers."""
    numbers = [getattr(point, "number", point) for point in points]
    values = np.array([NULL if value is None else value for value in values], np.int32)
    name = names.build(code, day, revision=revision, split=split, start=slot_start(day, slot).time())
    block = SlotBlock(
        np.array(numbers, "S22"),
        meters or [""] * len(numbers),
        np.datetime64(day, "D"),
        slot,
        values,
        plain_quality(values),
        np.arange(1, len(numbers) + 1),
    )
    out = io.BytesIO()
    bp.write_half_hour_zip(out, name, bp.Message(code=code, day=day, slot=slot, sender=sender), block)
    return str(name), out.getvalue()


def send(cast, points, values, slot, *, now=NOW, **how):
    name, content = half_hour(points, values, slot, **how)
    return deliver(cast, content, name=name, now=now)


def of(point, day=TODAY):
    return {meter: [v for v in values if v is not None] for meter, values in slots.day_of(point, day).items()}


def test_half_hours_go_in_slot_by_slot_and_rewrite_nothing(cast, houses):
    for slot in (1, 2, 3):
        file = send(cast, houses, [slot, 0, None, 70_000], slot)
        assert (file.state, file.layer, counts(file)) == (State.TAKEN_IN, Layer.PRELIMINARY, (4, 4, 0, 0))
    assert slots.day_of(houses[0], TODAY) == {"": [1, 2, 3] + [None] * 45}
    assert of(houses[1]) == {"": [0, 0, 0]} and of(houses[2]) == {"": []} and of(houses[3]) == {"": [70_000] * 3}
    assert SlotSegment.objects.count() == 3
    batch = UsageBatch.objects.get(slot=2)
    assert (batch.day, batch.layer, batch.rows, batch.readings) == (TODAY, "P", 4, 3)


def test_preliminary_values_never_stand_among_daily_ones(cast, houses):
    send(cast, houses, [10, 20, 30, 40], 1)
    assert usage.days(houses[0], TODAY, TODAY) == []
    assert publication.publish_day(TODAY, now=NOW) is None
    deliver(cast, csv_of(block_of(houses, TODAY, values=np.full((4, 48), NULL, np.int32))))
    assert of(houses[0]) == {"": [10]} and UsageDay.objects.filter(layer="P").count() == 0


def test_many_points_of_several_meters_come_back_as_they_were_sent(cast):
    points = make_points(cast, 1500)
    rng = np.random.default_rng(5)
    order = rng.permutation(1500).tolist()
    values = rng.integers(0, 400, 1500).tolist()
    send(cast, [points[at] for at in order], values, 9, meters=[f"M{at % 3}" if at % 3 else "" for at in order])
    assert SlotSegment.objects.count() == 2
    for row in (0, 700, 1499):
        meter = f"M{order[row] % 3}" if order[row] % 3 else ""
        assert of(points[order[row]]) == {meter: [values[row]]}


def test_a_higher_revision_counts_whatever_comes_first(cast, houses):
    send(cast, houses[:2], [100, 200], 5, revision=1)
    older = send(cast, houses[:2], [90, 200], 5)
    assert counts(older) == (2, 0, 2, 0) and older.warnings["overtaken"]["rows"] == 1
    newer = send(cast, houses[:2], [110, 200], 5, revision=2)
    assert counts(newer) == (2, 1, 1, 0)
    assert UsageBatch.objects.get(file=newer).rows_corrected == 1
    assert (of(houses[0]), of(houses[1])) == ({"": [110]}, {"": [200]})


def test_a_revision_that_leaves_out_a_number_is_noted(cast, houses):
    send(cast, houses, [1, 2, 3, 4], 5)
    assert "revision_jump" in send(cast, houses, [10, 2, 3, 4], 5, revision=2).warnings


def test_a_later_split_of_a_revision_overwrites_an_earlier_one(cast, houses):
    send(cast, houses[:2], [10, 20], 5, split=1)
    send(cast, houses[:2], [30, 40], 5, split=0)
    assert (of(houses[0]), of(houses[1])) == ({"": [10]}, {"": [20]})


def test_bad_half_hours_are_refused_one_by_one(cast, houses):
    far = "03" + "0" * 16 + "9999"
    file = send(cast, [houses[0], houses[1], far, houses[2]], [10, -10, 10, 20], 2)
    assert (counts(file), reasons(file)) == ((4, 2, 0, 2), [(2, "negative"), (3, "point_unknown")])
    assert file.refused.get(line=2).raw.startswith(f"{houses[1].number},,2026-04-01,,-0.010,")
    assert counts(send(cast, houses[:1], [10], 21)) == (1, 0, 0, 1)  # ten o'clock: slot 21 is not over
    assert reasons(UsageFile.objects.first()) == [(1, "slot_future")]


def test_refused_half_hours_are_corrected_in_their_message_and_sent_again(cast, houses, client_of):
    file = send(cast, houses, [10, -20, 30, 40], 2, meters=["", "M1", "", ""])
    page = client_of(cast["kaze.usage"]).get(f"/usage-files/{file.pk}/refused.csv")
    assert 'filename="W4111020260401003001' in page["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(page.content)) as archive:
        (inside,) = archive.namelist()
        xml = archive.read(inside).replace(b"-0.020", b"0.020")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(inside, xml)
    again = deliver(cast, out.getvalue(), name=inside.replace(".xml", ".zip"))
    assert counts(again) == (1, 1, 0, 0) and of(houses[1]) == {"M1": [20]}
    assert usage.days(houses[1], TODAY, TODAY) == []


def test_a_late_half_hour_is_noted(cast, houses):
    assert "half_hour_late" not in send(cast, houses, [1, 1, 1, 1], 19).warnings  # ended 09:30, came 10:00
    assert "half_hour_late" in send(cast, houses, [1, 1, 1, 1], 17).warnings  # ended 08:30


def test_a_file_under_another_half_hours_name_is_not_taken_in(cast, houses):
    _, content = half_hour(houses, [1, 2, 3, 4], 3)
    file = deliver(cast, content, name=str(names.build("1110", TODAY, start=time(2))))
    assert (file.state, file.problem["code"]) == (State.UNREADABLE, "bp_name_differs")
    _, content = half_hour(houses, [1, 2, 3, 5], 3, sender="YAMA3")
    file = deliver(cast, content, name=str(names.build("1110", TODAY, start=time(1))))
    assert file.problem["code"] == "bp_sender"


# --- Out ----------------------------------------------------------------------------------------------------------


def read_out(recipient):
    found = {}
    for file in PublishedFile.objects.filter(recipient=recipient, format="bp_zip").order_by("number"):
        message = independent_reader.read_half_hour(file.name, bytes_of(file))
        found |= message.rows
    return found


def test_half_hours_go_to_who_supplies_the_point_today(cast, houses):
    shop = make_points(cast, 1, supply_class="HV")
    hand_over(houses[:1], cast.sora, TODAY)
    send(cast, houses, [10, 20, None, 40], 19, meters=["", "M1", "", ""])
    send(cast, shop, [5000], 19, code="0110")
    [made] = slot_publication.publish_waiting(now=NOW)
    assert (made.rows, made.readings, made.rows_without_supplier) == (5, 4, 0)
    assert read_out(cast.sora) == {(houses[0].number, "", TODAY, 19): 10}
    assert read_out(cast.umi) == {
        (houses[1].number, "M1", TODAY, 19): 20,
        (houses[2].number, "", TODAY, 19): None,
        (houses[3].number, "", TODAY, 19): 40,
        (shop[0].number, "", TODAY, 19): 5000,
    }
    names_ = set(PublishedFile.objects.filter(recipient=cast.umi).values_list("name", flat=True))
    assert {"W4111020260401090000" + "0000.zip", "W4011020260401090000" + "00.zip"} <= names_
    assert "manifest_LV_20260401_0900_00.json" in names_
    numbers = PublishedFile.objects.filter(recipient=cast.umi).order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3, 4]
    assert slot_publication.publish_waiting(now=NOW) == [] and PublishedFile.objects.count() == 6


def test_what_comes_later_is_the_next_revision_with_the_new_rows_alone(cast, houses):
    send(cast, houses[:2], [10, 20], 19)
    tasks.publish_half_hours(at=NOW.isoformat())
    send(cast, houses, [10, 25, 30, 40], 19, revision=1)
    tasks.publish_half_hours(at=NOW.isoformat())
    last = Publication.objects.get(revision=1)
    assert (last.day, last.layer, last.slot, last.rows) == (TODAY, "P", 19, 3)
    assert [values for values in read_out(cast.umi).values()] == [10, 25, 30, 40]
    first = PublishedFile.objects.with_later().get(publication__revision=0, format="bp_zip")
    assert first.later_revision == 1
    send(cast, houses, [1, 2, 3, 4], 18)
    tasks.publish_half_hours(at=NOW.isoformat())
    assert PublishedFile.objects.with_later().get(publication__slot=18, format="bp_zip").later_revision is None


def test_of_a_row_corrected_before_it_was_published_only_the_newest_goes_out(cast, houses):
    send(cast, houses[:2], [10, 20], 19)
    send(cast, houses[:1], [15], 19, revision=1)
    [made] = slot_publication.publish_waiting(now=NOW)
    assert (made.rows, made.rows_superseded, made.readings_superseded) == (2, 1, 1)
    assert sorted(read_out(cast.umi).values()) == [15, 20]


def test_large_deliveries_are_cut_into_splits(cast, settings):
    settings.PUBLISHED_POINTS_PER_FILE = 2
    points = make_points(cast, 5)
    send(cast, points, [1, 2, 3, 4, 5], 19)
    slot_publication.publish_waiting(now=NOW)
    found = PublishedFile.objects.filter(format="bp_zip").order_by("number").values_list("name", "rows")
    assert [(names.parse(name).split, rows) for name, rows in found] == [(0, 2), (1, 2), (2, 1)]
    assert list(read_out(cast.umi).values()) == [1, 2, 3, 4, 5]


def test_a_crash_while_publishing_leaves_nothing_and_the_next_run_does_it(cast, houses, monkeypatch):
    send(cast, houses, [1, 2, 3, 4], 19)

    def crash(*args, **values):
        raise RuntimeError

    monkeypatch.setattr(revisions.ledger, "record", crash)
    with pytest.raises(RuntimeError):
        slot_publication.publish_waiting(now=NOW)
    assert not PublishedFile.objects.exists() and not Publication.objects.exists()
    assert run_folders.sweep_orphans(now=NOW) == 0, "the failed run took its files away itself"
    monkeypatch.undo()
    slot_publication.publish_waiting(now=NOW)
    assert list(PublishedFile.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_half_hours_wait_for_hand_overs_due_by_their_day(cast, houses, monkeypatch):
    send(cast, houses, [1, 2, 3, 4], 19)
    monkeypatch.setattr(holds, "not_yet_settled", [lambda day: True])
    assert slot_publication.publish_waiting(now=NOW) == []
    monkeypatch.undo()
    assert len(slot_publication.publish_waiting(now=NOW)) == 1


def test_half_hours_of_a_point_nobody_supplies_are_counted_and_not_published(cast, houses):
    send(cast, houses[:2], [1, 2], 3)
    supply.terminate({houses[0].pk: TODAY}, cause="moved out", now=NOW)
    [made] = slot_publication.publish_waiting(now=NOW)
    assert (made.rows, made.rows_without_supplier) == (1, 1)


def test_old_half_hours_are_dropped_when_their_time_is_over(cast, houses, settings):
    send(cast, houses, [1, 2, 3, 4], 19)
    assert slots.drop_old(now=NOW) == 0
    assert slots.drop_old(now=NOW + timedelta(days=settings.USAGE_PRELIMINARY_DAYS + 1)) == 1
    assert slots.day_of(houses[0], TODAY) == {}


# --- What the database promises -----------------------------------------------------------------------------------


def test_the_database_keeps_half_hours_as_they_came(cast, houses):
    send(cast, houses, [1, 2, 3, 4], 19)
    for changes, promise in [({"slot": 49}, "Cannot update"), ({"rows": 0}, "Cannot update")]:
        with pytest.raises(DatabaseError, match=promise), transaction.atomic():
            SlotSegment.objects.update(**changes)


@pytest.mark.parametrize(
    ("changes", "promise"),
    [
        ({"slot": 49}, "a_segment_is_of_slot_1_to_48"),
        ({"slot": 0}, "a_segment_is_of_slot_1_to_48"),
        ({"rows": 0}, "a_segment_holds_points"),
        ({"first_point": 9, "last_point": 8}, "a_segment_holds_points"),
    ],
)
def test_a_segment_is_one_half_hour_of_points(cast, houses, changes, promise):
    send(cast, houses, [1, 2, 3, 4], 19)
    segment = SlotSegment.objects.get()
    segment.pk = None
    for name, value in changes.items():
        setattr(segment, name, value)
    with pytest.raises(IntegrityError, match=promise):
        segment.save()


def test_preliminary_and_other_layers_are_told_apart_by_the_database(cast, houses):
    file = receive(cast, csv_of(block_of(houses)))
    for layer, slot in (("P", 0), ("P", 49), ("D", 1)):
        with pytest.raises(IntegrityError, match="a_preliminary_batch_is_of_one_half_hour"), transaction.atomic():
            UsageBatch.objects.create(file=file, day=TODAY, layer=layer, slot=slot, rows=0, readings=0)
        with pytest.raises(IntegrityError, match="a_preliminary_publication_is_of_one"), transaction.atomic():
            Publication.objects.create(
                day=TODAY, layer=layer, slot=slot, revision=0, published_at=NOW, folder="x", rows=0, readings=0
            )
    assert not default_storage.exists("usage/out")
