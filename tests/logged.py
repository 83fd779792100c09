"""The log as machines read it, line by line, of what happens inside the block."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config import logs


class Log(list[dict[str, Any]]):
    """Lines as they are written; `text` is all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def read(self) -> None:
        self[:] = [json.loads(line) for line in self.text.splitlines()]

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self if line["logger"] == logger]


@contextmanager
def as_machines_read_it() -> Iterator[Log]:
    """Everything from INFO on, by the handler and the formatter of production; parsed when the block ends."""
    found, root = Log(), logging.getLogger()
    handler = logging.StreamHandler(found.stream)
    handler.setFormatter(logs.for_machines())
    handler.addFilter(logs.WithoutArguments())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield found
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        found.read()
