"""Which retailers are leaving the market or have left it: questions alone, so that every verb may ask them."""

from collections.abc import Collection
from datetime import date

from django.db.models import QuerySet

from portal import ahead
from switching.models import UndoCase
from switching.undo_states import UndoKind, UndoState


@ahead.question
def last_day(company_id: int) -> date | None:
    """The last day on which a retailer that is leaving supplies; None for one that is not."""
    return _exits().filter(losing_retailer=company_id).values_list("effective_on", flat=True).order_by("-pk").first()


def _exits() -> QuerySet[UndoCase]:
    return UndoCase.objects.filter(kind=UndoKind.MARKET_EXIT).exclude(state=UndoState.WITHDRAWN)


def who_left(company_ids: Collection[int]) -> set[int]:
    """Those of the companies that are leaving or have left, in one query."""
    return set(_exits().filter(losing_retailer__in=company_ids).values_list("losing_retailer_id", flat=True).order_by())


def has_left(company_id: int) -> bool:
    """True from the announcement of the market exit on: nothing new goes to the company."""
    return last_day(company_id) is not None
