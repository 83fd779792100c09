"""Files of applications: each row files one, with the entries the table of its kind asks for (switching.kinds)."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering import supply
from metering.models import SupplyPoint
from portal.models import Function, Registration, User
from portal.workdays import jst_date
from switching import applications, entries, kinds
from switching.bulk import recalls
from switching.bulk.kind import (
    CLASS,
    POINT,
    REFERENCE,
    FileKind,
    clean_number,
    differing,
    find_own_points,
    find_points,
    labels_of,
)
from switching.bulk.rows import ChoiceField, Column, DayField, Row
from switching.forms import LineField, StartForm
from switching.kinds import Filer
from switching.models import Application, Content, Relay
from switching.states import OPEN_APPLICATIONS, OPEN_RELAYS

Kind = Application.Kind
YES = dict.fromkeys(("yes", "1", "true", "有", "要", "あり"), True)
NO = dict.fromkeys(("no", "0", "false", "無", "不要", "なし"), False)
DESIRED = Column(
    "desired_date",
    _("desired date"),
    DayField(error_messages=StartForm.base_fields["desired_date"].error_messages),
    hint=_("2026-04-15, 2026/4/15 or 20260415."),
    example="2026-04-15",
)
INTRODUCTIONS: dict[str, Promise] = {
    Kind.SWITCH_START: _(
        "Each row files one switch start. Where your company's relay is open for the same point and date, the start "
        "belongs to it."
    ),
    Kind.RECONNECTION: _("Each row files one reconnection for a customer who moves in."),
    Kind.TERMINATION: _("Each row ends the supply of one of your company's points."),
    Kind.AMPERE_CHANGE: _("Each row asks for another size of the ampere breaker at one of your company's points."),
    Kind.CONSUMER_CHANGE: _("Each row changes the holder's data at one of your company's points."),
}


def _text(length: int, example: str = "") -> Callable[[bool], tuple[forms.Field, str]]:
    return lambda required: (LineField(max_length=length, required=required), example)


def _choice(choices: Any, example: str = "", **also: Any) -> Callable[[bool], tuple[forms.Field, str]]:
    return lambda required: (ChoiceField(choices, required=required, also=also, initial=""), example)


def _yes_or_no(required: bool) -> tuple[forms.Field, str]:
    words = [(True, _("yes")), (False, _("no"))]
    return ChoiceField(words, also=YES | NO, required=required, initial=False), ""


MAKE: dict[str, Callable[[bool], tuple[forms.Field, str]]] = {
    "contract_number": _text(40, "S-0123-4567-89"),
    "holder_name": _text(80, "山田 太郎"),
    "holder_kana": _text(120, "ヤマダ タロウ"),
    "holder_address": _text(250, "東京都世田谷区経堂2丁目1番3号"),
    "change": _choice(Application.Change.choices, "new_name"),
    "ampere": _choice(Application.Ampere.choices, "30"),
    "capacity_method": _choice(SupplyPoint.CapacityMethod.choices),
    "contract_size": lambda required: (forms.DecimalField(max_digits=8, decimal_places=1, required=required), ""),
    "contract_size_unit": _choice(SupplyPoint.SizeUnit.choices),
    "phases": _choice([(phases, phases) for phases in entries.PHASES]),
    "removal": _yes_or_no,
    "moved_out_on": lambda required: (DayField(required=required), ""),
    "reading_wh": lambda required: (forms.IntegerField(required=required, max_value=10**15), ""),
    "meter_work": _yes_or_no,
    "work_contact": _text(60),
    "remarks": _text(200),
}
"""How a cell of each field of the table is read."""


class Filings(FileKind):
    """Files of one kind of application."""

    function = Function.APPLICATIONS
    is_recallable = True

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.content = Content(kind.value)
        self.introduction = INTRODUCTIONS[kind]
        self.registration = Registration.SWITCH_START if kind == Kind.SWITCH_START else None
        self.rules = [kinds.RULES[kind, supply_class] for supply_class in kinds.classes_of(kind)]
        self.fields = tuple(dict.fromkeys(name for rule in self.rules for name in rule.fields))
        self.columns = (CLASS, POINT, DESIRED, *map(self._column, self.fields), REFERENCE)

    def _column(self, name: str) -> Column:
        is_required = all(name in rule.required for rule in self.rules)
        field, example = MAKE[name](is_required)
        only = [word for word in kinds.classes_of(self.kind) if name in kinds.RULES[self.kind, word].fields]
        hint = format_lazy(_("Only for {classes}."), classes=", ".join(only)) if len(only) < len(self.rules) else ""
        return Column(name, format_lazy("{}", kinds.FIELDS[name]), field, hint=hint, example=example)

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            clean_number(row)
        if self.rules[0].filer == Filer.PRESENT:
            find_own_points(rows, by=by, now=now)
        else:
            find_points(rows, self, by=by)
        if self.kind == Kind.SWITCH_START:
            _find_relays([row for row in rows if not row.is_wrong], by=by)

    def read_ahead(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        today, points = jst_date(now), [row.found["point"].pk for row in rows]
        since = today - timedelta(days=kinds.BACK_DAYS)
        periods, taken = supply.periods_of(points, today, bare=True), applications.taken(points, by.company_id)
        movements = applications.movements(points, since)
        supply.period_of.know({(pk, today): periods.get(pk) for pk in points})
        applications.is_taken.know({(pk, by.company_id): pk in taken for pk in points})
        applications.movements_of.know({(pk, since): movements.get(pk, []) for pk in points})
        applications.relay_by_id.know({(row.found["relay"].pk,): row.found["relay"] for row in rows if _relay(row)})
        if self.rules[0].filer == Filer.ANY:
            ends = supply.last_days(points)
            supply.last_day.know({(pk,): ends.get(pk, date.min) for pk in points})

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Application:
        return applications.file(
            kind=self.kind,
            point=row.found["point"],
            desired_date=row.values["desired_date"],
            given=self._given(row),
            relay=_relay(row),
            by=by,
            now=now,
            dry_run=dry_run,
        )

    def _given(self, row: Row) -> dict[str, Any]:
        """The cells that say something."""
        values = {name: row.values.get(name) for name in self.fields}
        return {name: value for name, value in values.items() if value not in (None, "", False)}

    def compare(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        own = {
            found.point_id: found
            for found in Application.objects.filter(
                point__in=[row.found["point"].pk for row in rows],
                retailer=by.company,
                kind=self.kind,
                state__in=OPEN_APPLICATIONS,
            ).select_related("point")
        }
        for row in rows:
            there = own.get(row.found["point"].pk)
            rule = kinds.rule(self.kind, row.supply_class)
            if there is None or rule is None:
                continue
            told, wanted = entries.of(there, rule), self._given(row)
            values = {name: told.get(name) or None for name in rule.fields}
            others = [name for name in values if values[name] != wanted.get(name)]
            others += differing(row, {"desired_date": there.desired_date})
            if not others:
                row.is_there(
                    "application_is_there",
                    there,
                    format_lazy(_("Filed already as {number}; nothing is filed."), number=there.number),
                )
            elif isinstance(row.refusal, applications.PointBusy | applications.OutOfOwnSequence):
                row.error(
                    "application_differs",
                    others,
                    format_lazy(
                        _(
                            "Your company's application {number} is open on this point with another value of: "
                            "{columns}. Please correct or cancel that one, or take the row out."
                        ),
                        number=there.number,
                        columns=labels_of(self, others),
                    ),
                )

    def look_closer(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        if self.kind != Kind.SWITCH_START:
            return
        for row in rows:
            if _relay(row) is None:
                row.warn(
                    "no_relay",
                    ["desired_date"],
                    _(
                        "No relay of your company is open for this point and date. The start waits for the other "
                        "retailer's termination until the matching cut-off."
                    ),
                )

    def recall(self, case_id: int, *, by: User, now: datetime) -> None:
        recalls.application(case_id, by=by, now=now)


def _relay(row: Row) -> Relay | None:
    return row.found.get("relay")


def _find_relays(rows: Sequence[Row], *, by: User) -> None:
    """The company's open relay on the same point and date: the start belongs to it, also when nobody named it."""
    own = {
        (relay.point_id, relay.desired_date): relay
        for relay in Relay.objects.filter(
            point__in=[row.found["point"].pk for row in rows], gaining_retailer=by.company, state__in=OPEN_RELAYS
        )
    }
    for row in rows:
        row.found["relay"] = own.get((row.found["point"].pk, row.values["desired_date"]))
