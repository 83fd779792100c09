"""A passkey set up and used in a real Chromium with a virtual authenticator, under the site's own script policy."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django_otp.oath import TOTP
from django_otp_webauthn.models import WebAuthnCredential

from portal import people, sessions
from portal.models import LedgerEntry, User
from tests.cast import NOW, PASSWORD, Cast

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Desk:
    """A browser with an authenticator in it, before the site."""

    def __init__(self, browser: Any, site: str) -> None:
        self.context = browser.new_context(locale="ja-JP")
        self.site, self.page = site, self.context.new_page()
        self.troubles: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        self.authenticator = made["authenticatorId"]

    def lock(self, is_locked: bool) -> None:
        """The finger, face or PIN that fits or not."""
        wanted = {"authenticatorId": self.authenticator, "isUserVerified": not is_locked}
        self.cdp.send("WebAuthn.setUserVerified", wanted)

    def open(self, path: str) -> None:
        self.page.goto(self.site + path)

    def arrive(self, path: str) -> None:
        self.page.wait_for_url(self.site + path)

    def give_password(self, user: User, onwards: str) -> None:
        self.open(f"/sign-in/?next={onwards}")
        self.page.fill("main [name=username]", user.username)
        self.page.fill("main [name=password]", PASSWORD)
        self.page.click("main .btn-primary")

    def leave(self) -> None:
        self.open("/me/")
        self.page.click(".user-menu summary")
        self.page.click(".user-menu form button")
        self.arrive("/sign-in/")


@pytest.fixture
def desk(browser: Any, live_server: Any, settings: Any) -> Iterator[Desk]:
    settings.SITE_ADDRESS = live_server.url
    assert live_server.url.startswith("http://localhost:")
    desk = Desk(browser, live_server.url)
    yield desk
    desk.context.close()


def code_of(user: User) -> str:
    device = user.totpdevice_set.get()
    return f"{TOTP(device.bin_key, device.step, device.t0, device.digits).token():06d}"


@pytest.mark.django_db(transaction=True)
def test_a_passkey_is_set_up_and_takes_the_place_of_code_and_password(cast: Cast, desk: Desk) -> None:
    user, page = cast["sora.relay"], desk.page
    desk.give_password(user, "/me/")
    page.wait_for_selector("main [name=code]")
    assert not page.query_selector("[data-passkey]"), "there is none yet"
    page.fill("main [name=code]", code_of(user))
    page.click("main .btn-primary")
    desk.arrive("/me/")
    page.click("a[href='/me/passkeys/']")
    page.fill("#passkey-name", "机の鍵")
    page.press("#passkey-name", "Enter")
    page.wait_for_selector("text=パスキーを設定しました")
    assert page.query_selector("td:has-text('机の鍵')")
    assert WebAuthnCredential.objects.get(user=user).name == "机の鍵"
    desk.leave()

    desk.give_password(user, "/notices/")
    page.click("[data-passkey=show]")
    desk.arrive("/notices/")
    desk.leave()

    desk.open("/sign-in/?next=/notices/")
    page.click("[data-passkey=show]")
    desk.arrive("/notices/")
    assert LedgerEntry.objects.filter(action="signed in", user=user).count() == 3
    assert LedgerEntry.objects.filter(action="passkey shown", user=user).count() == 2
    assert not desk.troubles

    people.reset_second_factor(user, by=cast["sora.administrator"], now=NOW)
    assert not WebAuthnCredential.objects.exists()
    desk.open("/notices/")
    assert "/sign-in/" in page.url


@pytest.mark.django_db(transaction=True)
def test_a_newcomer_sets_up_nothing_else_and_a_locked_key_opens_nothing(cast: Cast, desk: Desk) -> None:
    user, page = cast["sora.relay"], desk.page
    people.reset_second_factor(user, by=None, now=NOW)
    desk.give_password(user, "/notices/")
    page.fill("#passkey-name", "電話")
    page.click("[data-passkey=new]")
    desk.arrive("/notices/")
    desk.leave()

    desk.lock(True)
    desk.open("/sign-in/?next=/notices/")
    page.click("[data-passkey=show]")
    page.wait_for_selector("[data-passkey-trouble]:visible")
    assert "パスキーを確認できませんでした" in page.inner_text("[data-passkey-trouble]")
    desk.lock(False)
    people.suspend(user, by=None, now=NOW)
    page.click("[data-passkey=show]")
    page.wait_for_selector("[data-passkey-trouble]:has-text('停止されています')")
    people.thaw(user, by=None, now=NOW)
    page.click("[data-passkey=show]")
    desk.arrive("/notices/")


def minutes_pass() -> None:
    """The second factor of every session was shown long ago."""
    for row in Session.objects.all():
        data = row.get_decoded()
        if sessions.PROVEN in data:
            data[sessions.PROVEN] -= 3600
            Session.objects.filter(pk=row.pk).update(session_data=Session.objects.encode(data))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["code", "passkey"])
def test_a_deed_waits_for_the_second_factor_and_keeps_what_was_entered(cast: Cast, desk: Desk, way: str) -> None:
    user, page = cast["sora.administrator"], desk.page
    gone = cast["sora.viewer"]
    desk.give_password(user, "/me/passkeys/")
    page.fill("main [name=code]", code_of(user))
    page.click("main .btn-primary")
    desk.arrive("/me/passkeys/")
    page.click("[data-passkey=new]")
    page.wait_for_selector("text=パスキーを設定しました")
    desk.open(f"/people/{gone.username}/departure/")
    page.fill("main [name=reason]", '退職 "3月" <b>')
    minutes_pass()
    page.click("main form button")
    page.wait_for_selector("main [name=proof-code]")
    assert User.objects.get(pk=gone.pk).left_at is None
    if way == "code":
        user.totpdevice_set.update(last_t=-1)
        page.fill("main [name=proof-code]", code_of(user))
        page.press("main [name=proof-code]", "Enter")
    else:
        page.click("[data-passkey=show]")
    desk.arrive("/people/")
    assert LedgerEntry.objects.get(action="user left").detail["reason"] == '退職 "3月" <b>'
    assert not desk.troubles
