"""Files of withdrawals: each row ends a relay the company registered, before its match."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.models import Function, User
from switching import numbers, relays
from switching.bulk.kind import REFERENCE, FileKind
from switching.bulk.rows import Column, Row, folded
from switching.forms import LineField
from switching.models import Content, Relay
from switching.states import RelayState

RELAY = Column(
    "relay",
    _("relay number"),
    LineField(error_messages={"required": _("Please enter the relay number: R and ten digits.")}),
    hint=_("R and ten digits, as the hub issued it."),
    example="R0000000018",
    also=("relay", "取次番号", "廃止取次番号"),
)


class Withdrawals(FileKind):
    content = Content.WITHDRAWALS
    function = Function.RELAYS
    introduction = _(
        "Each row withdraws one relay your company registered, with its switch start and the switch termination. This "
        "cannot be recalled."
    )
    columns = (RELAY, REFERENCE)

    key_column = "relay"

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        own = Relay.objects.visible_to(by).filter(gaining_retailer=by.company)
        find_relays(rows, set(own.filter(number__in=clean_numbers(rows)).values_list("number", "pk")))

    def read_ahead(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        relays.by_id.know({(row.found["relay"].pk,): row.found["relay"] for row in rows})

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Relay:
        return relays.withdraw(relay_id=row.found["relay"].pk, by=by, now=now, dry_run=dry_run)

    def compare(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            if isinstance(row.refusal, relays.AlreadyMoved) and row.refusal.state == RelayState.WITHDRAWN:
                row.is_there("is_withdrawn", row.found["relay"], _("This relay is withdrawn already; nothing is done."))


def clean_numbers(rows: Sequence[Row]) -> set[str]:
    """The relay numbers of the rows, made plain; one whose check digit is wrong is an error of its row."""
    for row in rows:
        if row.is_wrong:
            continue
        row.values["relay"] = number = folded(row.values["relay"]).upper().replace("-", "")
        if not (number.startswith(numbers.RELAY) and numbers.is_well_formed(number)):
            row.error(
                "no_relay_number",
                ["relay"],
                _("This is no relay number: it is R and ten digits, the last of which checks the others."),
            )
    return {row.values["relay"] for row in rows if not row.is_wrong}


def find_relays(rows: Sequence[Row], known: set[tuple[str, int]]) -> None:
    """Set `found["relay"]`, with point and companies; a number that is not the company's is unknown."""
    ids = dict(known)
    relays_by_id = relays.detailed(list(ids.values()))
    for row in rows:
        if row.is_wrong:
            continue
        relay = relays_by_id.get(ids.get(row.values["relay"], 0))
        if relay is None:
            row.error(
                "unknown_relay",
                ["relay"],
                format_lazy(
                    _("Relay {number} is none of those you may handle here. Please compare the digits."),
                    number=row.values["relay"],
                ),
            )
        else:
            row.found["relay"] = relay
            row.area, row.supply_class = relay.point.area, relay.point.supply_class
