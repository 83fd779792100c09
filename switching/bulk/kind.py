"""What every kind of file has in common: its columns, how rows find their cases, the verb that files one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering.models import FacilityInquiry, SupplyPeriod, SupplyPoint
from metering.points import WrongNumber, normalise_number
from portal.access import within
from portal.market import SupplyClass
from portal.models import Function, Registration, User
from portal.workdays import jst_date
from switching.bulk.rows import Case, ChoiceField, Column, Row
from switching.forms import LineField
from switching.models import Content
from switching.models.uploads import ABILITY_OF

CLASS = Column(
    "supply_class",
    _("class of supply"),
    ChoiceField(
        SupplyClass.choices,
        also={"L": "LV", "H": "HV", "F": "FIT", "低圧": "LV", "高圧": "HV", "低圧FIT": "FIT"},
        error_messages={"required": _("Please write LV, HV or FIT.")},
    ),
    hint=_("LV, HV or FIT; it must fit the third digit of the number."),
    example="LV",
    also=("区分", "class"),
)
POINT = Column(
    "supply_point",
    _("supply point number"),
    LineField(error_messages={"required": _("Enter the supply point number: 22 digits, printed on the meter slip.")}),
    hint=_("22 digits; with or without blanks and hyphens. In Excel the column must be text."),
    example="03 0000 0000 0000 0000 0001",
    also=("supply point", "供給地点番号"),
)
REFERENCE = Column(
    "reference",
    _("your own reference"),
    LineField(required=False, max_length=60),
    hint=_("Whatever helps you to find the row again; nobody else sees it."),
    example="2026-0001",
)


class FileKind:
    """A kind of file. Rows are looked up and compared in sets; each is filed by the verb its page calls as well."""

    content: Content
    function: Function
    columns: tuple[Column, ...]
    introduction: Promise
    passed_over: dict[str, str | Promise] = {}
    """Columns its work list has besides; they are not read when it comes back."""
    registration: Registration | None = None
    is_recallable = False
    key_column = "supply_point"
    """What may stand in one row of a file only."""
    work_list_name = ""
    """The file name of its work list, where it has one: what waits for the company, to be filled in and sent back."""
    work_list_note: str | Promise = ""

    @property
    def ability(self) -> Any:
        return ABILITY_OF[self.content]

    def work_list(self, *, by: User, now: datetime) -> list[list[str]]:
        """The rows of its work list: a cell for each of `columns`, then one for each of `passed_over`."""
        raise NotImplementedError

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        """Find what the rows name, a few queries for all of them; what is not there is an error of its row."""
        raise NotImplementedError

    def read_ahead(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        """Answer for the whole set what the verb's rules will ask (portal.ahead)."""

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Case:
        """Call the verb for the row."""
        raise NotImplementedError

    def compare(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        """Rows the verb refused, against what is there: already there as asked for, or there with other values."""

    def look_closer(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        """Rows the verb would file: what a person should look at before, and what only a person may decide."""

    def recall(self, case_id: int, *, by: User, now: datetime) -> None:
        """Take back what a row filed. Raises recalls.NotRecallable or a refusal of the verb."""
        raise NotImplementedError


def clean_number(row: Row) -> None:
    """The supply point number's 22 digits, checked against the class of its row as the page does it."""
    text, supply_class = row.values.get("supply_point"), row.values.get("supply_class")
    if not text:
        return
    try:
        row.values["supply_point"] = normalise_number(text, supply_class=supply_class)
    except WrongNumber as wrong:
        row.error(type(wrong).__name__, ["supply_point"], wrong.sentence)
    else:
        row.area, row.supply_class = row.values["supply_point"][:2], supply_class or ""


def find_points(rows: Sequence[Row], kind: FileKind, *, by: User) -> None:
    """Set `found["point"]` to the points the company has inquired about; others stay unknown, existing or not.

    A page begins with a facility inquiry, which stands on the customer's consent; a row of a file does too.
    """
    wanted = {row.values["supply_point"] for row in rows if not row.is_wrong}
    inquired = FacilityInquiry.objects.filter(
        within(by, kind.ability, area="area", supply_class="supply_class"), company=by.company
    )
    found = SupplyPoint.objects.filter(number__in=wanted, pk__in=inquired.values("point"))
    _settle(rows, found, "not_inquired", NOT_INQUIRED)


def find_own_points(rows: Sequence[Row], *, by: User, now: datetime) -> None:
    """Set `found["point"]` to the points the company supplies today; all others are unknown."""
    wanted = {row.values["supply_point"] for row in rows if not row.is_wrong}
    own = SupplyPeriod.objects.filter(
        retailer=by.company, known_until__isnull=True, during__contains=jst_date(now), point__number__in=wanted
    )
    _settle(rows, SupplyPoint.objects.filter(pk__in=own.values("point")), "not_ours", NOT_OURS)


def _settle(rows: Sequence[Row], found: QuerySet[SupplyPoint], rule: str, sentence: Promise) -> None:
    points = {point.number: point for point in found}
    for row in rows:
        if row.is_wrong:
            continue
        point = points.get(row.values["supply_point"])
        if point is None:
            row.error(rule, ["supply_point"], sentence)
        elif point.supply_class != row.values["supply_class"]:
            row.error(
                "other_class",
                ["supply_class"],
                format_lazy(
                    _("The point is {here}, the row says {there}. Please compare with your facility inquiry."),
                    here=SupplyClass(point.supply_class).label,
                    there=SupplyClass(row.values["supply_class"]).label,
                ),
            )
        else:
            row.found["point"] = point


NOT_OURS = _("Your company does not supply a point with this number now. Please compare the digits.")
NOT_INQUIRED = _(
    "Your company has made no facility inquiry about this number that you may use. Please compare the digits, or "
    "inquire first, with the customer's consent."
)


def differing(row: Row, there: dict[str, Any]) -> list[str]:
    """The columns in which the row asks for something else than what is there."""
    return [name for name, value in there.items() if row.values.get(name) != value]


def labels_of(kind: FileKind, names: Sequence[str]) -> Any:
    """The columns' names, listed, in the language of whoever reads."""
    labels = [column.label for column in kind.columns if column.name in names]
    return format_lazy("{}" + ", {}" * (len(labels) - 1), *labels) if labels else ""
