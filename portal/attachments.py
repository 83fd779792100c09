"""Files that people hand in beside words: checked by size, ending, first bytes and scanner, kept in the file store."""

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal import scanning

ZIP, TEXT = (b"PK\x03\x04", b"PK\x05\x06"), None
Kinds = dict[str, tuple[str, tuple[bytes, ...] | re.Pattern[bytes] | None]]
# ending → media type and what the file begins with (None: text, which holds no zero byte)
KINDS: Kinds = {
    ".pdf": ("application/pdf", (b"%PDF-",)),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIP),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ZIP),
    ".pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation", ZIP),
    ".zip": ("application/zip", ZIP),
    ".png": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    ".jpg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".jpeg": ("image/jpeg", (b"\xff\xd8\xff",)),
    ".csv": ("text/csv", TEXT),
    ".txt": ("text/plain", TEXT),
    ".xml": ("application/xml", TEXT),
}
# What proves a word that was given: scans, pictures and recordings.
PROOFS: Kinds = {
    **{ending: KINDS[ending] for ending in (".pdf", ".png", ".jpg", ".jpeg")},
    ".wav": ("audio/wav", re.compile(rb"RIFF.{4}WAVE", re.DOTALL)),
    ".mp3": ("audio/mpeg", (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")),
    ".m4a": ("audio/mp4", re.compile(rb".{4}ftyp", re.DOTALL)),
    ".ogg": ("audio/ogg", (b"OggS",)),
}
LONGEST_NAME = 120


class Refused(Exception):
    """A file that is not kept; `sentence` says which and why."""

    sentence: str | Promise = ""

    def __init__(self, name: str, **facts: str) -> None:
        self.facts = {"name": name, **facts}

    def __str__(self) -> str:
        return str(self.sentence) % self.facts


class Empty(Refused):
    sentence = _("%(name)s is empty.")


class TooLarge(Refused):
    sentence = _("%(name)s has %(size)s MB; a file may have %(limit)s MB at most.")


class UnknownKind(Refused):
    sentence = _("%(name)s is of a kind that is not taken in. These are: %(kinds)s.")


class OtherContent(Refused):
    sentence = _("%(name)s is not what its ending says. Please save it anew and choose it again.")


class Infected(Refused):
    sentence = _("%(name)s holds something harmful (%(found)s) and was not kept. Please have your computer checked.")


class NotScanned(Refused):
    sentence = _(
        "%(name)s could not be checked for harmful content and was not kept. Please try again in a few minutes."
    )


@dataclass(frozen=True)
class Kept:
    """A file in the store: where, what people call it, and what it is."""

    path: str
    name: str
    content_type: str
    size: int
    sha256: str


def check(file: File, *, kinds: Kinds = KINDS, most: int | None = None) -> tuple[str, str]:
    """The name without folders and control characters, and the media type. Raises the refusals of this module.

    `kinds` are the endings taken in, `most` the bytes a file may have (default: ATTACHMENT_MAX_BYTES).
    """
    most = most or settings.ATTACHMENT_MAX_BYTES
    name = _name(file.name or "")
    size = file.size or 0
    if not size:
        raise Empty(name)
    if size > most:
        megabytes = f"{size / 1_000_000:.1f}"
        raise TooLarge(name, size=megabytes, limit=f"{most / 1_000_000:.0f}")
    kind = kinds.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise UnknownKind(name, kinds=", ".join(ending[1:] for ending in kinds))
    content_type, begins = kind
    file.seek(0)
    head = file.read(4096)
    if isinstance(begins, re.Pattern):
        fits = begins.match(head) is not None
    else:
        fits = b"\0" not in head if begins is None else head.startswith(begins)
    if not fits:
        raise OtherContent(name)
    return name, content_type


@contextmanager
def keeping(
    files: Sequence[File], *, folder: str, kinds: Kinds = KINDS, most: int | None = None
) -> Iterator[list[Kept]]:
    """Check, scan and store files for the length of a deed; when the deed fails they are taken out again.

    Raises the refusals of this module.
    """
    checked = [(file, *check(file, kinds=kinds, most=most)) for file in files]
    for file, name, _kind in checked:
        _scan(file, name)
    kept: list[Kept] = []
    try:
        for file, name, content_type in checked:
            digest = hashlib.sha256()
            file.seek(0)
            for chunk in file.chunks():
                digest.update(chunk)
            file.seek(0)
            path = default_storage.save(f"{folder}/{uuid.uuid4().hex}{PurePosixPath(name).suffix.lower()}", file)
            kept.append(Kept(path, name, content_type, file.size, digest.hexdigest()))
        yield kept
    except BaseException:
        for item in kept:
            default_storage.delete(item.path)
        raise


def _scan(file: File, name: str) -> None:
    try:
        scanning.scan(file, name=name)
    except scanning.Infected as infected:
        raise Infected(name, found=infected.found) from infected
    except scanning.Unscanned as unscanned:
        raise NotScanned(name) from unscanned


def _name(given: str) -> str:
    name = unicodedata.normalize("NFC", given.replace("\\", "/").rsplit("/", 1)[-1])
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip(" .") or "file"
    stem, dot, ending = name.rpartition(".")
    return f"{stem[: LONGEST_NAME - len(ending) - 1]}{dot}{ending}" if dot and len(ending) < 10 else name[:LONGEST_NAME]
