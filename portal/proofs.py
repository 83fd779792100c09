"""Proof packs: everything the hub knows about one case in a signed archive that holds without the hub.

The rooms register how their cases are told; the ground floor adds the ledger's entries with their path through the
hash chain, the notices, the people, the signature and the script that checks it all.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from portal import hub_key, ledger, seals, verify_proof
from portal.access import Ability
from portal.models import Company, LedgerEntry, Notice, Seal, User
from portal.refusals import Refusal

FORMAT = "kirikae proof pack 1"
NUMBER_LENGTH = 20
README = """\
スイッチング支援ポータル「切替」 証明書一式 / Proof pack of the switching portal Kirikae

確認方法: Python 3.8以降で次を実行します(追加ソフトは不要です)。
To check it (Python 3.8 or newer, nothing to install):

    python3 verify.py --key 公開鍵/PUBLIC-KEY

公開鍵は、この一式とは別の経路で広域機関から入手して照合してください。
Get the public key from the hub operator by another way than with this pack.

case.json, steps.json, …  案件の内容 / the case as the hub holds it
notices.json              会社への通知 / what the hub told companies about it
ledger.json               証跡台帳の記録 / the ledger's entries on it
people.json               記録中の番号と氏名・会社 / who the entries' numbers stand for
seals.json                ハッシュ連鎖(他案件の記録はハッシュ値のみ) / the hash chain; of other cases only hashes
manifest.json             各ファイルのハッシュ値 / the hash of each file
signature.txt             manifest.jsonへの署名(Ed25519) / the signature over manifest.json
"""


class Refused(Refusal):
    """No pack can be made; `sentence` says why."""


class NotAllowed(Refused):
    sentence = _("Only the hub's operators and auditors may export a proof pack.")


class NoSuchCase(Refused):
    sentence = _("There is no case with this number. A number is one letter and ten digits, for example R0000000017.")


class ReasonMissing(Refused):
    sentence = _("Please say what the proof pack is for; the ledger keeps it.")


@dataclass(frozen=True)
class Case:
    """A case as its room tells it: what the ledger and the notices call it, and its files by name as plain data."""

    kind: str
    number: str
    ledger_subjects: tuple[str, ...]
    notice_subjects: tuple[str, ...]
    files: dict[str, Any] = field(default_factory=dict)


Exporter = Callable[[str], Case | None]
_exporters: list[Exporter] = []


def register(exporter: Exporter) -> None:
    """Add a way to tell cases by number (None: not mine); call it in the room's `AppConfig.ready`."""
    if exporter not in _exporters:
        _exporters.append(exporter)


def find(number: str) -> Case:
    """The case with the number, whichever room it is of. Raises NoSuchCase."""
    number = "".join(number.split()).replace("-", "").upper()
    if number.isascii() and number.isalnum() and len(number) <= NUMBER_LENGTH:
        for exporter in _exporters:
            if case := exporter(number):
                return case
    raise NoSuchCase


@dataclass(frozen=True)
class Pack:
    """A finished archive and the name to save it under."""

    name: str
    content: bytes


def export(number: str, *, reason: str, by: User, now: datetime) -> Pack:
    """Everything about one case as a signed zip; the export itself is an entry in it.

    Raises NotAllowed, ReasonMissing, NoSuchCase, hub_key.Missing.
    """
    if not by.may(Ability.SEE_EVIDENCE):
        raise NotAllowed
    if not reason.strip():
        raise ReasonMissing
    return pack(find(number), reason=reason.strip(), by=by, now=now)


def pack(case: Case, *, reason: str, by: User, now: datetime) -> Pack:
    """The case as a signed zip, for callers that have asked who may have it. Raises hub_key.Missing."""
    with transaction.atomic():
        ledger.record("proof.export", case.ledger_subjects[0], by=by, now=now, purpose=reason)
        seals.seal_waiting(now=now)
        content = _archive(case, reason=reason, by=by, now=now)
    return Pack(f"proof-{case.number}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.zip", content)


def _archive(case: Case, *, reason: str, by: User, now: datetime) -> bytes:
    entries = LedgerEntry.objects.filter(subject__in=case.ledger_subjects)
    found = list(entries.order_by("pk").select_related("user__company", "company"))
    lines = seals.rows(entry.pk for entry in found)
    chain = seals.seals_of(lines)
    files: dict[str, Any] = {
        **case.files,
        "ledger.json": [{"id": pk, "line": lines[pk]} for pk in sorted(lines)],
        "people.json": _people(found),
        "notices.json": _notices(case),
        "seals.json": [_path(seal, lines) for seal in chain],
    }
    texts = {name: _json(value) for name, value in files.items()}
    texts["README.txt"] = README.encode()
    head = Seal.objects.order_by("-number").values("number", "hash").first()
    manifest = _json(
        {
            "format": FORMAT,
            "case": {"kind": case.kind, "number": case.number},
            "made_at": _moment(now),
            "made_by": by.username,
            "made_for": reason,
            "newest_seal": head,
            "public_key": hub_key.public(),
            "former_keys": list(settings.HUB_FORMER_KEYS),
            "files": {name: hashlib.sha256(text).hexdigest() for name, text in sorted(texts.items())},
        }
    )
    texts["manifest.json"] = manifest
    texts["signature.txt"] = hub_key.sign(signed_text(manifest)).encode() + b"\n"
    texts["verify.py"] = Path(verify_proof.__file__).read_bytes()
    return _zip(texts, now)


def signed_text(manifest: bytes) -> bytes:
    """What the hub signs for a pack."""
    return b"kirikae proof " + hashlib.sha256(manifest).hexdigest().encode()


def _path(seal: Seal, lines: dict[int, str]) -> dict[str, Any]:
    """A seal with its entries: the case's own by id, the others' as bare hashes."""
    held = [entry_id for entry_id, _link in seals.links_of(seal)]
    others = seals.rows(entry_id for entry_id in held if entry_id not in lines)
    return {
        "number": seal.number,
        "sealed_at": _moment(seal.sealed_at),
        "previous": seal.previous,
        "hash": seal.hash,
        "public_key": seal.public_key,
        "signature": seal.signature,
        "entries": [
            {"id": pk} if pk in lines else {"hash": (seals.leaf(others[pk]) if pk in others else seals.ABSENT).hex()}
            for pk in held
        ],
    }


def _people(entries: Iterable[LedgerEntry]) -> dict[str, Any]:
    users: dict[int, User] = {}
    companies: dict[int, Company] = {}
    for entry in entries:
        if entry.user:
            users[entry.user.pk] = entry.user
            companies[entry.user.company.pk] = entry.user.company
        if entry.company:
            companies[entry.company.pk] = entry.company
    return {
        "users": {
            str(pk): {"user_id": user.username, "name": user.name, "company_id": user.company_id}
            for pk, user in sorted(users.items())
        },
        "companies": {str(pk): company.name for pk, company in sorted(companies.items())},
    }


def _notices(case: Case) -> list[dict[str, Any]]:
    told = (
        Notice.objects.filter(subject__in=case.notice_subjects)
        .select_related("recipient", "delivery")
        .order_by("posted_at", "recipient__name", "number")
    )
    return [
        {
            "recipient": notice.recipient.name,
            "number": notice.number,
            "kind": notice.kind,
            "subject": notice.subject,
            "context": notice.context,
            "posted_at": _moment(notice.posted_at),
            "mail": notice.delivery.state if hasattr(notice, "delivery") else "none",
            "mailed_at": _moment(notice.delivery.sent_at) if hasattr(notice, "delivery") else None,
        }
        for notice in told
    ]


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if value else None


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def _zip(texts: dict[str, bytes], now: datetime) -> bytes:
    target = io.BytesIO()
    moment = now.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(texts):
            info = zipfile.ZipInfo(name, moment)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, texts[name])
    return target.getvalue()
