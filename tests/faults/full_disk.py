"""Run in a mount namespace of its own: the hub with a disk that is full, then with room again; says what happened.

python -m tests.faults.full_disk FOLDER DAY     the folder is a tmpfs that may be made larger; prints JSON
"""

import hashlib
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import django


def fill(folder: Path, leave: int) -> None:
    """Write until nothing more goes in, then give some bytes back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            pass
    with filler.open("r+b") as out:
        out.truncate(filler.stat().st_size - leave)


def main(folder: Path, day: date) -> dict[str, Any]:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from metering import publication
    from metering.models import Publication, PublishedFile, UsageFile
    from portal.models import User
    from tests.cast import NOW, client_of

    said: dict[str, Any] = {}
    client = client_of(User.objects.get(username="kaze.usage"))
    client.raise_request_exception = False

    def upload() -> int:
        known = UsageFile.objects.count()
        answer = client.post("/usage-files/", {"files": ContentFile(b"x" * 50_000, name="large.csv")})
        said.setdefault("words", answer.content.decode())
        said.setdefault("kept", []).append(UsageFile.objects.count() - known)
        return int(answer.status_code)

    def publish() -> str:
        try:
            publication.publish_day(day, now=NOW)
        except OSError as error:
            return str(error.strerror)
        return "published"

    fill(folder, leave=8192)
    said["uploads"] = [upload()]
    said["publications"] = [publish()]
    said["published"] = [Publication.objects.count(), PublishedFile.objects.count()]
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
    said["uploads"].append(upload())
    said["publications"].append(publish())
    said["published"] += [Publication.objects.count(), PublishedFile.objects.count()]
    said["whole"] = all(
        hashlib.sha256(default_storage.open(file.content.name).read()).hexdigest() == file.sha256
        for file in PublishedFile.objects.all()
    )
    return said


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))))
