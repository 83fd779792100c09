"""`manage.py quality`: what can be judged without running the portal; no server is needed for it."""

from __future__ import annotations

import argparse
import ast
import fnmatch
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("config", "portal", "metering", "switching", "linkage")
# Django picks these up by name: its error pages, and whatever replaces a template of an installed package.
BY_NAME = {"400.html", "403.html", "403_csrf.html", "404.html", "500.html"}
TEMPLATE_ENDINGS = (".html", ".txt")


@dataclass(frozen=True)
class Step:
    """One check: a command, or a function that lists problems."""

    words: str
    command: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    problems: Callable[[], list[str]] | None = None


def steps(scratch: Path) -> list[Step]:
    """All checks, slowest first so that both cores are used."""
    python = sys.executable
    manage = (python, str(ROOT / "manage.py"))
    nowhere = (
        ("DATABASE_URL", "postgres://nobody@%2Fnonexistent/none"),
        ("REDIS_URL", "unix:///nonexistent?db=0"),
        ("KIRIKAE_DATA", str(scratch)),
    )
    test = (*nowhere, ("KIRIKAE_ENV", "test"))
    production = (
        *nowhere,
        ("KIRIKAE_ENV", "production"),
        ("KIRIKAE_SECRET_KEY", secrets.token_urlsafe(60)),
        ("KIRIKAE_HOSTS", "portal.example"),
    )
    # Without a database Django warns that it cannot compare the migrations with it; only the files matter here.
    quiet = (("PYTHONWARNINGS", "ignore:Got an error checking:RuntimeWarning"),)
    return [
        Step("types of public functions (mypy)", (python, "-m", "mypy", *ROOMS), test),
        Step("format (ruff format)", (python, "-m", "ruff", "format", "--check", ".")),
        Step("lint (ruff check)", (python, "-m", "ruff", "check", ".")),
        Step("templates (djlint)", (python, "-m", "djlint", "templates", "--lint", "--quiet")),
        Step("every template is used and exists", problems=template_problems),
        # The audit reads requirements with a package, this module starts without any: so it runs by itself.
        Step("dependencies are pinned, explained, used and licensed", (python, "-m", "config.audit", "dependencies")),
        Step("no secret stands in a tracked file", (python, "-m", "config.audit", "secrets")),
        Step("migrations are complete", (*manage, "makemigrations", "--check", "--dry-run"), (*test, *quiet)),
        Step(
            "production settings (check --deploy)",
            (*manage, "check", "--deploy", "--fail-level", "WARNING"),
            production,
        ),
    ]


def run(arguments: list[str]) -> int:
    """Run all checks; 0 when every one is clean."""
    argparse.ArgumentParser(prog="manage.py quality", description=__doc__).parse_args(arguments)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kirikae-quality-") as scratch, ThreadPoolExecutor(2) as pool:
        running = [(step, pool.submit(_judge, step)) for step in steps(Path(scratch))]
        for step, future in running:
            output, seconds = future.result()
            print(f"{'failed' if output else 'ok    '}  {step.words}  ({seconds:.1f} s)", flush=True)
            if output:
                failed += 1
                print("\n".join(f"    {line}" for line in output.splitlines()), flush=True)
    print(f"\n{failed} of {len(running)} checks failed." if failed else "\nAll checks are clean.")
    return 1 if failed else 0


def _judge(step: Step) -> tuple[str, float]:
    """The output of a failed step, empty for a clean one, and its seconds."""
    began = time.monotonic()
    if step.problems:
        output = "\n".join(step.problems())
    else:
        environment = os.environ | dict(step.env)
        done = subprocess.run(step.command, cwd=ROOT, env=environment, capture_output=True, text=True)
        said = (done.stdout + done.stderr).strip()
        output = (said or f"it ended with code {done.returncode}") if done.returncode else ""
    return output, time.monotonic() - began


# --- Templates ------------------------------------------------------------------------------------------
def template_problems(root: Path = ROOT) -> list[str]:
    """Templates nobody refers to, and references to templates that are not there, as sentences."""
    folder = root / "templates"
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in TEMPLATE_ENDINGS}
    wanted: dict[str, str] = {}
    for path in _python_files(root):
        for name in _names_in_python(path.read_text(encoding="utf-8")):
            if path.name != "urls.py":  # there, what looks like a template's name is an address
                wanted.setdefault(name, str(path.relative_to(root)))
    for name in sorted(present):
        text = (folder / name).read_text(encoding="utf-8")
        for other in re.findall(r"{%-?\s*(?:extends|include)\s+[\"']([^\"']+)[\"']", text):
            wanted.setdefault(other, f"templates/{name}")
    problems = []
    for name in sorted(present - set(wanted) - BY_NAME):
        if not any("*" in pattern and fnmatch.fnmatch(name, pattern) for pattern in wanted) and not _packaged(name):
            problems.append(f"templates/{name} is used by no view, verb or template.")
    for name, where in sorted(wanted.items()):
        found = fnmatch.filter(present, name) if "*" in name else name in present or _packaged(name)
        if not found:
            problems.append(f"{where} refers to templates/{name}, which does not exist.")
    return problems


def _python_files(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            if "migrations" not in path.parts and path != Path(__file__).resolve():
                yield path


def _names_in_python(text: str) -> Iterator[str]:
    """Template names in string literals; a formatted one becomes a pattern with `*` for what is filled in."""
    tree = ast.parse(text)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            name = "".join(
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "*"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            name = node.value
        else:
            continue
        if _looks_like_a_template(name):
            yield name


def _looks_like_a_template(name: str) -> bool:
    """A relative path with a folder: `portal/home.html`, `mail/relay_*.txt`; not a file name in a sentence."""
    return bool(re.fullmatch(r"[\w*-]+(/[\w*.-]+)+\.(html|txt)", name)) and not name.startswith("*")


def _packaged(name: str) -> bool:
    """Whether an installed package brings this template, so that ours replaces it or refers to it."""
    places = [Path(folder) for folder in sys.path if folder.endswith("site-packages")]
    patterns = [f"{depth}templates/{name}" for depth in ("*/", "*/*/", "*/*/*/")]
    return any(next(place.glob(pattern), None) for place in places for pattern in patterns)
