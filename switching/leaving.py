"""Which retailers are leaving the market or have left it: questions alone, so that every verb may ask them."""

from datetime import date

from portal import ahead
from switching.models import UndoCase
from switching.undo_states import UndoKind, UndoState


@ahead.question
def last_day(company_id: int) -> date | None:
    """The last day on which a retailer that is leaving supplies; None for one that is not."""
    return (
        UndoCase.objects.filter(kind=UndoKind.MARKET_EXIT, losing_retailer=company_id)
        .exclude(state=UndoState.WITHDRAWN)
        .values_list("effective_on", flat=True)
        .order_by("-pk")
        .first()
    )


def has_left(company_id: int) -> bool:
    """True from the announcement of the market exit on: nothing new goes to the company."""
    return last_day(company_id) is not None
