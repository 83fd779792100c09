"""A disk that is full loses nothing: uploads are refused with a sentence, a publication waits until there is room."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from config.services import ROOT
from tests.cast import NOW, make_points
from tests.metering.delivering import DAY, block_of, csv_of, deliver
from tests.nginx.conftest import site_environment

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
SMALL_DISK = 'mount -t tmpfs -o size=1m kirikae "$0" && exec "$@"'


def test_a_full_disk_refuses_with_a_sentence_and_nothing_is_lost(cast, tmp_path):
    points = make_points(cast, 400, now=NOW - timedelta(days=60))
    deliver(cast, csv_of(block_of(points)))
    folder = tmp_path / "files"
    folder.mkdir()
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c", SMALL_DISK, str(folder)]
    if subprocess.run([*own_mounts, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    done = subprocess.run(
        [*own_mounts, sys.executable, "-m", "tests.faults.full_disk", str(folder), DAY.isoformat()],
        env={**site_environment(tmp_path), "KIRIKAE_FILES": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["uploads"][0] == 503 and "保存領域がいっぱい" in said["words"]
    assert said["uploads"][1] in (200, 302) and said["kept"] == [0, 1]
    assert said["publications"] == ["No space left on device", "published"]
    assert said["published"][:2] == [0, 0] and said["published"][2] == 1 and said["published"][3] > 0
    assert said["whole"], "every file with its bytes"
