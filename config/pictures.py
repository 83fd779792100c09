"""`manage.py pictures`: the pictures of the documentation, taken anew by the browser tests."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from config.services import ROOT

SHOWN = re.compile(r"\(\S*?pictures/([\w-]+)\.png\)")
TAKEN, KEPT = ROOT / "artefacts", ROOT / "docs" / "pictures"


def wanted() -> set[str]:
    """The names of the pictures that README and documentation show."""
    pages: list[Path] = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    return {name for page in pages for name in SHOWN.findall(page.read_text(encoding="utf-8"))}


def run(arguments: list[str], play: Callable[[list[str]], int]) -> int:
    """Have `play` play the browser stories and keep what is shown; 1 where one failed or a picture was not taken."""
    for name in wanted():
        (TAKEN / f"{name}.png").unlink(missing_ok=True)
    code = play(["tests/browser", *arguments])
    missing = sorted(name for name in wanted() if not (TAKEN / f"{name}.png").exists())
    if code or missing:
        print(f"Not taken: {', '.join(missing) or 'all are there, but a story failed'}", file=sys.stderr)
        return 1
    for name in sorted(wanted()):
        shutil.copyfile(TAKEN / f"{name}.png", KEPT / f"{name}.png")
    for old in KEPT.glob("*.png"):
        if old.stem not in wanted():
            old.unlink()
    return 0
