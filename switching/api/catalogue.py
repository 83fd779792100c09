"""What the verbs of cases refuse, as rows of the error catalogue: the pages' table of sentences with a status each."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from metering import meters
from portal.api import problems
from portal.api.problems import Kind
from switching import (
    actual_days,
    applications,
    dark_points,
    disclosures,
    meter_works,
    movements,
    registration_queue,
    relays,
    undoing,
)
from switching.bulk import files, uploads
from switching.sentences import SENTENCES, named_field, sentence

NOT_OURS = {"NotYours", "NoPartInArea"}
ABSENT = {"NothingToDoWith"}
LATER = {"QuotaSpent"}
NOUNS_OF_PAGES = {"escalations", "exits", "policies"}
RAISED_ITSELF = {disclosures.NotPossible}
STATE = {
    *("AlreadyMoved", "AlreadyOurs", "PointBusy", "PointNotInUse", "PointInUse", "NotOurs", "AlreadyWaiting"),
    *("AlreadyEnded", "AlreadyAttached", "Frozen", "FollowsRelay", "NotPossible", "NothingToFile"),
    *("NothingToUndo", "NotReversible", "NotSupplying", "Overdue", "TooLate", "PeriodOver", "Leaving", "WorkIsOver"),
    *("OutOfSequence", "OutOfOwnSequence", "StateDoesNotFit", "AskedAlready", "Answered", "UndoneOtherwise", "TooMany"),
    *("ThreadFull", "NotWaiting", "NothingAsked", "FormerHasLeft"),
    *("DisclosureMissing", "DisclosureOfAnother", "OutdatedVersion", "Throttled", "ThrottledCompany"),
    *("NobodySupplies", "SomebodySupplies", "PointRemoved", "ToldAlready", "Over", "BeingUndone", "SupplyMovedOn"),
    *("SameDay", "NoDayOfSupply"),
}


def noun_of(refusal: type[Exception]) -> str:
    """The module of the refusal's noun, or its package, which keeps its refusals apart."""
    return refusal.__module__.removesuffix(".refusals").rpartition(".")[2]


# What only people are told, on pages of the hub operator and of administrators.
PAGES_ALONE: frozenset[type[Exception]] = frozenset(
    {
        *(disclosures.DraftGone, disclosures.ListBackdated, disclosures.ListEmpty, disclosures.NotYourList),
        registration_queue.PersonGone,
        *(refusal for refusal in SENTENCES if noun_of(refusal) in NOUNS_OF_PAGES),
        # What stands above the refusals of a noun and is never raised itself.
        *(refusal for refusal in SENTENCES if refusal.__name__ == "NotPossible" and refusal not in RAISED_ITSELF),
    }
)
ADVICE = dict.fromkeys(
    (relays.Throttled, relays.ThrottledCompany),
    _("Repeating does not help. Compare how you take down customers' data, then call the hub operator's helpdesk."),
)


def _status(refusal: type[Exception]) -> int:
    name = refusal.__name__
    if name in NOT_OURS:
        return 403
    if name in ABSENT:
        return 404
    if name in LATER:
        return 429
    return 409 if name in STATE else 422


def _named(refusal: Exception) -> list[str]:
    field = named_field(refusal)
    if isinstance(refusal, movements.NotPossible) and field == "supply_point":
        field = "point"  # in files the column has its long name
    return [field] if field else []


def _contradicts(refusal: applications.OutOfOwnSequence) -> dict[str, Any]:
    """What stands against it: the own movement, its day, and what would fit."""
    other = refusal.other
    return {
        "contradicts": {
            "number": other.number,
            "kind": str(other.kind),
            "day": other.day.isoformat(),
            "is_done": other.is_done,
            "would_fit": str(refusal.order),
        }
    }


def _window(refusal: Any) -> dict[str, Any]:
    return {"earliest": refusal.earliest.isoformat(), "latest": refusal.latest.isoformat()}


def _state(refusal: Any) -> dict[str, Any]:
    return {"state": str(refusal.state)}


def _oldest(refusal: Any) -> dict[str, Any]:
    return {"oldest": refusal.oldest.isoformat()}


MORE: dict[type[Exception], Callable[[Any], dict[str, Any]]] = {
    applications.OutOfOwnSequence: _contradicts,
    applications.OutOfSequence: lambda refusal: {"contradicts": {"is_told": False}},
    applications.StateDoesNotFit: _state,
    applications.AlreadyMoved: _state,
    applications.DateNotPossible: _window,
    applications.BackDated: _window,
    relays.AlreadyMoved: _state,
    relays.DateNotPossible: _window,
    movements.DateNotPossible: _window,
    movements.ToldAlready: lambda refusal: {"movement": refusal.movement.pk},
    meter_works.DoneLongAgo: _oldest,
    actual_days.LongAgo: _oldest,
    undoing.AlreadyMoved: _state,
    dark_points.EndsTooSoon: _window,
}

problems.register(
    *(
        Kind(
            problems.code_for(noun_of(refusal), refusal),
            _status(refusal),
            words,
            (refusal,),
            say=sentence,
            fields=_named,
            more=MORE.get(refusal),
            advice=ADVICE.get(refusal, ""),
            retry_after=(lambda _error: problems.until_midnight()) if refusal.__name__ in LATER else None,
        )
        for refusal, words in SENTENCES.items()
        if refusal not in PAGES_ALONE
    )
)
problems.of_verbs(
    "meters",
    {meters.NotPossible: 422, meters.NoSuchMeter: 422, meters.MeterStandsAlready: 409},
    fields={meters.NoSuchMeter: "old_meter", meters.MeterStandsAlready: "new_meter"},
    sentences={
        meters.NoSuchMeter: _("No meter of this number stood at the point on that day."),
        meters.MeterStandsAlready: _("A meter of the new number has been recorded at this point already."),
    },
)
_OF_LISTS = (
    *(files.TooLarge, files.Unreadable, files.Empty, files.UnknownKind, files.OldExcel, files.NotText, files.Utf16),
    *(files.BrokenExcel, files.ProtectedExcel, files.Macros),
)
problems.of_verbs(
    "lists",
    {**dict.fromkeys(_OF_LISTS, 422), files.TooLarge: 413},
    fields=dict.fromkeys(_OF_LISTS, "file"),
    sentences={
        files.Unreadable: _("The file cannot be read as a list of cases."),
        files.TooLarge: _("The file is larger than files of many cases may be. Please split it."),
    },
)
problems.of_verbs(
    "uploads",
    {
        uploads.NotYours: 403,
        uploads.Moved: 409,
        uploads.NothingToDo: 409,
        uploads.CannotBeRecalled: 409,
        uploads.Infected: 422,
    },
    fields={uploads.Infected: "file"},
)
problems.register(
    Kind(
        "uploads.sent_before",
        409,
        _("The very same file was sent before. If it is to be carried out a second time, confirm it with again: true."),
        (uploads.SentBefore,),
        more=lambda refusal: {"upload": refusal.twin.pk},
        advice=_("Compare with the upload named; confirm with again: true only if it is meant a second time."),
    ),
    Kind(
        "uploads.not_scanned",
        503,
        uploads.NotScanned.sentence,
        (uploads.NotScanned,),
        retry_after=lambda refusal: 60,
    ),
)
