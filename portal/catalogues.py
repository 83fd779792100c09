"""Message catalogues: compiled without the gettext tools, and checked for words that have no Japanese."""

import io
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOMS = ("config", "portal", "metering", "switching", "linkage")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[#0\- +]*[\d.]*[a-zA-Z]|%[#0\- +]*[\d.]*[sdfr]")


@dataclass(frozen=True)
class Words:
    """Words in the source that people read: where they stand, the message id(s), the context."""

    path: Path
    line: int
    ids: tuple[str, ...]
    context: str | None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {' / '.join(self.ids)!s}"


def po_files(base: Path | None = None) -> list[Path]:
    """Every room's catalogues."""
    return sorted((base or settings.BASE_DIR).glob("*/locale/*/LC_MESSAGES/django.po"))


def compile_catalogues(base: Path | None = None) -> list[Path]:
    """Write the .mo beside each .po that is newer than it; returns those written. Safe in several processes at once."""
    written = []
    for po in po_files(base):
        mo = po.with_suffix(".mo")
        if mo.exists() and mo.stat().st_mtime_ns >= po.stat().st_mtime_ns:
            continue
        stamp = po.stat()
        draft = mo.with_suffix(f".mo.{os.getpid()}")
        with draft.open("wb") as out:
            write_mo(out, read(po))
        os.utime(draft, ns=(stamp.st_mtime_ns, stamp.st_mtime_ns))
        draft.replace(mo)
        written.append(mo)
    return written


def read(po: Path) -> Catalog:
    with po.open("rb") as source:
        return read_po(source, locale=po.parent.parent.name, abort_invalid=True)


def words_in_source(base: Path | None = None) -> Iterator[Words]:
    """Every marked string of the rooms' Python and of the templates."""
    base = base or settings.BASE_DIR
    for room in ROOMS:
        for path in sorted((base / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from _words(path.relative_to(base), path.read_text(encoding="utf-8"))
    for path in sorted((base / "templates").rglob("*")):
        if path.suffix in {".html", ".txt"}:
            # As makemessages does; the brackets keep the tokenizer from minding the template's indentation.
            source = templatize(path.read_text(encoding="utf-8"))
            yield from _words(path.relative_to(base), f"({source}\n)")


def missing(language: str = "ja", base: Path | None = None) -> list[Words]:
    """The words for which no room's catalogue has a translation."""
    known: set[tuple[str, str | None]] = set()
    for message in _messages(language, base):
        if message.string and all(_strings(message)) and not message.fuzzy:
            known.add((_ids(message)[0], message.context))
    return [words for words in words_in_source(base) if (words.ids[0], words.context) not in known]


def conflicts(language: str = "ja", base: Path | None = None) -> list[str]:
    """Message ids translated in two ways by two rooms, or twice in one: gettext would pick one by chance."""
    said: dict[tuple[str, str | None], set[tuple[str, ...]]] = defaultdict(set)
    for message in _messages(language, base):
        said[_ids(message)[0], message.context].add(tuple(_strings(message)))
    found = [
        f"{msgid}: {' | '.join(sorted(' / '.join(s) for s in ways))}"
        for (msgid, _), ways in said.items()
        if len(ways) > 1
    ]
    for po in po_files(base):
        found += [f"{po.name} of {po.parents[3].name} says twice: {msgid}" for msgid in _said_twice(po)]
    return sorted(found)


def disagreeing_placeholders(language: str = "ja", base: Path | None = None) -> list[str]:
    """Translations whose placeholders are not those of the message: they would fail or drop a figure on the page."""
    found = []
    for message in _messages(language, base):
        wanted = {frozenset(_placeholders(text)) for text in _ids(message)}
        allowed = frozenset().union(*wanted)
        for text in _strings(message):
            has = frozenset(_placeholders(text))
            if has not in wanted and not (len(wanted) > 1 and has <= allowed):
                found.append(f"{_ids(message)[0]} → {text}")
    return found


def _words(path: Path, source: str) -> Iterator[Words]:
    for line, ids, _comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS):
        yield Words(path, line, (ids,) if isinstance(ids, str) else tuple(ids), context)


def _messages(language: str, base: Path | None) -> Iterator[Message]:
    for po in po_files(base):
        if po.parent.parent.name == language:
            yield from (message for message in read(po) if message.id)


def _ids(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id or ())


def _strings(message: Message) -> Iterable[str]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _placeholders(text: str) -> list[str]:
    return [match.group(1) or "" for match in PLACEHOLDER.finditer(text.replace("%%", ""))]


def _said_twice(po: Path) -> list[str]:
    """Entries that stand twice in one file; read_po keeps the last of them without a word."""
    seen: set[str] = set()
    twice = []
    for entry in re.split(r"\n\s*\n", po.read_text(encoding="utf-8")):
        lines = [line for line in entry.splitlines() if line and not line.startswith("#")]
        key = "\n".join(lines[: next((at for at, line in enumerate(lines) if line.startswith("msgstr")), 0)])
        if not key:
            continue
        if key in seen:
            twice.append(key.replace("\n", " "))
        seen.add(key)
    return twice
