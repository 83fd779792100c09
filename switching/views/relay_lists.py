"""The list of cancellation relays: to judge, to file, received, sent; and its CSV.

Against win-back selling (domain notes, switching §5) the list of received relays and its CSV carry the case and never
the customer: no supply point number, contract number, name or address. Which customer is leaving is seen one case at
a time; what the identity check needs, on the judgement page alone, where every read is kept in the ledger.
"""

import django_filters
from django import forms
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from portal import clock, ledger, lists
from portal.access import Ability, needs
from portal.filters import Days
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import class_mark, company_name, point_number
from switching import (
    threads,
)
from switching.models import Application, Relay
from switching.states import RelayMove, RelayState
from switching.views import moves, turns
from switching.views.filters import ByNumber, ClassOfSupply, InArea
from switching.views.relay_words import in_words, link

TABS: dict[str, str | Promise] = {
    "judge": gettext_lazy("To judge"),
    "to_file": gettext_lazy("To file"),
    "received": pgettext_lazy("relays", "Received"),
    "sent": pgettext_lazy("relays", "Sent"),
}


class RelayFilter(ByNumber):
    q = django_filters.CharFilter(label=gettext_lazy("Relay or supply point number"), method="by_number")
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=RelayState.choices)
    supply_class = ClassOfSupply()
    area = InArea()
    desired = Days(gettext_lazy("Desired date from / until"), "desired_date")
    asked = django_filters.ChoiceFilter(
        label=gettext_lazy("Questions"),
        choices=[
            ("yes", gettext_lazy("the other retailer wrote last")),
            ("no", gettext_lazy("nothing to answer or read")),
        ],
        method="by_last_message",
    )
    tab = django_filters.ChoiceFilter(choices=list(TABS.items()), method="as_it_is", widget=forms.HiddenInput)

    class Meta:
        model = Relay
        fields: list[str] = []

    def by_last_message(self, rows: QuerySet[Relay], name: str, value: str) -> QuerySet[Relay]:
        return threads.other_wrote_last(rows, self.request.user.company_id, wanted=value == "yes")

    def as_it_is(self, rows: QuerySet[Relay], name: str, value: str) -> QuerySet[Relay]:
        """The tab is carried along; what it shows is chosen in the view."""
        return rows


_NUMBER = Column("number", gettext_lazy("Relay"), sort="id", link=link)
_CLASS = Column(
    "supply_class",
    gettext_lazy("Class of supply"),
    value="point.supply_class",
    show=class_mark,
    sort="point__supply_class",
)
_STATE = Column(
    "state", gettext_lazy("State"), value=lambda relay: relay.get_state_display(), draw=turns.relay_badge, sort="state"
)
_AREA = Column("area", gettext_lazy("Area"), value=lambda relay: relay.point.get_area_display(), sort="point__area")
_DESIRED = Column("desired_date", gettext_lazy("Desired date"), sort="desired_date")
_DUE = Column("due_at", gettext_lazy("Judgement due"), sort="due_at")
_REGISTERED = Column("registered_at", gettext_lazy("Registered at"), sort="registered_at")
_GAINING = Column(
    "gaining_retailer",
    gettext_lazy("Gaining retailer"),
    value=lambda relay: company_name(relay.gaining_retailer),
    sort="gaining_retailer__name",
)
_JUDGED = Column("judged_at", gettext_lazy("Judged at"), sort="judged_at")
_REASONS = Column("reasons", gettext_lazy("Reasons"), value=lambda relay: " / ".join(in_words(relay)))
_POLICY = Column("judged_by_policy", gettext_lazy("Accepted by policy"), csv_only=True)
_CODES = Column(
    "reason_codes",
    gettext_lazy("Reason codes"),
    value=lambda relay: " ".join(map(str, relay.reasons)),
    csv_only=True,
)

JUDGE = [
    Column(
        "number",
        gettext_lazy("Relay"),
        sort="id",
        link=lambda relay: reverse("switching:judgement", args=[relay.number]),
    ),
    _CLASS,
    _DUE,
    _DESIRED,
    _AREA,
    _GAINING,
    _REGISTERED,
]
_TIMES = moves.columns(RelayMove)
TO_FILE = [
    Column(
        "number", gettext_lazy("Relay"), sort="id", link=lambda relay: reverse("switching:filing", args=[relay.number])
    ),
    _CLASS,
    Column("termination_due_at", gettext_lazy("Termination due by"), sort="termination_due_at"),
    Column("termination_cut_off", gettext_lazy("Matching cut-off"), sort="termination_cut_off"),
    _DESIRED,
    _AREA,
    _GAINING,
    _JUDGED,
]
RECEIVED = [
    *[_NUMBER, _CLASS, _STATE, _AREA, _GAINING, _DESIRED, _DUE, _REGISTERED, _JUDGED, _REASONS, _CODES, _POLICY],
    *_TIMES,
]
SENT = [
    _NUMBER,
    _CLASS,
    _STATE,
    Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number),
    Column(
        "losing_retailer",
        gettext_lazy("Losing retailer"),
        value=lambda relay: company_name(relay.losing_retailer),
        sort="losing_retailer__name",
    ),
    _AREA,
    _DESIRED,
    _DUE,
    _REGISTERED,
    _JUDGED,
    _REASONS,
    _CODES,
    _POLICY,
    Column(
        "starts",
        gettext_lazy("Switch start"),
        value=lambda relay: " ".join(start.number for start in relay.own_starts),
        csv_only=True,
    ),
    Column("contract_number", gettext_lazy("Contract number at the present retailer"), private=True),
    Column("holder_name", gettext_lazy("Contract holder"), private=True),
    Column("holder_kana", gettext_lazy("Contract holder in kana"), private=True),
    Column("holder_address", gettext_lazy("Address"), private=True),
    Column("contact_person", gettext_lazy("Contact person at your company"), csv_only=True),
    Column("registered_by", gettext_lazy("Registered by"), value="registered_by.name", csv_only=True),
    *_TIMES,
]


@needs(Ability.SEE_RELAYS)
def listing(request: HttpRequest) -> HttpResponseBase:
    """Relays to judge (the first deadline first), received, sent; CSV of the rows shown."""
    user: User = request.user  # type: ignore[assignment]
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "judge"
    rows = moves.with_times(Relay.objects.visible_to(user), "relay").select_related(
        "point", "gaining_retailer", "losing_retailer", "registered_by"
    )
    if tab == "sent":
        starts = Application.objects.filter(kind=Application.Kind.SWITCH_START).only("number", "relay_id")
        rows = rows.filter(gaining_retailer=user.company).prefetch_related(
            Prefetch("applications", starts, to_attr="own_starts")
        )
        columns, empty = SENT, _("No relay sent yet. Each begins with a facility inquiry.")
        if lists.wants_csv(request):
            ledger.record(
                "relay.export", "relays sent", by=user, now=clock.now(), purpose="CSV of the own company's relays"
            )
    else:
        rows = rows.filter(losing_retailer=user.company)
        columns, empty = RECEIVED, _("No relay received yet.")
        if tab == "judge":
            rows = rows.filter(state=RelayState.WAITING).order_by("due_at", "pk")
            columns, empty = JUDGE, _("Nothing to judge. New relays stand here and are told by mail.")
        elif tab == "to_file":
            rows = rows.filter(termination_due_at__isnull=False).order_by("termination_due_at", "pk")
            columns, empty = TO_FILE, _("No switch termination is owed.")
    return lists.show(
        request,
        rows,
        columns=columns,
        filterset=RelayFilter,
        title=_("Cancellation relays"),
        empty=empty,
        template="switching/relays.html",
        context={
            "tabs": [(label, f"?tab={name}", name == tab) for name, label in TABS.items()],
            "may_register": user.may(Ability.REGISTER_RELAY),
        },
        filename=f"relays-{tab}",
    )
