"""Disclosure of disadvantages: which list holds today, and the evidence that every item of it was explained."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction

from metering.models import SupplyPoint
from portal import ahead, gates, ledger
from portal.access import Ability, covers
from portal.models import Function, User
from portal.workdays import jst_date
from switching.models import Acknowledgement, Disclosure, DisclosureItem, DisclosureVersion


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


class ExplainedInFuture(NotPossible):
    """The day of the explanation has not come yet."""


class ExplainedTooLongAgo(NotPossible):
    """The explanation is older than a relay may rest on; `oldest` is the first day that still counts."""

    def __init__(self, oldest: date) -> None:
        super().__init__(str(oldest))
        self.oldest = oldest


def publish_version(
    items: Collection[tuple[str, str, str]], *, valid_from: date, by: User | None, now: datetime
) -> DisclosureVersion:
    """Publish the next version of the list from (code, Japanese text, English text) in their order."""
    with transaction.atomic():
        last = DisclosureVersion.objects.order_by("-version").first()
        version = DisclosureVersion.objects.create(version=last.version + 1 if last else 1, valid_from=valid_from)
        DisclosureItem.objects.bulk_create(
            DisclosureItem(version=version, code=code, position=position, text_ja=text_ja, text_en=text_en)
            for position, (code, text_ja, text_en) in enumerate(items, start=1)
        )
        ledger.record("disclosure_version.publish", f"disclosure version {version.version}", by=by, now=now)
    return version


@ahead.question
def version_on(day: date) -> DisclosureVersion | None:
    """The list in force on the day."""
    return DisclosureVersion.objects.filter(valid_from__lte=day).first()


def oldest_usable(today: date) -> date:
    """A relay of today rests on an explanation of this day or later, as an inquiry does on its consent."""
    return today - timedelta(days=settings.CONSENT_MAX_AGE_DAYS)


def record(
    *,
    point: SupplyPoint,
    version: DisclosureVersion,
    acknowledged: Collection[int],
    channel: str,
    explained_on: date,
    by: User,
    now: datetime,
    dry_run: bool = False,
) -> Disclosure:
    """Keep that every item (ids in `acknowledged`) was explained and acknowledged one by one.

    Raises NotYours, OutdatedVersion, ExplainedInFuture, ExplainedTooLongAgo, NotAllAcknowledged,
    gates.Closed. With `dry_run` every rule is asked and nothing is written. Source: domain notes, switching §7.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    if not covers(by, Ability.DISCLOSE, area=point.area, supply_class=point.supply_class):
        raise NotYours
    today = jst_date(now)
    current = version_on(today)
    if current and current != version:
        raise OutdatedVersion(current)
    if explained_on > today:
        raise ExplainedInFuture
    if explained_on < (oldest := oldest_usable(today)):
        raise ExplainedTooLongAgo(oldest)
    items = list(version.items.all())
    if missing := [item for item in items if item.pk not in acknowledged]:
        raise NotAllAcknowledged(missing)
    disclosure = Disclosure(
        company=by.company,
        point=point,
        version=version,
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
            channel=channel,
            disclosure=disclosure.pk,
        )
    return disclosure
