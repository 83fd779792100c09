"""Who has opened a case: the first look of each company that is not its author, noted once."""

from collections.abc import Iterable
from datetime import datetime

from portal.models import User
from switching.models import Application, Relay, Sight


def note(case: Relay | Application, *, by: User, now: datetime) -> bool:
    """Note that the person's company opens the case; True when this is its first look and the case is not its own.

    Read the case anew after a first look: a recall that came before it has moved the case, one that comes after it
    finds the look.
    """
    if by.company_id == _author(case) or case.sights.filter(company=by.company_id).exists():
        return False
    note_many([case], by=by, now=now)
    return True


def note_many(cases: Iterable[Relay | Application], *, by: User, now: datetime) -> None:
    """The same for many cases at once."""
    Sight.objects.bulk_create(
        [
            Sight(**({"relay": case} if isinstance(case, Relay) else {"application": case}), company=by.company, at=now)
            for case in cases
            if by.company_id != _author(case)
        ],
        ignore_conflicts=True,
        batch_size=5000,
    )


def _author(case: Relay | Application) -> int:
    return case.gaining_retailer_id if isinstance(case, Relay) else case.retailer_id
