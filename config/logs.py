"""How the log is written: one JSON object per line for machines, readable lines on one's own machine.

A log is read by more people than a case is, and kept elsewhere. So a line for machines says where and what kind, never
what somebody entered: no address of a request but its route, no message of an exception (PostgreSQL quotes the row, a
conversion the text, a mail server the address) but its type and place, no arguments of tasks.
"""

import logging
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

ROOT = Path(__file__).resolve().parent.parent
FRAMES = 12  # of a traceback, the innermost

# These write addresses, user ids or host names as they came; what they tell stands in the line of the request.
QUIET = ("django.request", "django.security", "axes")


def settings(*, as_json: bool, level: str) -> dict[str, Any]:
    """Django's LOGGING."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {"()": "config.logs.for_machines" if as_json else "config.logs.for_people"}
    quiet = {name: {"handlers": [], "level": "CRITICAL", "propagate": False} for name in QUIET}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "filters": {"tasks": {"()": "config.logs.WithoutArguments"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["tasks"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": quiet,
    }


def for_machines() -> logging.Formatter:
    """One JSON object per line."""
    return _formatter(
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        place_of_exception,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    )


def for_people() -> logging.Formatter:
    """Lines with time, level, words and what belongs to them; tracebacks below them, as Python writes them."""
    return _formatter(
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0),
    )


def _formatter(*last: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        keep_exc_info=False,
        keep_stack_info=False,
    )


def place_of_exception(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Exchange an exception for its type and the places it passed; its words stay out of the log."""
    found = event.pop("exc_info", None)
    error: BaseException | None = found[1] if isinstance(found, tuple) else found if found is not True else None
    if isinstance(error, BaseException):
        event["exception"] = [_told(one) for one in _chain(error)]
    return event


def _chain(error: BaseException | None) -> list[BaseException]:
    """The exception and what it came from, the outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _told(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type(error).__qualname__, "at": _places(error.__traceback__)}
    diagnosis = getattr(error, "diag", None)  # PostgreSQL's: names of the schema's things, not of people
    for name in ("sqlstate", "table_name", "constraint_name"):
        if value := getattr(diagnosis, name, None):
            told[name] = value
    return told


def _places(traceback: TracebackType | None) -> list[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{_short(code.co_filename)}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places[-FRAMES:]


def _short(path: str) -> str:
    """Where the file is in the repository or in its package; never where somebody installed it."""
    for root in (f"{ROOT}/", "/site-packages/"):
        if root in path:
            return path.rpartition(root)[2]
    return Path(path).name


class WithoutArguments(logging.Filter):
    """Celery's line about a task: its name and number; not what it was called with, not what its exception says."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "celery.app.trace" and isinstance(record.args, MutableMapping):
            error = str(record.args.get("exc", "")).partition("(")[0]
            hidden = dict.fromkeys(("args", "kwargs", "return_value", "traceback"), "…")
            record.args = {**record.args, **hidden, "exc": error}
            record.__dict__.pop("data", None)
        return True
