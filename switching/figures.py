"""What this room counts for a monitoring system: cases that stand where they should have moved on."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min

from portal.monitoring import Figure, by, single
from portal.workdays import jst_date
from switching import effects
from switching.models import Application, Escalation, Match, QueuedRegistration, Relay, Upload
from switching.states import BEFORE_MATCH, OPEN_APPLICATIONS, RelayState

PATIENCE = timedelta(minutes=15)  # what is due is carried out within minutes; what waits for longer is overdue


def cases(now: datetime) -> Iterator[Figure]:
    """Stuck: set aside for the operator, with a reason. Overdue: a worker should have carried it on by now."""
    before = now - PATIENCE
    matches = Match.objects.filter(handed_over_at__isnull=True, dissolved_at__isnull=True)
    open_ones = Application.objects.filter(state__in=OPEN_APPLICATIONS)
    stuck: dict[str, float] = {
        "hand_over": matches.exclude(stuck_because="").count(),
        "application": open_ones.exclude(stuck_because="").count(),
    }
    yield by("step", "kirikae_cases_stuck", "Cases set aside because they cannot be carried on.", stuck)
    day = jst_date(before)
    overdue: dict[str, float] = {
        "judgement": Relay.objects.filter(state=RelayState.WAITING, due_at__lte=before).count(),
        "matching": Application.objects.filter(state__in=BEFORE_MATCH, matching_deadline__lt=day).count(),
        "hand_over": matches.filter(stuck_because="", switch_date__lte=day).count(),
        "effect": effects.due_by(day).count(),
    }
    yield by("step", "kirikae_cases_overdue", "Cases that a worker should have carried on by now.", overdue)
    escalated = Escalation.objects.filter(closed_at__isnull=True).count()
    yield single("kirikae_escalations_open", "Missed duties that the hub operator has to work on.", escalated)
    queued = QueuedRegistration.objects.waiting().count()
    yield single("kirikae_registrations_queued", "Registrations over the quota that wait for room.", queued)


def files(now: datetime) -> Iterator[Figure]:
    """Files of many cases that wait for a worker."""
    found = Upload.objects.filter(state=Upload.State.WAITING).aggregate(n=Count("pk"), first=Min("uploaded_at"))
    age = (now - found["first"]).total_seconds() if found["first"] else 0
    yield single("kirikae_uploads_waiting", "Files of many cases that are not checked.", found["n"])
    yield single("kirikae_uploads_waiting_age_seconds", "Age of the oldest file that is not checked.", max(0, age))


PROVIDERS = (cases, files)
