"""Pages in Chromium without a server: each answer is made in this process and handed to the browser as it stands.

So hundreds of pages, each with a case of its own that is undone afterwards, are looked at in the time a server would
need for a few; the browser draws the real style sheets and runs the real scripts.
"""

import mimetypes
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders

from tests.every_page import Shown

SITE = "http://kirikae.example"
LAWS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {
    "runOnly": {"type": "tag", "values": LAWS},
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}},  # WCAG 2.2's, which axe leaves out by itself
}
OPEN_ALL = "for (const one of document.querySelectorAll('details:not(.user-menu, .list-panel)')) one.open = true"


class Eye:
    """One browser window that is shown answers."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context(locale="ja-JP", bypass_csp=True)  # axe is put into the page
        self.page = self.context.new_page()
        self.axe = Axe()
        self.answers: dict[str, Any] = {}
        self.troubles: list[str] = []
        self.page.route("**/*", self._answer)
        self.page.on("console", lambda message: message.type == "error" and self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def _answer(self, route: Any) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            found = finders.find(path.removeprefix("/static/"))
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            route.fulfill(body=Path(str(found)).read_bytes(), content_type=kind)
        elif path in self.answers:
            answer = self.answers[path]
            route.fulfill(status=200, body=answer.content, headers=dict(answer.items()))
        else:
            route.fulfill(status=204)

    def look_at(self, shown: Shown, width: int = 1280) -> None:
        """Put the page on the screen, what is folded unfolded."""
        path = urlsplit(shown.url).path
        self.answers[path] = shown.answer
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.goto(SITE + path)
        self.page.evaluate(OPEN_ALL)

    def violations(self, but: Collection[str] = ()) -> list[str]:
        """What axe finds against WCAG 2.2 AA and its own good practice, each with where, `but` for these rules."""
        answer = self.axe.run(self.page, options=OPTIONS).response
        found = [one for one in answer["violations"] if one["id"] not in but]
        return [
            f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
            for one in found
            for node in one["nodes"][:3]
        ]

    def sticks_out(self, width: int) -> list[str]:
        """What is wider than the window, at a telephone's width."""
        self.page.set_viewport_size({"width": width, "height": 844})
        return self.page.evaluate(STICKING_OUT)

    def keep(self, path: Path) -> None:
        self.page.screenshot(path=str(path), full_page=True)

    def close(self) -> None:
        self.context.close()


STICKING_OUT = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > wide + 1 && !one.closest('.table-scroll, .chart-scroll'))
    .slice(-3).map((one) => one.outerHTML.slice(0, 120));
}"""
