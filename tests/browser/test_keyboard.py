"""A losing retailer's clerk without a mouse: signs in, finds the case, is told what is missing, judges."""

import contextlib
from datetime import datetime, timedelta

import pytest
import time_machine
from django_otp.oath import TOTP
from playwright.sync_api import Error

from portal.workdays import JST
from switching import disclosures
from switching.models import Relay
from switching.states import RelayState
from tests.browser.test_switch_story import Person
from tests.cast import NOW, PASSWORD
from tests.switching.cases import ITEMS, Play

FOCUS = """() => {
  const here = document.activeElement, box = here.getBoundingClientRect(), look = getComputedStyle(here);
  const x = Math.min(Math.max(box.x + box.width / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(box.y + box.height / 2, 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  return {
    tag: here.tagName,
    words: (here.innerText || here.value || here.getAttribute('aria-label') || here.name || '').trim(),
    label: [...(here.labels || [])].map((one) => one.innerText).join(' '),
    isSeen: box.width > 0 && box.bottom > 0 && box.top < innerHeight
      && !!top && (here.contains(top) || top.contains(here)),
    isMarked: (look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2) || look.boxShadow !== 'none',
  };
}"""


pytestmark = pytest.mark.accessible
DOES_SOMETHING = {"A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "TEXTAREA"}  # a list that scrolls takes the focus too


class Keys(Person):
    """Somebody who has nothing but keys."""

    def at(self) -> dict:
        return self.page.evaluate(FOCUS)

    def tab_to(self, words: str, most: int = 60) -> None:
        """Tab until the element with these words has the focus; on the way every focus can be seen."""
        for _step in range(most):
            self.page.keyboard.press("Tab")
            here = self.at()
            if not (here["isSeen"] and here["isMarked"]):
                self.page.wait_for_timeout(500)  # a mark may come in softly, a page scroll
                here = self.at()
            assert here["tag"] != "BODY", f"left the page before {words!r}"
            assert here["isSeen"] and here["isMarked"], f"nobody sees where the focus is: {here}"
            if here["tag"] in DOES_SOMETHING and words in f"{here['label']} {here['words']}":
                return
        raise AssertionError(f"{words!r} is not reached in {most} steps")

    def enter(self) -> None:
        """Press Enter and wait for the page that comes then."""
        self.page.wait_for_load_state()
        self.page.evaluate("window.isLeft = false")
        self.page.keyboard.press("Enter")
        for _try in range(300):
            self.page.wait_for_timeout(100)
            with contextlib.suppress(Error):  # between two pages there is nobody to ask
                if self.page.evaluate("window.isLeft === undefined && document.readyState === 'complete'"):
                    return
        raise AssertionError(f"Enter leads nowhere: {self.at()}")

    def type(self, words: str) -> None:
        self.page.keyboard.type(words)

    def code(self) -> str:
        self.clock.shift(timedelta(minutes=1))
        device = self.user.totpdevice_set.get()
        totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
        totp.time = datetime.now(tz=JST).timestamp()
        return f"{totp.token():06d}"


@pytest.mark.usefixtures("transactional_db")
def test_a_relay_is_judged_by_keyboard_alone(browser, live_server, cast):
    disclosures.publish_version(ITEMS, valid_from=NOW.date(), by=None, now=NOW)
    play = Play(cast, NOW)
    relay = play.relay(play.point())
    with time_machine.travel(NOW, tick=True) as clock:
        clerk = Keys(browser, live_server.url, clock, cast["umi.relay"])

        # Signing in: the first stop of every page leads past its frame.
        clerk.open("/sign-in/")
        clerk.page.keyboard.press("Tab")
        assert "本文" in clerk.at()["words"], clerk.at()
        clerk.page.keyboard.press("Enter")
        assert clerk.page.evaluate("document.activeElement.id") == "content"
        clerk.tab_to("ユーザID")
        clerk.type(clerk.user.username)
        clerk.tab_to("パスワード")
        clerk.type(PASSWORD)
        clerk.enter()
        clerk.tab_to("コード", most=3)  # whoever came past the frame stays past it
        clerk.type(clerk.code())
        clerk.enter()

        # From the inbox to the case and to what it asks.
        clerk.tab_to("判断", most=40)
        clerk.enter()
        if relay.number not in clerk.page.url:
            clerk.tab_to(relay.number)
            clerk.enter()
        if "judgement" not in clerk.page.url:
            clerk.tab_to("照合して判断する")
            clerk.enter()

        # A rejection without a reason: the focus is on what was wrong, its link leads to the reasons.
        clerk.tab_to("否認")
        clerk.enter()
        assert "error-summary" in clerk.page.evaluate("document.activeElement.className")
        clerk.tab_to("理由", most=2)
        clerk.page.keyboard.press("Enter")
        clerk.page.keyboard.press("Tab")
        assert clerk.at()["tag"] == "INPUT", "the link leads to the reasons"
        assert Relay.objects.get().state == RelayState.WAITING

        # Acceptance, in its two steps.
        clerk.page.reload()
        clerk.open(f"/relays/{relay.number}/judgement/")
        clerk.tab_to("承諾")
        clerk.enter()
        assert Relay.objects.get().state == RelayState.WAITING, "nothing is filed before it was shown"
        clerk.tab_to("承諾", most=40)
        clerk.enter()
        assert Relay.objects.get().state == RelayState.ACCEPTED
        clerk.troubles = [words for words in clerk.troubles if " 422 " not in words]  # the rejection without a reason
        clerk.leave()
