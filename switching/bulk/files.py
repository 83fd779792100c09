"""Bytes to rows: CSV in UTF-8 or Shift_JIS and Excel, streamed, with limits that a hostile file meets early.

Pure: no database. A file as a whole is refused by an Unreadable; what is wrong with one cell travels with its row.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import IO, Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook

from portal.refusals import Refusal

MOST_COLUMNS = 200
MOST_PARTS = 2000
WIDEST_ROW = 1_000_000
"""Bytes of XML between two rows of a sheet: the parser holds a row as a whole."""
EXACT_DIGITS = 10**15
"""From here on Excel has rounded a number."""
EXCEL_ROWS = 1_048_576
PIECE = 1 << 16
SHEETS = "xl/worksheets/"
MOST_TAGS = 8_000_000
"""Of a part that is no sheet, which the parser holds as a whole: two million texts."""
DEFINITIONS = [word.encode(how) for word in ("<!DOCTYPE", "<!ENTITY") for how in ("ascii", "utf-16-le", "utf-16-be")]
ROW_END = re.compile(rb"</(?:\w+:)?row>|<(?:\w+:)?row\b[^<>]*/>")


class Unreadable(Refusal):
    """The file as a whole cannot be read; `sentence` says why and what to do."""


class Empty(Unreadable):
    sentence = _("The file is empty. Its first row names the columns, each further row is one case.")


class TooLarge(Unreadable):
    def __init__(self, megabytes: int) -> None:
        self.sentence = format_lazy(_("The file is larger than {limit} MB. Please split it."), limit=megabytes)
        super().__init__(megabytes)


class TooManyRows(Unreadable):
    def __init__(self, most: int) -> None:
        self.sentence = format_lazy(_("The file has more than {most} rows. Please split it."), most=f"{most:,}")
        super().__init__(most)


class TooManyColumns(Unreadable):
    def __init__(self, row: int | None = None) -> None:
        self.sentence = (
            _("The file has more columns than any list of cases. Please send the template's columns only.")
            if row is None
            else format_lazy(
                _(
                    "Row {row} has more than {most} columns. Please look for a missing line end, and send the "
                    "template's columns only."
                ),
                row=row,
                most=MOST_COLUMNS,
            )
        )
        super().__init__(row)


class UnknownKind(Unreadable):
    sentence = _("Only CSV (.csv) and Excel (.xlsx) files are read. Please save the list in one of them.")


class OldExcel(Unreadable):
    sentence = _("This is a file of the old Excel (.xls). Please save it as .xlsx or CSV.")


class NotText(Unreadable):
    sentence = _("The file is neither text nor Excel. Please save the list as CSV or .xlsx.")


class Utf16(Unreadable):
    sentence = _("The file is saved as “Unicode text” (UTF-16). Please save it as “CSV UTF-8”.")


class NotCsv(Unreadable):
    def __init__(self, row: int) -> None:
        self.sentence = format_lazy(
            _(
                "From row {row} on the file cannot be read as CSV. Please look for a quotation mark that is not closed "
                "there."
            ),
            row=row,
        )
        super().__init__(row)


class BrokenExcel(Unreadable):
    sentence = _("The Excel file is damaged. Please open it, save it anew as .xlsx and send it again.")


class ProtectedExcel(Unreadable):
    sentence = _("The Excel file is protected by a password. Please save it without one.")


class Macros(Unreadable):
    sentence = _("The Excel file holds macros. Please save it as .xlsx without macros.")


class Bomb(Unreadable):
    sentence = _("The Excel file unpacks to far more than a list of cases can be. It was not opened.")


class NoSheet(Unreadable):
    sentence = _("The Excel file has no sheet with cells. The first visible sheet must hold the list.")


FORMULA = _("The cell holds a formula. Please put its value there (copy, paste as values).")
EXCEL_ERROR = _("The cell holds an Excel error. Please put the right value there.")
ROUNDED = _(
    "Excel keeps 15 digits of a number and has lost the rest. Please format the column as text and enter the number "
    "again."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number as a spreadsheet counts, its cells as text, what is wrong with single cells."""

    number: int
    cells: list[str]
    faults: dict[int, str | Promise] = field(default_factory=dict)


def format_of(name: str, head: bytes) -> str:
    """ "csv" or "xlsx" by name and first bytes. Raises an Unreadable."""
    ending = name.lower().rpartition(".")[2]
    if not head:
        raise Empty
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise OldExcel if ending == "xls" else ProtectedExcel
    if head.startswith(b"PK\x03\x04"):
        if ending in ("xlsm", "xlsb", "xltm"):
            raise Macros
        if ending != "xlsx":
            raise UnknownKind
        return "xlsx"
    if ending == "xlsx":
        raise BrokenExcel
    if ending not in ("csv", "txt", "tsv"):
        raise UnknownKind
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Utf16
    if b"\0" in head:
        raise NotText
    return "csv"


def lines_of(file: IO[bytes], format_: str, encoding: str) -> Iterator[Line]:
    """Every row that is not blank, the one with the columns' names first. Raises an Unreadable on the way."""
    lines = _excel(file) if format_ == "xlsx" else _csv(file, encoding)
    rows = 0
    for line in lines:
        if not any(line.cells) and not line.faults:
            continue
        if len(line.cells) > MOST_COLUMNS:
            raise TooManyColumns(line.number)
        rows += 1
        if rows > settings.BULK_MOST_ROWS + 1:
            raise TooManyRows(settings.BULK_MOST_ROWS)
        yield line


# --- CSV ----------------------------------------------------------------------------------------------------------


def encoding_of(file: IO[bytes]) -> str:
    """ "utf-8" or "cp932" (Shift_JIS as Windows writes it): the one with fewer bytes that are no text."""
    file.seek(0)
    if file.read(3) == codecs.BOM_UTF8:
        return "utf-8"
    broken = {}
    for encoding in ("utf-8", "cp932"):
        broken[encoding] = _undecodable(file, encoding)
        if not broken[encoding]:
            return encoding
    return min(broken, key=lambda encoding: broken[encoding])


def _undecodable(file: IO[bytes], encoding: str) -> int:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    count = 0
    while piece := file.read(PIECE):
        count += sum("\udc80" <= letter <= "\udcff" for letter in decoder.decode(piece) if letter > "\ud7ff")
    return count + len(decoder.decode(b"", True))


def _csv(file: IO[bytes], encoding: str) -> Iterator[Line]:
    file.seek(0)
    if file.read(3) != codecs.BOM_UTF8:
        file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
    try:
        first = text.readline(PIECE)
        delimiter = "\t" if "\t" in first and "," not in first else ","
        number = 0
        try:
            for number, cells in enumerate(csv.reader(_with(first, text), delimiter=delimiter, strict=True), start=1):
                yield Line(number, [cell.strip() for cell in cells])
        except csv.Error as error:
            raise NotCsv(number + 1) from error
    finally:
        if not file.closed:
            text.detach()


def _with(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


# --- Excel --------------------------------------------------------------------------------------------------------


def _excel(file: IO[bytes]) -> Iterator[Line]:
    """The first visible sheet, a row at a time."""
    _look_into(file)
    file.seek(0)
    try:
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        sheet = next((sheet for sheet in book.worksheets if sheet.sheet_state == "visible"), None)
        if sheet is None or not hasattr(sheet, "reset_dimensions"):
            raise NoSheet
        if not sheet._worksheet_path.lower().startswith(SHEETS):  # elsewhere its rows have not been looked through
            raise BrokenExcel
        sheet.reset_dimensions()  # what a file says of its own size is not believed
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > EXCEL_ROWS:
                raise BrokenExcel
            cells, faults = [], {}
            for at, cell in enumerate(row):
                text, fault = _text(cell)
                cells.append(text)
                if fault:
                    faults[at] = fault
            while cells and not cells[-1] and len(cells) - 1 not in faults:
                cells.pop()
            yield Line(number, cells, faults)
        book.close()
    except Unreadable:
        raise
    except Exception as error:  # a damaged file makes the library fail in any way; it is the file's fault
        raise BrokenExcel from error


def _text(cell: Any) -> tuple[str, str | Promise]:
    value = cell.value
    if value is None:
        return "", ""
    if cell.data_type == "f":
        return "", FORMULA
    if cell.data_type == "e":
        return "", EXCEL_ERROR
    if isinstance(value, str):
        return value.strip(), ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE", ""
    if isinstance(value, datetime):
        return (value.isoformat(sep=" ") if value.time() != time() else value.date().isoformat()), ""
    if isinstance(value, date | time):
        return value.isoformat(), ""
    if isinstance(value, int | float):
        if abs(value) >= EXACT_DIGITS:
            return f"{value:.0f}", ROUNDED
        return (str(int(value)) if float(value).is_integer() else repr(value)), ""
    return str(value), ""


def _look_into(file: IO[bytes]) -> None:
    """Refuse what is no plain workbook, and what would fill the memory, before anything is parsed."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            names = {part.filename.lower() for part in parts}
            if "xl/workbook.xml" not in names:
                raise BrokenExcel
            if any(name.endswith(("vbaproject.bin", ".xlm")) or "macrosheets" in name for name in names):
                raise Macros
            if any(part.flag_bits & 1 for part in parts):
                raise ProtectedExcel
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > settings.BULK_EXCEL_MOST_BYTES:
                raise Bomb  # no part unpacks to more than it declares: zipfile stops there
            for part in parts:
                _look_through(archive, part)
    except zipfile.BadZipFile as error:
        raise BrokenExcel from error
    except (NotImplementedError, EOFError, OSError) as error:
        raise BrokenExcel from error


def _look_through(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a document type, which no plain workbook has, so that nothing that is parsed can define an entity.

    Also refuse, in a sheet, a row that is wider than a list can be, and elsewhere more tags than its texts can need.
    """
    is_sheet = part.filename.lower().startswith(SHEETS)
    with archive.open(part) as content:
        since, tags, rest = 0, 0, b""
        while piece := content.read(PIECE):
            window = rest + piece
            if any(definition in window for definition in DEFINITIONS):
                raise BrokenExcel
            tags += piece.count(b"<")
            if tags > MOST_TAGS and not is_sheet:
                raise Bomb
            ends = [found.end() for found in ROW_END.finditer(window)] if is_sheet else [0]
            since = len(window) - ends[-1] if ends else since + len(piece)
            if is_sheet and since > WIDEST_ROW:
                raise TooManyColumns
            rest = window[-256:]
