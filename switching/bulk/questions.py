"""Files of facility inquiries: each row asks about one point, with the customer's consent, and is answered by file.

The check looks at numbers, roles and consents alone: what stands at a point is told when the row is carried out, which
is when it counts against the person's budget and is logged as an inquiry like one made on the page.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from metering import inquiries
from metering.models import Consent
from portal.access import Ability, covers
from portal.models import Function, User
from switching.bulk.kind import CLASS, POINT, REFERENCE, FileKind, clean_number
from switching.bulk.rows import ChoiceField, Column, DayField, Row
from switching.forms import LineField
from switching.models import Content


class Questions(FileKind):
    content = Content.INQUIRIES
    function = Function.FACILITY_INQUIRY
    introduction = _(
        "Each row asks about one supply point and needs the consent of its own customer. Every row counts against your "
        "inquiries of the day and is logged; the answers are one file to download."
    )
    columns = (
        CLASS,
        POINT,
        Column(
            "consent_reference",
            _("consent reference"),
            LineField(max_length=60, error_messages={"required": inquiries.ReferenceMissing.sentence}),
            hint=_("Your own number of the recording, form or order."),
            example="K-2026-0001",
            also=("同意番号",),
        ),
        Column(
            "consent_channel",
            _("consent obtained"),
            ChoiceField(Consent.Channel.choices, error_messages={"required": _("Say how the consent was obtained.")}),
            hint=_("written, web, telephone or in_person; or the words of the page."),
            example="telephone",
            also=("同意方法",),
        ),
        Column(
            "purpose",
            _("purpose"),
            ChoiceField(Consent.Purpose.choices, error_messages={"required": _("Say what the inquiry is for.")}),
            hint=_("switch, quote, move_in or own_customer; or the words of the page."),
            example="switch",
            also=("目的", "照会目的"),
        ),
        Column(
            "obtained_on",
            _("consent obtained on"),
            DayField(error_messages={"required": _("Give the day on which the customer agreed.")}),
            hint=_("2026-04-15, 2026/4/15 or 20260415."),
            example="2026-04-01",
            also=("同意日",),
        ),
        REFERENCE,
    )

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            clean_number(row)

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Any:
        """A refusal is kept with the row and not raised: its ledger entry and its count must stand."""
        number, supply_class = row.values["supply_point"], row.values["supply_class"]
        try:
            if dry_run:
                inquiries.check_consent_day(row.values["obtained_on"], now)
                if not covers(by, Ability.INQUIRE, area=number[:2], supply_class=supply_class):
                    raise inquiries.OutsideYourRoles
                if number[:2] not in inquiries.areas_of(by):
                    raise inquiries.NoPartInArea
                return None
            consent = inquiries.record_consent(
                reference=row.values["consent_reference"],
                channel=row.values["consent_channel"],
                purpose=row.values["purpose"],
                obtained_on=row.values["obtained_on"],
                by=by,
                now=now,
            )
            return inquiries.inquire(number=number, supply_class=supply_class, consent=consent, by=by, now=now)
        except inquiries.Refused as refusal:
            row.error(type(refusal).__name__, [_column_of(refusal)], refusal.sentence)
        return None


def _column_of(refusal: inquiries.Refused) -> str:
    consent = (inquiries.ConsentTooOld, inquiries.ConsentInTheFuture)
    return "obtained_on" if isinstance(refusal, consent) else "supply_point"
