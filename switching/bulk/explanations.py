"""Files of explanations: each row is the evidence that every disadvantage was explained to one customer."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.models import Function, User
from portal.workdays import jst_date
from switching import applications, disclosures
from switching.bulk.kind import CLASS, POINT, REFERENCE, FileKind, clean_number, find_points
from switching.bulk.retailers import find_retailers
from switching.bulk.rows import ChoiceField, CodesField, Column, DayField, Row
from switching.forms import DisclosureForm, LineField
from switching.models import Content, Disclosure

_FIELDS: Any = DisclosureForm.base_fields


class Explanations(FileKind):
    content = Content.DISCLOSURES
    function = Function.RELAYS
    introduction = _(
        "Each row records that the disadvantages were explained to the customer of one point and acknowledged one by "
        "one. It is evidence and cannot be recalled; an explanation given anew is a new row."
    )
    columns = (
        CLASS,
        POINT,
        Column(
            "losing_retailer",
            _("present retailer"),
            LineField(required=False),
            hint=_("Where it has a list of its own: its participant code in the point's area, or its name."),
            example="UM1E3",
            also=("losing retailer", "現小売"),
        ),
        Column(
            "menu",
            _("the customer's menu"),
            LineField(required=False, max_length=60),
            hint=_("As the present retailer's list names it; empty for all its other menus, or where it is not known."),
            also=("menu", "メニュー"),
        ),
        Column(
            "acknowledged",
            _("acknowledged items"),
            CodesField(
                error_messages={"required": _("Please name the acknowledged items by their codes, one by one.")}
            ),
            hint=_(
                "The codes of all items the customer acknowledged, divided by blanks: those in force, which stand "
                "below, and those of the present retailer's own list."
            ),
            also=("items", "確認項目"),
        ),
        Column(
            "channel",
            _("explained how"),
            ChoiceField(
                Disclosure.Channel.choices, error_messages={"required": _FIELDS["channel"].error_messages["required"]}
            ),
            hint=_("in_person, telephone, web or post; or the words of the page."),
            example="telephone",
            also=("channel", "説明方法"),
        ),
        Column(
            "explained_on",
            _("explained on"),
            DayField(error_messages=_FIELDS["explained_on"].error_messages),
            hint=_("2026-04-15, 2026/4/15 or 20260415."),
            example="2026-04-01",
        ),
        REFERENCE,
    )

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            clean_number(row)
        find_points(rows, self, by=by)
        find_retailers(rows)
        _check_retailers(rows, by=by, today=jst_date(now))
        lists = _lists(rows, today=jst_date(now))
        for row in rows:
            if row.is_wrong:
                continue
            found = lists[_chosen(row)]
            if found is None:
                row.error("no_list", ["acknowledged"], _("No list of disadvantages is in force yet."))
                continue
            items = {item.code.casefold(): item.pk for item in found.items}
            unknown = [code for code in row.values["acknowledged"] if code.casefold() not in items]
            if unknown:
                row.error(
                    "unknown_item",
                    ["acknowledged"],
                    format_lazy(
                        _("“{code}” is no item of the lists in force. Their items are: {codes}."),
                        code=unknown[0][:40],
                        codes=" ".join(item.code for item in found.items),
                    ),
                )
                continue
            row.found |= {
                "version": found.base,
                "own_version": found.own,
                "items": frozenset(items[code.casefold()] for code in row.values["acknowledged"]),
            }

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Disclosure:
        return disclosures.record(
            point=row.found["point"],
            version=row.found["version"],
            losing_retailer=row.found.get("losing_retailer"),
            menu=row.values["menu"],
            own_version=row.found["own_version"],
            acknowledged=row.found["items"],
            channel=row.values["channel"],
            explained_on=row.values["explained_on"],
            by=by,
            now=now,
            dry_run=dry_run,
        )

    def look_closer(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        """The very same explanation recorded before is not recorded a second time."""
        there = {
            (
                *(found.point_id, found.version_id, found.losing_retailer_id, found.menu, found.own_version_id),
                *(found.channel, found.explained_on),
            ): found
            for found in Disclosure.objects.visible_to(by).filter(
                point__in=[row.found["point"].pk for row in rows],
                explained_on__in={row.values["explained_on"] for row in rows},
            )
        }
        for row in rows:
            known = there.get(
                (
                    *(row.found["point"].pk, row.found["version"].pk, *_chosen(row)),
                    row.found["own_version"].pk if row.found["own_version"] else None,
                    *(row.values["channel"], row.values["explained_on"]),
                )
            )
            if known:
                row.is_there("is_recorded", known, _("This very explanation is recorded already; nothing is added."))


def _chosen(row: Row) -> tuple[int | None, str]:
    """The present retailer and menu the row is about; (None, "") where it names none."""
    retailer = row.found.get("losing_retailer")
    return retailer.pk if retailer else None, row.values["menu"]


def _check_retailers(rows: Sequence[Row], *, by: User, today: date) -> None:
    """The present retailer is another one that takes part in the area, and a menu is one it has a list for."""
    named = [row for row in rows if not row.is_wrong]
    menus: dict[int, set[str]] = {}
    for company_id, menu in disclosures.menus_on(today, {pk for row in named if (pk := _chosen(row)[0])}):
        menus.setdefault(company_id, set()).add(menu)
    for row in named:
        retailer_id, menu = _chosen(row)
        known = sorted(menus.get(retailer_id, set()) - {""}) if retailer_id else []
        if retailer_id is None and menu:
            row.error("no_retailer", ["losing_retailer"], _("Please name the present retailer whose menu this is."))
        elif retailer_id == by.company_id or (
            retailer_id and not applications.supplies_in(row.found["point"].area, retailer_id)
        ):
            row.error(
                "no_retailer_there",
                ["losing_retailer"],
                _("The present retailer is another company that supplies in the point's area. Please compare."),
            )
        elif menu and menu not in known:
            row.error(
                "unknown_menu",
                ["menu"],
                format_lazy(
                    _("The present retailer has lists for these menus: {menus}. Otherwise leave it empty."),
                    menus=", ".join(known) or "–",
                ),
            )


def _lists(rows: Sequence[Row], *, today: date) -> dict[tuple[int | None, str], disclosures.Lists | None]:
    """What is to be explained for each retailer and menu that the rows name, asked once each."""
    base = disclosures.version_on(today)
    if base is not None:
        prefetch_related_objects([base], "items")
    found: dict[tuple[int | None, str], disclosures.Lists | None] = {}
    for chosen in {_chosen(row) for row in rows if not row.is_wrong}:
        if own := disclosures.own_version_on(*chosen, today):
            prefetch_related_objects([own], "items")
        found[chosen] = disclosures.lists_on(today, losing_retailer_id=chosen[0], menu=chosen[1])
    return found
