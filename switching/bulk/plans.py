"""Files of movement information: each row tells the network operator of one switch that is planned."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.functional import lazystr
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.models import Function, User
from portal.workdays import jst_date
from switching import movements
from switching.bulk.checking import Said
from switching.bulk.kind import CLASS, POINT, REFERENCE, FileKind, clean_number, find_points
from switching.bulk.rows import ChoiceField, Column, DayField, Row
from switching.models import Content, Movement


class Plans(FileKind):
    content = Content.MOVEMENTS
    function = Function.FACILITY_INQUIRY
    introduction = _(
        "Each row tells the network operator of one movement you plan. Nothing is filed by it. A row for a point you "
        "told of before replaces the plan."
    )
    columns = (
        CLASS,
        POINT,
        Column(
            "kind",
            _("kind"),
            ChoiceField(Movement.Kind.choices, error_messages={"required": _("Please write what is planned.")}),
            hint=_("switch, reconnection or ampere_change; or the words of the page."),
            example="switch",
            also=("異動種別",),
        ),
        Column(
            "wished_on",
            _("wished date"),
            DayField(error_messages={"required": _("Please enter the wished date, such as 2026-04-15.")}),
            hint=_("2026-04-15, 2026/4/15 or 20260415."),
            example="2026-04-15",
            also=("希望日",),
        ),
        REFERENCE,
    )

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            clean_number(row)
        find_points(rows, self, by=by)
        sound = [row for row in rows if not row.is_wrong]
        facts = movements.facts_of([row.found["point"].pk for row in sound], today=jst_date(now))
        for row in sound:
            row.found["facts"] = facts[row.found["point"].pk]

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Any:
        try:
            return movements.announce(
                point=row.found["point"],
                kind=row.values["kind"],
                wished_on=row.values["wished_on"],
                reference=row.values.get("reference") or "",
                facts=row.found["facts"],
                by=by,
                now=now,
                dry_run=dry_run,
            )
        except movements.ToldAlready as told:
            row.is_there("is_told", told.movement, _("This very plan is told already; nothing is done."))
        except movements.NotPossible as refusal:
            row.error(type(refusal).__name__, [refusal.field] if refusal.field else [], lazystr(Said(refusal)))
        return None

    def look_closer(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            if row.is_wrong or row.is_known or row.values["kind"] != Movement.Kind.SWITCH:
                continue
            plan = movements.announce(
                point=row.found["point"],
                kind=row.values["kind"],
                wished_on=row.values["wished_on"],
                facts=row.found["facts"],
                by=by,
                now=now,
                dry_run=True,
            )
            if plan.meter_work:
                row.warn("meter_work", ["supply_point"], _("No smart meter stands there: expect work at the meter."))
            if plan.wished_on < plan.earliest_on:
                row.warn(
                    "too_early",
                    ["wished_on"],
                    format_lazy(
                        _("Matched today, the switch could happen on {day} at the earliest."), day=plan.earliest_on
                    ),
                )
