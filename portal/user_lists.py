"""Lists of people as CSV files, read for a preview: every row with its values and everything wrong with it."""

import csv
import io
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from portal.access import Role
from portal.onboarding import GENERAL_ROLES, MOST_USERS, Named

MOST_BYTES = 1_000_000
HEADS: dict[str, tuple[str, ...]] = {
    "username": ("ユーザid", "ユーザーid", "user id", "user_id", "username"),
    "name": ("氏名", "名前", "name"),
    "email": ("メール", "メールアドレス", "e-mail", "email"),
    "roles": ("役割", "roles", "role"),
}
ROLE_WORDS: dict[str, Role] = {
    "照会": Role.INQUIRY,
    "inquiries": Role.INQUIRY,
    "託送異動申込": Role.APPLICATION,
    "申込": Role.APPLICATION,
    "applications": Role.APPLICATION,
    "廃止取次": Role.RELAY,
    "取次": Role.RELAY,
    "使用量ファイル": Role.USAGE,
    "使用量": Role.USAGE,
    "閲覧": Role.VIEWER,
} | {str(role): role for role in GENERAL_ROLES}
SAMPLE = "ユーザID,氏名,メール,役割\r\nhoshi.hanako,星 花子,hanako@hoshi.example,照会 廃止取次\r\n"


class Unreadable(Exception):
    """The file is no list of people; the sentence says why."""


@dataclass(frozen=True)
class Row:
    """One line of the file: its number, the person in it, what is wrong."""

    line: int
    named: Named
    faults: list[str] = field(default_factory=list)


Check = Callable[[Named, set[str]], list[str]]


def read(data: bytes, *, check: Check, taken: Sequence[str] = ()) -> list[Row]:
    """Read a list of people, UTF-8 (with or without byte order mark) or Shift_JIS, columns found by their heads.

    `check` says what is wrong with a person, given the user ids named before. Raises Unreadable.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable(_("The file is larger than 1 MB; a list of 1,000 people is far smaller. Is it the right one?"))
    rows: list[Row] = []
    seen = set(taken)
    reader = csv.reader(io.StringIO(_decode(data), newline=""), strict=True)
    columns: dict[str, int] = {}
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(cells)
                continue
            if len(rows) == MOST_USERS:
                raise Unreadable(_("The list has more than 1,000 people. Please ask the hub operator first."))
            named, faults = _person(cells, columns)
            rows.append(Row(reader.line_num, named, faults + check(named, seen)))
            seen.add(named.username)
    except csv.Error as error:
        raise Unreadable(
            _("Line %(line)s cannot be read as CSV; a quotation mark may be missing.") % {"line": reader.line_num}
        ) from error
    if not columns or not rows:
        raise Unreadable(_("The file holds no person."))
    return rows


def _decode(data: bytes) -> str:
    if b"\0" in data:
        raise Unreadable(_("This is no CSV file. Save the list as CSV, UTF-8 or Shift_JIS."))
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable(_("The file is neither UTF-8 nor Shift_JIS. Save the list as CSV, UTF-8 or Shift_JIS."))


def _columns(cells: Sequence[str]) -> dict[str, int]:
    heads = [unicodedata.normalize("NFKC", cell).strip().lower() for cell in cells]
    found = {name: next((at for at, head in enumerate(heads) if head in words), -1) for name, words in HEADS.items()}
    if missing := [HEADS[name][0] for name, at in found.items() if at < 0]:
        raise Unreadable(_("The first line lacks these columns: %(columns)s.") % {"columns": ", ".join(missing)})
    return found


def _person(cells: Sequence[str], columns: dict[str, int]) -> tuple[Named, list[str]]:
    def cell(name: str) -> str:
        at = columns[name]
        return unicodedata.normalize("NFKC", cells[at]).strip() if at < len(cells) else ""

    words = cell("roles").replace("、", " ").replace(";", " ").replace("・", " ").replace(",", " ").split()
    roles = tuple(dict.fromkeys(str(ROLE_WORDS.get(word.lower(), word)) for word in words))
    named = Named(cell("username").lower(), cell("name"), cell("email"), roles)
    faults = [_("The line has more cells than the first line.")] if len(cells) > max(columns.values()) + 1 else []
    return named, faults
