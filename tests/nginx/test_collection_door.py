"""The collection door through nginx as we ship it, with real handshakes: list, skip, fetch, compare, fetch again."""

import hashlib
import re
import ssl
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from metering import publication
from metering.models import PublishedFile
from portal import certificates
from portal.models import LedgerEntry
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.nginx.test_mutual_tls import cookie_of, enrolled

PREFIX = "/collection/03"


@pytest.fixture
def files(transactional_db, cast, folder, settings, monkeypatch) -> list[PublishedFile]:
    """What was published to umi, in a directory the web processes see too."""
    settings.MEDIA_ROOT = folder / "files"
    monkeypatch.setenv("KIRIKAE_FILES", str(folder / "files"))
    deliver(cast, csv_of(block_of(make_points(cast, 3))))
    publication.publish_day(DAY, now=NOW)
    return list(PublishedFile.objects.filter(recipient=cast.umi, format="bp_zip"))


def fetch(port: int, folder: Path, path: str, *, pair=None, **headers: str) -> tuple[int, bytes]:
    """Status and body, over a connection of its own."""
    context = ssl.create_default_context(cafile=str(folder / "authority/root.pem"))
    if pair:
        context.load_cert_chain(*map(str, pair))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = httpx.get(f"https://localhost:{port}{path}", verify=context, headers=sent, timeout=120)
    return answer.status_code, answer.content


def test_a_client_in_use_collects_with_its_certificate_and_nobody_else_does(files, nginx, cast, folder, now):
    [file] = files
    certificate, pair = enrolled(cast["umi.administrator"], folder, now, "api", purpose="api")
    _theirs, their_pair = enrolled(cast["yama.administrator"], folder, now, "yama", purpose="api")
    _web, web_pair = enrolled(cast["umi.administrator"], folder, now, "web")
    get = f"{PREFIX}/FileReceiver?file={file.name}"

    status, text = fetch(nginx.port, folder, f"{PREFIX}/FileListReceiver", pair=pair)
    assert status == 200
    assert (
        re.search(r"<comment>(.*)</comment>", text.decode())[1] == f'rfilename0:"{file.name}",rfilesize0:"{file.size}"'
    )
    for _time in range(2):
        status, content = fetch(nginx.port, folder, get, pair=pair)
        assert (status, len(content)) == (200, file.size)
        assert hashlib.sha256(content).hexdigest() == file.sha256
    status, rest = fetch(nginx.port, folder, get, pair=pair, Range="bytes=10-")
    assert (status, rest) == (206, content[10:])
    assert LedgerEntry.objects.filter(action="published file collected", company=cast.umi).count() == 3

    assert fetch(nginx.port, folder, get, pair=their_pair)[0] == 404
    session = {"Cookie": cookie_of(cast["umi.usage"])}
    forged = {"X_Client_Certificate": quote(certificate.pem), "X_Client_Verify": "SUCCESS"}
    for headers in ({}, session, forged):
        assert fetch(nginx.port, folder, get, **headers)[0] == 403
    assert fetch(nginx.port, folder, get, pair=web_pair, **session)[0] == 403
    certificates.revoke(certificate, reason="lost", by=cast["umi.administrator"], now=now)
    assert fetch(nginx.port, folder, get, pair=pair)[0] == 403
