"""What a retailer collects: many files as one zip, numbers offered once more, a statement per day to compare with."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from zipstream import ZipStream

from metering.models import PublishedFile
from metering.models.usage import PublishedFileQuerySet
from portal import gates, ledger, stores
from portal.models import Function, User
from portal.refusals import Refusal
from portal.workdays import JST

MOST_IN_A_ZIP = 5000
MOST_AGAIN = 10_000


class Refused(Refusal):
    """What was asked of the deliveries cannot be done; `sentence` says why and what to do."""


class TooMany(Refused):
    """More files than one zip takes."""

    sentence = _("More than 5,000 files: please narrow the filter, for example to a day or an area.")


class Nothing(Refused):
    """No file fits."""

    sentence = _("No file fits the filter, so there is nothing to download.")


class NoLongerKept(Refused):
    """The file was removed when its time was over; its line in the statement stays."""

    sentence: str | Promise = _(
        "%(name)s is no longer kept: usage is kept for %(months)s months. Its statement still names size and hash."
    )

    def __init__(self, file: PublishedFile) -> None:
        super().__init__(file.name)
        self.sentence = str(self.sentence) % {"name": file.name, "months": settings.USAGE_MONTHS_KEPT}


class NoSuchNumbers(Refused):
    """The range of delivery numbers does not lie within what was published."""

    sentence: str | Promise = _(
        "Your delivery numbers run from 1 to %(highest)s. Please give a first and a last number within them."
    )

    def __init__(self, highest: int) -> None:
        super().__init__(highest)
        self.sentence = (
            str(self.sentence) % {"highest": f"{highest:,}"}
            if highest
            else _("Nothing was published for you yet, so there is no delivery number to send again.")
        )


class NumbersReversed(Refused):
    """The last number lies before the first."""

    sentence = _("The last number lies before the first one.")


class OtherBytes(Refused):
    """What arrived is not what was published."""

    sentence = _("This hash is not the file's. Please fetch it again, compare its size, and acknowledge it then.")


class NotCollected(Refused):
    """What nobody fetched cannot have arrived."""

    sentence = _("This file was not fetched since it was published or offered again. Please fetch it first.")


class TooManyNumbers(Refused):
    """More numbers than can be offered again at once."""

    sentence = _("At most 10,000 delivery numbers can be sent again at once. Please take a shorter range.")


# --- Collecting ---------------------------------------------------------------------------------------------------


def collect(file: PublishedFile, *, first: int = 0, count: int | None = None, by: User, now: datetime) -> stores.Part:
    """Open a published file, or `count` bytes of it from the `first` on, for its recipient.

    The first time is kept, every time is in the ledger. Asking again changes nothing else. Raises gates.Closed,
    NoLongerKept.
    """
    gates.require(Function.USAGE, now=now, by=by)
    if file.removed_at:
        raise NoLongerKept(file)
    part = stores.part(file.content.name, first=first, count=file.size - first if count is None else count)
    _mark([file], by=by, now=now)
    return part


def acknowledge(file: PublishedFile, *, sha256: str, by: User, now: datetime) -> None:
    """Keep that the file has arrived whole; said again, it stays as it was.

    Raises gates.Closed, OtherBytes, NotCollected.
    """
    gates.require(Function.USAGE, now=now, by=by)
    if sha256 != file.sha256:
        raise OtherBytes
    with transaction.atomic():
        row = PublishedFile.objects.select_for_update(no_key=True, of=("self",)).get(pk=file.pk)
        if row.acknowledged_at:
            return
        if row.first_collected_at is None:
            raise NotCollected
        row.acknowledged_at = now
        row.save(update_fields=["acknowledged_at"])
        ledger.record("published file acknowledged", f"published file {file.pk}", by=by, now=now, name=file.name)


def _mark(files: Sequence[PublishedFile], *, by: User, now: datetime) -> None:
    """Count the files as collected and enter each into the ledger."""
    with transaction.atomic():
        PublishedFile.objects.filter(pk__in=[file.pk for file in files], first_collected_at__isnull=True).update(
            first_collected_at=now
        )
        ledger.record_many(
            [
                ledger.Entry("published file collected", f"published file {file.pk}", detail={"name": file.name})
                for file in files
            ],
            by=by,
            now=now,
        )


# --- Many at once -------------------------------------------------------------------------------------------------


def as_zip(files: PublishedFileQuerySet, *, by: User, now: datetime) -> ZipStream:
    """These files as one zip in folders per area, written as it is sent; `len` of it is the number of bytes.

    `files` is what the person may see. Each counts as collected and stands in the ledger. Raises gates.Closed, Nothing,
    TooMany.
    """
    gates.require(Function.USAGE, now=now, by=by)
    chosen = list(files.kept().order_by("number")[: MOST_IN_A_ZIP + 1])
    if not chosen:
        raise Nothing
    if len(chosen) > MOST_IN_A_ZIP:
        raise TooMany
    _mark(chosen, by=by, now=now)
    archive = ZipStream(sized=True)  # the files are packed already
    for file in chosen:
        archive.add(_pieces(file), f"{file.area}/{file.name}", size=file.size)
    return archive


def _pieces(file: PublishedFile) -> Iterator[bytes]:
    """The file's bytes; it is opened when its turn comes."""
    with closing(stores.part(file.content.name, first=0, count=file.size)) as part:
        yield from part


def offer_again(first: int, last: int, *, by: User, now: datetime) -> int:
    """Offer the files of these delivery numbers (both included) as new once more; returns how many.

    They stand among those not collected yet until they are fetched again; that they had been collected stays in the
    ledger. Raises NoSuchNumbers, NumbersReversed, TooManyNumbers.
    """
    mine = PublishedFile.objects.visible_to(by)
    if last < first:
        raise NumbersReversed
    if last - first >= MOST_AGAIN:
        raise TooManyNumbers
    with transaction.atomic():
        chosen = mine.kept().filter(number__gte=first, number__lte=last)
        found = list(chosen.values_list("pk", flat=True))
        highest = mine.aggregate(highest=Max("number"))["highest"] or 0
        if not found or first < 1 or last > highest:
            raise NoSuchNumbers(highest)
        PublishedFile.objects.filter(pk__in=found).update(first_collected_at=None, acknowledged_at=None)
        ledger.record(
            "published files offered again",
            f"delivery numbers {first}-{last}",
            by=by,
            now=now,
            files=len(found),
        )
    return len(found)


# --- What changed since -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Since:
    """What later revisions did to a file's day: rows of it with newer values, points withdrawn."""

    rows_changed: int
    points_withdrawn: int


def changed_since(file: PublishedFile) -> Since:
    """Count, in the store itself, what later revisions changed of the rows held by this one or an earlier one."""
    published = file.publication
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(DISTINCT (u.point_id, u.meter))
            FROM metering_usageday u
            JOIN metering_usagebatch b ON b.id = u.batch_id
            JOIN metering_publication later ON later.id = b.publication_id AND later.revision > %(revision)s
            JOIN metering_supplypoint p ON p.id = u.point_id
                 AND p.area = %(area)s AND p.supply_class = %(supply_class)s
            JOIN metering_supplyperiod s ON s.point_id = p.id AND s.known_until IS NULL AND s.during @> %(day)s::date
                 AND s.retailer_id = %(recipient)s
            WHERE u.day = %(day)s AND u.layer = %(layer)s
              AND EXISTS (SELECT FROM metering_usageday o
                          JOIN metering_usagebatch ob ON ob.id = o.batch_id
                          JOIN metering_publication e ON e.id = ob.publication_id AND e.revision <= %(revision)s
                          WHERE o.point_id = u.point_id AND o.day = u.day AND o.layer = u.layer AND o.meter = u.meter)
            """,
            {
                "day": published.day,
                "layer": published.layer,
                "revision": published.revision,
                "area": file.area,
                "supply_class": file.supply_class,
                "recipient": file.recipient_id,
            },
        )
        (rows,) = cursor.fetchone()
    withdrawals = later_files(file).filter(format=PublishedFile.Format.WITHDRAWAL)
    return Since(rows, sum(withdrawals.values_list("rows", flat=True)))


def later_files(file: PublishedFile) -> QuerySet[PublishedFile]:
    """Files of the same recipient, day, area and class in a later revision."""
    return PublishedFile.objects.filter(
        recipient=file.recipient_id,
        area=file.area,
        supply_class=file.supply_class,
        publication__day=file.publication.day,
        publication__layer=file.publication.layer,
        publication__revision__gt=file.publication.revision,
    ).order_by("number")


# --- Statements ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One file of a statement."""

    number: int
    name: str
    area: str
    supply_class: str
    format: str
    day: str
    revision: int
    rows: int
    readings: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Statement:
    """What was published to a company on one day; `sha256` is over "number name size sha256" of each, a line each."""

    date: date
    files: tuple[Line, ...]

    @property
    def sha256(self) -> str:
        lines = "".join(f"{line.number} {line.name} {line.size} {line.sha256}\n" for line in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Rows of the day files, each counted once whatever the formats."""
        return sum(line.rows for line in self.files if line.format == PublishedFile.Format.WIDE_CSV)

    @property
    def size(self) -> int:
        return sum(line.size for line in self.files)

    def as_json(self) -> dict[str, object]:
        return {
            "date": self.date.isoformat(),
            "count": len(self.files),
            "first_number": self.files[0].number if self.files else None,
            "last_number": self.files[-1].number if self.files else None,
            "rows": self.rows,
            "size": self.size,
            "sha256": self.sha256,
            "files": [asdict(line) for line in self.files],
        }


def published_on(day: date, user: User) -> QuerySet[PublishedFile]:
    """What the person may see of the files published on a day in Japan, in the order of their numbers."""
    begins = datetime.combine(day, time(), JST)
    return (
        PublishedFile.objects.visible_to(user)
        .filter(publication__published_at__gte=begins, publication__published_at__lt=begins + timedelta(days=1))
        .select_related("publication")
        .order_by("number")
    )


def statement(day: date, user: User) -> Statement:
    """The statement of a day: counts and hashes to compare with what was collected."""
    return Statement(
        day,
        tuple(
            Line(
                number=file.number,
                name=file.name,
                area=file.area,
                supply_class=file.supply_class,
                format=file.format,
                day=file.publication.day.isoformat(),
                revision=file.publication.revision,
                rows=file.rows,
                readings=file.readings,
                size=file.size,
                sha256=file.sha256,
            )
            for file in published_on(day, user)
        ),
    )
