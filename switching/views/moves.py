"""When each move of a case was made, as columns of its list's CSV: one query for all rows, whatever their number."""

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from portal.lists import Column
from switching.models import Step
from switching.states import ApplicationMove, RelayMove


def with_times(rows: QuerySet[Any], case: str) -> QuerySet[Any]:
    """The rows with `moves_made`: what `columns` read. `case` is "relay" or "application"."""
    steps = Step.objects.filter(**{case: OuterRef("pk")}).order_by("pk").values(made=JSONObject(move="move", at="at"))
    return rows.annotate(moves_made=ArraySubquery(steps))


def columns(moves: type[RelayMove] | type[ApplicationMove]) -> list[Column]:
    """A column per move but the first, which every list has on the page: the last time it was made."""
    _first, *others = moves
    return [
        Column(
            f"at_{move}",
            format_lazy(_("Time of “{move}”"), move=move.label),
            value=partial(_time_of, move),
            csv_only=True,
        )
        for move in others
    ]


def _time_of(move: str, row: Any) -> datetime | None:
    return next((datetime.fromisoformat(step["at"]) for step in reversed(row.moves_made) if step["move"] == move), None)
