"""Files of judgements: each row accepts or rejects a relay addressed to the company.

The work list to begin with names the relays by number with the hub's verdicts of the identity check; it never carries
the customer (docs/decisions/0006). What is not equal after the strict rules goes to a person, at its own page.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering import supply
from portal import ahead, ledger
from portal.models import Function, User
from portal.templatetags.words import company_name, jst
from portal.workdays import jst_date
from switching import applications, identity, kinds, relays, sights, traces
from switching.bulk.kind import REFERENCE, FileKind
from switching.bulk.rows import ChoiceField, CodesField, Column, Row
from switching.bulk.withdrawals import RELAY, clean_numbers, find_relays
from switching.forms import LineField
from switching.models import Content, Relay
from switching.reasons import IDENTITY_REASONS, Reason
from switching.relays import Verdict
from switching.states import RelayState

COMPARED = (
    identity.Field.CONTRACT_NUMBER,
    identity.Field.HOLDER_NAME,
    identity.Field.HOLDER_KANA,
    identity.Field.ADDRESS,
    identity.Field.BUILDING,
)
FIELD_OF = {
    Reason.NUMBER_DIFFERS: "contract_number",
    Reason.NAME_DIFFERS: "holder_name",
    Reason.KANA_DIFFERS: "holder_kana",
    Reason.ADDRESS_DIFFERS: "address",
}


class Judgements(FileKind):
    content = Content.JUDGEMENTS
    function = Function.RELAYS
    introduction = _(
        "Each row accepts or rejects one relay addressed to your company. A relay whose identity check is not equal "
        "can be accepted on its page only, where a person sees both values. A judgement cannot be recalled."
    )
    key_column = "relay"
    work_list_name = "relays-to-judge"
    work_list_note = _(
        "The work list names the relays that wait for your judgement, with the verdicts of the identity check and "
        "without the customer's data. Each relay in it counts as opened by your company."
    )
    passed_over = {
        "supply_class": _("class of supply"),
        "gaining_retailer": _("gaining retailer"),
        "desired_date": _("desired date"),
        "due_at": _("judgement due"),
        **{field.value: format_lazy(_("check: {field}"), field=field.label) for field in COMPARED},
    }
    columns = (
        RELAY,
        Column(
            "verdict",
            _("judgement"),
            ChoiceField(
                [(Verdict.ACCEPT.value, _("accept")), (Verdict.REJECT.value, _("reject"))],
                also={
                    "可": "accept",
                    "拒否": "reject",
                    "否": "reject",
                    "承諾": "accept",
                    "OK": "accept",
                    "NG": "reject",
                },
                error_messages={"required": _("Please write accept or reject.")},
            ),
            hint=_("accept or reject."),
            example="reject",
            also=("判断",),
        ),
        Column(
            "reasons",
            _("reason codes"),
            CodesField(required=False),
            hint=_("With a rejection: one or more of 1 to 9, divided by blanks."),
            example="2 4",
        ),
        Column(
            "reason_text",
            _("other reason in words"),
            LineField(required=False, max_length=200),
            hint=_("With code 9; no data of the customer."),
        ),
        REFERENCE,
    )

    def work_list(self, *, by: User, now: datetime) -> list[list[str]]:
        """The relays to judge, by number, with the verdicts of the identity check."""
        return [
            [
                relay.number,
                *[""] * (len(self.columns) - 1),
                relay.point.supply_class,
                company_name(relay.gaining_retailer),
                relay.desired_date.isoformat(),
                jst(relay.due_at),
                *(str(comparison.verdict.label) for comparison in report.comparisons),
            ]
            for relay, report in work_list(by=by, now=now)
        ]

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        received = Relay.objects.visible_to(by).filter(losing_retailer=by.company)
        find_relays(rows, set(received.filter(number__in=clean_numbers(rows)).values_list("number", "pk")))
        for row in rows:
            if not row.is_wrong:
                _read_reasons(row)

    def read_ahead(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        today, found = jst_date(now), [row.found["relay"] for row in rows]
        points = [relay.point_id for relay in found]
        periods, ending = supply.periods_of(points, today), relays.being_terminated(points)
        relays.by_id.know({(relay.pk,): relay for relay in found})
        supply.period_of.know({(pk, today): periods.get(pk) for pk in points})
        since = today - timedelta(days=kinds.BACK_DAYS)
        movements = applications.movements(points, since)
        applications.movements_of.know({(pk, since): movements.get(pk, []) for pk in points})
        relays.is_being_terminated.know({(pk,): pk in ending for pk in points})

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Relay:
        return relays.judge(
            relay_id=row.found["relay"].pk,
            verdict=Verdict(row.values["verdict"]),
            reasons=row.values["reasons"],
            reason_text=row.values["reason_text"],
            by=by,
            now=now,
            dry_run=dry_run,
        )

    def compare(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        for row in rows:
            relay: Relay = row.found["relay"]
            if not isinstance(row.refusal, relays.AlreadyMoved) or relay.judged_at is None:
                continue
            is_rejected = relay.state == RelayState.REJECTED
            is_same = (
                set(relay.reasons) == set(row.values["reasons"]) if is_rejected else row.values["verdict"] == "accept"
            ) and is_rejected == (row.values["verdict"] == "reject")
            if is_same:
                row.is_there("is_judged", relay, _("This relay was answered just so before; nothing is done."))

    def look_closer(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        """The identity check of every row; each is a read of both sides' data and stands in the ledger."""
        today = jst_date(now)
        for row in rows:
            report = relays.compare(row.found["relay"], today=today)
            if row.values["verdict"] == "accept":
                _must_be_equal(row, report)
            else:
                _must_differ(row, report)
        ledger.record_many(
            [
                ledger.Entry("relay.read_identity", traces.subject_of(row.found["relay"]), "check of a file")
                for row in rows
            ],
            by=by,
            now=now,
        )


def _read_reasons(row: Row) -> None:
    codes = row.values["reasons"]
    wrong = [code for code in codes if not (code.isdecimal() and code in map(str, Reason.values))]
    if wrong:
        row.error(
            "unknown_reason",
            ["reasons"],
            format_lazy(_("“{code}” is no reason code; they are 1 to 9."), code=wrong[0][:20]),
        )
        return
    row.values["reasons"] = [Reason(int(code)) for code in codes]
    if codes and row.values["verdict"] == "accept":
        row.error(
            "reasons_of_an_acceptance", ["reasons"], _("An acceptance has no reasons. Which of the two is meant?")
        )


def _must_be_equal(row: Row, report: identity.Report) -> None:
    if report.meets_auto_accept:
        return
    unequal = [
        comparison.field.label
        for comparison in (report.contract_number, report.holder_name, report.address)
        if not comparison.is_equal
    ]
    row.error(
        "identity_needs_a_person",
        ["verdict"],
        format_lazy(
            _("Not equal in the identity check: {fields}. Please judge this relay on its page, beside both values."),
            fields=format_lazy("{}" + ", {}" * (len(unequal) - 1), *unequal),
        ),
    )


def _must_differ(row: Row, report: identity.Report) -> None:
    by_field = {comparison.field.value: comparison for comparison in report.comparisons}
    for reason in sorted(IDENTITY_REASONS & set(row.values["reasons"])):
        if by_field[FIELD_OF[reason]].is_equal:
            row.warn(
                "equal_yet_rejected",
                ["reasons"],
                format_lazy(
                    _("Rejected because “{reason}”, yet the identity check finds them equal. Please look again."),
                    reason=reason.label,
                ),
            )


def work_list(*, by: User, now: datetime) -> list[tuple[Relay, identity.Report]]:
    """The relays that wait for the company's judgement, the first due first, with the verdicts of their check.

    No value of either side; each read stands in the ledger and is a first look at its relay.
    """
    waiting = list(
        Relay.objects.visible_to(by)
        .filter(losing_retailer=by.company, state=RelayState.WAITING)
        .select_related("point", "gaining_retailer", "losing_retailer")
        .order_by("due_at", "pk")[: settings.BULK_MOST_ROWS]
    )
    today = jst_date(now)
    with transaction.atomic():
        sights.note_many(waiting, by=by, now=now)
        ledger.record_many(
            [ledger.Entry("relay.read_identity", traces.subject_of(relay), "work list") for relay in waiting],
            by=by,
            now=now,
        )
    points = [relay.point_id for relay in waiting]
    with ahead.reading():
        periods = supply.periods_of(points, today)
        supply.period_of.know({(pk, today): periods.get(pk) for pk in points})
        return [(relay, relays.compare(relay, today=today)) for relay in waiting]
