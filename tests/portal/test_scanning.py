"""Uploads are looked at before they are kept, by a scanner that really listens; without its word nothing is kept."""

import io
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from metering import drop_folder
from metering.models import UsageFile
from portal import attachments, clamd, scanning
from portal.models import Document, TicketFile
from tests.cast import NOW, client_of
from tests.portal.desk import PDF, enter, pdf, question

# In two parts, so that no scanner takes this file away.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SERVER = Path(__file__).parent / "clamd_server.py"


@pytest.fixture(params=["path", "port"])
def scanner(request, settings, tmp_path):
    """A scanner in a process of its own, on a Unix socket or a port."""
    wanted = str(tmp_path / "clamd.ctl") if request.param == "path" else "127.0.0.1:0"
    process = subprocess.Popen([sys.executable, str(SERVER), wanted], stdout=subprocess.PIPE, text=True)
    settings.CLAMD_ADDRESS = process.stdout.readline().strip()
    settings.UPLOAD_SCANNER = "portal.clamd.scan"
    settings.MEDIA_ROOT = tmp_path / "files"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def away(settings, tmp_path):
    settings.UPLOAD_SCANNER, settings.CLAMD_ADDRESS = "portal.clamd.scan", str(tmp_path / "nobody.ctl")
    settings.MEDIA_ROOT = tmp_path / "files"


def kept(files):
    with attachments.keeping(files, folder="tickets") as kept:
        return kept


def test_what_the_scanner_lets_pass_is_kept_whole(scanner):
    content = PDF + bytes(range(256)) * 700
    [file] = kept([pdf(content=content)])
    with default_storage.open(file.path) as stored:
        assert stored.read() == content


def test_what_the_scanner_finds_is_refused_and_nothing_beside_it_is_kept(scanner):
    with pytest.raises(attachments.Infected) as refused:
        kept([pdf(), pdf("悪い.pdf", PDF + EICAR)])
    assert str(refused.value).startswith("悪い.pdfから有害なもの（Eicar-Test-Signature）が検出された")
    assert not default_storage.exists("tickets")


def test_what_is_too_large_for_the_scanner_is_not_kept(scanner):
    with pytest.raises(attachments.NotScanned):
        kept([pdf(content=PDF + b"x" * 3_000_000)])


def test_without_the_scanners_word_nothing_is_kept(away):
    with pytest.raises(attachments.NotScanned) as refused:
        kept([pdf()])
    assert "規程.pdfのウイルス検査ができなかった" in str(refused.value)
    assert not default_storage.exists("tickets")


@pytest.mark.parametrize("address", ["", "nowhere", "host:", "host:x"])
def test_an_address_that_is_none_keeps_nothing(settings, address):
    settings.UPLOAD_SCANNER, settings.CLAMD_ADDRESS = "portal.clamd.scan", address
    with pytest.raises(scanning.Unscanned):
        scanning.scan(io.BytesIO(b"x"), name="x")


@pytest.mark.parametrize("answer", [b"", b"what?\0", b"stream: ERROR\0", b"OK maybe\0", b"\xff\xfe\0", b"x" * 9000])
def test_an_odd_answer_is_no_yes(settings, tmp_path, answer):
    path = str(tmp_path / "odd.ctl")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(1 << 16)
                line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        settings.CLAMD_ADDRESS = path
        with pytest.raises(scanning.Unscanned):
            clamd.scan(io.BytesIO(PDF))
        thread.join()


def test_a_silent_scanner_is_not_waited_for_for_ever(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(clamd, "SECONDS", 0.2)
    settings.UPLOAD_SCANNER = "portal.clamd.scan"
    settings.CLAMD_ADDRESS = path = str(tmp_path / "silent.ctl")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        with pytest.raises(scanning.Unscanned, match="timed out"):
            scanning.scan(io.BytesIO(PDF), name="x")


def broken(file):
    raise RuntimeError("out of order")


@pytest.mark.parametrize("scanner", ["tests.portal.test_scanning.broken", "portal.no_such.scanner"])
def test_a_scanner_that_breaks_keeps_nothing(settings, scanner):
    settings.UPLOAD_SCANNER = scanner
    with pytest.raises(scanning.Unscanned):
        scanning.scan(io.BytesIO(b"x"), name="x")


def test_without_a_scanner_uploads_are_kept(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    assert settings.UPLOAD_SCANNER == "" and kept([pdf(content=PDF + EICAR)])


def test_the_pages_say_it_in_a_sentence(scanner, cast):
    ticket = question(cast)
    client = client_of(cast["sora.viewer"])
    bad = SimpleUploadedFile("a.pdf", PDF + EICAR)
    page = client.post(f"/helpdesk/{ticket.number}/", {"body": "見てください", "files": [bad]})
    assert page.status_code == 422 and "a.pdfから有害なもの" in page.content.decode()
    assert "見てください" in page.content.decode() and not TicketFile.objects.exists()
    with pytest.raises(attachments.Infected):
        enter(cast, file=pdf(content=PDF + EICAR))
    assert not Document.objects.exists()


def test_usage_files_are_looked_at_too(scanner, cast, points):
    client = client_of(cast["kaze.usage"])
    bad = SimpleUploadedFile("usage.csv", b"supply_point,\n" + EICAR)
    page = client.post("/usage-files/", {"files": [bad]}, follow=True)
    assert "ファイルから有害なもの（Eicar-Test-Signature）" in page.content.decode()
    good = SimpleUploadedFile("usage.csv", b"supply_point,\n")
    client.post("/usage-files/", {"files": [good]})
    assert UsageFile.objects.get().size == 14
    scanner.kill()
    scanner.wait()
    page = client.post("/usage-files/", {"files": [SimpleUploadedFile("b.csv", b"supply_point,\n\n")]}, follow=True)
    assert "ウイルス検査ができなかった" in page.content.decode() and UsageFile.objects.count() == 1


def test_a_dropped_file_waits_for_the_scanner(away, cast, settings, tmp_path):
    settings.USAGE_DROP_DIR = tmp_path / "drop"
    path = tmp_path / "drop" / "KAZE3" / "usage.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"supply_point,\n")
    os.utime(path, (path.stat().st_mtime - 60,) * 2)
    collected = drop_folder.collect_dropped(now=NOW)
    assert (collected.received, collected.refused) == (0, 0) and path.exists()
    settings.UPLOAD_SCANNER = ""
    assert drop_folder.collect_dropped(now=NOW).received == 1 and not path.exists()
