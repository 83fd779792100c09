"""What this room counts for a monitoring system."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min

from metering import holds, partitions
from metering.models import Gap, OwedDay, Publication, UsageFile
from portal.monitoring import Figure, single
from portal.workdays import JST, jst_date


def files_coming_in(now: datetime) -> Iterator[Figure]:
    """Usage files that no worker has taken in."""
    found = UsageFile.objects.filter(state=UsageFile.State.WAITING).aggregate(n=Count("pk"), first=Min("received_at"))
    age = (now - found["first"]).total_seconds() if found["first"] else 0
    yield single("kirikae_usage_files_waiting", "Usage files that are not taken in.", found["n"])
    yield single("kirikae_usage_files_waiting_age_seconds", "Age of the oldest usage file not taken in.", max(0, age))


def publication(now: datetime) -> Iterator[Figure]:
    """What was published last, what is held up, owed or missing."""
    newest = Publication.objects.order_by("-day").values_list("day", flat=True).first()
    days = (jst_date(now) - newest).days if newest else None
    words = "How many days ago the newest published day was; 1 when the last night went well."
    yield Figure("kirikae_usage_newest_day_age_days", words, {} if days is None else {(): float(days)})
    held = holds.lasting(now).count()
    yield single(
        "kirikae_usage_days_held_up", "Days whose publication waits for hand-overs that do not get done.", held
    )
    owed = OwedDay.objects.filter(settled_at__isnull=True).count()
    yield single("kirikae_usage_days_owed", "Days of points that changed hands and are to be published anew.", owed)
    gaps = Gap.objects.filter(state=Gap.State.OPEN).count()
    yield single("kirikae_usage_gaps_open", "Open gaps in usage.", gaps)


def months_ahead(now: datetime) -> Iterator[Figure]:
    """Partitions made for months to come; without one for the month nothing can be taken in."""
    month = now.astimezone(JST).date().replace(day=1)
    there, count = partitions.months(), -1
    while month in there:
        month, count = partitions.next_month(month), count + 1
    words = "Months after the running one that have a partition; -1 when the running one has none."
    yield single("kirikae_usage_partitions_ahead", words, count)


PROVIDERS = (files_coming_in, publication, months_ahead)
