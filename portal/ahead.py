"""Answers read ahead: a rule asks about one case, and where ten thousand are asked at once, sets answer for it.

    @ahead.question
    def supplies_in(area: str, company_id: int) -> bool:
        return Participation.objects.filter(…).exists()

    with ahead.reading():
        period_of.know({(point_id, today): period, …})    # answered for a whole set by one query
        applications.file_start(…, dry_run=True)          # the very rule, which asks `period_of(point_id, today)`

Inside the block each question is asked once and its answer kept until the block ends; outside it is always asked anew.
So the check of a long file and the verb that files one case are the same code: only who answers differs. A verb that
writes is called outside such a block, because what was read ahead may have changed by then.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
_answers: ContextVar[dict[tuple[Any, ...], Any] | None] = ContextVar("answers", default=None)


class Question(Generic[P, R]):
    """A function of hashable arguments, given by position, that reads the database and changes nothing."""

    def __init__(self, ask: Callable[P, R]) -> None:
        self.ask = ask
        update_wrapper(self, ask)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        answers = _answers.get()
        if answers is None or kwargs:
            return self.ask(*args, **kwargs)
        key = (self, *args)
        if key not in answers:
            answers[key] = self.ask(*args, **kwargs)
        return cast(R, answers[key])

    def know(self, answers: Mapping[tuple[Any, ...], R]) -> None:
        """Tell the answers, by their arguments, for the rest of the block; nothing outside of one."""
        known = _answers.get()
        if known is not None:
            known.update({(self, *args): answer for args, answer in answers.items()})


def question(ask: Callable[P, R]) -> Question[P, R]:
    """Mark a function as a question (see above)."""
    return Question(ask)


@contextmanager
def reading() -> Iterator[None]:
    """Keep answers until the block ends; a block inside another one begins without answers."""
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)
