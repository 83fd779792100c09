"""XML met with distrust: every document is UTF-8 without a DOCTYPE before a parser sees it.

The trade writes UTF-8, Shift_JIS and EUC-JP; entities, external names and bombs have no place in its messages.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import BinaryIO
from xml.sax.saxutils import escape

from lxml import etree

from metering.formats.csv import iter_pieces
from metering.formats.errors import Unreadable, shown
from metering.halfhours import JST

DEPTH = 32
"""No message is nested deeper."""
PROLOG = 64 << 10
"""So many bytes may stand before the first element."""


def push_parser(target: object) -> etree.XMLParser:
    """A push parser that calls `target` and neither resolves entities nor opens anything."""
    return etree.XMLParser(target=target, encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=False)


def let_go(target: object) -> None:
    """Empty a target whose document is read, or will not be.

    lxml's parser and what belongs to it hold one another, and the target with them, until the collector comes by.
    Arrays do not call it, so that a worker would hold the rows of one file after the other.
    """
    vars(target).clear()


def broken(error: etree.XMLSyntaxError) -> Unreadable:
    """What the parser complains about, as the reason xml_broken."""
    return Unreadable("xml_broken", line=error.lineno or 1, detail=shown((error.msg or "").split(", line")[0]))


def bounded(stream: BinaryIO, limit: int) -> Iterator[bytes]:
    """The stream piece by piece; Unreadable (too_large) beyond `limit` bytes."""
    size = 0
    for piece in iter_pieces(stream.read(1 << 20), stream):
        size += len(piece)
        if size > limit:
            raise Unreadable("too_large", limit=limit)
        yield piece


def utf8_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The document as UTF-8 without its declaration; the first piece is the whole prolog up to the root tag."""
    head = b""
    for piece in pieces:
        head += piece
        visible = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if len(visible) >= 4 and (visible[:1] != b"<" or re.search(rb"<[^?!\s]", visible)):
            break
        if len(head) > PROLOG:
            break
    if not head:
        raise Unreadable("empty")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable("encoding_unknown", encoding="UTF-16")
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    root = re.search(rb"<[^?!\s]", head)
    if not head.startswith(b"<") or root is None or root.start() > PROLOG:
        raise Unreadable("xml_not")
    if b"<!DOCTYPE" in head[: root.start()]:
        raise Unreadable("xml_doctype")
    declared = re.match(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"'>]{1,40})[\"'][^>]*\?>", head)
    plain = re.match(rb"<\?xml\s[^>]*\?>", head)
    encoding = _encoding(declared[1].decode("latin-1") if declared else "utf-8")
    if plain:
        # spaces keep the line and column numbers of error messages right
        head = b" " * len(plain[0]) + head[plain.end() :]
    if encoding == "utf-8":
        yield head.lstrip(b" ")
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0

    def all_pieces() -> Iterator[bytes]:
        yield head
        yield from pieces

    try:
        for piece in all_pieces():
            text = decoder.decode(piece).encode()
            yield text if done else text.lstrip(b" ")
            done += len(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise Unreadable(
            "encoding_broken",
            position=done + error.start + 1,
            byte=f"{error.object[error.start]:02X}",
            encoding=encoding,
        ) from None


def _encoding(name: str) -> str:
    wanted = name.lower().replace("_", "-").removeprefix("x-")
    known = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8"}
    known |= dict.fromkeys(("shift-jis", "sjis", "cp932", "ms932", "windows-31j", "ms-kanji"), "cp932")
    known |= dict.fromkeys(("euc-jp", "eucjp", "ujis"), "euc_jp")
    if wanted not in known:
        raise Unreadable("encoding_unknown", encoding=shown(name))
    return known[wanted]


def day(text: str) -> date | None:
    """The day YYYYMMDD; None for anything else."""
    if not re.fullmatch(r"\d{8}", text, re.ASCII):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def moment(text: str) -> datetime | None:
    """The aware JST moment of YYYYMMDDHHMMSS; None for anything else."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=JST) if len(text) == 14 else None
    except ValueError:
        return None


def leaves(pairs: Iterable[tuple[str, str]]) -> str:
    """Elements with a text each, empty ones left out."""
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in pairs if text)
