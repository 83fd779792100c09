"""Pages of undoing: the list, the case, denials by retailer."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import clock, ledger, lists
from portal.access import Ability, needs
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import class_mark, company_name, point_number
from portal.workdays import jst_date
from switching import exits, frauds, traces, undoing
from switching.models import Application, Relay, UndoCase
from switching.undo_states import UndoKind, UndoState
from switching.views import timeline, undo_turns
from switching.views.filters import ByNumber, ClassOfSupply, InArea
from switching.views.turns import application_badge
from switching.views.undo_acts import facts_of, visible


class UndoFilter(ByNumber):
    also = ("relay__number", "point__number")
    q = django_filters.CharFilter(label=gettext_lazy("Case, relay or supply point number"), method="by_number")
    turn = django_filters.ChoiceFilter(
        label=gettext_lazy("Turn"), choices=[("mine", gettext_lazy("waits for my answer"))], method="by_turn"
    )
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=UndoKind.choices)
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=UndoState.choices)
    supply_class = ClassOfSupply()
    area = InArea()

    class Meta:
        model = UndoCase
        fields: list[str] = []

    def by_turn(self, rows: QuerySet[UndoCase], name: str, value: str) -> QuerySet[UndoCase]:
        return rows.filter(undoing.waiting_for(self.request.user))


COLUMNS = [
    Column("number", gettext_lazy("Case"), sort="id", link=lambda c: reverse("switching:undo-case", args=[c.number])),
    Column("kind", gettext_lazy("Kind"), value=lambda c: c.get_kind_display(), sort="kind"),
    Column("state", gettext_lazy("State"), value=lambda c: c.get_state_display(), draw=undo_turns.undo_badge),
    Column("supply_class", gettext_lazy("Class of supply"), value="point.supply_class", show=class_mark),
    Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number),
    Column("area", gettext_lazy("Area"), value=lambda c: c.point.get_area_display() if c.point else ""),
    Column(
        "gaining",
        gettext_lazy("Gaining retailer"),
        value=lambda c: company_name(c.gaining_retailer) if c.gaining_retailer else "",
    ),
    Column("losing", gettext_lazy("Losing retailer"), value=lambda c: company_name(c.losing_retailer)),
    Column("due_at", gettext_lazy("Answer due"), sort="due_at"),
    Column("effective_on", gettext_lazy("Effective on"), sort="effective_on"),
    Column("opened_at", gettext_lazy("Case opened at"), sort="opened_at"),
    Column("phase", gettext_lazy("Phase"), value=lambda c: c.get_phase_display(), csv_only=True),
    Column("reason", gettext_lazy("Reason"), value=lambda c: c.get_reason_display(), csv_only=True),
    Column("outcome", gettext_lazy("Outcome"), value=lambda c: c.get_outcome_display(), csv_only=True),
    Column("relay", gettext_lazy("Relay"), value="relay.number", csv_only=True),
    Column("closed_at", gettext_lazy("Closed at"), csv_only=True),
]


@needs(Ability.SEE_UNDOING)
def listing(request: HttpRequest) -> HttpResponseBase:
    """The undoing cases of the own company, of the own network, or all for the hub's people."""
    user: User = request.user  # type: ignore[assignment]
    return lists.show(
        request,
        UndoCase.objects.visible_to(user).select_related("point", "relay", "gaining_retailer", "losing_retailer"),
        columns=COLUMNS,
        filterset=UndoFilter,
        title=_("Undoing of switches"),
        empty=_("No case yet. A cooling-off or a reversal is asked for from its relay."),
        template="switching/undoing.html",
        context={"may_announce": undoing.is_operator(user)},
    )


@needs(Ability.SEE_UNDOING)
def page(request: HttpRequest, number: str) -> HttpResponse:
    """One case: what is undone, whose turn, what each side said, what was filed for it."""
    user: User = request.user  # type: ignore[assignment]
    case = visible(user, number)
    if user.company.is_hub_operator:
        ledger.record("undoing.read", traces.subject_of(case), by=user, now=clock.now(), purpose="undoing of a switch")
    filed = case.applications.select_related("point", "retailer", "match").order_by("pk")
    sees_relay = case.relay is not None and Relay.objects.visible_to(user).filter(pk=case.relay.pk).exists()
    sees = set(Application.objects.visible_to(user).filter(pk__in=filed).values_list("pk", flat=True))
    exit_rows = _exit_rows(case) if case.kind == UndoKind.MARKET_EXIT else []
    return render(
        request,
        "switching/undo_case.html",
        {
            "title": f"{case.get_kind_display()} {case.number}",
            "case": case,
            "badge": undo_turns.undo_badge(case),
            "supply_class": case.point.supply_class if case.point else "",
            "clock": undo_turns.of_case(case, reader=user.company),
            "notes": undo_turns.what_it_means(case),
            "facts": facts_of(case),
            "words": undo_turns.words_of(case, reader=user.company),
            "filed": [(found, application_badge(found), found.pk in sees) for found in filed],
            "sees_relay": sees_relay,
            "related": UndoCase.objects.visible_to(user).filter(Q(parent=case) | Q(children=case)).distinct(),
            "exit_rows": exit_rows,
            "days": exits.days(case) if exit_rows else [],
            "may_list_points": bool(exit_rows) and not user.company.is_hub_operator,
            "events": timeline.of([case], reader=user),
            "number": case.number,
            "acts": [
                (label, reverse(f"switching:{name}", args=[case.number]))
                for label, name in map(ACTS.__getitem__, undoing.acts_now(case, user, today=jst_date(clock.now())))
            ],
        },
    )


def _exit_rows(case: UndoCase) -> list[dict[str, Any]]:
    newest = exits.figures(case)
    return [
        {
            "area": row.get_area_display(),
            "network_operator": company_name(row.network_operator),
            "at_first": row.points_at_first,
            "remaining": newest[row.area].remaining if row.area in newest else row.points_at_first,
            "under_way": newest[row.area].under_way if row.area in newest else 0,
            "day": newest[row.area].day if row.area in newest else None,
            "to_last_resort": row.to_last_resort,
        }
        for row in case.areas.select_related("network_operator")
    ]


ACTS: dict[str, tuple[Any, str]] = {
    "answer": (gettext_lazy("Answer"), "undo-answer"),
    "evidence": (gettext_lazy("Give the evidence"), "undo-evidence"),
    "contract": (gettext_lazy("Say whether the contract goes on"), "undo-contract"),
    "last-resort": (gettext_lazy("Keep the customer's answer"), "undo-last-resort"),
    "decision": (gettext_lazy("Decide"), "undo-decision"),
    "withdrawal": (gettext_lazy("Withdraw"), "undo-withdrawal"),
    "appeal": (gettext_lazy("Bring it before the hub operator"), "undo-appeal"),
    "exit-withdrawal": (gettext_lazy("Call the market exit off"), "exit-withdrawal"),
}
"""What can be done with a case: the words of the button and the page's name."""


@needs(Ability.DECIDE_UNDOING)
def denials(request: HttpRequest) -> HttpResponseBase:
    """Denials per gaining retailer, for the hub operator."""
    return lists.show(
        request,
        frauds.counts(),
        columns=[
            Column(
                "company",
                gettext_lazy("Gaining retailer"),
                value="name",
                sort="name",
                link=lambda company: f"{reverse('switching:undoing')}?kind={UndoKind.FRAUD}",
            ),
            Column("denials", gettext_lazy("Denials"), numeric=True, sort="denials"),
            Column("open_denials", gettext_lazy("open cases"), numeric=True, sort="open_denials"),
            Column("upheld", gettext_lazy("upheld"), numeric=True, sort="upheld"),
            Column("dismissed", gettext_lazy("dismissed"), numeric=True, sort="dismissed"),
            Column("silent", gettext_lazy("without evidence in time"), numeric=True, sort="silent"),
        ],
        title=_("Denials by retailer"),
        empty=_("No customer has denied a switch yet."),
        template="switching/denials.html",
    )
