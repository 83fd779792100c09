"""Disclosure of disadvantages: which list holds today, and the evidence that every item of it was explained."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from metering.models import SupplyPeriod, SupplyPoint
from portal import ahead, gates, ledger
from portal.access import Ability, covers
from portal.models import Company, Function, User
from portal.workdays import jst_date
from switching.models import (
    Acknowledgement,
    Charge,
    Disclosure,
    DisclosureDraft,
    DisclosureItem,
    DisclosureVersion,
)


class NotPossible(Exception):
    """The disclosure cannot be recorded; subclasses say why."""


class NotYours(NotPossible):
    """The person may not record disclosures for this point's area and class."""


class NotAllAcknowledged(NotPossible):
    """Some items were not acknowledged; `missing` holds them."""

    def __init__(self, missing: list[DisclosureItem]) -> None:
        super().__init__(", ".join(item.code for item in missing))
        self.missing = missing


class OutdatedVersion(NotPossible):
    """The version is no longer the one in force; `current` is."""

    def __init__(self, current: DisclosureVersion) -> None:
        super().__init__(f"version {current.version} is in force")
        self.current = current


class NotYourList(NotPossible):
    """Only a retailer's administrator writes the retailer's lists."""


class ListEmpty(NotPossible):
    """A list has at least one item."""


class ListBackdated(NotPossible):
    """A list holds from today on at the earliest: what was explained already stays as it was; `earliest`."""

    def __init__(self, earliest: date) -> None:
        super().__init__(str(earliest))
        self.earliest = earliest


class DraftGone(NotPossible):
    """The draft was published or thrown away in the meantime."""


class ExplainedInFuture(NotPossible):
    """The day of the explanation has not come yet."""


class ExplainedTooLongAgo(NotPossible):
    """The explanation is older than a relay may rest on; `oldest` is the first day that still counts."""

    def __init__(self, oldest: date) -> None:
        super().__init__(str(oldest))
        self.oldest = oldest


Line = tuple[str, str, str]  # code, Japanese, English


@dataclass(frozen=True)
class Lists:
    """What has to be explained to one customer: the hub-wide list and, where there is one, the present retailer's."""

    base: DisclosureVersion
    own: DisclosureVersion | None
    items: tuple[DisclosureItem, ...]


@dataclass(frozen=True)
class Change:
    """One line of the difference between two lists; `kind` is added, removed, changed or same."""

    kind: str
    code: str
    before: str
    after: str


def publish_version(
    items: Collection[Line],
    *,
    valid_from: date,
    by: User | None,
    now: datetime,
    retailer: Company | None = None,
    menu: str = "",
    charge: str = Charge.NOT_TOLD,
) -> DisclosureVersion:
    """Publish the next version of a list from (code, Japanese text, English text) in their order.

    Without `retailer` it is the hub-wide list; with one it is that retailer's, for `menu` or for all other menus.
    """
    with transaction.atomic():
        if retailer:
            Company.objects.select_for_update(no_key=True).get(pk=retailer.pk)
        last = DisclosureVersion.objects.filter(retailer=retailer, menu=menu).aggregate(last=Max("version"))["last"]
        version = DisclosureVersion.objects.create(
            retailer=retailer, menu=menu, version=(last or 0) + 1, valid_from=valid_from, charge=charge
        )
        DisclosureItem.objects.bulk_create(
            DisclosureItem(version=version, code=code, position=position, text_ja=text_ja, text_en=text_en)
            for position, (code, text_ja, text_en) in enumerate(items, start=1)
        )
        ledger.record(
            "disclosure_version.publish",
            f"disclosure version {version.version}",
            by=by,
            now=now,
            retailer=retailer.pk if retailer else None,
            menu=menu,
            charge=str(charge),
        )
    return version


@ahead.question
def version_on(day: date) -> DisclosureVersion | None:
    """The hub-wide list in force on the day."""
    return DisclosureVersion.objects.filter(retailer__isnull=True, valid_from__lte=day).first()


@ahead.question
def own_version_on(retailer_id: int | None, menu: str, day: date) -> DisclosureVersion | None:
    """The losing retailer's list in force on the day: for the menu, else the one for all other menus, else None."""
    if retailer_id is None:
        return None
    found = DisclosureVersion.objects.filter(retailer=retailer_id, valid_from__lte=day, menu__in={menu, ""})
    return found.order_by("-menu", "-valid_from", "-version").first()


@ahead.question
def has_own_lists(retailer_id: int, day: date) -> bool:
    """True when the retailer has published a list of its own that holds on the day."""
    return DisclosureVersion.objects.filter(retailer=retailer_id, valid_from__lte=day).exists()


def lists_on(day: date, *, losing_retailer_id: int | None = None, menu: str = "") -> Lists | None:
    """What has to be explained on the day to a customer of that retailer and menu; None before the first list.

    The retailer's words stand in the place of a base item of the same code; its other items follow.
    """
    base = version_on(day)
    if base is None:
        return None
    own = own_version_on(losing_retailer_id, menu, day)
    of_own = {item.code: item for item in own.items.all()} if own else {}
    items = [of_own.pop(item.code, item) for item in base.items.all()]
    return Lists(base, own, (*items, *of_own.values()))


def menus_on(day: date, retailer_ids: Collection[int]) -> list[tuple[int, str]]:
    """(retailer, menu) of every list of these retailers in force on the day; the menu "" is "all others"."""
    found = DisclosureVersion.objects.filter(retailer__in=retailer_ids, valid_from__lte=day)
    return list(found.order_by("retailer", "menu").values_list("retailer", "menu").distinct())


def oldest_usable(today: date) -> date:
    """A relay of today rests on an explanation of this day or later, as an inquiry does on its consent."""
    return today - timedelta(days=settings.CONSENT_MAX_AGE_DAYS)


def usable(point: SupplyPoint, *, user: User, today: date) -> Disclosure | None:
    """The company's newest explanation a relay of today on the point can rest on: of the lists in force, recent."""
    found = (
        Disclosure.objects.visible_to(user)
        .filter(point=point, version=version_on(today), explained_on__gte=oldest_usable(today))
        .select_related("losing_retailer")
    )
    return next(
        (
            made
            for made in found
            if made.own_version_id == getattr(own_version_on(made.losing_retailer_id, made.menu, today), "pk", None)
        ),
        None,
    )


def stands_for(disclosure: Disclosure, losing_retailer_id: int) -> bool:
    """True when the explanation was about this losing retailer, or that one had no list of its own on that day."""
    if disclosure.losing_retailer_id is None:
        return not has_own_lists(losing_retailer_id, disclosure.explained_on)
    return disclosure.losing_retailer_id == losing_retailer_id


def keep_until(disclosure: Disclosure) -> date | None:
    """Until when the evidence is kept: the end of the contract it led to and the set number of years.

    None while the contract goes on. Where it led to no contract the years count from the explanation. Read from the
    supply periods believed now, so that a restored switch moves it too. Source: domain notes, switching §7 [default].
    """
    periods = SupplyPeriod.objects.filter(
        point=disclosure.point_id,
        retailer=disclosure.company_id,
        known_until__isnull=True,
        during__endswith__isnull=False,
        during__startswith__gte=disclosure.explained_on,
    )
    goes_on = SupplyPeriod.objects.filter(
        point=disclosure.point_id,
        retailer=disclosure.company_id,
        known_until__isnull=True,
        during__endswith__isnull=True,
    )
    if goes_on.exists():
        return None
    ended = periods.aggregate(last=Max("during__endswith"))["last"]
    return _years_after(ended or disclosure.explained_on, settings.EVIDENCE_YEARS)


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, month=3, day=1)


def difference(former: Sequence[Line], new: Sequence[Line]) -> list[Change]:
    """What the new list adds, removes, says otherwise and keeps, in the new order, removed items last."""
    was = {code: (ja, en) for code, ja, en in former}
    found = []
    for code, ja, en in new:
        before = was.pop(code, None)
        kind = "added" if before is None else "same" if before == (ja, en) else "changed"
        found.append(Change(kind, code, " / ".join(before or ()), f"{ja} / {en}"))
    return [*found, *(Change("removed", code, " / ".join(texts), "") for code, texts in was.items())]


def lines_of(version: DisclosureVersion | None) -> list[Line]:
    """A version's items as (code, Japanese, English)."""
    return [(item.code, item.text_ja, item.text_en) for item in version.items.all()] if version else []


def former_of(retailer: Company, menu: str, version: DisclosureVersion | None = None) -> DisclosureVersion | None:
    """The version of that list before `version`, or the newest one."""
    found = DisclosureVersion.objects.filter(retailer=retailer, menu=menu)
    return (found.filter(version__lt=version.version) if version else found).order_by("-version").first()


def save_draft(
    *, menu: str, valid_from: date, charge: str, items: Sequence[Line], by: User, now: datetime
) -> DisclosureDraft:
    """Keep the own company's draft for a menu; there is one per menu. Raises NotYourList, ListEmpty, ListBackdated."""
    _check_list(items, valid_from, by=by, now=now)
    draft, _created = DisclosureDraft.objects.update_or_create(
        retailer=by.company,
        menu=" ".join(menu.split()),
        defaults={
            "valid_from": valid_from,
            "charge": charge,
            "items": [list(line) for line in items],
            "edited_at": now,
            "edited_by": by,
        },
    )
    return draft


def publish_draft(draft_id: int, *, by: User, now: datetime) -> DisclosureVersion:
    """Publish the draft as the next version of its list; it ends. Raises NotYourList, DraftGone, ListBackdated."""
    with transaction.atomic():
        draft = DisclosureDraft.objects.select_for_update().filter(pk=draft_id, retailer=by.company).first()
        if draft is None:
            raise DraftGone
        lines: list[Line] = [(code, ja, en) for code, ja, en in draft.items]
        _check_list(lines, draft.valid_from, by=by, now=now)
        version = publish_version(
            lines,
            valid_from=draft.valid_from,
            retailer=by.company,
            menu=draft.menu,
            charge=draft.charge,
            by=by,
            now=now,
        )
        draft.delete()
    return version


def discard_draft(draft_id: int, *, by: User) -> None:
    """Throw the draft away; raises NotYourList, DraftGone."""
    if not by.may(Ability.LAY_DOWN_RULES):
        raise NotYourList
    if not DisclosureDraft.objects.filter(pk=draft_id, retailer=by.company).delete()[0]:
        raise DraftGone


def _check_list(items: Sequence[Line], valid_from: date, *, by: User, now: datetime) -> None:
    if not by.may(Ability.LAY_DOWN_RULES):
        raise NotYourList
    if not items:
        raise ListEmpty
    if valid_from < jst_date(now):
        raise ListBackdated(jst_date(now))


def record(
    *,
    point: SupplyPoint,
    version: DisclosureVersion,
    acknowledged: Collection[int],
    channel: str,
    explained_on: date,
    by: User,
    now: datetime,
    losing_retailer: Company | None = None,
    menu: str = "",
    own_version: DisclosureVersion | None = None,
    dry_run: bool = False,
) -> Disclosure:
    """Keep that every item (ids in `acknowledged`) of the lists in force was explained and acknowledged one by one.

    `own_version` is the losing retailer's list for the customer's menu that was shown beside the hub-wide `version`.
    Raises NotYours, OutdatedVersion, ExplainedInFuture, ExplainedTooLongAgo, NotAllAcknowledged,
    gates.Closed. With `dry_run` every rule is asked and nothing is written. Source: domain notes, switching §7.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    if not covers(by, Ability.DISCLOSE, area=point.area, supply_class=point.supply_class):
        raise NotYours
    today = jst_date(now)
    current = lists_on(today, losing_retailer_id=losing_retailer.pk if losing_retailer else None, menu=menu)
    if current and (current.base != version or current.own != own_version):
        raise OutdatedVersion(current.base if current.base != version else current.own or current.base)
    if explained_on > today:
        raise ExplainedInFuture
    if explained_on < (oldest := oldest_usable(today)):
        raise ExplainedTooLongAgo(oldest)
    items = list(current.items) if current else list(version.items.all())
    if missing := [item for item in items if item.pk not in acknowledged]:
        raise NotAllAcknowledged(missing)
    disclosure = Disclosure(
        company=by.company,
        point=point,
        version=version,
        losing_retailer=losing_retailer,
        menu=menu if losing_retailer else "",
        own_version=own_version,
        channel=channel,
        explained_on=explained_on,
        recorded_at=now,
        recorded_by=by,
    )
    if dry_run:
        return disclosure
    with transaction.atomic():
        disclosure.save(force_insert=True)
        Acknowledgement.objects.bulk_create(
            Acknowledgement(disclosure=disclosure, item=item, acknowledged_at=now) for item in items
        )
        ledger.record(
            "disclosure.record",
            f"supply point {point.number}",
            by=by,
            now=now,
            version=version.version,
            own_version=own_version.version if own_version else None,
            channel=channel,
            disclosure=disclosure.pk,
        )
    return disclosure
