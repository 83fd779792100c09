"""Many accounts at once: the operator's list of people named in applications for use, as CSV."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import people
from portal.access import Role
from portal.market import Area, SupplyClass
from portal.models import Company, Participation, User
from portal.people import Hold
from portal.refusals import Refusal

MOST_BYTES, MOST_LINES = 1_000_000, 1000
COLUMNS = {
    "code": {"participant code", "code", "事業者コード"},
    "username": {"user id", "username", "ユーザid"},
    "name": {"name", "氏名", "名前"},
    "email": {"e-mail", "email", "メールアドレス", "メール"},
    "roles": {"roles", "role", "役割"},
}
ROLE = re.compile(r"(?P<role>[^@:]+)(?:@(?P<area>\d{2})?)?(?::(?P<class>[A-Za-z]+))?")
ROLE_WORDS = {
    "管理者": Role.ADMINISTRATOR,
    "管理者ユーザ": Role.ADMINISTRATOR,
    "照会": Role.INQUIRY,
    "託送異動申込": Role.APPLICATION,
    "廃止取次": Role.RELAY,
    "使用量": Role.USAGE,
    "使用量ファイル": Role.USAGE,
    "閲覧": Role.VIEWER,
    "ヘルプデスク": Role.HELPDESK,
    "監査": Role.AUDITOR,
}


class Refused(Refusal):
    """A file that is not read, or not loaded; `sentence` says why."""


class TooLarge(Refused):
    sentence = gettext_lazy("The file is larger than 1 MB or has more than 1,000 lines; please split it.")


class NotText(Refused):
    sentence = gettext_lazy("The file is neither UTF-8 nor Shift_JIS text; please save it as CSV.")


class NotCsv(Refused):
    sentence = gettext_lazy("The file cannot be read as CSV; please look for a quotation mark that is not closed.")


class ColumnsMissing(Refused):
    def __init__(self, names: Iterable[str]) -> None:
        self.sentence = _("The first line must name the columns; these are missing: %(names)s.") % {
            "names": ", ".join(names)
        }
        super().__init__(self.sentence)


class Empty(Refused):
    sentence = gettext_lazy("The file has no line below the one that names the columns.")


class HasFaults(Refused):
    sentence = gettext_lazy("Nothing was loaded: some lines have faults.")


class _LineFault(Exception):
    """What is wrong with one line, as a sentence."""


@dataclass
class Line:
    """One line of the file: its number, the cells as they stand, and what is wrong with it ("" = nothing)."""

    number: int
    code: str
    username: str
    name: str
    email: str
    roles: str
    fault: str = ""
    company: str = ""


def read(content: bytes) -> list[Line]:
    """The file's lines. Raises TooLarge, NotText, NotCsv, ColumnsMissing, Empty."""
    if len(content) > MOST_BYTES:
        raise TooLarge
    rows = _rows(_text(content))
    if not rows:
        raise ColumnsMissing(["code", "username", "name", "email", "roles"])
    head = [unicodedata.normalize("NFKC", cell).strip().casefold() for cell in rows[0][1]]
    places = {
        column: next((at for at, cell in enumerate(head) if cell in names), None) for column, names in COLUMNS.items()
    }
    if missing := [min(COLUMNS[column]) for column, at in places.items() if at is None]:
        raise ColumnsMissing(missing)
    lines = []
    for number, row in rows[1:]:
        cells = {column: row[at].strip() if at is not None and at < len(row) else "" for column, at in places.items()}
        lines.append(Line(number, **cells))
    if not lines:
        raise Empty
    if len(lines) > MOST_LINES:
        raise TooLarge
    return lines


def tried(lines: list[Line], *, by: User, now: datetime) -> list[Line]:
    """The same lines with company and fault filled in, as loading would find them; nothing is kept."""
    with transaction.atomic():
        _invite_all(lines, by=by, now=now)
        transaction.set_rollback(True)
    return lines


def load(lines: list[Line], *, by: User, now: datetime) -> int:
    """Invite everybody, all or nobody; returns how many. Raises HasFaults."""
    with transaction.atomic():
        _invite_all(lines, by=by, now=now)
        if any(line.fault for line in lines):
            raise HasFaults
    return len(lines)


def _invite_all(lines: list[Line], *, by: User, now: datetime) -> None:
    codes = {unicodedata.normalize("NFKC", line.code).upper() for line in lines}
    parts = Participation.objects.filter(code__in=codes).select_related("company")
    companies = {part.code: part.company for part in parts}
    for line in lines:
        line.fault = ""
        try:
            company = companies.get(unicodedata.normalize("NFKC", line.code).upper())
            if company is None:
                raise _LineFault(_("No company carries the participant code %(code)s.") % {"code": line.code or "–"})
            line.company = company.name
            with transaction.atomic():
                _invite(line, company, by=by, now=now)
        except (people.Refused, _LineFault) as fault:
            line.fault = str(fault)


def _invite(line: Line, company: Company, *, by: User, now: datetime) -> None:
    people.invite(
        company=company,
        username=unicodedata.normalize("NFKC", line.username).lower(),
        name=line.name,
        email=line.email,
        roles=_holds(line.roles),
        by=by,
        now=now,
    )


def _holds(cell: str) -> list[Hold]:
    """Roles such as `relay; inquiry@03:LV` or `廃止取次、照会`."""
    holds = []
    for piece in filter(None, (piece.strip() for piece in re.split(r"[;,、/]", unicodedata.normalize("NFKC", cell)))):
        match = ROLE.fullmatch(piece)
        word, area, supply_class = match.group("role", "area", "class") if match else (piece, "", "")
        word, area, supply_class = word.strip(), area or "", (supply_class or "").upper()
        role = ROLE_WORDS.get(word) or (word.lower() if word.lower() in Role.values else "")
        if not match or not role or area not in ("", *Area.values) or supply_class not in ("", *SupplyClass.values):
            raise _LineFault(
                _("%(piece)s is no role; write for example relay, inquiry@03 or application@03:LV.") % {"piece": piece}
            )
        holds.append(Hold(role, area, supply_class))
    return holds


def _text(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise NotText


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Numbered rows that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise NotCsv from error
