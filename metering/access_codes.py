"""Requests for a customer's past usage: registered with consent, checked, and the code that opens it the next day.

A code is twelve digits in groups of four, to be read over the telephone. The database holds only its keyed hash and a
salt: the asking company's page derives the code anew from them and the installation's secret key.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.files import File
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering import inquiries
from metering.inquiries import NoPartInArea, OutsideYourRoles, Refused, UnknownPoint
from metering.models import Consent, Contract, SupplyPoint, UsageAccessRequest
from metering.points import digits_of, normalise_number
from metering.supply import periods_of
from portal import attachments, gates, ledger, workdays
from portal.access import Ability, covers
from portal.market import SupplyClass
from portal.models import Function, User
from portal.outbox import Post, post_many
from portal.workdays import jst_date

State, Reason = UsageAccessRequest.State, UsageAccessRequest.Reason
DIGITS = 12
CLASSES = (SupplyClass.LV, SupplyClass.HV)

HolderCheck = Callable[[Sequence[tuple[UsageAccessRequest, Contract]]], set[int]]

# Other rooms tell here whose details do not agree with the contract now held: the ids of the requests that differ.
holder_checks: list[HolderCheck] = []


class WaitsAlready(Refused):
    """Your company already waits for a code for the point; `due_on` is its day."""

    def __init__(self, due_on: date) -> None:
        self.sentence = format_lazy(
            _("Your company already waits for a code for this supply point; it comes on {due_on}."),
            due_on=due_on.isoformat(),
        )
        super().__init__()


class HolderMissing(Refused):
    sentence = _("Give contract number, contract holder and address as the customer told you.")


class NotWaiting(Refused):
    sentence = _("This request no longer waits: its code was issued, or it was refused or cancelled.")


def register(
    *,
    number: str,
    contract_number: str,
    holder_name: str,
    holder_kana: str,
    holder_address: str,
    valid_days: int,
    consent: Consent | None,
    evidence: File | None = None,
    by: User,
    now: datetime,
) -> UsageAccessRequest:
    """Ask for a point's past usage; the code comes on the area's next business day (domain notes, switching §3).

    Raises what `inquiries.inquire` raises, HolderMissing, WaitsAlready and the refusals of `attachments`. Counts as
    an inquiry: do not call it inside a transaction that a refusal rolls back.
    """
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    number = normalise_number(number, supply_class=None)
    subject = f"supply point {number}"
    try:
        inquiries.watched(by, now, number=number)
        consent = inquiries.checked(consent, by, now)
        point = SupplyPoint.objects.filter(number=number, supply_class__in=CLASSES).first()
        supply_class = point.supply_class if point else CLASSES[int(number[2] != "0")]
        if not covers(by, Ability.INQUIRE, area=number[:2], supply_class=supply_class):
            raise OutsideYourRoles
        if number[:2] not in inquiries.areas_of(by):
            raise NoPartInArea
        if point is None:
            raise UnknownPoint
        if not (contract_number.strip() and holder_name.strip() and holder_address.strip()):
            raise HolderMissing
        waiting = UsageAccessRequest.objects.filter(company=by.company, point=point, state=State.WAITING).first()
        if waiting:
            raise WaitsAlready(waiting.due_on)
    except Refused as refusal:
        inquiries.leave_refusal("usage access refused", subject, refusal, consent, by, now)
        raise
    today = jst_date(now)
    due_on = workdays.of_area(point.area).add(today, settings.ACCESS_CODE_BUSINESS_DAYS)
    files = [evidence] if evidence else []
    with attachments.keeping(files, folder="consents", kinds=attachments.PROOFS) as kept:
        try:
            with transaction.atomic():
                request = UsageAccessRequest.objects.create(
                    company=by.company,
                    point=point,
                    consent=consent,
                    contract_number=contract_number.strip(),
                    holder_name=holder_name.strip(),
                    holder_kana=holder_kana.strip(),
                    holder_address=holder_address.strip(),
                    valid_days=UsageAccessRequest.Validity(valid_days),
                    registered_at=now,
                    registered_by=by,
                    due_on=due_on,
                    **{
                        name: getattr(item, name)
                        for item in kept
                        for name in ("path", "name", "content_type", "sha256")
                    },
                )
                ledger.record(
                    "usage access requested",
                    subject,
                    by=by,
                    now=now,
                    purpose=consent.purpose,
                    consent=consent.reference,
                    request=request.pk,
                    **({"sha256": request.sha256} if request.sha256 else {}),
                )
        except IntegrityError:
            raise WaitsAlready(due_on) from None  # somebody else of the company asked at the same moment
    return request


def cancel(request: UsageAccessRequest, *, by: User, now: datetime) -> UsageAccessRequest:
    """Take a waiting request back. Raises NotWaiting, OutsideYourRoles."""
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    with transaction.atomic():
        found = UsageAccessRequest.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=request.pk).first()
        if found is None:
            raise OutsideYourRoles
        if found.state != State.WAITING:
            raise NotWaiting
        found.state, found.decided_at = State.CANCELLED, now
        found.save(update_fields=["state", "decided_at"])
        ledger.record("usage access cancelled", subject_of(found), by=by, now=now)
    return found


def note_evidence_read(request: UsageAccessRequest, *, by: User, now: datetime) -> None:
    """Write down that the file of the consent was handed to a person of the own company."""
    ledger.record(
        "evidence.read",
        subject_of(request),
        by=by,
        now=now,
        purpose="download of evidence",
        sha256=request.sha256,
    )


def issue_due(*, now: datetime, limit: int = 500) -> int:
    """Decide the requests whose day has come, the details compared with the contract of today; returns how many.

    One that agrees gets its code, valid for its days from now; another is refused without saying what differs. The
    number of queries does not grow with the requests.
    """
    today = jst_date(now)
    with transaction.atomic():
        due = list(
            UsageAccessRequest.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=State.WAITING, due_on__lte=today)
            .select_related("point")
            .order_by("pk")[:limit]
        )
        periods = periods_of({request.point_id for request in due}, today)
        pairs = [(request, periods[request.point_id].contract) for request in due if request.point_id in periods]
        differing = {pk for check in holder_checks for pk in check(pairs)} if pairs else set()
        for request in due:
            request.decided_at = now
            if request.point_id not in periods:
                request.state, request.reason = State.REFUSED, Reason.NOT_SUPPLIED
            elif request.pk in differing:
                request.state, request.reason = State.REFUSED, Reason.DIFFERS
            else:
                request.state = State.ISSUED
                request.valid_until = now + timedelta(days=request.valid_days)
                request.code_salt = secrets.token_hex(16)
                request.code_hash = hash_of(_derived(request))
        UsageAccessRequest.objects.bulk_update(
            due, ["state", "reason", "decided_at", "valid_until", "code_salt", "code_hash"]
        )
        ledger.record_many(
            [
                ledger.Entry(
                    f"usage access {'code issued' if request.state == State.ISSUED else 'refused'}",
                    subject_of(request),
                    "",
                    {"reason": request.reason},
                )
                for request in due
            ],
            by=None,
            now=now,
        )
        post_many(
            [
                Post(
                    recipient_id=request.company_id,
                    kind="access_code_issued" if request.state == State.ISSUED else "access_code_refused",
                    subject=subject_of(request),
                    link=reverse("metering:access-request", args=[request.pk]),
                    resource=reverse("api:usage-access-request", args=[request.pk]),
                    area=request.point.area,
                    ability=Ability.INQUIRE,
                    context={
                        "request": request.pk,
                    },
                )
                for request in due
            ],
            now=now,
        )
    return len(due)


def code_of(request: UsageAccessRequest) -> str:
    """The code of an issued request as people read it: 1234-5678-9012; "" where there is none (any more).

    Only for pages of the asking company. Empty too when the installation's secret key has changed since.
    """
    if request.state != State.ISSUED:
        return ""
    digits = _derived(request)
    return "-".join(digits[at : at + 4] for at in range(0, DIGITS, 4)) if hash_of(digits) == request.code_hash else ""


def hash_of(code: str) -> str:
    """The keyed hash under which a code is kept; hyphens, spaces and full-width digits do not matter."""
    return salted_hmac("metering.access_codes.hash", digits_of(code), algorithm="sha256").hexdigest()


def subject_of(request: UsageAccessRequest) -> str:
    """How the ledger names a request."""
    return f"usage access request {request.pk}"


def _derived(request: UsageAccessRequest) -> str:
    made = salted_hmac("metering.access_codes", f"{request.pk}:{request.code_salt}", algorithm="sha256").digest()
    return f"{int.from_bytes(made) % 10**DIGITS:0{DIGITS}d}"
