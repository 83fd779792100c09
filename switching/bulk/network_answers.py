"""Files of a network operator's answers: each row accepts or rejects one application on its network, with codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.access import Ability, within
from portal.models import Function, User
from portal.templatetags.words import company_name
from switching import answers, applications, network_work, numbers, sights
from switching.bulk.kind import REFERENCE, FileKind
from switching.bulk.rows import ChoiceField, CodesField, Column, Row, folded
from switching.codes import ACCEPTANCES, REJECTIONS, AnswerCode
from switching.forms import LineField
from switching.models import Application, Content, NetworkAnswer
from switching.network_work import Duty

Verdict = NetworkAnswer.Verdict
APPLICATION = Column(
    "application",
    _("application number"),
    LineField(error_messages={"required": _("Please enter the application number: A and ten digits.")}),
    hint=_("A and ten digits, as the hub issued it."),
    example="A0000000018",
    also=("申込番号", "application"),
)


class NetworkAnswers(FileKind):
    content = Content.NETWORK_ANSWERS
    function = Function.APPLICATIONS
    key_column = "application"
    introduction = _(
        "Each row accepts or rejects one application on your network; the retailer reads its codes. An answer cannot "
        "be recalled: a rejected application has ended, and a new one may be filed."
    )
    work_list_name = "applications-to-answer"
    work_list_note = _(
        "The work list names the applications that wait for your answer, the first due first, without the customer's "
        "data. Each application in it counts as opened by your company."
    )
    passed_over = {
        "due": _("answer due"),
        "kind": _("kind"),
        "supply_class": _("class of supply"),
        "supply_point": _("supply point number"),
        "retailer": _("retailer"),
        "desired_date": _("desired date"),
        "meter_work": _("meter work"),
        "ampere": _("ampere"),
        "removal": _("removal of the equipment"),
    }
    columns = (
        APPLICATION,
        Column(
            "verdict",
            _("answer"),
            ChoiceField(
                [("accept", _("accept")), ("reject", _("reject"))],
                also={"受付": "accept", "承諾": "accept", "可": "accept", "OK": "accept"}
                | {"拒否": "reject", "不可": "reject", "否": "reject", "NG": "reject"},
                error_messages={"required": _("Please write accept or reject.")},
            ),
            hint=_("accept or reject."),
            example="reject",
            also=("回答",),
        ),
        Column(
            "codes",
            _("answer codes"),
            CodesField(required=False),
            hint=format_lazy(
                _("One or more, divided by blanks: {codes}. Empty with an acceptance: A01."),
                codes=" ".join(AnswerCode.values),
            ),
            example="R04",
            also=("コード",),
        ),
        Column(
            "text",
            _("answer in words"),
            LineField(required=False, max_length=200),
            hint=_("With code R99; no data of the customer."),
        ),
        REFERENCE,
    )

    def work_list(self, *, by: User, now: datetime) -> list[list[str]]:
        """The applications to answer, the first due first; each counts as opened."""
        waiting = list(
            network_work.of(by).filter(duty=Duty.ANSWER).select_related("point", "retailer")[: settings.BULK_MOST_ROWS]
        )
        sights.note_many(waiting, by=by, now=now)
        return [
            [
                application.number,
                *[""] * (len(self.columns) - 1),
                application.duty_due.isoformat() if application.duty_due else "",
                application.get_kind_display(),
                application.point.supply_class,
                application.point.number,
                company_name(application.retailer),
                application.desired_date.isoformat(),
                str(_("yes")) if application.meter_work else str(_("no")),
                str(application.ampere or ""),
                str(_("yes")) if application.removal else str(_("no")),
            ]
            for application in waiting
        ]

    def look_up(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        find_applications(rows, by=by)
        for row in rows:
            if not row.is_wrong:
                _read_codes(row)

    def read_ahead(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        answers.by_id.know({(row.found["application"].pk,): row.found["application"] for row in rows})

    def file(self, row: Row, *, by: User, now: datetime, dry_run: bool) -> Application:
        verb = answers.accept if row.values["verdict"] == Verdict.ACCEPT else answers.reject
        return verb(
            application_id=row.found["application"].pk,
            codes=row.values["codes"],
            text=row.values["text"],
            by=by,
            now=now,
            dry_run=dry_run,
        )

    def compare(self, rows: Sequence[Row], *, by: User, now: datetime) -> None:
        moved = [row for row in rows if isinstance(row.refusal, applications.AlreadyMoved)]
        given: dict[int, NetworkAnswer] = {
            answer.application_id: answer
            for answer in NetworkAnswer.objects.filter(
                application__in=[row.found["application"] for row in moved]
            ).order_by("pk")
        }
        for row in moved:
            application: Application = row.found["application"]
            answer = given.get(application.pk)
            if answer is None:
                continue
            if (answer.verdict, answer.codes) == (row.values["verdict"], sorted(set(row.values["codes"]))):
                row.is_there(
                    "is_answered", application, _("This application was answered just so before; nothing is done.")
                )
            else:
                row.error(
                    "answered_otherwise",
                    ["verdict"],
                    format_lazy(
                        _("This application was answered before: {verdict}, {codes}. An answer is not changed."),
                        verdict=Verdict(answer.verdict).label,
                        codes=" ".join(answer.codes),
                    ),
                )


def find_applications(rows: Sequence[Row], *, by: User) -> None:
    """Set `found["application"]`, with point and retailer; a number not on the person's network is unknown."""
    for row in rows:
        if row.is_wrong:
            continue
        row.values["application"] = number = folded(row.values["application"]).upper().replace("-", "")
        if not (number.startswith(numbers.APPLICATION) and numbers.is_well_formed(number)):
            row.error(
                "no_application_number",
                ["application"],
                _("This is no application number: it is A and ten digits, the last of which checks the others."),
            )
    wanted = {row.values["application"] for row in rows if not row.is_wrong}
    found: dict[str, Any] = {
        application.number: application
        for application in Application.objects.filter(
            within(by, Ability.ANSWER_APPLICATION, area="point__area", supply_class="point__supply_class"),
            point__network_operator=by.company,
            number__in=wanted,
        )
        .exclude(state="draft")
        .select_related("point", "retailer", "match")
    }
    for row in rows:
        if row.is_wrong:
            continue
        application = found.get(row.values["application"])
        if application is None:
            row.error(
                "unknown_application",
                ["application"],
                format_lazy(
                    _("Application {number} is none of those you may handle here. Please compare the digits."),
                    number=row.values["application"],
                ),
            )
        else:
            row.found["application"] = application
            row.area, row.supply_class = application.point.area, application.point.supply_class


def _read_codes(row: Row) -> None:
    codes = [code.upper() for code in row.values["codes"]]
    is_acceptance = row.values["verdict"] == Verdict.ACCEPT
    fitting = ACCEPTANCES if is_acceptance else REJECTIONS
    unknown = [code for code in codes if code not in AnswerCode.values]
    if unknown:
        row.error(
            "unknown_code",
            ["codes"],
            format_lazy(
                _("“{code}” is no answer code; they are: {codes}."),
                code=unknown[0][:20],
                codes=" ".join(AnswerCode.values),
            ),
        )
    elif wrong := [code for code in codes if code not in fitting]:
        row.error(
            "code_of_the_other_answer",
            ["codes", "verdict"],
            format_lazy(
                _("{code} is a code of the other answer; with this one go: {codes}."),
                code=wrong[0],
                codes=" ".join(sorted(fitting)),
            ),
        )
    elif not codes and not is_acceptance:
        row.error("code_missing", ["codes"], _("A rejection names at least one code: R01 to R08 or R99."))
    elif AnswerCode.OTHER in codes and not row.values["text"]:
        row.error("words_missing", ["text"], _("Code R99 needs its reason in words."))
    else:
        row.values["codes"] = codes or [AnswerCode.AS_FILED.value]
