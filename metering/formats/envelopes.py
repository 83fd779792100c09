"""What every message of the Business Protocol says about itself: who to whom, when made, in which version."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from metering.formats.errors import Unreadable, shown
from metering.formats.tags import NEWEST, TagTable
from metering.formats.xml import leaves, moment
from metering.halfhours import JST

TAKEN = frozenset(
    {
        *("JPC03", "JPC06", "JPC09", "JPC10", "JPC11", "JPC12", "JPC14", "JPC19", "JPC21"),
        *("JP00002", "JP06110", "JP06111", "JP06112", "JP06113", "JP06116"),
    }
)
"""Items of header and body that stand in fields of every message."""


@dataclass(slots=True, kw_only=True)
class Envelope:
    """What a message says about itself, whatever it carries.

    sender, receiver, sender_name, receiver_name, body_id, syntax
                    texts as they stand ("" when absent)
    created         aware in JST, None when absent or unreadable
    test            mode 1
    version         as written; a version nobody has described is read by the newest table
    others          header and body items that stand in no field, tag → text, unknown tags included
    unknown_rows    tags of rows that stand in no table, tag → how often
    """

    sender: str = ""
    receiver: str = ""
    sender_name: str = ""
    receiver_name: str = ""
    created: datetime | None = None
    test: bool = False
    version: str = NEWEST
    body_id: str = ""
    syntax: str = ""
    others: dict[str, str] = field(default_factory=dict)
    unknown_rows: dict[str, int] = field(default_factory=dict)


def code_of(header: dict[str, str], body: dict[str, str], known: Iterable[str]) -> str:
    """The information code, which header and body name; one of `known`. Raises Unreadable (xml_code_*)."""
    said, told = header.get("JPC14", ""), body.get("JP00002", "")
    if said and told and said != told:
        raise Unreadable("xml_code_differs", header=shown(said), body=shown(told))
    code = said or told
    if not code:
        raise Unreadable("xml_code_missing")
    if code not in known:
        raise Unreadable("xml_code_unknown", value=shown(code), known=", ".join(known))
    return code


def facts(header: dict[str, str], body: dict[str, str], *, taken: Collection[str]) -> dict[str, Any]:
    """The fields of an Envelope from the items of a message; those `taken` by other fields do not count as others."""
    return {
        "sender": body.get("JP06110", "") or header.get("JPC06", ""),
        "receiver": body.get("JP06112", "") or header.get("JPC09", ""),
        "sender_name": body.get("JP06111", ""),
        "receiver_name": body.get("JP06113", ""),
        "created": moment(header.get("JPC19", "")),
        "test": header.get("JPC03", "") == "1",
        "version": header.get("JPC12", ""),
        "body_id": header.get("JPC10", ""),
        "syntax": header.get("JPC21", ""),
        "others": {tag: text for tag, text in (header | body).items() if tag not in TAKEN and tag not in taken},
    }


def opening(message: Envelope, table: TagTable, *, code: str, family: str, rest: Iterable[tuple[str, str]]) -> bytes:
    """A message up to its list of points; `rest` are the items of its body behind sender and receiver."""
    header = [
        ("JPC03", "1" if message.test else "0"),
        ("JPC06", message.sender),
        ("JPC09", message.receiver),
        ("JPC10", message.body_id),
        ("JPC11", family),
        ("JPC12", table.version),
        ("JPC14", code),
        ("JPC19", f"{message.created.astimezone(JST):%Y%m%d%H%M%S}" if message.created else ""),
        ("JPC21", message.syntax),
        *((tag, text) for tag, text in message.others.items() if tag.startswith("JPC")),
    ]
    body = [
        ("JP00002", code),
        ("JP06110", message.sender),
        ("JP06111", message.sender_name),
        ("JP06112", message.receiver),
        ("JP06113", message.receiver_name),
        *rest,
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<{table.root}><{table.group}>"
        f"<{table.header_block}>{leaves(header)}</{table.header_block}><{table.body_block}>{leaves(body)}<JPM00010>"
    ).encode()


def closing(table: TagTable) -> bytes:
    """The end of a message behind its list of points."""
    return f"</JPM00010></{table.body_block}></{table.group}></{table.root}>\n".encode()
