"""How relays, applications and undoings are told in a proof pack: facts, steps, words, the identity check."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Q

from portal.models import User
from portal.proofs import Case
from portal.workdays import jst_date
from switching import numbers, relays, traces
from switching.models import Application, Evidence, Relay, Step, UndoCase

AnyCase = Relay | Application | UndoCase


def case(number: str) -> Case | None:
    """The case with this number, with the cases it hangs together with; None when there is none."""
    if not numbers.is_well_formed(number):
        return None
    if number.startswith(numbers.UNDOING):
        undone = UndoCase.objects.filter(number=number).select_related("relay").first()
        return _undoing(undone) if undone else None
    if number.startswith(numbers.RELAY):
        relay = Relay.objects.filter(number=number).first()
        return _case("relay", number, relay, list(relay.applications.order_by("pk"))) if relay else None
    application = Application.objects.filter(number=number).select_related("relay").first()
    return _case("application", number, application.relay, [application]) if application else None


def _undoing(undone: UndoCase) -> Case:
    """With the relay it undoes, that one's applications, those filed for it and the undoings it belongs to."""
    relay = undone.relay
    applications = [
        *(relay.applications.order_by("pk") if relay else []),
        *undone.applications.order_by("pk"),
    ]
    related = UndoCase.objects.filter(Q(parent=undone) | Q(children=undone)).distinct().order_by("pk")
    return _case("undoing", undone.number, relay, applications, [undone, *related])


def _case(
    kind: str,
    number: str,
    relay: Relay | None,
    applications: list[Application],
    undoings: Sequence[UndoCase] | None = None,
) -> Case:
    if undoings is None:
        undoings = list(relay.undo_cases.order_by("pk")) if relay else []
    cases: list[AnyCase] = [*([relay] if relay else []), *applications, *undoings]
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


def _facts(found: AnyCase) -> dict[str, Any]:
    """Every column of the case; companies, people and the point by the names people know them by."""
    facts: dict[str, Any] = {"case": traces.subject_of(found).split()[0]}
    for column in found._meta.concrete_fields:
        value = getattr(found, column.name)
        facts[column.name] = _plain(value.username if isinstance(value, User) else value)
    facts["point"] = found.point.number if found.point else None
    if isinstance(found, Relay):
        facts["disclosure"] = _disclosure(found)
    elif isinstance(found, UndoCase):
        facts["relay"] = found.relay.number if found.relay else None
        facts["parent"] = found.parent.number if found.parent else None
        facts["applications"] = [filed.number for filed in found.applications.order_by("pk")]
        facts["words"] = _words(found)
    elif found.match:
        facts["match"] = {
            "matched_at": _plain(found.match.matched_at),
            "switch_date": _plain(found.match.switch_date),
            "handed_over_at": _plain(found.match.handed_over_at),
            "dissolved_at": _plain(found.match.dissolved_at),
        }
    return facts


def _words(undone: UndoCase) -> list[dict[str, Any]]:
    """What each side said, the evidence of a consent with its hash."""
    return [
        {
            "company": said.company.name,
            "by": said.by.username,
            "at": _plain(said.at),
            **{
                name: _plain(getattr(said, name))
                for name in ("word", "reason", "text", "channel", "given_on", "reference", "sha256")
            },
        }
        for said in undone.approvals.select_related("company", "by")
    ]


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


def _steps(cases: Iterable[AnyCase]) -> list[dict[str, Any]]:
    of_relays = [found.pk for found in cases if isinstance(found, Relay)]
    of_applications = [found.pk for found in cases if isinstance(found, Application)]
    of_undoings = [found.pk for found in cases if isinstance(found, UndoCase)]
    steps = Step.objects.filter(
        Q(relay__in=of_relays) | Q(application__in=of_applications) | Q(undo_case__in=of_undoings)
    )
    return [
        {
            "case": str(step.relay or step.application or step.undo_case),
            "move": step.move,
            "from": step.from_state,
            "to": step.to_state,
            "at": _plain(step.at),
            "by": step.by.username if step.by else None,
            "company": step.by.company.name if step.by else None,
        }
        for step in steps.select_related("relay", "application", "undo_case", "by__company").order_by("pk")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str | list | dict):
        return value
    return str(value)
