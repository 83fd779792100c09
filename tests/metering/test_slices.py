"""A big day is cut by area, voltage and retailer, written by whoever is free, and shown by one commit."""

import threading
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction

from metering import books, publication, run_folders, slices, supply
from metering.models import CutDay, Publication, PublishedFile, Slice
from portal import stores
from portal.models import LedgerEntry
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures, table_of, table_of_zip
from tests.metering.test_publication import bytes_of, hand_over

ONE_DAY = timedelta(days=1)
EARLY = NOW - 30 * ONE_DAY


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.PUBLICATION_ROWS_PER_SLICE = 3


@pytest.fixture
def points(cast):
    return [
        *make_points(cast, 4, now=EARLY),
        *make_points(cast, 1, supply_class="FIT", now=EARLY),
        *make_points(cast, 2, supply_class="HV", now=EARLY),
        *make_points(cast, 2, area="06", retailer="sora", now=EARLY),
        *make_points(cast, 2, retailer="sora", now=EARLY),
        *make_points(cast, 1, retailer="", now=EARLY),
    ]


@pytest.fixture
def cutting(settings):
    settings.PUBLICATION_CUT_FROM_ROWS = 1


def send(cast, points, day=DAY, *, seed=1):
    deliver(cast, csv_of(block_of(points, day, values=figures(len(points), seed=seed))))


def rows_of(day):
    """{(recipient, area, class, format): {(point, meter): values}} of what was published of a day."""
    found = {}
    for file in PublishedFile.objects.filter(publication__day=day, format__in=["bp_zip", "wide_csv"]):
        table = (table_of_zip if file.format == "bp_zip" else table_of)(bytes_of(file))
        key = (file.recipient_id, file.area, file.supply_class, file.format)
        for (point, meter, _day), values in table.items():
            assert (point, meter) not in found.setdefault(key, {})
            found[key][point, meter] = values
    return found


def test_slices_hold_the_rows_of_the_whole_and_no_other(cast, points, settings):
    for day in (DAY, DAY - ONE_DAY):
        send(cast, points, day)
    whole = publication.publish_day(DAY, now=NOW)
    settings.PUBLICATION_CUT_FROM_ROWS = 1
    cut = publication.publish_day(DAY - ONE_DAY, now=NOW)
    assert rows_of(DAY) == rows_of(DAY - ONE_DAY)
    for name in ("revision", "rows", "readings", "rows_without_supplier", "rows_superseded"):
        assert getattr(whole, name) == getattr(cut, name), name
    assert whole.files.count() == cut.files.count() and whole.rows_without_supplier == 1
    assert books.balance(DAY - ONE_DAY, DAY)["balanced"]
    assert not CutDay.objects.exists() and not Slice.objects.exists()
    assert {file.name for file in cut.files.all()} == {
        file.name.replace(f"{DAY:%Y%m%d}", f"{DAY - ONE_DAY:%Y%m%d}") for file in whole.files.all()
    }


def test_every_row_belongs_to_one_slice(cast, points, cutting):
    send(cast, points)
    assert publication._publish(DAY, "D", now=NOW) is None
    cut_day = CutDay.objects.get()
    cuts = [slices.Cut(s.area, tuple(s.classes), s.part, s.parts) for s in cut_day.slices.all()]
    assert {(cut.area, cut.classes) for cut in cuts} == {
        (area, classes) for area in ("03", "06") for classes in (("HV",), ("LV", "FIT"))
    }
    for area in ("03", "06"):
        for supply_class in ("HV", "LV", "FIT"):
            for retailer_id in (None, *range(40)):
                held = [c for c in cuts if c.holds(area=area, supply_class=supply_class, retailer_id=retailer_id)]
                assert len(held) == 1


def test_nothing_is_seen_before_the_last_slice_is_written(cast, points, cutting):
    send(cast, points)
    publication._publish(DAY, "D", now=NOW)
    cut_day = CutDay.objects.get()
    with slices.next_of(cut_day) as piece:
        run = publication._slice_of(cut_day, piece)
        run.write()
        slices.keep(piece, run.files, {name: getattr(run, name) for name in slices.COUNTS}, now=NOW)
    assert publication._show_slices(cut_day, now=NOW) is None
    assert not Publication.objects.exists() and not PublishedFile.objects.exists()
    published = publication.publish_day(DAY, now=NOW)
    assert published and books.balance(DAY, DAY)["balanced"]
    assert publication.publish_day(DAY, now=NOW) is None


def test_what_a_crash_left_is_taken_up_by_the_sweep(cast, points, cutting):
    send(cast, points)
    publication._publish(DAY, "D", now=NOW)
    cut_day = CutDay.objects.get()
    default_storage.save(f"{cut_day.folder}/000/left/over", ContentFile(b"half"))
    assert run_folders.sweep_orphans(now=NOW) == 0, "it is not over yet"
    publication.publish_late(now=NOW)
    assert Publication.objects.get().rows == len(points) - 1
    assert "left" not in stores.folders(f"{cut_day.folder}/000")
    assert LedgerEntry.objects.filter(action="usage published").count() == 1


def test_corrections_and_withdrawals_go_in_slices_too(cast, points, cutting):
    hand_over(points[:1], cast.sora, DAY)
    send(cast, points)
    publication.publish_day(DAY, now=NOW)
    send(cast, points[1:3], seed=2)
    supply.restore([supply.Restoration(points[0].pk, DAY, cast.sora.pk, cast.umi.pk)], now=NOW)
    second = publication.publish_day(DAY, now=NOW)
    assert (second.revision, second.rows, second.rows_moved, second.points_withdrawn) == (1, 3, 1, 1)
    withdrawal = second.files.get(format="withdrawal")
    assert withdrawal.recipient == cast.sora and points[0].number in bytes_of(withdrawal).decode()
    assert books.balance(DAY, DAY)["balanced"]


def test_supply_that_changes_before_the_end_lays_the_day_out_anew(cast, points, cutting):
    hand_over(points[:1], cast.sora, DAY)
    send(cast, points)
    publication._publish(DAY, "D", now=NOW)
    folder = CutDay.objects.get().folder
    supply.restore([supply.Restoration(points[0].pk, DAY, cast.sora.pk, cast.umi.pk)], now=NOW)
    published = publication.publish_day(DAY, now=NOW)
    assert published.folder != folder
    mine = rows_of(DAY)[cast.umi.pk, "03", "LV", "wide_csv"]
    assert points[0].number in {point for point, _meter in mine}
    assert books.balance(DAY, DAY)["balanced"]


def test_the_nightly_job_cuts_too(cast, points, cutting):
    send(cast, points)
    published = publication.publish_nightly(now=NOW)
    assert published.rows == len(points) - 1
    assert publication.publish_nightly(now=NOW) is None and Publication.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_slices_and_one_shows_the_day(cast, cutting, monkeypatch):
    points = [*make_points(cast, 6, now=EARLY), *make_points(cast, 6, area="06", now=EARLY)]
    send(cast, points)
    gate, results, wrote = threading.Barrier(2), [], []
    keep = slices.keep

    def kept(piece, *args, **values):
        wrote.append((threading.get_ident(), piece.number))
        if len({who for who, _number in wrote}) < 2:
            threading.Event().wait(0.2)
        keep(piece, *args, **values)

    monkeypatch.setattr(slices, "keep", kept)

    def work():
        try:
            gate.wait()
            results.append(publication.publish_day(DAY, now=NOW) or publication.publish_day(DAY, now=NOW))
        finally:
            connection.close()

    publication._publish(DAY, "D", now=NOW)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 2 and sum(result is not None for result in results) == 1
    assert len({who for who, _number in wrote}) == 2, "both wrote"
    assert len({number for _who, number in wrote}) == len(wrote), "no slice twice"
    assert Publication.objects.count() == 1 and books.balance(DAY, DAY)["balanced"]


class TestPromises:
    @pytest.fixture
    def cut_day(self, db):
        return CutDay.objects.create(day=DAY, layer="D", revision=0, folder="x", laid_out_at=NOW, batches=[1], notes=[])

    def slice_of(self, cut_day, **changes):
        values = {"number": 0, "area": "03", "classes": ["HV"], "part": 0, "parts": 1, "batches": [], **changes}
        with transaction.atomic():
            return Slice.objects.create(cut_day=cut_day, **values)

    def test_a_day_is_cut_once_at_a_time(self, cut_day):
        with pytest.raises(IntegrityError, match="a_day_is_cut_once_at_a_time"), transaction.atomic():
            CutDay.objects.create(day=DAY, layer="D", revision=1, folder="y", laid_out_at=NOW, batches=[], notes=[])

    @pytest.mark.parametrize(
        ("changes", "promise"),
        [
            ({"area": "06"}, "a_day_has_a_slice_once_per_number"),
            ({"number": 1}, "slices_of_a_day_do_not_overlap"),
            ({"number": 1, "area": "06", "part": 1}, "a_slice_is_one_of_its_parts"),
            ({"number": 1, "area": "06", "written_at": NOW}, "a_written_slice_has_its_result"),
            ({"number": 1, "area": "06", "result": {"files": []}}, "a_written_slice_has_its_result"),
        ],
    )
    def test_slices_keep_their_promises(self, cut_day, changes, promise):
        self.slice_of(cut_day)
        with pytest.raises(IntegrityError, match=promise):
            self.slice_of(cut_day, **changes)
