"""The map of the house holds: imports run downwards, never in a circle, and stand at the top of the file."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOMS = ("config", "linkage", "switching", "metering", "portal")  # from the top floor down
MAY_IMPORT = {room: set(ROOMS[at:]) for at, room in enumerate(ROOMS)}
FILES = [
    path
    for room in ROOMS
    for path in sorted((settings.BASE_DIR / room).rglob("*.py"))
    if "migrations" not in path.parts
]


def name_of(path: Path) -> str:
    parts = path.relative_to(settings.BASE_DIR).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def typing_only(tree: ast.Module) -> set[ast.AST]:
    """What stands under `if TYPE_CHECKING:` is for the type checker and imports nothing."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                found |= set(ast.walk(child))
    return found


def imports(path: Path) -> Iterator[str]:
    """Every module of the house that the file imports when it is loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = typing_only(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in ROOMS)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: say the whole name of what you import"
            if (node.module or "").split(".")[0] in ROOMS:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield whole if whole in MODULES else str(node.module)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_along_the_arrows(path):
    room = name_of(path).split(".")[0]
    against = [name for name in imports(path) if name.split(".")[0] not in MAY_IMPORT[room]]
    assert not against, f"{room} lies below and may not know these"


def test_no_circle_inside_a_room():
    arrows = {name: sorted({found for found in imports(path) if found in MODULES}) for name, path in MODULES.items()}
    # A package's __init__ that gathers its own modules is a list of contents, not a circle.
    done: set[str] = set()
    circles: list[str] = []

    def walk(name: str, way: list[str]) -> None:
        if name in way:
            circles.append(" → ".join([*way[way.index(name) :], name]))
            return
        if name in done:
            return
        for found in arrows[name]:
            if not found.startswith(name + "."):
                walk(found, [*way, name])
        done.add(name)

    for name in arrows:
        walk(name, [])
    assert not circles


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_stand_at_the_top_of_the_file(path):
    """Except in AppConfig.ready, where Django allows models for the first time, and before the environment stands."""
    if path.name == "apps.py" or name_of(path) in {"config.bootstrap", "config.commands"}:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not inner, f"imports inside functions in lines {inner}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_says_in_its_first_line_why_it_is_there(path):
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_verbs_do_not_read_the_clock():
    """The clock belongs to entrances: views, API, tasks, commands, admin, forms of theirs, the door of the pages."""
    entrances = {
        *("admin", "admin_checks", "api", "certificate_gate", "clock", "commands", "forms"),
        *("gatekeeper", "lists", "middleware", "tasks", "views"),
    }
    clocks = {"clock.now", "timezone.now", "datetime.now", "date.today"}
    readers = defaultdict(list)
    for name, path in MODULES.items():
        if name.split(".")[0] == "config" or entrances & set(name.split(".")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in clocks:
                readers[name].append(node.lineno)
    assert not readers


def test_a_template_stands_in_the_folder_of_its_room():
    allowed = {"_parts", "admin", "bootstrap5", "mail", *ROOMS}
    strays = [
        path.relative_to(settings.BASE_DIR / "templates")
        for path in (settings.BASE_DIR / "templates").rglob("*.html")
        if len(path.relative_to(settings.BASE_DIR / "templates").parts) > 1
        and path.relative_to(settings.BASE_DIR / "templates").parts[0] not in allowed
    ]
    assert not strays


def test_no_page_carries_inline_style_or_script():
    """The content security policy would refuse it; better here than in somebody's browser."""
    faults = []
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for word in (" style=", "<style", "onclick=", "onsubmit=", "onchange=", "javascript:"):
            if word in text.lower():
                faults.append(f"{path.name}: {word}")
        faults += [path.name for part in text.split("<script")[1:] if " src=" not in part.split(">")[0]]
    assert not faults
