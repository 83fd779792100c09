"""A place at a browser: what the stories' people do there, and the pictures kept of it."""

from typing import Any

from tests.browser.conftest import ARTEFACTS

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Seat:
    """One browser window of its own; `options` are Playwright's, such as client certificates."""

    def __init__(self, browser: Any, site: str, **options: Any) -> None:
        self.context = browser.new_context(viewport=WIDE, locale="ja-JP", accept_downloads=True, **options)
        self.context.set_default_timeout(30_000)  # a busy machine is slow, not wrong
        self.page, self.site = self.context.new_page(), site
        self.troubles: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("response", lambda r: r.status >= 500 and self.troubles.append(f"{r.status} {r.url}"))

    def open(self, path: str, status: int = 200) -> None:
        answer = self.page.goto(path if path.startswith("http") else self.site + path)
        assert answer.status == status, (path, answer.status)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.fill(f"main [name={name}]", value)

    def press(self, selector: str) -> None:
        with self.page.expect_navigation():
            self.page.click(selector)

    def keep(self, name: str) -> None:
        """Keep a picture at desk and telephone width; nothing may stick out sideways."""
        ARTEFACTS.mkdir(exist_ok=True)
        for size, suffix in ((NARROW, "-390"), (WIDE, "")):
            self.page.set_viewport_size(size)
            self.page.screenshot(path=str(ARTEFACTS / f"{name}{suffix}.png"), full_page=True)
            assert self.page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, size)

    def leave(self) -> None:
        assert not self.troubles, self.troubles
        self.context.close()
