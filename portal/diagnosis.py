"""Why somebody cannot sign in, told apart for who knows the password and for nobody else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.signals import user_login_failed
from django.db.models import Sum
from django.http import HttpRequest

from portal import ledger, people, sessions
from portal.models import LedgerEntry, User

ASKED, WINDOW, MOST = "sign-in help asked", timedelta(hours=1), 5


class Fault(Enum):
    """What keeps the person out, as far as user id and password go."""

    NONE = "none"
    WRONG = "wrong"
    FROZEN = "frozen"
    SUSPENDED = "suspended"
    COMPANY_SUSPENDED = "company suspended"
    TOO_MANY = "too many"


@dataclass(frozen=True)
class Diagnosis:
    """`user` is known only where the password was right; `helpers` are who can thaw the account (empty: helpdesk)."""

    fault: Fault
    user: User | None = None
    helpers: tuple[User, ...] = ()


def diagnose(request: HttpRequest, *, username: str, password: str, now: datetime) -> Diagnosis:
    """Which of the classic failures a user id and password have (domain notes, switching §9).

    No better an oracle than the sign-in page: a wrong password counts towards freezing, unknown ids are treated alike
    and take the same time (one hash), and a user id can be asked about five times an hour, right or wrong.
    """
    subject = f"user {username}"
    asked = LedgerEntry.objects.filter(subject=subject, action=ASKED, at__gt=now - WINDOW).count()
    if asked >= MOST:
        return Diagnosis(Fault.TOO_MANY)
    known = User.objects.filter(username=username).select_related("company").first()
    ledger.record(ASKED, subject, by=known, now=now, address=sessions.address_of(request))
    if known is None:
        make_password(password)
        is_right = False
    else:
        is_right = check_password(password, known.password)
    if known is None or not is_right:
        if not _is_frozen(username):
            user_login_failed.send(sender=__name__, credentials={"username": username}, request=request)
        return Diagnosis(Fault.WRONG)
    helpers = tuple(people.administrators_of(known.company, but=known))
    if not known.company.is_active:
        return Diagnosis(Fault.COMPANY_SUSPENDED, known)
    if not known.is_active:
        return Diagnosis(Fault.SUSPENDED, known, helpers)
    if people.is_frozen(known):
        return Diagnosis(Fault.FROZEN, known, helpers)
    return Diagnosis(Fault.NONE, known)


def _is_frozen(username: str) -> bool:
    """As `people.is_frozen`, also for ids that do not exist: they freeze alike."""
    tries = AccessAttempt.objects.filter(username=username).aggregate(n=Sum("failures_since_start"))["n"]
    return (tries or 0) >= settings.AXES_FAILURE_LIMIT
