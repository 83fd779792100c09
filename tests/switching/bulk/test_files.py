"""Bytes to rows: encodings, broken characters, hostile and damaged files; nothing of it needs a database."""

import datetime
import io
import zipfile

import pytest
from openpyxl import Workbook, load_workbook

from switching.bulk import characters, files, writing
from switching.bulk.files import lines_of
from tests.switching.bulk.sending import csv_of

ROW = {"a": "一", "b": "二"}


def read(data: bytes, name: str = "list.csv"):
    file = io.BytesIO(data)
    format_ = files.format_of(name, data[:4096])
    return list(lines_of(file, format_, "" if format_ == "xlsx" else files.encoding_of(file)))


def excel(*rows, change=None) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def rezipped(data: bytes, **parts: bytes) -> bytes:
    """The workbook with parts replaced or added; `/` in a name is written __."""
    names = {name.replace("__", "/").replace("_xml", ".xml"): content for name, content in parts.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            if item.filename not in names:
                new.writestr(item, old.read(item))
        for name, content in names.items():
            new.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_utf8_with_and_without_mark_and_shift_jis_are_read(encoding):
    lines = read(csv_of([ROW], encoding=encoding))
    assert [line.cells for line in lines] == [["a", "b"], ["一", "二"]]


def test_line_ends_of_every_kind_may_be_mixed_and_blank_rows_are_counted():
    lines = read(b"a,b\r\n1,2\r3,4\n\n5,6")
    assert [(line.number, line.cells[0]) for line in lines] == [(1, "a"), (2, "1"), (3, "3"), (5, "5")]


def test_a_cell_over_several_lines_is_one_row():
    assert [line.number for line in read(b'a,b\n"x\ny",2\nz,3')] == [1, 2, 3]


def test_tabs_divide_where_no_comma_does():
    assert read(b"a\tb\n1\t2")[1].cells == ["1", "2"]


def test_a_byte_that_is_no_text_is_named_with_its_place():
    [_, line] = read(b"a,b\n" + "東".encode("cp932") + b"\x85@," + "京".encode("cp932"))
    fault = str(characters.fault_of(line.cells[0], encoding="cp932"))
    assert "2" in fault and "0x85" in fault and "Shift_JIS" in fault
    assert line.cells[1] == "京"
    assert characters.storable(line.cells[0]) == "東<U+DC85>@"


@pytest.mark.parametrize(
    "text, code",
    [("\ue000", "U+E000"), ("x\x00", "U+0000"), ("\ufffd", "U+FFFD"), ("\x1b", "U+001B"), ("\U000f0000", "U+F0000")],
)
def test_characters_that_cannot_be_kept_are_named(text, code):
    assert code in str(characters.fault_of(text))
    assert f"<{code}>" in characters.storable(text)


@pytest.mark.parametrize("text", ["髙橋", "﨑", "葛\U000e0100", "𠮷野", "ｱｲｳ", "①㈱", "a\tb", "é"])
def test_characters_of_names_and_addresses_can_be_kept(text):
    assert characters.fault_of(text) == ""


@pytest.mark.parametrize(
    "data, name, refusal",
    [
        (b"", "a.csv", files.Empty),
        (b"\xd0\xcf\x11\xe0rest", "a.xls", files.OldExcel),
        (b"\xd0\xcf\x11\xe0rest", "a.xlsx", files.ProtectedExcel),
        (b"\x00\x01\x02", "a.csv", files.NotText),
        ("a,b".encode("utf-16"), "a.csv", files.Utf16),
        (b"%PDF-1.7", "a.pdf", files.UnknownKind),
        (b"a,b", "a.xlsx", files.BrokenExcel),
        (b"PK\x03\x04", "a.xlsm", files.Macros),
        (b"PK\x03\x04", "a.zip", files.UnknownKind),
        (b"PK\x03\x04rubbish", "a.xlsx", files.BrokenExcel),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_a_sentence(data, name, refusal):
    with pytest.raises(refusal) as caught:
        read(data, name)
    assert str(caught.value)


def test_a_quotation_mark_that_is_not_closed_names_its_row():
    with pytest.raises(files.NotCsv) as caught:
        read(b'a,b\n1,2\n"3,4\n5,6\n')
    assert "3" in str(caught.value)


def test_more_rows_and_columns_than_allowed_are_refused_early(settings):
    settings.BULK_MOST_ROWS = 3
    with pytest.raises(files.TooManyRows):
        read(("a\n" + "1\n" * 4).encode())
    with pytest.raises(files.TooManyColumns):
        read(("a" + "," * 1_000_000).encode())


# --- Excel


def test_excel_cells_become_text_as_people_see_them():
    day, moment = datetime.date(2026, 4, 15), datetime.datetime(2026, 4, 15)
    [_, line] = read(excel(["h"] * 5, ["0300", 12, 12.5, day, moment]), "a.xlsx")
    assert line.cells == ["0300", "12", "12.5", "2026-04-15", "2026-04-15"]


def test_a_formula_an_error_and_a_rounded_number_are_named():
    [_, line] = read(excel(["h"] * 3, ["=1+1", 300000000000000000001, "ok"]), "a.xlsx")
    assert line.faults == {0: files.FORMULA, 1: files.ROUNDED}
    assert line.cells[2] == "ok"


def test_the_first_visible_sheet_is_read_whatever_size_it_claims():
    def hide(book):
        book.create_sheet("zweite").append(["right"])
        book.worksheets[0].sheet_state = "hidden"

    assert read(excel(["wrong"], change=hide), "a.xlsx")[0].cells == ["right"]


def test_macros_entities_and_bombs_are_refused(settings):
    plain = excel(["a"], ["1"])
    with pytest.raises(files.Macros):
        read(rezipped(plain, **{"xl__vbaProject.bin": b"x"}), "a.xlsx")
    sheet = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>'
    with pytest.raises(files.BrokenExcel):
        read(rezipped(plain, xl__worksheets__sheet1_xml=sheet), "a.xlsx")
    strings = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><sst><si><t>&a;</t></si></sst>'
    with pytest.raises(files.BrokenExcel):
        read(rezipped(plain, xl__sharedStrings_xml=strings), "a.xlsx")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(files.BrokenExcel):
            read(rezipped(plain, xl__sharedStrings_xml=strings.decode().encode(encoding)), "a.xlsx")
    settings.BULK_EXCEL_MOST_BYTES = 5_000_000
    with pytest.raises(files.Bomb):
        read(rezipped(plain, xl__worksheets__sheet1_xml=b" " * 6_000_000), "a.xlsx")


def test_a_row_as_wide_as_a_million_columns_is_refused_before_it_is_parsed():
    cells = b"<c><v>1</v></c>" * 200_000
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
    sheet += cells + b"</row></sheetData></worksheet>"
    with pytest.raises(files.TooManyColumns):
        read(rezipped(excel(["a"]), xl__worksheets__sheet1_xml=sheet), "a.xlsx")


def test_parts_of_another_name_are_looked_through_too():
    plain = excel(["a"], ["1"])
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        types = archive.read("[Content_Types].xml").replace(b"sharedStrings.xml", b"texts.bin")
        relations = archive.read("xl/_rels/workbook.xml.rels").replace(b"worksheets/sheet1.xml", b"elsewhere.bin")
        sheet = archive.read("xl/worksheets/sheet1.xml")
    strings = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><sst><si><t>&a;</t></si></sst>'
    with pytest.raises(files.BrokenExcel):
        read(rezipped(plain, **{"[Content_Types]_xml": types, "xl__texts.bin": strings}), "a.xlsx")
    moved = {"xl___rels__workbook_xml.rels": relations, "xl__elsewhere.bin": sheet}
    with pytest.raises(files.BrokenExcel):
        read(rezipped(plain, **moved), "a.xlsx")


def test_a_table_of_more_texts_than_a_list_can_hold_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(files, "MOST_TAGS", 1000)
    assert [line.cells for line in read(excel(["a"], ["1"]), "a.xlsx")] == [["a"], ["1"]]
    with pytest.raises(files.Bomb):
        read(rezipped(excel(["a"]), xl__sharedStrings_xml=b"<sst>" + b"<si/>" * 1000 + b"</sst>"), "a.xlsx")


def test_a_row_number_beyond_every_sheet_does_not_loop():
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="99999999999"><c r="A1"><v>1</v></c></row></sheetData></worksheet>'
    )
    with pytest.raises(files.BrokenExcel):
        read(rezipped(excel(["a"]), xl__worksheets__sheet1_xml=sheet), "a.xlsx")


# --- Out again


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx"])
def test_what_a_spreadsheet_would_run_is_defused_on_the_way_out(text):
    assert b"".join(writing.csv_bytes([[text]])).decode("utf-8-sig").lstrip('"').startswith("'")
    book = load_workbook(io.BytesIO(writing.excel_bytes([("list", [[text]])])))
    assert book.active["A1"].data_type == "s"
    assert book.active["A1"].value == text


def test_shift_jis_in_shift_jis_out():
    data = b"".join(writing.csv_bytes([["髙橋", "–"]], encoding="cp932"))
    assert data.decode("cp932").strip() == "髙橋,-"


def test_excel_out_can_be_read_in():
    data = writing.excel_bytes([("list", [["a"], ["0300000000000000000001"], ["=1"]])])
    assert [line.cells for line in read(data, "a.xlsx")] == [["a"], ["0300000000000000000001"], ["=1"]]
