"""One table of every reason why a row or a file cannot be read, so that pages, files and API say the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.translation import gettext_lazy as _

NOTHING: Mapping[str, object] = MappingProxyType({})
SHOWN = 60
"""How many characters of a wrong value are quoted in a sentence."""

REASONS = {
    # rows
    "column_count": _(
        "The row has %(count)s columns, the header has %(expected)s. Write decimals with a point, not a comma, "
        "and leave a missing value empty between two commas."
    ),
    "quotes": _("A quotation mark is opened and not closed again in this row."),
    "point_missing": _("The supply point number is missing."),
    "point_characters": _("The supply point number “%(value)s” holds something other than the digits 0 to 9."),
    "point_gas": _("The number has 17 digits; that is a city-gas number. An electricity supply point number has 22."),
    "point_length": _("The number has %(count)s digits; an electricity supply point number has 22."),
    "meter_length": _("The meter number has %(count)s characters; at most 16 are allowed."),
    "meter_characters": _("The meter number “%(value)s” holds a character that no meter number has."),
    "date_missing": _("The date is missing."),
    "date_form": _("“%(value)s” is not a date. Write it as 2026-04-01."),
    "date_unknown": _("There is no such day as %(value)s."),
    "number_text": _("Slot %(slot)s: “%(value)s” is not a number of kWh."),
    "number_comma": _("Slot %(slot)s: “%(value)s” has a decimal comma. Write kWh with a decimal point."),
    "number_fine": _("Slot %(slot)s: “%(value)s” has more than three decimals; energy is kept in whole Wh."),
    "number_large": _("Slot %(slot)s: “%(value)s” kWh is larger than a half-hour can hold (2147483.647)."),
    "quality_length": _("The quality column has %(count)s letters; a day has 48 slots."),
    "quality_letter": _("Slot %(slot)s: the quality letter “%(value)s” is unknown. Known letters: %(known)s."),
    "quality_without_value": _("Slot %(slot)s: the quality is “%(value)s”, but there is no value."),
    "value_without_quality": _("Slot %(slot)s: the quality says that the value is missing, but there is one."),
    "slot_unknown": _("Slot “%(slot)s” does not exist: a day has slots 01 to 48."),
    "duplicate_differs": _(
        "Slot %(slot)s stands twice for this point and meter with different values: %(first)s and %(second)s."
    ),
    "value_absent": _("Slot %(slot)s: the status says that there is a value, but the row has none."),
    "value_other_voltage": _(
        "Slot %(slot)s: the value stands in %(found)s; a message %(code)s carries it in %(expected)s."
    ),
    "day_missing": _("A day of the point does not say its date (JP06423)."),
    "day_twice": _("%(day)s stands twice for this point and meter."),
    "slot_twice": _("Slot %(slot)s of %(day)s stands twice with different values: %(first)s and %(second)s."),
    "item_form": _("%(tag)s (%(meaning)s) is “%(value)s”; %(expected)s is expected."),
    "item_twice": _("%(tag)s (%(meaning)s) stands twice in this point."),
    "slot_form": _("“%(value)s” is not a slot. Write 1 to 48; slot 1 is 00:00 to 00:30."),
    "quality_word": _("The quality “%(value)s” is unknown. Known letters: %(known)s."),
    "json_broken": _("The line is not a JSON object: %(detail)s."),
    "json_keys": _("The object must have %(expected)s; it lacks or does not know: %(keys)s."),
    "json_text": _("“%(key)s” must be a text, not %(value)s."),
    "json_interval": _("The interval is %(value)s; 30 minutes are read."),
    "json_values": _("“wh” must be a list of 48 whole numbers or null; it has %(count)s."),
    "json_wh": _("Slot %(slot)s: %(value)s is not a whole number of Wh that a half-hour can hold, nor null."),
    "espi_interval": _("An interval of %(value)s seconds is not read here; half-hours of 1800 seconds are."),
    "espi_start": _("An interval starts at %(value)s; half-hours start at minute 00 or 30 of Japan Standard Time."),
    "espi_value": _(
        "Slot %(slot)s: the value %(value)s × 10^%(power)s is not a whole number of Wh a half-hour can hold."
    ),
    "espi_quality": _("Slot %(slot)s: quality %(value)s says nothing about how the value came about."),
    "espi_unit": _("The reading type measures in unit %(value)s; energy in Wh (72) is read."),
    "espi_commodity": _("The reading type is about commodity %(value)s; electricity (1) is read."),
    "parquet_null": _("Column “%(column)s” is empty in this row."),
    "parquet_values": _("The row has %(count)s values; a day has 48 slots."),
    # files
    "empty": _("The file is empty."),
    "too_large": _("The file holds more than %(limit)s bytes; files up to that size are read."),
    "not_csv": _("This is not a CSV file; it looks like %(kind)s."),
    "line_too_long": _("Line %(line)s is longer than %(limit)s bytes; this is not a usage CSV."),
    "header_missing": _("These columns are missing from the header line: %(columns)s."),
    "header_unknown": _("The header line has columns nobody knows: %(columns)s."),
    "header_twice": _("These columns stand twice in the header line: %(columns)s."),
    "header_slots": _(
        "The header line has slots beyond hh48: %(columns)s. A day has 48 half-hours; Japan has no summer time."
    ),
    "too_many_columns": _("The header line has %(count)s columns; a usage CSV has at most %(limit)s."),
    "undecodable": _(
        "The file is neither UTF-8 nor Shift_JIS: in line %(line)s, byte %(position)s (0x%(byte)s) fits neither. "
        "Save it as UTF-8."
    ),
    "encoding_unknown": _(
        "The file is written in %(encoding)s; UTF-8, Shift_JIS and EUC-JP are read. Save it as UTF-8."
    ),
    "encoding_broken": _("Byte %(position)s (0x%(byte)s) does not fit the declared encoding %(encoding)s."),
    "gzip_broken": _("The gzip file is cut off or damaged. Send it again."),
    "zip_not": _("This is not a zip file."),
    "zip_broken": _("The zip file is cut off or damaged. Send it again."),
    "zip_empty": _("The zip file holds no file."),
    "zip_many": _("The zip file holds %(count)s files; exactly one XML file is expected."),
    "zip_path": _("The name “%(value)s” inside the zip file is a path; a plain file name is expected."),
    "zip_encrypted": _("The zip file is protected by a password. Send it without one."),
    "zip_method": _("The zip file is packed by a method that is not read; use the usual one (deflate)."),
    "zip_large": _("Unpacked, the file would be %(size)s bytes; at most %(limit)s are read. Split it."),
    "xml_not": _("This is not an XML file."),
    "xml_broken": _("The XML is damaged at line %(line)s: %(detail)s."),
    "xml_doctype": _("The XML carries a DOCTYPE; messages of the Business Protocol have none, so it is refused."),
    "xml_deep": _("The XML is nested deeper than %(limit)s levels; no message is."),
    "xml_root": _("The XML begins with “%(value)s”; a message begins with SBD-MSG."),
    "xml_code_missing": _("The message does not say its information code (JPC14 or JP00002)."),
    "xml_code_unknown": _("Information code “%(value)s” is not read here. Read are: %(known)s."),
    "xml_code_differs": _("The header says information code %(header)s, the body says %(body)s."),
    "xml_date": _("The date of the message (JP06116) is “%(value)s”; eight digits YYYYMMDD are expected."),
    "xml_slot": _("The half-hour of the message (JP06219) is “%(value)s”; 01 to 48 is expected."),
    "xml_points": _("The file holds more than %(limit)s points; split it into several files."),
    "xml_month": _("The month of the message (JP06401) is “%(value)s”; six digits YYYYMM are expected."),
    "xml_row_large": _("A point of the message holds more than %(limit)s items; no month needs so many."),
    "rows_many": _("The file holds more than %(limit)s rows of point, meter and day; split it into several files."),
    "espi_feed": _("This is not a Green Button file: “%(value)s” stands where an Atom feed is expected."),
    "espi_entry": _("Entry %(entry)s: %(detail)s."),
    "parquet_not": _("This is not a Parquet file, or it is damaged."),
    "parquet_columns": _(
        "The Parquet file must have the columns %(expected)s; of these it lacks or has as another type: %(columns)s."
    ),
    "manifest_broken": _("This is not a manifest: %(detail)s."),
    "manifest_differs": _("%(name)s is not the file of the manifest: its %(what)s differs."),
    "name_form": _("The file name “%(value)s” does not follow the rule, for example W41120202604010000000000.zip."),
    "name_date": _("The file name “%(value)s” holds a date or time that does not exist: %(part)s."),
    "name_start": _("The file name “%(value)s”: a whole day begins at 0000, a half-hour at minute 00 or 30."),
    "name_split": _("The file name “%(value)s” has a split number of %(count)s digits; %(expected)s are expected."),
}


def sentence(code: str, params: Mapping[str, object] = NOTHING) -> str:
    """The sentence for a reason in the language of the moment; KeyError for a code that is not in REASONS."""
    return str(REASONS[code]) % dict(params)


def shown(value: str) -> str:
    """A wrong value as it is quoted: no control characters, at most SHOWN characters."""
    text = "".join(c if c.isprintable() else "·" for c in value[: SHOWN + 1])
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


class Unreadable(Exception):
    """A whole file that cannot be read; `code` and `params` make the sentence."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code, params)
        self.code, self.params = code, params

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in the language of the moment."""
        return sentence(self.code, self.params)

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True)
class BadRow:
    """One day row that cannot be read: where, why, and the row itself for correction.

    line    CSV: line of the file from 1; XML: ordinal of the row's first appearance from 1
    code    key of REASONS; params fill its sentence
    field   column of the wide CSV the reason points at ("supply_point", "date", "hh07", …) or ""
    raw     the row as a line of wide CSV with `csv.COLUMNS`, without its line end, that holds what was read,
            wrong text included; as it was sent where it has another number of columns than its header
    check   code of the check that failed when it has one ("V02")
    """

    line: int
    code: str
    field: str = ""
    params: Mapping[str, object] = dataclasses.field(default_factory=dict)
    raw: str = ""
    check: str = ""

    @property
    def sentence(self) -> str:
        """Why the row is refused, in the language of the moment."""
        return sentence(self.code, self.params)
