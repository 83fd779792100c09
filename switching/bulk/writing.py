"""Rows to bytes: templates to begin with, and wrong rows in the format they came in, with the reasons in front.

A cell that a spreadsheet would run as a formula gets an apostrophe in CSV and is written as text in Excel.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from portal.lists import defused
from switching.bulk.kind import FileKind
from switching.bulk.rows import ROW_COLUMNS
from switching.bulk.words import told
from switching.models import Upload, UploadRow

EXCEL_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = {"csv": "text/csv", "xlsx": EXCEL_TYPE}
# What Shift_JIS lacks and the reasons' sentences may hold.
_PLAIN = str.maketrans({"–": "-", "—": "-", "“": "「", "”": "」", "…": "..."})


def csv_bytes(rows: Iterable[Sequence[Any]], *, encoding: str = "utf-8") -> Iterator[bytes]:
    """The rows as CSV: UTF-8 with a byte order mark, or Shift_JIS as Windows writes it."""
    is_unicode = encoding != "cp932"
    if is_unicode:
        yield b"\xef\xbb\xbf"
    for row in rows:
        line = io.StringIO(newline="")
        csv.writer(line).writerow([defused(cell) for cell in row])
        text = line.getvalue()
        yield text.encode() if is_unicode else text.translate(_PLAIN).encode("cp932", "replace")


def excel_bytes(sheets: Iterable[tuple[str, Iterable[Sequence[Any]]]]) -> bytes:
    """One sheet after the other, every cell as text, so that long numbers keep their digits."""
    book = Workbook(write_only=True)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append([_cell(sheet, value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(sheet: Any, value: Any) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value="" if value is None else str(value))
    cell.data_type, cell.number_format = "s", "@"
    return cell


def template(kind: FileKind) -> list[list[str]]:
    """The columns' names in the reader's language and one row as an example."""
    return [[str(column.label) for column in kind.columns], [column.example for column in kind.columns]]


def wrong_rows(upload: Upload, rows: Iterable[UploadRow], kind: FileKind) -> Iterator[list[str]]:
    """The rows as they were sent behind four columns that say what is wrong; mended, the file can be sent as it is."""
    labels = {column.name: str(column.label) for column in kind.columns}
    yield [*(str(label) for label in ROW_COLUMNS.values()), *labels.values()]
    for row in rows:
        wrong = [item for item in row.findings if item["kind"] in ("error", "recall")]
        names = dict.fromkeys(labels[name] for item in wrong for name in item["columns"] if name in labels)
        yield [
            str(row.line),
            row.get_state_display(),
            ", ".join(names),
            " ".join(told(item["words"]) for item in wrong),
            *(row.cells.get(name, "") for name in labels),
        ]
