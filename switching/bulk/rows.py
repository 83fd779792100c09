"""A row of a file between its text and its case: columns with their names and fields, values, findings."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.functional import lazystr
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering.models import FacilityInquiry
from switching.bulk import characters
from switching.bulk.files import Line, Unreadable
from switching.bulk.words import Lazy, finding, in_both
from switching.models import Application, Disclosure, MeterWork, Movement, Relay

Case = Relay | Application | Disclosure | MeterWork | FacilityInquiry | Movement

LONGEST_CELL = 2000
GAPS = re.compile(r"[\s*_＿・]+")
ROW_COLUMNS: dict[str, Lazy] = {
    "result_row": _("row of the file"),
    "result_verdict": _("result of the check"),
    "result_columns": _("columns concerned"),
    "result_reasons": _("reasons"),
}
"""The columns a file of wrong rows has in front; they are passed over when it comes back."""


class ColumnsWrong(Unreadable):
    """The first row does not name the columns as they should be: missing, named twice, perhaps misspelt."""

    def __init__(self, missing: Sequence["Column"], twice: Sequence["Column"], unknown: Sequence[str]) -> None:
        parts: list[Lazy] = []
        if missing:
            names = [column.label for column in missing]
            parts.append(format_lazy(_("The first row must name the columns; missing: {names}."), names=_listed(names)))
        if twice:
            names = [column.label for column in twice]
            parts.append(format_lazy(_("These columns stand there twice: {names}."), names=_listed(names)))
        if unknown:
            parts.append(format_lazy(_("Not known: {names}."), names=_listed(unknown)))
        self.sentence = format_lazy("{}" + " {}" * (len(parts) - 1), *parts)
        super().__init__(missing, twice, unknown)


class OnlyNames(Unreadable):
    sentence = _("The file has no row below the one that names the columns.")


@dataclass(frozen=True)
class Column:
    """A column: its name in programs, its name for people (read in both languages), the field that cleans a cell."""

    name: str
    label: Lazy
    field: forms.Field
    hint: Lazy = ""
    example: str = ""
    also: tuple[str, ...] = ()

    @property
    def is_required(self) -> bool:
        return self.field.required

    @property
    def names(self) -> set[str]:
        """Every head that means this column, folded."""
        return {folded(name) for name in (self.name, *in_both(self.label).values(), *self.also)}


@dataclass(frozen=True)
class Head:
    """Where each column stands, and the heads nobody knows."""

    places: dict[str, int]
    unknown: tuple[str, ...]


def folded(head: str) -> str:
    """A head as it is compared: width, letter case, gaps and marks of required columns do not count."""
    return GAPS.sub("", unicodedata.normalize("NFKC", head)).casefold()


def head_of(line: Line, columns: Iterable[Column], *, besides: Mapping[str, Lazy]) -> Head:
    """The columns of the first row, in any order and either language, `besides` passed over. Raises ColumnsWrong."""
    columns = list(columns)
    known = {name: column for column in columns for name in column.names}
    known_besides = {**ROW_COLUMNS, **besides}
    passed_over = {folded(name) for key, label in known_besides.items() for name in (key, *in_both(label).values())}
    places: dict[str, int] = {}
    unknown, twice = [], []
    for at, head in enumerate(line.cells):
        column = known.get(folded(head))
        if column is None:
            if head and folded(head) not in passed_over:
                unknown.append(characters.storable(head[:60]))
        elif column.name in places:
            twice.append(column)
        else:
            places[column.name] = at
    missing = [column for column in columns if column.is_required and column.name not in places]
    if missing or twice:
        raise ColumnsWrong(missing, twice, unknown[:20])
    return Head(places, tuple(unknown[:20]))


@dataclass
class Row:
    """One row at work. `values` are clean, `found` is what they mean in the database, `case` what came of it."""

    line: int
    cells: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    area: str = ""
    supply_class: str = ""
    case: Case | None = None
    refusal: Exception | None = None

    @property
    def is_wrong(self) -> bool:
        return any(item["kind"] == "error" for item in self.findings)

    def error(self, rule: str, columns: Iterable[str], *sentences: Lazy | BaseException) -> None:
        """Note why the row cannot be filed, in both languages."""
        self.findings.append(finding("error", rule, columns, in_both(*sentences)))

    def warn(self, rule: str, columns: Iterable[str], *sentences: Lazy) -> None:
        """Note what a person should look at; the row can be filed."""
        self.findings.append(finding("warning", rule, columns, in_both(*sentences)))

    def is_there(self, rule: str, case: Case, *sentences: Lazy) -> None:
        """Note that what the row asks for is there already: nothing will be filed for it."""
        self.findings.append(finding("known", rule, (), in_both(*sentences)))
        self.case = case

    @property
    def is_known(self) -> bool:
        return any(item["kind"] == "known" for item in self.findings)


def row_of(line: Line, head: Head, columns: Iterable[Column], *, encoding: str) -> Row:
    """The line's cells by column, each cleaned on its own; what is wrong with a cell is a finding."""
    row = Row(line.number, {})
    for column in columns:
        at = head.places.get(column.name)
        text = line.cells[at] if at is not None and at < len(line.cells) else ""
        fault = line.faults.get(at) if at is not None else None
        if not fault and (broken := characters.fault_of(text, encoding=encoding)):
            fault = broken
        if not fault and len(text) > LONGEST_CELL:
            fault = _("The cell holds far more text than belongs here. Please shorten it.")
        row.cells[column.name] = characters.storable(text[:LONGEST_CELL])
        if fault:
            row.error("cell", [column.name], fault)
    clean(row, columns)
    return row


def clean(row: Row, columns: Iterable[Column]) -> None:
    """Fill `values` from `cells`."""
    faulty = {name for item in row.findings for name in item["columns"]}
    for column in columns:
        if column.name in faulty:
            continue
        try:
            row.values[column.name] = column.field.clean(undefused(row.cells.get(column.name, "")))
        except ValidationError as error:
            row.error("value", [column.name], lazystr(_Said(error)))


class _Said:
    """A form field's refusal, told in the language of whoever asks."""

    def __init__(self, error: ValidationError) -> None:
        self.error = error

    def __str__(self) -> str:
        return " ".join(self.error.messages)


def undefused(text: str) -> str:
    """Text without the apostrophe that was put before it so that a spreadsheet would not run it."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@" else text


def _listed(names: Sequence[Lazy]) -> Lazy:
    return format_lazy("{}" + ", {}" * (len(names) - 1), *names)


# --- Fields -------------------------------------------------------------------------------------------------------


class ChoiceField(forms.Field):
    """One of several words in either language; cleans to its value."""

    def __init__(self, choices: Iterable[tuple[Any, Lazy]], *, also: Mapping[str, Any] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.choices = list(choices)
        self.also = dict(also or {})
        self._words: dict[str, Any] = {}

    @property
    def words(self) -> dict[str, Any]:
        if not self._words:
            for value, label in self.choices:
                self._words.update({folded(word): value for word in (str(value), *in_both(label).values())})
            self._words.update({folded(word): value for word, value in self.also.items()})
        return self._words

    @property
    def shown(self) -> str:
        """The words as they may be written, in the reader's language."""
        return " / ".join(dict.fromkeys(f"{value} ({label})" for value, label in self.choices))

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return "" if self.required else self.initial
        try:
            return self.words[folded(text)]
        except KeyError:
            raise ValidationError(
                _("“%(text)s” is none of these: %(words)s."),
                params={"text": text[:40], "words": lazystr(_Shown(self))},
            ) from None


class _Shown:
    def __init__(self, field: ChoiceField) -> None:
        self.field = field

    def __str__(self) -> str:
        return self.field.shown


class DayField(forms.DateField):
    """A day as people and spreadsheets write it: 2026-04-15, 2026/4/15, 20260415, 2026年4月15日."""

    def __init__(self, **kwargs: Any) -> None:
        formats = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%Y-%m-%d %H:%M:%S"]
        super().__init__(input_formats=formats, **kwargs)

    def to_python(self, value: Any) -> date | None:
        text = unicodedata.normalize("NFKC", str(value or "")).strip()
        return super().to_python(text)


class CodesField(forms.Field):
    """Several codes in one cell, divided by blanks, commas, semicolons or dots; cleans to a list of strings."""

    DIVIDERS = re.compile(r"[\s,;/、，；・|]+")

    def to_python(self, value: Any) -> list[str]:
        text = unicodedata.normalize("NFKC", str(value or ""))
        return [code for code in self.DIVIDERS.split(text) if code]


def label_in(label: Lazy, language: str) -> str:
    """A label in a language."""
    with translation.override(language):
        return str(label)
