"""Facility inquiries: what may be asked about any supply point, with the customer's consent, never who or where."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, Q
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering import governance
from metering.addresses import Address, parse, search_key
from metering.folding import DASHES, drop_spaces, fold_width
from metering.models import Consent, FacilityInquiry, Meter, SupplyPoint
from metering.points import next_reading_date, normalise_number
from portal import gates, ledger
from portal.access import Ability, covers, within
from portal.market import MarketRole
from portal.models import Function, User
from portal.refusals import Refusal
from portal.workdays import jst_date

MOST_CANDIDATES = 20
SHORTEST_PLACE = 3
_AT_MOST_LOOKED_AT = 5000

PendingSource = Callable[[list[int]], dict[int, list[dict[str, str]]]]

# Other rooms tell here which applications are pending on points: {point id: [{"kind": …, "date": "2026-04-01"}]},
# never whose. `pending_labels` holds their words for the kinds.
pending_sources: list[PendingSource] = []
pending_labels: dict[str, str | Promise] = {}


class Refused(Refusal):
    """An inquiry that is not answered; `sentence` says why and what to do."""


class Locked(Refused):
    sentence = _(
        "Your inquiries are locked because an alarm about them was not explained in time. Your company's "
        "administrator or the hub operator's helpdesk can lift the lock."
    )


class BudgetSpent(Refused):
    sentence = _(
        "You have used up your inquiries of today. It begins anew at midnight; if you need more, please ask the hub "
        "operator."
    )


class ConsentMissing(Refused):
    sentence = _("An inquiry needs the customer's consent. Please record it first.")


class ReferenceMissing(Refused):
    sentence = _("Give your own reference of the consent: the number of the recording, form or order.")


class ConsentOfAnotherCompany(Refused):
    sentence = _("This consent is not one of your company's. Please record the customer's consent to you.")


class ConsentInTheFuture(Refused):
    sentence = _("The consent is dated in the future. Give the day on which the customer agreed.")


class ConsentTooOld(Refused):
    """The consent was given more than `days` days ago."""

    def __init__(self) -> None:
        self.days = settings.CONSENT_MAX_AGE_DAYS
        self.sentence = format_lazy(
            _("The consent is older than {days} days. Please ask the customer again."), days=self.days
        )
        super().__init__()


class OutsideYourRoles(Refused):
    sentence = _("Your role does not cover this area and class of supply. Your company's administrator can extend it.")


class NoPartInArea(Refused):
    sentence = _(
        "Your company has no participant code as a retailer in the area of this number, so it cannot ask about it. "
        "Please compare the first two digits, or apply to the hub operator for the area."
    )


class UnknownPoint(Refused):
    sentence = _(
        "No supply point of this class has this number. Compare it with the meter slip; a feed-in point has a "
        "number of its own."
    )


class AddressTooShort(Refused):
    sentence = _("That is too short to search for. Begin with prefecture and municipality, then town and number.")


class RoomNeeded(Refused):
    """At the address stands a building with `count` supply points."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.sentence = format_lazy(
            _("There are {count} supply points at this address. Add the building and the room number."), count=count
        )
        super().__init__(count)


class TooMany(Refused):
    """`count` points fit, more than are shown."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.sentence = format_lazy(
            _("{count} supply points fit; at most {most} are shown. Add the town, the house number or the room."),
            count=count,
            most=MOST_CANDIDATES,
        )
        super().__init__(count)


class NothingFound(Refused):
    sentence = _(
        "No supply point of this class was found there within your areas. Check the writing, or ask for the number "
        "on the meter slip."
    )


@dataclass(frozen=True)
class Candidate:
    """What tells one found point from the next: never where it is or whose."""

    number: str
    supply_class: str
    meter_tails: tuple[str, ...]
    contract_size: str
    contract_size_unit: str


def record_consent(
    *, reference: str, channel: str, purpose: str, obtained_on: date, by: User, now: datetime
) -> Consent:
    """Keep a customer's consent for the person's company: own reference, how, what for, when it was given.

    Raises ReferenceMissing, ConsentInTheFuture, ConsentTooOld, gates.Closed. Source: domain notes, switching §4.
    """
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    if not reference.strip():
        raise ReferenceMissing
    check_consent_day(obtained_on, now)
    with transaction.atomic():
        consent = Consent.objects.create(
            company=by.company,
            reference=reference.strip(),
            channel=Consent.Channel(channel),
            purpose=Consent.Purpose(purpose),
            obtained_on=obtained_on,
            recorded_at=now,
            recorded_by=by,
        )
        ledger.record(
            "consent recorded",
            f"consent {consent.pk}",
            by=by,
            now=now,
            purpose=purpose,
            reference=consent.reference,
            channel=str(consent.channel),
            obtained_on=obtained_on.isoformat(),
        )
    return consent


def inquire(*, number: str, supply_class: str, consent: Consent | None, by: User, now: datetime) -> FacilityInquiry:
    """Ask about one point and keep the answer as given: every item of domain notes, switching §4, nothing personal.

    `number` may be typed in any of the ways `points.normalise_number` reads; what it raises comes through
    (WrongNumber). Raises gates.Closed, Locked, BudgetSpent, ConsentMissing, ConsentOfAnotherCompany,
    ConsentInTheFuture, ConsentTooOld, OutsideYourRoles,
    NoPartInArea, UnknownPoint. An answer and each of these refusals
    but the first leave a ledger row and count (metering.governance): do not call this inside a
    transaction that the refusal rolls back.
    """
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    number = normalise_number(number, supply_class=supply_class)
    area = number[:2]
    subject = f"supply point {number}"
    try:
        watched(by, now, number=number)
        consent = checked(consent, by, now)
        if not covers(by, Ability.INQUIRE, area=area, supply_class=supply_class):
            raise OutsideYourRoles
        if area not in areas_of(by):
            raise NoPartInArea
        point = SupplyPoint.objects.filter(number=number, supply_class=supply_class).first()
        if point is None:
            raise UnknownPoint
    except Refused as refusal:
        leave_refusal("facility inquiry refused", subject, refusal, consent, by, now)
        raise
    with transaction.atomic():
        inquiry = FacilityInquiry.objects.create(
            company=by.company,
            by=by,
            at=now,
            consent=consent,
            supply_class=supply_class,
            area=area,
            point=point,
            answer=answer_about(point, today=jst_date(now)),
        )
        ledger.record(
            "facility inquiry",
            subject,
            by=by,
            now=now,
            purpose=consent.purpose,
            consent=consent.reference,
            inquiry=inquiry.pk,
        )
    return inquiry


def answer_about(point: SupplyPoint, *, today: date) -> dict[str, Any]:
    """The answer as JSON values: codes and figures, words are added when it is shown.

    Contract size as text with its unit beside it, days in ISO form, `meters` and `pending` as lists.
    Source: domain notes, switching §4.
    """
    reading = next_reading_date(point, on_or_after=today)
    return {
        "number": point.number,
        "area": point.area,
        "supply_class": point.supply_class,
        "remote_island": point.remote_island,
        "contract_size": _size(point),
        "contract_size_unit": point.contract_size_unit,
        "current_limit_a": point.current_limit_a,
        "menu": point.menu,
        "power_factor": point.power_factor,
        "phases": point.phases,
        "voltage_v": point.voltage_v,
        "capacity_method": point.capacity_method,
        "meters": [
            {
                "number": meter.number,
                "kind": meter.kind,
                "multiplier": meter.multiplier,
                "smart": meter.kind == Meter.Kind.SMART,
            }
            for meter in point.meters.filter(_standing(today))
        ],
        "service_pole": point.service_pole,
        "has_generation": point.has_generation,
        "last_wheeling_change": point.last_wheeling_change and point.last_wheeling_change.isoformat(),
        "reading_day": point.reading_day,
        "next_reading_date": reading and reading.isoformat(),
        "contract_state": point.contract_state,
        "on_termination": point.on_termination,
        "half_hourly_collectable": point.half_hourly_collectable,
        "remote_reading_possible": point.remote_reading_possible,
        "pending": sorted(
            (
                {"kind": str(pending["kind"]), "date": str(pending["date"])}
                for source in pending_sources
                for pending in source([point.pk]).get(point.pk, [])
            ),
            key=lambda pending: (pending["date"], pending["kind"]),
        ),
    }


def search_by_address(
    *, address: str, supply_class: str, consent: Consent | None, by: User, now: datetime
) -> list[Candidate]:
    """Points at an address, at most 20, told apart by number, meter and contract size; the address is never shown.

    Ways of writing the address are folded (`metering.addresses`). An address whose very number is found beats
    longer ones (4-8-1 before 4-8-1-5). Where a building stands there and no room was typed, RoomNeeded says how many.
    Raises as `inquire` about consent and roles, and AddressTooShort, NothingFound, TooMany. Each search is in the
    ledger. Source: domain notes, switching §3, §4.
    """
    wanted = parse(address)
    place = search_key(address).partition(" ")[0]
    rooms = wanted.units

    def find() -> list[SupplyPoint]:
        nonlocal rooms
        if len(place) < SHORTEST_PLACE or not re.search(r"[^0-9・~A-Z-]", place):
            raise AddressTooShort
        here = _searchable(by, supply_class, now)
        found = _at(here, place, from_start=bool(wanted.prefecture))
        if not found and not wanted.building_pieces and len(wanted.numbers) > 1:
            # 1-2-3-405: the last number is a room
            rooms = wanted.numbers[-1:]
            found = _at(here, place.removesuffix(f"-{rooms[0]}"), from_start=bool(wanted.prefecture))
        if rooms or wanted.building_pieces:
            name = _name(wanted.name_pieces)
            found = [point for point in found if _is_in(parse(point.address), name, rooms)]
        if not rooms and len({point.building for point in found}) > 1 and len({_place(point) for point in found}) == 1:
            raise RoomNeeded(len(found))
        return found

    return _search("by address", find, supply_class=supply_class, consent=consent, by=by, now=now)


def search_by_meter(
    *, meter_number: str, supply_class: str, consent: Consent | None, by: User, now: datetime
) -> list[Candidate]:
    """Points where a meter of this number stands now, inside the person's areas; otherwise as `search_by_address`."""
    number = normalise_meter_number(meter_number)

    def find() -> list[SupplyPoint]:
        if len(number) < SHORTEST_PLACE:
            raise NothingFound
        standing = Meter.objects.filter(_standing(jst_date(now)), number=number)
        return list(_searchable(by, supply_class, now).filter(pk__in=standing.values("point")))

    return _search("by meter number", find, supply_class=supply_class, consent=consent, by=by, now=now)


def normalise_meter_number(text: str) -> str:
    """A meter number as registered: plain width, capitals, no spaces; hyphens of any kind as "-"."""
    plain = drop_spaces(fold_width(text)).upper()
    return re.sub(f"[{re.escape(DASHES)}]", "-", plain)


def last_consent(user: User, *, today: date) -> Consent | None:
    """The person's newest consent still young enough to be used again for the same customer."""
    return (
        Consent.objects.filter(
            company=user.company,
            recorded_by=user,
            obtained_on__gte=today - timedelta(days=settings.CONSENT_MAX_AGE_DAYS),
        )
        .order_by("-id")
        .first()
    )


def is_usable(consent: Consent, *, today: date) -> bool:
    """True while the consent is not dated in the future and not older than CONSENT_MAX_AGE_DAYS."""
    return 0 <= (today - consent.obtained_on).days <= settings.CONSENT_MAX_AGE_DAYS


def _search(
    way: str,
    find: Callable[[], list[SupplyPoint]],
    *,
    supply_class: str,
    consent: Consent | None,
    by: User,
    now: datetime,
) -> list[Candidate]:
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    subject = f"supply points {way}"
    try:
        watched(by, now)
        consent = checked(consent, by, now)
        found = find()
        if not found:
            raise NothingFound
        if len(found) > MOST_CANDIDATES:
            raise TooMany(len(found))
    except Refused as refusal:
        leave_refusal("supply point search refused", subject, refusal, consent, by, now)
        raise
    candidates = [_candidate(point) for point in sorted(found, key=lambda point: point.number)]
    ledger.record(
        "supply point search",
        subject,
        by=by,
        now=now,
        purpose=consent.purpose,
        consent=consent.reference,
        supply_class=supply_class,
        found=[candidate.number for candidate in candidates],
    )
    return candidates


def watched(by: User, now: datetime, *, number: str = "") -> None:
    """Count one question of the person; Locked or BudgetSpent where no more are answered."""
    if governance.is_locked(by, now=now):
        raise Locked
    if not governance.count(by, number=number, now=now):
        raise BudgetSpent


def checked(consent: Consent | None, by: User, now: datetime) -> Consent:
    """The consent, if it is the own company's and still holds; raises as `inquire` about consent."""
    if consent is None:
        raise ConsentMissing
    if consent.company_id != by.company_id:
        raise ConsentOfAnotherCompany
    check_consent_day(consent.obtained_on, now)
    return consent


def check_consent_day(obtained_on: date, now: datetime) -> None:
    """Raises ConsentInTheFuture or ConsentTooOld."""
    age = (jst_date(now) - obtained_on).days
    if age < 0:
        raise ConsentInTheFuture
    if age > settings.CONSENT_MAX_AGE_DAYS:
        raise ConsentTooOld


def leave_refusal(
    action: str, subject: str, refusal: Refused, consent: Consent | None, by: User, now: datetime
) -> None:
    """A ledger row about a question that was not answered."""
    own = consent if consent and consent.company_id == by.company_id else None
    detail = {"consent": own.reference} if own else {}
    if isinstance(refusal, RoomNeeded | TooMany):
        detail["count"] = str(refusal.count)
    ledger.record(
        action,
        subject,
        by=by,
        now=now,
        purpose=own.purpose if own else "",
        reason=type(refusal).__name__,
        **detail,
    )


def _searchable(by: User, supply_class: str, now: datetime) -> Any:
    today = jst_date(now)
    return (
        SupplyPoint.objects.filter(
            within(by, Ability.INQUIRE, area="area", supply_class="supply_class"),
            supply_class=supply_class,
            area__in=areas_of(by),
        )
        .exclude(contract_state=SupplyPoint.ContractState.REMOVED)
        .prefetch_related(Prefetch("meters", Meter.objects.filter(_standing(today)), to_attr="standing"))
        .order_by("number")
    )


def areas_of(by: User) -> set[str]:
    """The areas in which the person's company takes part as a retailer."""
    parts = by.company.participations.filter(market_role=MarketRole.RETAILER)
    return set(parts.values_list("area", flat=True))


def _standing(today: date) -> Q:
    return Q(removed_on__isnull=True) | Q(removed_on__gt=today)


def _candidate(point: Any) -> Candidate:
    return Candidate(
        point.number,
        point.supply_class,
        tuple(meter.number[-4:] for meter in point.standing),
        _size(point) or "",
        point.contract_size_unit,
    )


def _size(point: SupplyPoint) -> str | None:
    return None if point.contract_size is None else f"{point.contract_size.normalize():f}"


def _place(point: SupplyPoint) -> str:
    return point.address_key.partition(" ")[0]


def _at(here: Any, place: str, *, from_start: bool) -> list[SupplyPoint]:
    """Points whose place is this one; failing that, those whose place goes on from it, but not within a number."""
    written = Q(address_key__contains=place)
    if from_start:
        written &= Q(address_key__startswith=place)
    if place[-1].isdigit():
        written &= Q(address_key__regex=re.escape(place) + "(?![0-9])")
    here = here.filter(written)
    found = list(here[: _AT_MOST_LOOKED_AT + 1])
    if len(found) > _AT_MOST_LOOKED_AT:
        raise TooMany(here.count())
    ends = re.compile(re.escape(place) + "(?: |$)")
    return [point for point in found if ends.search(point.address_key)] or found


def _is_in(held: Address, name: str, rooms: tuple[str, ...]) -> bool:
    """The typed rooms end the point's own; a typed building name stands in the point's, unless that has none."""
    if rooms and held.units[-len(rooms) :] != rooms:
        return False
    known = _name(held.name_pieces)
    return not name or name in known or (not known and bool(rooms))


def _name(pieces: Iterable[Any]) -> str:
    return "".join(piece.key for piece in pieces)
