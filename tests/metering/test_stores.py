"""Files in a directory and in an S3-compatible bucket: the same answers, and nothing half-written to be seen."""

import hashlib
import io
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile

from metering import publication, retention, run_folders
from metering.models import PublishedFile, UsageDay
from portal import stores
from tests.cast import NOW, make_points
from tests.metering import bucket
from tests.metering.collecting import believing, machine_of
from tests.metering.delivering import DAY, block_of, csv_of, deliver, table_of, table_of_zip
from tests.portal import desk
from tests.portal.certificate_tools import issued


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with bucket.server(tmp_path_factory.mktemp("s3") / "server.log") as address:
        yield address


@pytest.fixture(params=["directory", "bucket"])
def place(request, settings, tmp_path):
    """Where the files of the test lie."""
    if request.param == "bucket":
        settings.STORAGES = bucket.storages(settings, request.getfixturevalue("address"))
        for folder in stores.folders(""):
            stores.remove_folder(folder)
    else:
        settings.MEDIA_ROOT = tmp_path / "files"
    return request.param


class Breaks(io.BytesIO):
    """A file of which the second half cannot be read."""

    def read(self, size=-1):
        if self.tell() >= 6_000_000:
            raise OSError("the line went dead")
        return super().read(min(size, 6_000_000) if size and size > 0 else 6_000_000)


def all_files(folder=""):
    folders, files = default_storage.listdir(folder) if default_storage_has(folder) else ([], [])
    found = [f"{folder}/{name}".lstrip("/") for name in files]
    for below in folders:
        found += all_files(f"{folder}/{below}".lstrip("/"))
    return sorted(found)


def default_storage_has(folder):
    return bool(stores.folders(folder)) or bool(_files(folder))


def _files(folder):
    try:
        return default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return []


def test_a_part_is_read_without_the_rest(place):
    name = default_storage.save("a/b/file", ContentFile(bytes(range(256)) * 1000))
    for first, count in ((0, 256_000), (0, 1), (255_999, 1), (100_000, 70_000)):
        part = stores.part(name, first=first, count=count)
        assert b"".join(part) == (bytes(range(256)) * 1000)[first : first + count]
        part.close()
    with pytest.raises(FileNotFoundError):
        stores.part("a/b/none", first=0, count=1)
    assert b"".join(stores.part(default_storage.save("a/empty", ContentFile(b"")), first=0, count=0)) == b""


def test_folders_are_named_and_removed_whole(place):
    for name in ("out/2026/x/1", "out/2026/x/y/2", "out/2026/xx/3", "out/2027/4"):
        default_storage.save(name, ContentFile(b"1"))
    assert stores.folders("out") == ["2026", "2027"] and stores.folders("out/2026") == ["x", "xx"]
    assert stores.folders("nowhere") == [] and stores.remove_folder("nowhere") == 0
    assert stores.remove_folder("out/2026/x") == 2
    assert stores.folders("out/2026") == ["xx"] and default_storage.exists("out/2026/xx/3")


def test_a_name_is_given_once(place):
    first, second = (default_storage.save("a/name", ContentFile(text)) for text in (b"1", b"2"))
    assert first != second and default_storage.open(first).read() == b"1"


def test_a_new_file_is_kept_at_the_end_of_its_block(place):
    with stores.new_file("a/new") as out:
        out.write(b"1")
    with pytest.raises(FileExistsError), stores.new_file("a/new") as out:
        out.write(b"2")
    assert default_storage.open("a/new").read() == b"1"
    with pytest.raises(OSError, match="the line went dead"), stores.new_file("a/half") as out:
        out.write(b"x" * 200_000)
        raise OSError("the line went dead")
    assert [name.rpartition("/")[2] for name in all_files()] == ["new"]


def test_what_breaks_off_leaves_nothing_to_be_seen(place):
    with pytest.raises(OSError, match="the line went dead"):
        default_storage.save("a/half", File(Breaks(b"x" * 20_000_000), name="half"))
    assert all_files() == []


def test_a_file_from_another_disk_is_not_seen_before_it_is_whole(settings, tmp_path, monkeypatch):
    """The directory's own case: what cannot be moved is written beside its place, then moved."""
    settings.MEDIA_ROOT = tmp_path / "files"
    monkeypatch.setattr(stores, "_lies_on_the_disk_of", lambda content, folder: False)
    seen = []
    with TemporaryUploadedFile("usage", "application/octet-stream", 0, None) as out:
        out.write(b"x" * 200_000)
        out.seek(0)
        chunks = out.chunks

        def watched(size=None):
            for chunk in chunks(size):
                seen.append((tmp_path / "files/a/whole").exists())
                yield chunk

        monkeypatch.setattr(out, "chunks", watched)
        assert default_storage.save("a/whole", out) == "a/whole"
    assert seen and not any(seen)
    assert (tmp_path / "files/a/whole").stat().st_size == 200_000
    assert [path.name for path in (tmp_path / "files/a").iterdir()] == ["whole"]


def test_usage_goes_in_out_and_away(place, cast, settings, tmp_path, time_machine):
    """Received, published, collected in parts by a machine, swept and removed: the whole way."""
    time_machine.move_to(NOW, tick=False)
    believing(settings, tmp_path)
    houses = make_points(cast, 3, now=NOW - timedelta(days=30))
    sent = csv_of(block_of(houses))
    received = deliver(cast, sent)
    assert received.content.open().read() == sent
    default_storage.save(f"{run_folders.ROOT}/2026/03/31/{'0' * 32}/1-03/left-over", ContentFile(b"x"))
    publication.publish_day(DAY, now=NOW)
    files = {file.format: file for file in PublishedFile.objects.filter(recipient=cast.umi)}
    machine = machine_of(issued(cast["umi.administrator"], purpose="api"))
    ask = {"file": files["bp_zip"].name}
    whole = b"".join(machine.get("/collection/03/FileReceiver", ask).streaming_content)
    assert hashlib.sha256(whole).hexdigest() == files["bp_zip"].sha256
    parts = b""
    while len(parts) < len(whole):
        answer = machine.get("/collection/03/FileReceiver", ask, HTTP_RANGE=f"bytes={len(parts)}-{len(parts) + 99}")
        assert answer.status_code == 206
        parts += b"".join(answer.streaming_content)
    assert parts == whole
    table = b"".join(stores.part(files["wide_csv"].content.name, first=0, count=files["wide_csv"].size))
    assert table_of(table) == table_of_zip(whole)

    assert run_folders.sweep_orphans(now=NOW) == 1
    assert len([name for name in all_files() if name.startswith(run_folders.ROOT)]) == 3
    retention.carry_out(now=NOW + timedelta(days=500))
    assert not UsageDay.objects.exists()
    assert [name for name in all_files() if name.startswith(run_folders.ROOT)] == []


def test_documents_lie_there_too(place, cast):
    version = desk.enter(cast).versions.get()
    assert default_storage.open(version.path).read() == desk.PDF


def test_without_a_bucket_the_files_lie_in_the_directory(settings):
    assert settings.STORAGES["default"]["BACKEND"] == "portal.stores.Directory"
