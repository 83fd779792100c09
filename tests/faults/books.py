"""The books after a fault: every table counted, every case where its last step left it, numbers without a gap."""

from collections import Counter
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Count, F, OuterRef, Subquery

from portal import seals
from portal.models import Company, Event, LedgerEntry, Notice
from switching.models import Application, Match, Relay, Step

ROOMS = ("portal", "metering", "switching")


def facts() -> Counter[str]:
    """How many rows each table has, and how many cases stand in each state: what a piece of work changes of it."""
    tables = sorted({model._meta.db_table for room in ROOMS for model in apps.get_app_config(room).get_models()})
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables))
        found = Counter({name: count for name, count in cursor.fetchall() if count})
    for model in (Relay, Application):
        for row in model.objects.order_by().values("state").annotate(n=Count("pk")):
            found[f"{model.__name__} {row['state']}"] = row["n"]
    for model, field in ((LedgerEntry, "action"), (Notice, "kind"), (Event, "kind")):
        for row in model.objects.order_by().values(field).annotate(n=Count("pk")):
            found[f"{model.__name__} {row[field]}"] = row["n"]
    found["handed over"] = Match.objects.filter(handed_over_at__isnull=False).count()
    return +found


def difference(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    """What changed between two facts, by name."""
    return {name: after[name] - before[name] for name in before | after if after[name] != before[name]}


def balance() -> None:
    """Nothing lost, nothing twice: fails with what does not add up."""
    for model in (Relay, Application):
        steps = Step.objects.filter(**{model.__name__.lower(): OuterRef("pk")}).order_by("-pk")
        adrift: Any = model.objects.annotate(last=Subquery(steps.values("to_state")[:1])).exclude(state=F("last"))
        assert not adrift.exists(), f"where their last step did not leave them: {list(adrift[:5])}"
    for company in Company.objects.filter(events_posted__gt=0):
        numbers = list(Event.objects.filter(recipient=company).order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, company.events_posted + 1)), f"a gap in the feed of {company}"
    verdict = seals.verify()
    assert verdict.broken is None, verdict.broken
