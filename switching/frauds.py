"""The customer denies the switch: the gaining retailer shows its consent, the hub operator decides.

Source: domain notes, switching §5 (reason 8) and §6.
"""

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from portal import gates
from portal.access import Ability
from portal.models import Company, Function, User
from portal.workdays import jst_date
from switching import reversals, traces, undoing
from switching.models import Approval, Match, Relay, UndoCase
from switching.undo_states import OPEN_UNDOING, UndoKind, UndoMove, UndoState
from switching.undoing import Word


class EvidenceInFuture(undoing.NotPossible):
    """A consent is given today or earlier, and before the relay it stands for was registered."""

    field = "given_on"


@dataclass(frozen=True)
class Evidence:
    """How and when the customer consented, where the record lies, and the hash of the recording or document."""

    channel: str
    given_on: date
    reference: str
    sha256: str = ""
    text: str = ""


def open_for(relay: Relay, *, match: Match | None, by: User | None, now: datetime) -> traces.Trace:
    """Open the case of a denial on a relay (locked by the caller, who leaves the trace). Raises PointBusy."""
    case = UndoCase(
        kind=UndoKind.FRAUD,
        point=relay.point,
        gaining_retailer=relay.gaining_retailer,
        losing_retailer=relay.losing_retailer,
        relay=relay,
        match=match,
        asked_by=by.company if by else None,
        opened_by=by,
        due_at=undoing.deadline(now, relay.point.area, settings.FRAUD_EVIDENCE_BUSINESS_DAYS),
    )
    undoing.open_many([case], UndoMove.OPEN, now=now)
    if by:
        undoing.say(case, Word.ASKED, by=by, now=now)
    return undoing.trace(case, UndoMove.OPEN, "", relay.gaining_retailer_id, *undoing.the_hub())


def report(*, relay_id: int, by: User, now: datetime) -> UndoCase:
    """The former retailer reports that the customer denies a switch that was carried out.

    Raises NotYours, reversals.NotReversible, reversals.TooLate, PointBusy, gates.Closed.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    with transaction.atomic():
        relay = Relay.objects.select_related("point", "gaining_retailer", "losing_retailer").get(pk=relay_id)
        if relay.losing_retailer_id != by.company_id or not undoing.may_act(relay.point, Ability.UNDO, by):
            raise undoing.NotYours
        undoing.lock_point(relay.point_id)
        match = reversals.check(relay, today=jst_date(now))
        undoing.free_or_refused(relay.point_id)
        left = open_for(relay, match=match, by=by, now=now)
        traces.leave([left], by=by, now=now)
    assert isinstance(left.case, UndoCase)
    return left.case


def answer(*, case_id: int, evidence: Evidence, by: User, now: datetime) -> UndoCase:
    """The gaining retailer gives its evidence of the consent; the case goes on to the hub operator.

    Raises NotYours, AlreadyMoved, EvidenceInFuture, gates.Closed.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.FRAUD)
        if case.gaining_retailer_id != by.company_id or not undoing.may_act(case, Ability.UNDO, by):
            raise undoing.NotYours
        undoing.check_move(case, UndoMove.ANSWER)
        assert case.relay is not None
        if evidence.given_on > jst_date(case.relay.registered_at):
            raise EvidenceInFuture
        undoing.say(
            case,
            Word.EVIDENCE,
            by=by,
            now=now,
            text=evidence.text,
            channel=evidence.channel,
            given_on=evidence.given_on,
            reference=evidence.reference,
            sha256=evidence.sha256,
        )
        left = undoing.step(case, UndoMove.ANSWER, case.losing_retailer_id, *undoing.the_hub(), now=now)
        traces.leave([left], by=by, now=now)
    return case


def decide(*, case_id: int, upholds: bool, text: str, by: User, now: datetime) -> UndoCase:
    """The hub operator finds that the customer had not consented (a switch carried out is reversed), or had.

    Raises NotYours, AlreadyMoved, WordsMissing, reversals.NotReversible.
    """
    undoing.require_operator(by)
    with transaction.atomic():
        case = undoing.locked(case_id, kind=UndoKind.FRAUD)
        undoing.check_move(case, UndoMove.UPHOLD)
        if not text.strip():
            raise undoing.WordsMissing
        undoing.say(case, Word.UPHELD if upholds else Word.DISMISSED, by=by, now=now, text=text)
        told = (case.gaining_retailer_id, case.losing_retailer_id)
        left = [undoing.step(case, UndoMove.UPHOLD if upholds else UndoMove.DISMISS, *told, now=now)]
        if upholds and case.match_id:
            left.append(reversals.order(case, now=now))
        traces.leave(left, by=by, now=now)
    return case


def counts() -> QuerySet[Company]:
    """Retailers whose switches customers denied: all `denials`, open, upheld, dismissed, without evidence in time."""
    theirs = UndoCase.objects.filter(kind=UndoKind.FRAUD, gaining_retailer=OuterRef("pk"))
    silent = theirs.exclude(state=UndoState.ASKED).exclude(
        pk__in=Approval.objects.filter(word=Word.EVIDENCE).values("case")
    )

    def count(cases: QuerySet[UndoCase]) -> Coalesce:
        return Coalesce(Subquery(cases.order_by().values("gaining_retailer").annotate(n=Count("pk")).values("n")), 0)

    return (
        Company.objects.filter(pk__in=UndoCase.objects.filter(kind=UndoKind.FRAUD).values("gaining_retailer"))
        .annotate(
            denials=count(theirs),
            open_denials=count(theirs.filter(state__in=OPEN_UNDOING)),
            upheld=count(theirs.filter(state=UndoState.DONE)),
            dismissed=count(theirs.filter(state=UndoState.REFUSED)),
            silent=count(silent),
        )
        .order_by("-denials", "name")
    )
