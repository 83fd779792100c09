"""A file's life: received, checked, confirmed, carried out, recalled; each step once, whatever dies in between."""

import io
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings as configured
from django.db import IntegrityError, connection, transaction

from portal import gates, people
from portal.models import Function, LedgerEntry, Notice
from switching import relays, sights
from switching.bulk import judgements, uploads
from switching.models import Application, Disclosure, Relay, Sight, Upload, UploadRow
from switching.relays import Verdict
from tests.switching.bulk.sending import csv_of, inquire, ready, relay_row, rules, send, start_row, states, work_off


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def sent(play, sora_relay, now):
    """A checked file of three good rows."""
    return send("relays", csv_of([relay_row(point) for point in ready(play, 3)]), by=sora_relay, now=now)


@pytest.fixture
def done(sent, sora_relay, now):
    """The same, carried out."""
    uploads.confirm(sent.pk, by=sora_relay, now=now)
    return work_off(sent, now=now)


def test_a_file_is_checked_confirmed_and_carried_out_once(play, sora_relay, now):
    points = ready(play, 3)
    rows = [relay_row(point) for point in points]
    rows[1]["holder_name"] = ""
    upload = send("relays", csv_of(rows), by=sora_relay, now=now)
    assert (upload.state, upload.rows, upload.rows_good, upload.rows_wrong) == ("checked", 3, 2, 1), rules(upload)
    assert not Relay.objects.exists()
    uploads.confirm(upload.pk, by=sora_relay, now=now)
    upload = work_off(upload, now=now)
    assert upload.state == Upload.State.DONE
    assert states(upload) == ["done", "wrong", "done"]
    found = {row.relay.point_id for row in upload.lines.filter(state="done")}
    assert found == {points[0].pk, points[2].pk}
    assert set(Relay.objects.values_list("registered_by", flat=True)) == {sora_relay.pk}
    work_off(upload, now=now)
    assert Relay.objects.count() == 2


def test_the_file_itself_is_gone_once_its_rows_are_read(play, sora_relay, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        sent = send("relays", csv_of([relay_row(point) for point in ready(play, 1)]), by=sora_relay, now=now)
    assert (sent.path, states(sent)) == ("", ["good"])
    assert not [path for path in Path(configured.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_the_own_company_is_told_once_per_step_and_the_other_once_per_case(done, cast):
    own = list(Notice.objects.filter(recipient=cast.sora).order_by("pk").values_list("kind", flat=True))
    assert own == ["upload_checked", "upload_done"]
    assert Notice.objects.filter(recipient=cast.umi, kind="relay_registered").count() == 3
    actions = LedgerEntry.objects.filter(subject=f"upload {done.pk}").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["upload.receive", "upload.check", "upload.confirm", "upload.done"]


def test_what_changed_since_the_preview_is_refused_with_its_reason(play, sent, sora_relay, now):
    line = sent.lines.order_by("line")[1]
    point = next(p for p in play.cast.kaze.network_points.all() if p.number == line.cells["supply_point"])
    play.relay(point, who="yama")
    uploads.confirm(sent.pk, by=sora_relay, now=now)
    upload = work_off(sent, now=now)
    assert states(upload) == ["done", "refused", "done"]
    assert rules(upload)[1] == ["PointBusy"]


def test_a_row_filed_by_hand_meanwhile_is_there_already(play, sent, sora_relay, now):
    line = sent.lines.order_by("line")[0]
    point = play.cast.kaze.network_points.get(number=line.cells["supply_point"])
    relay = play.relay(point)
    uploads.confirm(sent.pk, by=sora_relay, now=now)
    upload = work_off(sent, now=now)
    assert states(upload) == ["known", "done", "done"]
    assert upload.lines.order_by("line")[0].relay == relay


def test_a_file_is_confirmed_once_and_by_the_own_company(sent, cast, sora_relay, now):
    with pytest.raises(uploads.NotYours):
        uploads.confirm(sent.pk, by=cast["yama.relay"], now=now)
    with pytest.raises(uploads.NotYours):
        uploads.confirm(sent.pk, by=cast["sora.application"], now=now)
    uploads.confirm(sent.pk, by=sora_relay, now=now)
    for verb in (uploads.confirm, uploads.discard, uploads.recall):
        with pytest.raises(uploads.Moved):
            verb(sent.pk, by=sora_relay, now=now)


def test_a_discarded_file_leaves_no_row_and_files_nothing(sent, sora_relay, now):
    uploads.discard(sent.pk, by=sora_relay, now=now)
    assert not sent.lines.exists() and not Relay.objects.exists()
    with pytest.raises(uploads.Moved):
        uploads.confirm(sent.pk, by=sora_relay, now=now)


def test_a_file_without_a_good_row_cannot_be_confirmed(play, sora_relay, now):
    upload = send("relays", csv_of([relay_row(play.point())]), by=sora_relay, now=now)
    with pytest.raises(uploads.NothingToDo):
        uploads.confirm(upload.pk, by=sora_relay, now=now)


def test_the_same_file_again_goes_on_only_deliberately(play, cast, now):
    data = csv_of([relay_row(point) for point in ready(play, 2)])
    first = send("relays", data, by=cast["sora.relay"], now=now)
    again = send("relays", data, by=cast["sora.relay"], now=now + timedelta(minutes=5), name="renamed.csv")
    assert (uploads.twin_of(first), uploads.twin_of(again)) == (None, first)
    with pytest.raises(uploads.SentBefore) as refusal:
        uploads.confirm(again.pk, by=cast["sora.relay"], now=now)
    assert refusal.value.twin == first
    uploads.confirm(again.pk, again=True, by=cast["sora.relay"], now=now)
    work_off(again, now=now)
    uploads.confirm(first.pk, by=cast["sora.relay"], now=now)
    assert states(work_off(first, now=now)) == ["known", "known"], "nothing is filed twice"
    assert Relay.objects.count() == 2


def test_a_twin_that_was_discarded_or_is_another_companys_is_none(play, cast, now):
    data = csv_of([relay_row(point) for point in ready(play, 1)])
    send("relays", data, by=cast["yama.relay"], now=now)
    mine = send("relays", data, by=cast["sora.relay"], now=now)
    assert uploads.twin_of(mine) is None
    uploads.discard(mine.pk, by=cast["sora.relay"], now=now)
    assert uploads.twin_of(send("relays", data, by=cast["sora.relay"], now=now)) is None


def test_a_closed_function_takes_no_file_and_leaves_confirmed_rows_for_later(sent, sora_relay, hub_operator, now):
    uploads.confirm(sent.pk, by=sora_relay, now=now)
    later = now + timedelta(hours=2)
    gates.open_function(Function.RELAYS, opened_from=later, by=hub_operator, now=now)
    with pytest.raises(gates.Closed):
        uploads.receive(io.BytesIO(b"a"), content="relays", name="a.csv", by=sora_relay, now=now)
    assert uploads.carry_out(sent.pk, now=now) == 0
    assert states(sent) == ["good"] * 3
    assert states(work_off(sent, now=later)) == ["done"] * 3


def test_who_confirmed_and_left_files_nothing_any_more(sent, cast, now):
    clerk = cast["sora.relay"]
    uploads.confirm(sent.pk, by=clerk, now=now)
    people.suspend(clerk, by=cast["sora.administrator"], now=now)
    assert states(work_off(sent, now=now)) == ["refused"] * 3
    assert not Relay.objects.exists()


def test_rows_outside_the_confirming_persons_area_are_refused(sent, cast, now):
    other = people.register(
        company=cast.sora,
        username="sora.kansai",
        name="空 関西",
        email="k@sora.example",
        password="correct-horse-battery-staple",
        roles=[people.Hold("relay", "06")],
        by=None,
        now=now,
    )
    uploads.confirm(sent.pk, by=other, now=now)
    assert states(work_off(sent, now=now)) == ["refused"] * 3


def test_a_failure_of_ours_in_one_row_does_not_stop_the_others(sent, sora_relay, now, monkeypatch):
    uploads.confirm(sent.pk, by=sora_relay, now=now)
    whole, calls = relays.register, []

    def fails_once(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            Relay.objects.create()  # a broken write leaves its savepoint, not the row's transaction
        return whole(*args, **kwargs)

    monkeypatch.setattr(relays, "register", fails_once)
    assert states(work_off(sent, now=now)) == ["done", "refused", "done"]


# --- Recall


def test_a_recall_takes_back_what_nobody_has_seen(done, cast, sora_relay, now):
    seen, judged = (row.relay for row in done.lines.order_by("line")[:2])
    assert sights.note(seen, by=cast["umi.relay"], now=now) and not sights.note(seen, by=cast["umi.relay"], now=now)
    relays.judge(relay_id=judged.pk, verdict=Verdict.REJECT, reasons=[8], by=cast["umi.relay"], now=now)
    uploads.recall(done.pk, by=sora_relay, now=now)
    while uploads.carry_back(done.pk, now=now):
        pass
    done.refresh_from_db()
    assert (done.state, states(done)) == ("recalled", ["done", "done", "recalled"])
    assert [[item["rule"] for item in row.findings] for row in done.lines.order_by("line")] == [["Seen"], ["Moved"], []]
    assert Relay.objects.get(pk=seen.pk).state == "01"
    assert Relay.objects.filter(state="06").count() == 1
    assert Notice.objects.filter(recipient=cast.sora, kind="upload_recalled").count() == 1


def test_the_authors_own_look_is_none(done, sora_relay, now):
    relay = done.lines.first().relay
    assert not sights.note(relay, by=sora_relay, now=now)
    assert not Sight.objects.exists()


def test_the_work_list_of_judgements_is_a_look_at_each_relay(done, cast, sora_relay, now):
    listed = judgements.work_list(by=cast["umi.relay"], now=now)
    assert [relay.pk for relay, _report in listed] == [row.relay_id for row in done.lines.order_by("line")]
    uploads.recall(done.pk, by=sora_relay, now=now)
    while uploads.carry_back(done.pk, now=now):
        pass
    assert states(done) == ["done"] * 3


def test_starts_are_recalled_until_the_network_operator_opens_them(play, cast, now):
    by = cast["sora.application"]
    upload = send("switch_start", csv_of([start_row(point) for point in ready(play, 2)]), by=by, now=now)
    assert states(upload) == ["warned"] * 2
    uploads.confirm(upload.pk, by=by, now=now)
    work_off(upload, now=now)
    assert Application.objects.count() == 2
    sights.note(upload.lines.first().application, by=cast["kaze.application"], now=now)
    uploads.recall(upload.pk, by=by, now=now)
    while uploads.carry_back(upload.pk, now=now):
        pass
    assert states(upload) == ["done", "recalled"]
    assert Application.objects.filter(state="cancelled").count() == 1


def test_what_cannot_be_undone_cannot_be_recalled(play, cast, now):
    by = cast["umi.relay"]
    relay = play.relay(play.point())
    rows = [{"relay": relay.number, "verdict": "reject", "reasons": "8", "reason_text": ""}]
    upload = send("judgements", csv_of(rows), by=by, now=now)
    uploads.confirm(upload.pk, by=by, now=now)
    assert states(work_off(upload, now=now)) == ["done"]
    relay.refresh_from_db()
    assert (relay.state, relay.reasons, relay.judged_by) == ("03", [8], by)
    with pytest.raises(uploads.CannotBeRecalled):
        uploads.recall(upload.pk, by=by, now=now)


def test_explanations_are_recorded_with_their_items(play, sora_relay, now):
    points = [play.point() for _ in range(2)]
    inquire(play, points)
    play.disclosure(play.point())
    rows = [
        {
            "supply_class": "LV",
            "supply_point": point.number,
            "acknowledged": "charge points menu",
            "channel": "web",
            "explained_on": "2026-03-31",
        }
        for point in points
    ]
    upload = send("disclosures", csv_of(rows), by=sora_relay, now=now)
    uploads.confirm(upload.pk, by=sora_relay, now=now)
    assert states(work_off(upload, now=now)) == ["done"] * 2
    told = Disclosure.objects.filter(point__in=points)
    assert [disclosure.acknowledgements.count() for disclosure in told] == [3, 3]
    again = send("disclosures", csv_of(list(reversed(rows))), by=sora_relay, now=now)
    assert states(again) == ["known"] * 2


# --- The database insists


def test_a_row_that_was_carried_out_has_its_case(sent):
    with pytest.raises(IntegrityError, match="a_row_that_was_carried_out_has_its_case"), transaction.atomic():
        sent.lines.update(state="done")


def test_a_row_stands_once_in_an_upload(sent):
    with pytest.raises(IntegrityError, match="a_row_stands_once_in_an_upload"), transaction.atomic():
        UploadRow.objects.create(upload=sent, line=2, cells={}, state="good")


def test_every_row_of_an_upload_has_a_verdict(sent):
    with pytest.raises(IntegrityError, match="every_row_of_an_upload_has_a_verdict"), transaction.atomic():
        Upload.objects.filter(pk=sent.pk).update(rows=99)


def test_an_upload_is_carried_out_after_a_person_confirmed_it(sent):
    with (
        pytest.raises(IntegrityError, match="an_upload_is_carried_out_after_a_person_confirmed_it"),
        transaction.atomic(),
    ):
        Upload.objects.filter(pk=sent.pk).update(state="done")


def test_a_first_look_is_noted_once_and_at_one_case(done, cast, now):
    relay = done.lines.first().relay
    Sight.objects.create(relay=relay, company=cast.umi, at=now)
    with pytest.raises(IntegrityError, match="a_company_sees_a_relay_first_once"), transaction.atomic():
        Sight.objects.create(relay=relay, company=cast.umi, at=now)
    with pytest.raises(IntegrityError, match="a_first_look_is_at_one_case"), transaction.atomic():
        Sight.objects.create(company=cast.umi, at=now)


def test_a_network_operators_first_look_is_noted_once(play, cast, now):
    start = play.start(play.point())
    assert sights.note(start, by=cast["kaze.application"], now=now)
    with pytest.raises(IntegrityError, match="a_company_sees_an_application_first_once"), transaction.atomic():
        Sight.objects.create(application=start, company=cast.kaze, at=now)


# --- Killed in the middle

WORKER = """
import django; django.setup()
from datetime import datetime
from switching.bulk import uploads
while uploads.carry_out({pk}, now=datetime.fromisoformat("{now}"), limit=5):
    pass
"""


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_and_begun_again_files_nothing_twice(play, sora_relay, now, tmp_path):
    points = ready(play, 40)
    upload = send("relays", csv_of([relay_row(point) for point in points]), by=sora_relay, now=now)
    uploads.confirm(upload.pk, by=sora_relay, now=now)
    values = connection.get_connection_params()
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{quote(values.get('user') or '', safe='')}"
        f"@{quote(values.get('host') or 'localhost', safe='')}:{values.get('port') or 5432}/{values['dbname']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "KIRIKAE_ENV": "test",
    }
    if values.get("password"):
        environment["PGPASSWORD"] = values["password"]
    script = WORKER.format(pk=upload.pk, now=now.isoformat())
    worker = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, cwd=configured.BASE_DIR, start_new_session=True
    )
    end = time.monotonic() + 120
    while Relay.objects.count() < 7:
        assert time.monotonic() < end and worker.poll() is None, "the worker should have filed some rows by now"
        time.sleep(0.02)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    filed = Relay.objects.count()
    assert 7 <= filed < 40, "killed in the middle"
    assert states(work_off(upload, now=now)) == ["done"] * 40
    assert upload.state == Upload.State.DONE
    assert Relay.objects.count() == 40
    assert Relay.objects.values("point").distinct().count() == 40
    assert Notice.objects.filter(kind="relay_registered").count() == 40
    assert LedgerEntry.objects.filter(action="relay.register").count() == 40
