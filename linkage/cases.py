"""The cases of the qualification: what a participant must have done in its market, by role, and where it shows.

Each case is a question to the tables of the market; its answer is the row that proves it. Nobody ticks a box.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Count, Exists, F, Model, OuterRef, Q
from django.db.models.functions import TruncDate
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from metering.models import FacilityInquiry, PublishedFile, UsageBatch, UsageFile
from portal.models import Company, LedgerEntry
from switching.models import (
    Application,
    Disclosure,
    MeterWork,
    NetworkAnswer,
    Relay,
    RetailerPolicy,
    Step,
)
from switching.partners.behaviours import Partner
from switching.reasons import IDENTITY_REASONS, Reason
from switching.states import ApplicationState, RelayMove, RelayState

Find = Callable[[Company], Model | None]
Kind = Application.Kind
IN_EFFECT = (ApplicationState.IN_EFFECT, ApplicationState.COMPLETED)


@dataclass(frozen=True)
class Case:
    """One thing to be shown; `how` says how it is brought about in the market."""

    code: str
    role: Partner
    words: str | Promise
    how: str | Promise
    find: Find


def _relay(where: Q) -> Find:
    """A relay the participant sent."""
    return lambda own: Relay.objects.filter(where, gaining_retailer=own).order_by("pk").first()


def _received(where: Q) -> Find:
    """A relay about one of the participant's customers."""
    return lambda own: Relay.objects.filter(where, losing_retailer=own).order_by("pk").first()


def _start(where: Q, kind: str = Kind.SWITCH_START) -> Find:
    return lambda own: Application.objects.filter(where, retailer=own, kind=kind).order_by("pk").first()


def _on_network(where: Q) -> Find:
    """An application on the participant's network."""
    return lambda own: Application.objects.filter(where, point__network_operator=own).order_by("pk").first()


def _file(where: Q) -> Find:
    return lambda own: UsageFile.objects.filter(where, sender=own).order_by("pk").first()


def _moved(move: str) -> Q:
    return Q(Exists(Step.objects.filter(application=OuterRef("pk"), move=move)))


def _rejected_for(reason: Reason) -> Q:
    return Q(state=RelayState.REJECTED, reasons__contains=[reason.value])


def _read_by(own: Company) -> LedgerEntry | None:
    entries = LedgerEntry.objects.filter(action="relay.read_identity", company=own)
    return entries.order_by("pk").first()


def _tried_again(own: Company) -> Relay | None:
    """A relay accepted on a point where an earlier one of the participant's was rejected for the customer's data."""
    before = Relay.objects.filter(
        gaining_retailer=own,
        point=OuterRef("point"),
        state=RelayState.REJECTED,
        reasons__overlap=sorted(IDENTITY_REASONS),
        registered_at__lt=OuterRef("registered_at"),
    )
    accepted = Relay.objects.filter(Exists(before), gaining_retailer=own, judged_at__isnull=False)
    return accepted.exclude(state=RelayState.REJECTED).order_by("pk").first()


def _start_before_acceptance(own: Company) -> Application | None:
    starts = Application.objects.filter(retailer=own, kind=Kind.SWITCH_START, match__isnull=False)
    termination = Relay.objects.filter(
        point=OuterRef("point"), gaining_retailer=own, judged_at__gt=OuterRef("filed_at"), state=RelayState.MATCHED
    )
    return starts.filter(Exists(termination)).order_by("pk").first()


def _collected_of_a_switch(own: Company) -> PublishedFile | None:
    """A file collected by the participant, of a day on which a point won by switching was its own."""
    won = Application.objects.filter(
        retailer=own, kind=Kind.SWITCH_START, in_effect_on__lte=OuterRef("publication__day")
    )
    files = PublishedFile.objects.filter(Exists(won), recipient=own, first_collected_at__isnull=False)
    return files.order_by("pk").first()


def _every_file_of_a_day(own: Company) -> PublishedFile | None:
    """The last file of a day of which the participant has collected every one."""
    days = (
        PublishedFile.objects.filter(recipient=own)
        .values("publication__day")
        .annotate(all=Count("pk"), collected=Count("first_collected_at"))
        .filter(all=F("collected"))
        .order_by("publication__day")
        .values_list("publication__day", flat=True)
    )
    day = days.first()
    return PublishedFile.objects.filter(recipient=own, publication__day=day).order_by("-pk").first() if day else None


def _answered_five_in_time(own: Company) -> Relay | None:
    """The newest of five relays answered one after the other without one expired between."""
    last = list(
        Relay.objects.filter(losing_retailer=own)
        .filter(Q(judged_by__company=own) | Q(state=RelayState.EXPIRED))
        .order_by("-due_at", "-pk")[:5]
    )
    return last[0] if len(last) == 5 and all(relay.state != RelayState.EXPIRED for relay in last) else None


def _without_reading_twice(own: Company) -> Relay | None:
    """A relay read before it was judged, as the law wants the customer's will checked."""
    read = LedgerEntry.objects.filter(action="relay.read_identity", company=own).values_list("subject", flat=True)
    numbers = [subject.split()[-1] for subject in read]
    return Relay.objects.filter(number__in=numbers, judged_by__company=own).order_by("pk").first()


def _rules_of(own: Company) -> Model | None:
    """Rules the participant's own people laid down in the market."""
    written = LedgerEntry.objects.filter(action="retailer_policy.lay_down", company=own).order_by("-pk").first()
    return written if written and RetailerPolicy.objects.filter(retailer=own).exists() else None


def _correcting_batch(own: Company) -> UsageFile | None:
    batch = UsageBatch.objects.filter(file__sender=own, rows_corrected__gt=0).select_related("file").first()
    return batch.file if batch else None


def _days_in_time(own: Company) -> UsageFile | None:
    """The newest file of three days whose usage came on the day after."""
    found = (
        UsageBatch.objects.filter(file__sender=own, rows_corrected=0)
        .annotate(came=TruncDate("file__received_at"))
        .values_list("day", "came", "file")
        .order_by("day")
    )
    in_time = {day: file for day, came, file in found if (came - day).days == 1}
    return UsageFile.objects.get(pk=max(in_time.values())) if len(in_time) >= 3 else None


def _answer(verdict: str) -> Find:
    return lambda own: (
        NetworkAnswer.objects.filter(verdict=verdict, by__company=own)
        .select_related("application")
        .order_by("pk")
        .first()
    )


_G, _L, _N = Partner.GAINING, Partner.LOSING, Partner.NETWORK
CASES: tuple[Case, ...] = (
    # --- As gaining retailer
    Case("G01", _G, _("facility inquiry with the customer's consent"), _("any point of the simulated retailer"),
         lambda own: FacilityInquiry.objects.filter(company=own).order_by("pk").first()),
    Case("G02", _G, _("facility inquiry at high voltage or feed-in"), _("a point of class HV or FIT"),
         lambda own: FacilityInquiry.objects.filter(company=own).exclude(supply_class="LV").order_by("pk").first()),
    Case("G03", _G, _("disclosure of disadvantages recorded"), _("before the relay"),
         lambda own: Disclosure.objects.filter(company=own).order_by("pk").first()),
    Case("G04", _G, _("relay accepted"), _("a point ending in 1"),
         _relay(Q(judged_at__isnull=False) & ~Q(state=RelayState.REJECTED))),
    Case("G05", _G, _("relay rejected: contract number"), _("a point ending in 5"),
         _relay(_rejected_for(Reason.NUMBER_DIFFERS))),
    Case("G06", _G, _("relay rejected for several reasons at once"), _("a point ending in 6"),
         _relay(Q(state=RelayState.REJECTED, reasons__len__gte=2))),
    Case("G07", _G, _("relay rejected: the customer denies"), _("a point ending in 7"),
         _relay(_rejected_for(Reason.CUSTOMER_DENIES))),
    Case("G08", _G, _("relay accepted on a point whose first relay was rejected for the customer's data"),
         _("a point ending in 0: first with a wrong name, then with the right one"), _tried_again),
    Case("G09", _G, _("relay expired without judgement"), _("a point ending in 4, and travel past the deadline"),
         _relay(Q(state=RelayState.EXPIRED))),
    Case("G10", _G, _("relay withdrawn before the match"), _("a point ending in 2: withdraw before the answer"),
         _relay(Q(state=RelayState.WITHDRAWN) & Q(Exists(Step.objects.filter(
             relay=OuterRef("pk"), move=RelayMove.WITHDRAW, by__company=F("relay__gaining_retailer")))))),
    Case("G11", _G, _("switch start filed before the relay was accepted, and matched"),
         _("a point ending in 0 or 2: file the start at once"), _start_before_acceptance),
    Case("G12", _G, _("switch start corrected"), _("a point ending in 2: another contract number, before the match"),
         _start(_moved("correct"))),
    Case("G13", _G, _("switch start cancelled before the match"), _("a point ending in 2"), _start(_moved("cancel"))),
    Case("G14", _G, _("start and termination matched"), _("a point ending in 1"), _start(Q(match__isnull=False))),
    Case("G15", _G, _("matching failed because no termination came"),
         _("a point ending in 9, and travel to the cut-off"),
         _relay(Q(state=RelayState.MATCHING_FAILED))),
    Case("G16", _G, _("switch in effect"), _("a point ending in 1, and travel past the date"),
         _start(Q(state__in=IN_EFFECT))),
    Case("G17", _G, _("every usage file of a day collected"), _("travel past a night, then collect"),
         _every_file_of_a_day),
    Case("G18", _G, _("usage collected after a switch"), _("travel past the switch, then collect"),
         _collected_of_a_switch),
    # --- As losing retailer
    Case("L01", _L, _("own rules for contract numbers laid down"), _("the page “Rules for relays”"), _rules_of),
    Case("L02", _L, _("both sides' data of a relay read"), _("a relay about one of your customers"), _read_by),
    Case("L03", _L, _("relay judged after its data were read"), _("read, then judge"), _without_reading_twice),
    Case("L04", _L, _("relay with the right data accepted in time"), _("a customer whose number ends in 1"),
         _received(Q(judged_by__company=F("losing_retailer")) & ~Q(state=RelayState.REJECTED))),
    Case("L05", _L, _("relay rejected: contract number"), _("a customer whose number ends in 5"),
         _received(_rejected_for(Reason.NUMBER_DIFFERS))),
    Case("L06", _L, _("relay rejected: name"), _("a customer whose number ends in 4 or 6"),
         _received(_rejected_for(Reason.NAME_DIFFERS))),
    Case("L07", _L, _("relay rejected: address"), _("a customer whose number ends in 8"),
         _received(_rejected_for(Reason.ADDRESS_DIFFERS))),
    Case("L08", _L, _("relay rejected for several reasons at once"), _("a customer whose number ends in 6"),
         _received(Q(state=RelayState.REJECTED, reasons__len__gte=2))),
    Case("L09", _L, _("relay rejected: the customer denies"), _("a customer whose number ends in 7"),
         _received(_rejected_for(Reason.CUSTOMER_DENIES))),
    Case("L10", _L, _("relay withdrawn by the other side seen"), _("a customer whose number ends in 3: do not answer"),
         _received(Q(state=RelayState.WITHDRAWN))),
    Case("L11", _L, _("termination matched with the other side's start"), _("accept, and travel a day"),
         _received(Q(state=RelayState.MATCHED))),
    Case("L12", _L, _("five relays one after the other answered in time"), _("answer every relay for three days"),
         _answered_five_in_time),
    # --- As network operator
    Case("N01", _N, _("usage file taken in without a refused row"), _("a day file of your points in area 09"),
         _file(Q(state=UsageFile.State.TAKEN_IN, rows_refused=0, rows_taken__gt=0))),
    Case("N02", _N, _("usage file of which rows were refused"), _("a day file with a negative value"),
         _file(Q(rows_refused__gt=0))),
    Case("N03", _N, _("usage corrected"), _("a second file with other values for a day sent before"),
         _correcting_batch),
    Case("N04", _N, _("usage sent twice without harm"), _("a second file with the same values"),
         _file(Q(rows_unchanged__gt=0))),
    Case("N05", _N, _("three days' usage on the day after"), _("a file each day while travelling day by day"),
         _days_in_time),
    Case("N06", _N, _("application accepted"), _("an application on your network"), _answer("accept")),
    Case("N07", _N, _("application rejected with a code"), _("an application on your network"), _answer("reject")),
    Case("N08", _N, _("work at a meter planned and reported"), _("an application with meter work"),
         lambda own: MeterWork.objects.filter(done_on__isnull=False, planned_by__company=own).order_by("pk").first()),
    Case("N09", _N, _("paperwork of an application reported completed"), _("an application in effect"),
         _on_network(Q(state=ApplicationState.COMPLETED))),
)  # fmt: skip


def of_role(role: Partner | str) -> list[Case]:
    """The cases of a role in their order."""
    return [case for case in CASES if case.role == role]
