"""How relays and applications are told in a proof pack: facts, steps and what the identity check made of them."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Q

from portal.proofs import Case
from portal.workdays import jst_date
from switching import numbers, relays, traces
from switching.models import Application, Evidence, Relay, Step


def case(number: str) -> Case | None:
    """The relay or application with this number, with the cases it hangs together with; None when there is none."""
    if not numbers.is_well_formed(number):
        return None
    if number.startswith(numbers.RELAY):
        relay = Relay.objects.filter(number=number).first()
        return _case("relay", number, relay, list(relay.applications.order_by("pk"))) if relay else None
    application = Application.objects.filter(number=number).select_related("relay").first()
    return _case("application", number, application.relay, [application]) if application else None


def _case(kind: str, number: str, relay: Relay | None, applications: list[Application]) -> Case:
    cases: list[Relay | Application] = [*([relay] if relay else []), *applications]
    cases.sort(key=lambda found: found.number != number)
    files: dict[str, Any] = {"steps.json": _steps(cases)}
    files["case.json"] = {"kind": kind, "number": number, "cases": [_facts(found) for found in cases]}
    if relay:
        files["identity.json"] = _identity(relay)
    return Case(
        kind=kind,
        number=number,
        ledger_subjects=tuple(traces.subject_of(found) for found in cases),
        notice_subjects=tuple(found.number for found in cases),
        files=files,
    )


def _facts(found: Relay | Application) -> dict[str, Any]:
    """Every column of the case; companies, people and the point by the names people know them by."""
    facts: dict[str, Any] = {"case": traces.subject_of(found).split()[0]}
    for column in found._meta.concrete_fields:
        value = getattr(found, column.name)
        facts[column.name] = _plain(value.username if column.name.endswith("_by") and value else value)
    facts["point"] = found.point.number
    if isinstance(found, Relay):
        facts["disclosure"] = _disclosure(found)
    elif found.match:
        facts["match"] = {
            "matched_at": _plain(found.match.matched_at),
            "switch_date": _plain(found.match.switch_date),
            "handed_over_at": _plain(found.match.handed_over_at),
            "dissolved_at": _plain(found.match.dissolved_at),
        }
    return facts


def _disclosure(relay: Relay) -> dict[str, Any]:
    made = relay.disclosure
    return {
        "version": made.version.version,
        "losing_retailers_version": made.own_version.version if made.own_version else None,
        "menu": made.menu,
        "channel": made.channel,
        "explained_on": _plain(made.explained_on),
        "recorded_at": _plain(made.recorded_at),
        "recorded_by": made.recorded_by.username,
        "evidence": [
            {"kind": one.kind, "channel": one.channel, "given_on": _plain(one.obtained_on), "sha256": one.sha256}
            for one in Evidence.objects.filter(Q(disclosure=made) | Q(relay=relay))
        ],
        "acknowledged": [
            {"code": word.item.code, "text": word.item.text_ja, "at": _plain(word.acknowledged_at)}
            for word in made.acknowledgements.select_related("item").order_by("item__position")
        ],
    }


def _identity(relay: Relay) -> dict[str, Any]:
    """The identity check of the day the relay was registered: verdicts and rules, no value of either side."""
    day = jst_date(relay.registered_at)
    report = relays.compare(relay, today=day)
    return {
        "relay": relay.number,
        "compared_for": day.isoformat(),
        "comparisons": [asdict(c) for c in report.comparisons],
    }


def _steps(cases: Iterable[Relay | Application]) -> list[dict[str, Any]]:
    of_relays = [found.pk for found in cases if isinstance(found, Relay)]
    of_applications = [found.pk for found in cases if isinstance(found, Application)]
    steps = Step.objects.filter(relay__in=of_relays) | Step.objects.filter(application__in=of_applications)
    return [
        {
            "case": str(step.relay or step.application),
            "move": step.move,
            "from": step.from_state,
            "to": step.to_state,
            "at": _plain(step.at),
            "by": step.by.username if step.by else None,
            "company": step.by.company.name if step.by else None,
        }
        for step in steps.select_related("relay", "application", "by__company").order_by("pk")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str | list | dict):
        return value
    return str(value)
