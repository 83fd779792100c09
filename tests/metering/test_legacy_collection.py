"""The door of clients in use: FileListReceiver and FileReceiver?file=, by client certificate alone."""

import hashlib
import re
from datetime import timedelta

import pytest
from lxml import etree

from metering import deliveries, publication
from metering.models import PublishedFile
from portal import certificates, gates
from portal.models import Function, LedgerEntry
from tests.cast import NOW, make_points
from tests.metering.collecting import believing, certificate_headers, machine_of
from tests.metering.delivering import DAY, block_of, csv_of, deliver, figures
from tests.portal.certificate_tools import issued

ONE_DAY = timedelta(days=1)
LIST, FILE = "/collection/03/FileListReceiver", "/collection/03/FileReceiver"
NAME = re.compile(r"^(?:W4(01|11)(10|20)(\d{12})(\d{2})(\d{2}|\d{4})|W5(12|13|14)(10|20)(\d{8})(\d{2})(\d{5}))\.zip$")


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path, time_machine):
    settings.MEDIA_ROOT = tmp_path / "files"
    believing(settings, tmp_path)
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def houses(cast):
    return make_points(cast, 4, now=NOW - 30 * ONE_DAY)


@pytest.fixture
def certificate(cast):
    return issued(cast["umi.administrator"], purpose="api")


@pytest.fixture
def machine(certificate):
    return machine_of(certificate)


def publish(cast, points, day=DAY, *, seed=1):
    deliver(cast, csv_of(block_of(points, day, values=figures(len(points), seed=seed))))
    return publication.publish_day(day, now=NOW)


def listed(response) -> dict[str, int]:
    """The list as a client in use reads it: the text of <comment>, pairs by their numbers."""
    assert response.status_code == 200
    comment = etree.fromstring(b"".join(response.streaming_content)).findtext(".//comment") or ""
    found = {}
    for at, (name, size) in enumerate(re.findall(r'rfilename\d+:"([^"]*)",rfilesize\d+:"(\d+)"', comment)):
        assert f'rfilename{at}:"{name}",rfilesize{at}:"{size}"' in comment
        found[name] = int(size)
    assert comment.count("rfilename") == len(found), "every name stands once"
    return found


def body(response) -> bytes:
    return b"".join(response.streaming_content)


def test_the_list_names_the_zips_of_the_area_with_their_sizes(cast, houses, machine):
    publish(cast, [*houses, *make_points(cast, 2, area="06", now=NOW - 30 * ONE_DAY)])
    publish(cast, houses[:1], seed=2)
    found = listed(machine.get(LIST))
    mine = PublishedFile.objects.filter(recipient=cast.umi, area="03", format="bp_zip").order_by("number")
    assert found == {file.name: file.size for file in mine} and list(found) == [file.name for file in mine]
    assert len(found) == 2 and all(NAME.match(name) for name in found)
    assert len(listed(machine.get("/collection/06/FileListReceiver"))) == 1


def test_an_empty_list_is_a_list(machine):
    assert listed(machine.get(LIST)) == {}


def test_a_file_is_the_zip_however_often_it_is_fetched(cast, houses, machine, certificate):
    publish(cast, houses)
    [name] = listed(machine.get(LIST))
    file = PublishedFile.objects.get(recipient=cast.umi, name=name)
    for _time in range(3):
        answer = machine.get(FILE, {"file": name})
        content = body(answer)
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert (answer["Content-Type"], int(answer["Content-Length"])) == ("application/zip", len(content))
    file.refresh_from_db()
    assert file.first_collected_at == NOW
    entries = LedgerEntry.objects.filter(action="published file collected", subject=f"published file {file.pk}")
    assert [(e.company, e.user, e.detail) for e in entries] == [
        (cast.umi, None, {"name": name, "certificate": certificate.pk})
    ] * 3
    assert list(listed(machine.get(LIST))) == [name], "the same name can be fetched again"


def test_a_broken_off_fetch_goes_on_where_it_stopped(cast, houses, machine):
    publish(cast, houses)
    [name] = listed(machine.get(LIST))
    whole = machine.get(FILE, {"file": name})
    content, etag = body(whole), whole["ETag"]
    half = len(content) // 2
    rest = machine.get(FILE, {"file": name}, HTTP_RANGE=f"bytes={half}-", HTTP_IF_RANGE=etag)
    assert rest.status_code == 206 and body(rest) == content[half:]
    assert rest["Content-Range"] == f"bytes {half}-{len(content) - 1}/{len(content)}"
    other = machine.get(FILE, {"file": name}, HTTP_RANGE=f"bytes={half}-", HTTP_IF_RANGE='"other"')
    assert other.status_code == 200 and body(other) == content
    assert machine.get(FILE, {"file": name}, HTTP_IF_NONE_MATCH=etag).status_code == 304
    behind = machine.get(FILE, {"file": name}, HTTP_RANGE=f"bytes={len(content)}-")
    assert behind.status_code == 416 and behind["Content-Range"] == f"bytes */{len(content)}"


def test_a_look_at_the_head_collects_nothing(cast, houses, machine):
    publish(cast, houses)
    [(name, size)] = listed(machine.get(LIST)).items()
    answer = machine.head(FILE, {"file": name})
    assert answer.status_code == 200 and int(answer["Content-Length"]) == size
    assert not PublishedFile.objects.filter(first_collected_at__isnull=False).exists()


@pytest.mark.parametrize("name", ["", "W4112020260331000000009.zip", "../../secret_key", "\0", "a" * 5000, "ＷＸ.zip"])
def test_a_name_that_is_not_there_is_said_in_a_sentence(cast, houses, machine, name):
    publish(cast, houses)
    answer = machine.get(FILE, {"file": name})
    assert answer.status_code == (404 if name else 400) and answer.content.decode().strip()


def test_manifests_and_tables_are_not_offered_here(cast, houses, machine):
    publish(cast, houses)
    for file in PublishedFile.objects.filter(recipient=cast.umi).exclude(format="bp_zip"):
        assert machine.get(FILE, {"file": file.name}).status_code == 404


def test_what_was_removed_is_no_longer_listed(cast, houses, machine):
    publish(cast, houses)
    [name] = listed(machine.get(LIST))
    PublishedFile.objects.filter(name=name).update(removed_at=NOW)
    assert listed(machine.get(LIST)) == {} and machine.get(FILE, {"file": name}).status_code == 404


class TestWhoComes:
    def urls(self, cast, houses):
        publish(cast, houses)
        name = PublishedFile.objects.get(recipient=cast.umi, format="bp_zip").name
        return LIST, f"{FILE}?file={name}"

    def nothing(self, client, urls, status=403):
        for url in urls:
            answer = client.get(url)
            assert answer.status_code == status, url
            assert "W4" not in answer.content.decode()
        assert not PublishedFile.objects.filter(first_collected_at__isnull=False).exists()

    def test_nobody_without_a_certificate(self, cast, houses):
        self.nothing(machine_of(None), self.urls(cast, houses))

    def test_a_persons_session_opens_nothing(self, cast, houses, client_of):
        client = client_of(cast["umi.usage"])
        urls = self.urls(cast, houses)
        self.nothing(client, urls)
        client.defaults.update(certificate_headers(issued(cast["umi.administrator"], purpose="web").pem))
        self.nothing(client, urls)

    def test_another_companys_certificate_finds_its_own_alone(self, cast, houses):
        theirs = machine_of(issued(cast["yama.administrator"], purpose="api"))
        a_list, a_file = self.urls(cast, houses)
        assert listed(theirs.get(a_list)) == {}
        assert theirs.get(a_file).status_code == 404

    def test_a_revoked_certificate_opens_nothing_from_the_next_request_on(self, cast, houses, certificate, machine):
        urls = self.urls(cast, houses)
        assert machine.get(LIST).status_code == 200
        certificates.revoke(certificate, reason="lost", by=cast["umi.administrator"], now=NOW)
        self.nothing(machine, urls)
        assert "失効" in machine.get(LIST).content.decode()

    def test_a_certificate_that_expired_opens_nothing(self, cast, houses, machine, time_machine):
        urls = self.urls(cast, houses)
        time_machine.move_to(NOW + timedelta(days=731), tick=False)
        self.nothing(machine, urls)

    def test_a_network_operators_machine_finds_nothing(self, cast, houses):
        self.nothing(machine_of(issued(cast["kaze.administrator"], purpose="api")), self.urls(cast, houses), 404)

    def test_a_suspended_company_collects_nothing(self, cast, houses, machine):
        urls = self.urls(cast, houses)
        cast.umi.is_active = False
        cast.umi.save()
        self.nothing(machine, urls)

    def test_headers_count_from_the_proxy_alone(self, cast, houses, certificate, machine, settings):
        urls = self.urls(cast, houses)
        machine.defaults["HTTP_X_PROXY_SECRET"] = "x" * 40
        self.nothing(machine, urls)

    def test_the_gate_of_usage_closes_it_too(self, cast, houses, machine):
        urls = self.urls(cast, houses)
        gates.open_function(Function.USAGE, opened_from=NOW + timedelta(minutes=1), by=None, now=NOW)
        self.nothing(machine, urls, 503)
        assert machine.get(LIST)["Retry-After"] == "61"

    def test_nothing_can_be_sent_here(self, cast, houses, machine):
        for url in self.urls(cast, houses):
            assert machine.post(url).status_code in {403, 405} and machine.delete(url).status_code in {403, 405}


def test_the_portal_and_the_door_hand_out_the_same(cast, houses, machine, client_of):
    publish(cast, houses)
    file = PublishedFile.objects.get(recipient=cast.umi, format="bp_zip")
    page = client_of(cast["umi.usage"]).get(f"/published-files/{file.pk}/download/")
    door = machine.get(FILE, {"file": file.name})
    assert body(page) == body(door) and page["ETag"] == door["ETag"]
    part = client_of(cast["umi.usage"]).get(f"/published-files/{file.pk}/download/", HTTP_RANGE="bytes=-4")
    assert part.status_code == 206 and len(body(part)) == 4
    assert deliveries.changed_since(file) == deliveries.Since(0, 0)
