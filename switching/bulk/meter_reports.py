"""Files of meter work done: each row reports planned work with its actual day, the meters and their readings."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering import meters
from metering.models import Meter
from metering.points import WrongNumber, normalise_number
from portal.access import Ability, within
from portal.models import Function, User
from switching import meter_works
from switching.bulk.kind import POINT, REFERENCE, FileKind
from switching.bulk.rows import ChoiceField, Column, DayField, Row
from switching.forms import LineField
from switching.forms_network import DoneForm
from switching.meter_works import NEEDED, Done
from switching.models import Content, MeterWork

_FIELDS: Any = DoneForm.base_fields
_LARGEST_ID = 2**63 - 1


def _reading(label: Any) -> forms.IntegerField:
    field = _FIELDS[label]
    return forms.IntegerField(required=False, min_value=0, max_value=field.max_value)


class MeterReports(FileKind):
    content = Content.METER_WORKS
    function = Function.APPLICATIONS
    key_column = "work"
    introduction = _(
        "Each row reports one planned work done, with the day it was really done on, the meters and their readings. A "
        "report cannot be recalled."
    )
    work_list_name = "work-to-report"
    work_list_note = _(
        "The work list names the planned work that is not reported yet, the first planned first, with the meter that "
        "stands at the point. Rows that are not done yet are taken out before the list is sent."
    )
    passed_over = {
        "kind": _("work"),
        "supply_class": _("class of supply"),
        "planned_on": _("planned on"),
        "application_number": _("application number"),
    }
    columns = (
        Column(
            "work",
            _("work number"),
            forms.IntegerField(
                min_value=1,
                max_value=_LARGEST_ID,
                error_messages={"required": _("Please enter the number of the work, as the work list has it.")},
            ),
            hint=_("The number of the work, as the work list has it."),
            example="1024",
            also=("工事番号",),
        ),
        POINT,
        Column(
            "done_on",
            _("done on"),
            DayField(error_messages=_FIELDS["done_on"].error_messages),
            hint=_("The day on which it was really done: 2026-04-15, 2026/4/15 or 20260415."),
            example="2026-04-15",
        ),
        Column(
            "old_meter",
            _("number of the meter taken away"),
            LineField(required=False, max_length=meters.NUMBER_LENGTH),
            hint=_("With an exchange and a removal."),
            example="12345678",
        ),
        Column(
            "old_reading_wh", _("last reading of the old meter (Wh)"), _reading("old_reading_wh"), example="1234500"
        ),
        Column(
            "new_meter",
            _("number of the new meter"),
            LineField(required=False, max_length=meters.NUMBER_LENGTH),
            hint=_("With an exchange and an installation."),
            example="87654321",
        ),
        Column(
            "new_kind",
            _("kind of the new meter"),
            ChoiceField(Meter.Kind.choices, required=False, initial=Meter.Kind.SMART.value),
            hint=_("Empty: a smart meter."),
        ),
        Column(
            "multiplier",
            _("multiplier of the new meter"),
            forms.IntegerField(required=False, min_value=1, max_value=_FIELDS["multiplier"].max_value),
            hint=_("Empty: 1, without instrument transformers."),
        ),
        Column("new_reading_wh", _("first reading of the new meter (Wh)"), _reading("new_reading_wh"), example="0"),
        REFERENCE,
    )

    def work_list(self, *, by: User, now: datetime) -> list[list[str]]:
        """The work to report, the first planned first; the meter at the point is filled in where it is one."""
        to_do = list(
            _works(by)
            .filter(done_on__isnull=True, cancelled_at__isnull=True)
            .select_related("point", "application")
            .order_by("planned_on", "pk")[: settings.BULK_MOST_ROWS]
        )
        standing = meters.recorded_at({work.point_id for work in to_do})
        rows = []
        for work in to_do:
            there = [meter.number for meter in standing.get(work.point_id, []) if meter.removed_on is None]
            takes_away = NEEDED[MeterWork.Kind(work.kind)][0]
            cells = {
                "work": str(work.pk),
                "supply_point": work.point.number,
                "old_meter": there[0] if takes_away and len(there) == 1 else "",
            }
            rows.append(
                [
                    *(cells.get(column.name, "") for column in self.columns),
                    work.get_kind_display(),
                    work.point.supply_class,
                    work.planned_on.isoformat(),
                    work.application.number if work.application else "",
                ]
            )
        return rows

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        sound = [row for row in rows if not row.is_wrong]
        works = {
            work.pk: work
            for work in _works(by)
            .filter(pk__in={row.values["work"] for row in sound})
            .select_related("point", "application")
        }
        for row in sound:
            work = works.get(row.values["work"])
            if work is None:
                row.error(
                    "unknown_work",
                    ["work"],
                    format_lazy(
                        _("Work {number} is none of those on your network. Please compare with the work list."),
                        number=row.values["work"],
                    ),
                )
                continue
            row.found["work"] = work
            row.area, row.supply_class = work.point.area, work.point.supply_class
            try:
                row.values["supply_point"] = normalise_number(row.values["supply_point"], supply_class=None)
            except WrongNumber as wrong:
                row.error(type(wrong).__name__, ["supply_point"], wrong.sentence)
                continue
            if work.point.number != row.values["supply_point"]:
                row.error(
                    "other_point",
                    ["supply_point", "work"],
                    format_lazy(
                        _("Work {number} is planned at another point than this row says. Which of the two is meant?"),
                        number=work.pk,
                    ),
                )

    def read_ahead(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        works = [row.found["work"] for row in rows]
        points = {work.point_id for work in works}
        standing = meters.recorded_at(points)
        meter_works.by_id.know({(work.pk,): work for work in works})
        meters.recorded.know({(pk,): standing.get(pk, []) for pk in points})

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> MeterWork:
        return meter_works.report(work_id=row.found["work"].pk, done=_done(row), by=by, now=now, dry_run=dry_run)

    def compare(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        over = [row for row in rows if isinstance(row.refusal, meter_works.WorkIsOver)]
        reported = (
            MeterWork.objects.select_related("old_meter", "new_meter").in_bulk([row.found["work"].pk for row in over])
            if over
            else {}
        )
        for row in over:
            work = reported[row.found["work"].pk]
            done = _done(row)
            there = (
                work.done_on,
                work.old_meter.number if work.old_meter else "",
                work.new_meter.number if work.new_meter else "",
                work.old_reading_wh,
                work.new_reading_wh,
            )
            asked = (
                done.done_on,
                done.old_meter,
                done.new_meter.number if done.new_meter else "",
                done.old_reading_wh,
                done.new_reading_wh,
            )
            if there == asked:
                row.is_there("is_reported", work, _("This work was reported just so before; nothing is done."))

    def look_closer(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        """A day other than the planned one is shown before it is reported."""
        for row in rows:
            work: MeterWork = row.found["work"]
            if row.values["done_on"] != work.planned_on:
                row.warn(
                    "other_day",
                    ["done_on"],
                    format_lazy(
                        _("Planned for {planned}, reported for {done}."),
                        planned=work.planned_on.isoformat(),
                        done=row.values["done_on"].isoformat(),
                    ),
                )


def _works(by: User) -> Any:
    return MeterWork.objects.filter(
        within(by, Ability.ANSWER_APPLICATION, area="point__area", supply_class="point__supply_class"),
        point__network_operator=by.company,
    )


def _done(row: Row) -> Done:
    values = row.values
    number = values["new_meter"]
    return Done(
        done_on=values["done_on"],
        old_meter=values["old_meter"],
        new_meter=meters.NewMeter(number, values["new_kind"], values["multiplier"] or 1) if number else None,
        old_reading_wh=values["old_reading_wh"],
        new_reading_wh=values["new_reading_wh"],
    )
