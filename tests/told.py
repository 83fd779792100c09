"""Which exceptions and which codes of the API's catalogue the tests speak of, read from their sources."""

import ast
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent


def words_of_tests(*, without: set[str]) -> Iterator[Any]:
    """Every text and every exception class that a test module names (imports alone do not count)."""
    for path in sorted(TESTS.rglob("*.py")):
        if path.name not in without:
            yield from _words(ast.parse(path.read_text(encoding="utf-8")))


def _words(tree: ast.Module) -> Iterator[Any]:
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            imported |= {alias.asname or alias.name: alias.name for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            found = _named(node, imported)
            if isinstance(found, type) and issubclass(found, Exception):
                yield found


def _named(node: ast.AST, imported: dict[str, str]) -> Any:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or not (parts or node.id[:1].isupper()):
        return None
    dotted = ".".join([imported.get(node.id, ""), *reversed(parts)])
    if dotted.partition(".")[0] not in {"portal", "metering", "switching", "linkage"}:
        return None
    try:
        return pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError, ValueError):
        return None
