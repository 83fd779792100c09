"""Which exceptions leave a function, read from the source: what it raises, and what it lets through from what it uses.

Functions are followed over the rooms' modules wherever one is named (called, handed over, or put into a lambda); what
an `except` around it catches does not leave. Methods of objects are not followed: nobody knows whose they are.
"""

import ast
import importlib
import inspect
from functools import cache
from types import ModuleType
from typing import Any

ROOMS = ("portal", "metering", "switching", "linkage")
READ = (*ROOMS, "tests")
Raised = dict[type[BaseException], str]  # where it was found: module:line


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in READ


@cache
def _functions(module: str) -> dict[str, ast.FunctionDef]:
    """Functions and, as `Class.method`, methods of a module."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}": inner for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def functions_of(cls: type) -> list[str]:
    """The methods a class defines itself, as `Class.method`."""
    return [name for name in _functions(cls.__module__) if name.startswith(f"{cls.__qualname__}.")]


def _meaning(module: str, node: ast.AST) -> Any:
    """What a name or dotted name in the module stands for; None where it is nothing of the module's own."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    found: Any = importlib.import_module(module)
    for part in [node.id, *reversed(parts)]:
        if not isinstance(found, ModuleType | type):
            return None
        found = getattr(found, part, None)
        if found is None:
            return None
    return found


class _Walker(ast.NodeVisitor):
    """Collects what leaves one function; `handled` are the handlers around the present line, with what each caught."""

    def __init__(self, module: str, seen: frozenset[tuple[str, str]]) -> None:
        self.module, self.seen = module, seen
        self.found: Raised = {}
        self.handled: list[tuple[str | None, Raised]] = []

    def visit_Try(self, node: ast.Try) -> None:
        """What the body lets go is caught by the first handler that fits, and leaves again where that one says so."""
        before, self.found = self.found, {}
        for line in node.body:
            self.visit(line)
        inside, self.found = self.found, before
        for handler in node.handlers:
            kinds = tuple(self._kinds(handler.type))
            caught = {kind: where for kind, where in inside.items() if issubclass(kind, kinds)}
            inside = {kind: where for kind, where in inside.items() if kind not in caught}
            self.handled.append((handler.name, caught))
            for line in handler.body:
                self.visit(line)
            self.handled.pop()
        self._add_all(inside)
        for line in [*node.orelse, *node.finalbody]:
            self.visit(line)

    def _kinds(self, node: ast.AST | None) -> list[type[BaseException]]:
        if node is None:
            return [BaseException]
        named = node.elts if isinstance(node, ast.Tuple) else [node]
        found = [_meaning(self.module, name) for name in named]
        return [kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseException)]

    def visit_Raise(self, node: ast.Raise) -> None:
        name, caught = self.handled[-1] if self.handled else (None, {})
        if node.exc is None or (isinstance(node.exc, ast.Name) and name == node.exc.id):
            self._add_all(caught)
            return
        for raised in [node.exc.body, node.exc.orelse] if isinstance(node.exc, ast.IfExp) else [node.exc]:
            self._made(raised, node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._made(node.func, node.lineno)  # an exception made, to be raised by whoever gets it
        self.generic_visit(node)

    def _made(self, node: ast.AST, line: int) -> None:
        kind = _meaning(self.module, node)
        if isinstance(kind, type) and issubclass(kind, Exception) and _is_ours(kind.__module__):
            self.found.setdefault(kind, f"{self.module}:{line}")

    def _add_all(self, more: Raised) -> None:
        for kind, where in more.items():
            self.found.setdefault(kind, where)

    def visit_Name(self, node: ast.Name) -> None:
        self._follow(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._follow(node)
        self.generic_visit(node)

    def _follow(self, node: ast.AST) -> None:
        used = _meaning(self.module, node)
        if inspect.isfunction(used) and _is_ours(used.__module__) and used.__module__:
            self._add_all(leaving(used.__module__, used.__qualname__, self.seen))


_known: dict[tuple[str, str], Raised] = {}


def leaving(module: str, name: str, seen: frozenset[tuple[str, str]] = frozenset()) -> Raised:
    """The exceptions that leave a function (or `Class.method`) of a module."""
    key = (module, name)
    if key in _known:
        return _known[key]
    node = _functions(module).get(name)
    if node is None or key in seen:
        return {}
    walker = _Walker(module, seen | {key})
    for line in node.body:
        walker.visit(line)
    if not seen:
        _known[key] = walker.found
    return walker.found
