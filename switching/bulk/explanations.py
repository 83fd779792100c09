"""Files of explanations: each row is the evidence that every disadvantage was explained to one customer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.models import Function, User
from portal.workdays import jst_date
from switching import disclosures
from switching.bulk.kind import CLASS, POINT, REFERENCE, FileKind, clean_number, find_points
from switching.bulk.rows import ChoiceField, CodesField, Column, DayField, Row
from switching.forms import DisclosureForm
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
            "acknowledged",
            _("acknowledged items"),
            CodesField(
                error_messages={"required": _("Please name the acknowledged items by their codes, one by one.")}
            ),
            hint=_("The codes of all items the customer acknowledged, divided by blanks; those in force stand below."),
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
        version = disclosures.version_on(jst_date(now))
        if version is not None:
            prefetch_related_objects([version], "items")
        for row in rows:
            if row.is_wrong:
                continue
            if version is None:
                row.error("no_list", ["acknowledged"], _("No list of disadvantages is in force yet."))
                continue
            items = {item.code.casefold(): item.pk for item in version.items.all()}
            unknown = [code for code in row.values["acknowledged"] if code.casefold() not in items]
            if unknown:
                row.error(
                    "unknown_item",
                    ["acknowledged"],
                    format_lazy(
                        _("“{code}” is no item of the list in force. Its items are: {codes}."),
                        code=unknown[0][:40],
                        codes=" ".join(item.code for item in version.items.all()),
                    ),
                )
                continue
            row.found |= {
                "version": version,
                "items": frozenset(items[code.casefold()] for code in row.values["acknowledged"]),
            }

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Disclosure:
        return disclosures.record(
            point=row.found["point"],
            version=row.found["version"],
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
            (found.point_id, found.version_id, found.channel, found.explained_on): found
            for found in Disclosure.objects.visible_to(by).filter(
                point__in=[row.found["point"].pk for row in rows],
                explained_on__in={row.values["explained_on"] for row in rows},
            )
        }
        for row in rows:
            known = there.get(
                (
                    row.found["point"].pk,
                    row.found["version"].pk,
                    row.values["channel"],
                    row.values["explained_on"],
                )
            )
            if known:
                row.is_there("is_recorded", known, _("This very explanation is recorded already; nothing is added."))
