"""The worst day rehearsed with real servers: a site with cases, usage, files and evidence goes and comes back whole."""

import json
import os
import time
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from metering import publication
from metering.models import PublishedFile
from portal import backups, recount, seals
from portal.models import Company, Delivery, Notice
from tests.cast import NOW
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.switching.cases import Play

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(cast, settings, tmp_path):
    """A relay that was judged, a day that was published, a document, a ledger that is sealed."""
    settings.MEDIA_ROOT = tmp_path / "store"
    play = Play(cast, NOW)
    points = [play.point() for _ in range(3)]
    play.relay(points[0])
    deliver(cast, csv_of(block_of(points)))
    publication.publish_day(DAY, now=NOW)
    default_storage.save("a folder/名前\twith a tab", ContentFile("何か".encode()))
    default_storage.save(".readiness/host-1", ContentFile(b"ready"))
    seals.seal_waiting(now=NOW)
    return cast


@pytest.fixture
def restored():
    """The name of a database to be; it is gone afterwards."""
    name = f"{connection.settings_dict['NAME']}_restored_{os.getpid()}"
    yield name
    backups.drop(name)


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_site_goes_and_comes_back_whole(site, settings, tmp_path, restored):
    assert list(recount.problems()) == []
    made = backups.make(tmp_path / "backup", now=NOW)
    assert made.tables["portal_user"] >= 2 and made.tables["metering_usageday"] == 3
    assert made.newest_seal == backups.head() and not made.gone_meanwhile
    before = {name: text for name, text in contents(Path(settings.MEDIA_ROOT)).items() if ".readiness" not in name}
    Notice.objects.get_queryset()  # the site goes on meanwhile: what comes later is not in the backup
    Company.objects.filter(pk=site.umi.pk).update(name="changed afterwards")
    default_storage.save("later", ContentFile(b"later"))

    backups.restore(tmp_path / "backup", database=restored, files=tmp_path / "files")
    assert contents(tmp_path / "files") == before
    known = {**connection.get_connection_params(), "dbname": restored}
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: known[name] for name in names if known.get(name)}) as line:
        [(name,)] = line.execute("SELECT name FROM portal_company WHERE id = %s", [site.umi.pk]).fetchall()
        assert name == "海エナジー"
        with pytest.raises(psycopg.errors.RaiseException):  # the triggers came back too
            line.execute("DELETE FROM portal_ledgerentry")

    with pytest.raises(backups.Failed, match="already"):
        backups.restore(tmp_path / "backup", database=restored, files=tmp_path / "elsewhere")
    with pytest.raises(backups.Failed, match="not empty"):
        backups.restore(tmp_path / "backup", database=f"{restored}_2", files=tmp_path / "files")
    with pytest.raises(backups.Failed, match="not empty"):
        backups.make(tmp_path / "backup", now=NOW)


def test_a_backup_that_was_touched_is_not_restored(site, tmp_path, restored):
    backups.make(tmp_path / "backup", now=NOW)
    copy = next(path for path in (tmp_path / "backup" / "files" / "usage").rglob("*") if path.is_file())
    for path, words in (
        (copy, "what the list says"),
        (tmp_path / "backup" / backups.DUMP, backups.DUMP),
        (tmp_path / "backup" / backups.LIST, backups.LIST),
    ):
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(backups.Failed, match=words):
            backups.restore(tmp_path / "backup", database=restored, files=tmp_path / "files")
        path.write_bytes(good)
    manifest = tmp_path / "backup" / backups.MANIFEST
    told = json.loads(manifest.read_text())
    told["tables"]["portal_user"] += 1
    manifest.write_text(json.dumps(told))
    with pytest.raises(backups.Failed, match="portal_user has"):
        backups.restore(tmp_path / "backup", database=restored, files=tmp_path / "files")
    assert restored not in databases(), "half a site is taken away again"
    manifest.write_text("{")
    with pytest.raises(backups.Failed, match="no backup"):
        backups.check(tmp_path / "backup")


def test_the_rehearsal_proves_it_and_leaves_nothing_behind(site, tmp_path):
    out, before = StringIO(), databases()
    (tmp_path / "rehearsal").mkdir()
    began = time.monotonic()
    call_command("rehearse_backup", under=tmp_path / "rehearsal", stdout=out)
    assert time.monotonic() - began < 600
    said = out.getvalue()
    for words in ("backed up", "restored", "walked along the ledger", "recounted", "The backup can be restored."):
        assert words in said
    assert databases() == before and not list((tmp_path / "rehearsal").iterdir())


def test_the_rehearsal_fails_where_a_file_was_lost(site, tmp_path):
    lost = PublishedFile.objects.first()
    default_storage.delete(lost.content.name)
    before = databases()
    with pytest.raises(CommandError, match=r"do not fit: published file: .* is missing"):
        call_command("rehearse_backup", under=tmp_path, stdout=StringIO())
    assert databases() == before


def test_what_does_not_fit_is_named_one_by_one(site):
    notice = Notice.objects.filter(recipient=site.umi).last()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM portal_delivery WHERE notice_id = %s", [notice.pk])
        cursor.execute("DELETE FROM portal_notice WHERE id = %s", [notice.pk])
        cursor.execute("UPDATE switching_relay SET state = '06'")
        cursor.execute("UPDATE metering_deliverycounter SET files_published = files_published + 1")
        cursor.execute("UPDATE metering_publishedfile SET size = size + 1 WHERE number = 1")
        cursor.execute("SET session_replication_role = origin")
    assert not Delivery.objects.filter(notice=notice.pk).exists()
    errors = StringIO()
    with pytest.raises(CommandError, match="things do not fit"):
        call_command("recount", stderr=errors)
    said = errors.getvalue()
    for words in (f"company {site.umi.pk}:", "is in state 06", "files were numbered", "bytes instead of"):
        assert words in said, said
