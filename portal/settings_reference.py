"""The reference of settings, read from the code: what comes from the environment, which rules there are, who uses them.

What a variable means stands here, beside nothing else; default and use are taken from `config/settings.py` and from
whoever reads it, so that the page cannot fall behind (`manage.py settings_reference`, docs/settings.md).
"""

import ast
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.settings_words import MEANINGS, RULES

ROOMS = ("config", "portal", "metering", "switching", "linkage")
SOURCE = Path("config", "settings.py")
BEGINNING_OF_RULES = "# --- Rules"


@dataclass
class Variable:
    """One variable of the environment: where it is read, into which settings, and who uses those."""

    name: str
    default: str = ""
    attributes: set[str] = field(default_factory=set)
    readers: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Rule:
    """One rule: its present value and what it says."""

    name: str
    value: Any
    words: str
    users: tuple[str, ...]


def page() -> str:
    """The whole page, in Markdown."""
    lines = [
        "# Settings",
        "",
        "Made from the code by `python3 manage.py settings_reference`; a test compares. Everything is read from the",
        "environment when a process starts, and is the same for web, workers and beat unless it says otherwise.",
        "Secrets belong into a file that the service manager alone reads (see [operating](operating/README.md)).",
        "",
        "## Environment",
        "",
        "| Variable | Meaning | Unit or form | Default | Used in |",
        "|---|---|---|---|---|",
    ]
    for variable in variables():
        told = MEANINGS[variable.name]
        default = told.default or (f"`{variable.default}`" if variable.default else "empty")
        cells = (f"`{variable.name}`", told.words, told.unit, default, _used(variable))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += [
        "",
        "## Rules",
        "",
        "Defaults of the domain that an operator may change, at the end of `config/settings.py`. Change them there in",
        "a copy of your own, with the reason in your own records; a case keeps the deadline it was given.",
        "",
        "| Rule | Meaning | Value | Unit | Used in |",
        "|---|---|---|---|---|",
    ]
    for rule in rules():
        cells = (
            f"`{rule.name}`",
            rule.words,
            _value(rule.value),
            _unit(rule),
            _rooms(rule.users),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


# --- Read from the code -------------------------------------------------------------------------------------------
def variables() -> list[Variable]:
    """Every variable the product reads from the environment, in the order of MEANINGS."""
    found: dict[str, Variable] = {"DATABASE_URL": Variable("DATABASE_URL", "", {"DATABASES"}, {str(SOURCE)})}
    for module, tree in _modules():
        for statement in ast.walk(tree):
            for name, default in _read_in(statement):
                variable = found.setdefault(name, Variable(name))
                variable.readers.add(module)
                variable.default = variable.default or default
        if module == str(SOURCE):
            for statement in ast.walk(tree):
                if isinstance(statement, ast.Assign | ast.AnnAssign):
                    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                    for part in ast.walk(statement):
                        for name, _default in _read_in(part):
                            found[name].attributes |= {target.id for target in targets if isinstance(target, ast.Name)}
    order = list(MEANINGS)
    return sorted(found.values(), key=lambda one: (order.index(one.name) if one.name in order else -1, one.name))


def _read_in(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(variable, default as it is written) of a node that reads the environment."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ" and isinstance(node.ctx, ast.Load):
        yield from _named([node.slice])
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"os.environ.get", "csv_variable", "required"}:
        yield from _named(node.args)


def _named(arguments: list[ast.expr]) -> Iterator[tuple[str, str]]:
    first = arguments[0]
    if isinstance(first, ast.Constant) and re.fullmatch(r"KIRIKAE_\w+|DATABASE_URL|REDIS_URL", str(first.value)):
        second = arguments[1] if len(arguments) > 1 else None
        yield str(first.value), str(second.value) if isinstance(second, ast.Constant) else ""


@cache
def _modules() -> list[tuple[str, ast.Module]]:
    return list(_parsed())


def _parsed() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((settings.BASE_DIR / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(settings.BASE_DIR)), ast.parse(path.read_text(encoding="utf-8"))


def rules() -> list[Rule]:
    """Every name that stands under "Rules", with the words of its comment or of RULES."""
    source = (settings.BASE_DIR / SOURCE).read_text(encoding="utf-8")
    begin = source[: source.index(BEGINNING_OF_RULES)].count("\n") + 1
    comments = _comments(source)
    users = _users()
    found = []
    for statement in ast.parse(source).body:
        if statement.lineno < begin or not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        for name in _targets(statement):
            trailing = comments.get(statement.end_lineno or 0, "") or comments.get(statement.lineno, "")
            above = _above(comments, source, statement.lineno)
            words = RULES.get(name) or trailing or above
            found.append(Rule(name, getattr(settings, name), words, tuple(sorted(users[name]))))
    return found


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]


def _comments(source: str) -> dict[int, str]:
    found = {}
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("# ---"):
            found[token.start[0]] = token.string.lstrip("# ")
    return found


def _above(comments: dict[int, str], source: str, line: int) -> str:
    """The comment lines right above."""
    lines = source.splitlines()
    words: list[str] = []
    while line > 1 and lines[line - 2].lstrip().startswith("#") and line - 1 in comments:
        line -= 1
        words.insert(0, comments[line])
    return " ".join(words)


@cache
def _users() -> dict[str, set[str]]:
    """Setting → modules that ask `settings.<name>`."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings":
                found[node.attr].add(module)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
                of, name = node.args[:2]
                if ast.unparse(of) == "settings" and isinstance(name, ast.Constant):
                    found[str(name.value)].add(module)
    return found


# --- Words --------------------------------------------------------------------------------------------------------
def _used(variable: Variable) -> str:
    users = _users()
    inside = {module for attribute in variable.attributes for module in users[attribute]}
    outside = variable.readers - {str(SOURCE)}
    if inside or outside:
        return _rooms(inside | outside)
    return f"Django or Celery: {_listed(variable.attributes)}" if variable.attributes else "`config`"


def _rooms(files: Iterable[str]) -> str:
    """The rooms the files stand in: a file may move, the reference stays."""
    return _listed({file.partition("/")[0] for file in files})


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _value(value: Any) -> str:
    if isinstance(value, timedelta):
        minutes = int(value.total_seconds()) // 60
        span, unit = next((n, unit) for n, unit in ((1440, "day"), (60, "hour"), (1, "minute")) if minutes % n == 0)
        return f"{minutes // span} {unit}{'s' if minutes != span else ''}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"`{value!r}`"


UNITS = {
    "BUSINESS_DAYS": "business days",
    "DAYS": "days",
    "_MONTHS": "months",
    "MONTHS_KEPT": "months",
    "_BYTES": "bytes",
    "_YEARS": "years",
    "_ROWS": "rows",
    "_ROWS_PER_SLICE": "rows",
    "_POINTS_PER_FILE": "points",
    "_MONTHS_PER_FILE": "points",
    "_SHARE": "share",
}


def _unit(rule: Rule) -> str:
    if isinstance(rule.value, timedelta):
        return ""
    return next((unit for ending, unit in UNITS.items() if rule.name.endswith(ending)), "")
