"""Files of relay registrations: each row a new cancellation relay of the gaining retailer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering import supply
from portal.models import Function, Registration, User
from portal.workdays import jst_date
from switching import applications, disclosures, kinds, relays
from switching.bulk import recalls
from switching.bulk.kind import CLASS, POINT, REFERENCE, FileKind, clean_number, differing, find_points, labels_of
from switching.bulk.retailers import find_retailers
from switching.bulk.rows import Column, DayField, Row
from switching.forms import LineField, RelayForm
from switching.models import Content, Disclosure, Relay
from switching.states import OPEN_RELAYS

_FIELDS: Any = RelayForm.base_fields
CUSTOMER = ("contract_number", "holder_name", "holder_kana", "holder_address")


class Registrations(FileKind):
    content = Content.RELAYS
    function = Function.RELAYS
    registration = Registration.RELAY
    is_recallable = True
    introduction = _(
        "Each row registers one cancellation relay. The disadvantages must have been explained and recorded before, on "
        "its page or by a file of explanations."
    )
    columns = (
        CLASS,
        POINT,
        Column(
            "losing_retailer",
            _("present retailer"),
            LineField(error_messages={"required": _("Please name the customer's present retailer.")}),
            hint=_("Its participant code in the point's area, or its name as in the participant registry."),
            example="UM1E3",
            also=("losing retailer", "現小売"),
        ),
        Column(
            "contract_number",
            _("contract number at the present retailer"),
            _FIELDS["contract_number"],
            hint=_("As printed on the bill, leading zeros kept."),
            example="U-1234-5678-90",
        ),
        Column("holder_name", _("contract holder"), _FIELDS["holder_name"], example="山田 太郎"),
        Column("holder_kana", _("contract holder in kana"), _FIELDS["holder_kana"], example="ヤマダ タロウ"),
        Column("holder_address", _("address"), _FIELDS["holder_address"], example="東京都世田谷区経堂2丁目1番3号"),
        Column(
            "desired_date",
            _("desired date"),
            DayField(error_messages=_FIELDS["desired_date"].error_messages),
            hint=_("2026-04-15, 2026/4/15 or 20260415."),
            example="2026-04-15",
        ),
        Column(
            "contact_person",
            _("contact person"),
            LineField(required=False, max_length=60),
            hint=_("Whom the present retailer may call; left empty: who sends the file."),
            example="空 太郎",
        ),
        REFERENCE,
    )

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            clean_number(row)
            row.values["contact_person"] = row.values.get("contact_person") or by.name
        find_points(rows, self, by=by)
        find_retailers(rows)
        _find_disclosures(rows, by=by, now=now)

    def read_ahead(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        today, points = jst_date(now), [row.found["point"].pk for row in rows]
        periods, busy = supply.periods_of(points, today, bare=True), relays.busy(points)
        tries = relays.tries(points, by.company_id)
        supply.period_of.know({(pk, today): periods.get(pk) for pk in points})
        since = today - timedelta(days=kinds.BACK_DAYS)
        movements = applications.movements(points, since)
        applications.movements_of.know({(pk, since): movements.get(pk, []) for pk in points})
        relays.is_busy.know({(pk,): pk in busy for pk in points})
        relays.tries_at_identity.know({(pk, by.company_id): tries.get(pk, 0) for pk in points})

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Relay:
        return relays.register(
            relays.Request(
                point=row.found["point"],
                losing_retailer=row.found["losing_retailer"],
                disclosure=row.found["disclosure"],
                desired_date=row.values["desired_date"],
                contact_person=row.values["contact_person"],
                **{name: row.values[name] for name in CUSTOMER},
            ),
            by=by,
            now=now,
            dry_run=dry_run,
        )

    def compare(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        busy = [row for row in rows if isinstance(row.refusal, relays.PointBusy)]
        if not busy:
            return
        own = {
            relay.point_id: relay
            for relay in Relay.objects.filter(
                point__in=[row.found["point"].pk for row in busy],
                gaining_retailer=by.company,
                state__in=OPEN_RELAYS,
            )
        }
        for row in busy:
            relay = own.get(row.found["point"].pk)
            if relay is None:
                continue
            there = {name: getattr(relay, name) for name in (*CUSTOMER, "desired_date")}
            others = differing(row, there)
            if relay.losing_retailer_id != row.found["losing_retailer"].pk:
                others.append("losing_retailer")
            if others:
                row.error(
                    "relay_differs",
                    others,
                    format_lazy(
                        _(
                            "Your company's relay {number} is open on this point with another value of: {columns}. "
                            "Please withdraw that relay first, or take the row out."
                        ),
                        number=relay.number,
                        columns=labels_of(self, others),
                    ),
                )
            else:
                row.is_there(
                    "relay_is_there",
                    relay,
                    format_lazy(_("Registered already as relay {number}; nothing is filed."), number=relay.number),
                )

    def recall(self, case_id: int, *, by: User, now: datetime) -> None:
        recalls.relay(case_id, by=by, now=now)


def _find_disclosures(rows: Sequence[Row], *, by: User, now: datetime) -> None:
    """The newest explanation of the lists in force that a relay of today may rest on, as the page finds it."""
    today = jst_date(now)
    waiting = [row for row in rows if not row.is_wrong]
    found: dict[int, Disclosure] = {}
    for made in (
        Disclosure.objects.visible_to(by)
        .filter(
            point__in=[row.found["point"].pk for row in waiting],
            version=disclosures.version_on(today),
            explained_on__gte=disclosures.oldest_usable(today),
        )
        .order_by("point_id", "-id")
    ):
        own = disclosures.own_version_on(made.losing_retailer_id, made.menu, today)
        if made.own_version_id == (own.pk if own else None):
            found.setdefault(made.point_id, made)
    for row in waiting:
        disclosure = found.get(row.found["point"].pk)
        if disclosure is None:
            row.error(
                "not_explained",
                ["supply_point"],
                _(
                    "The disadvantages in force are not recorded as explained for this point. Please record it first, "
                    "on its page or by a file of explanations."
                ),
            )
        else:
            row.found["disclosure"] = disclosure
