"""A company that was not there yet: from its application to an inquiry under its own certificate, through nginx.

The site runs as it is installed: nginx with the configuration we ship, gunicorn behind it, Chromium in front. Keys and
certificate requests are made with openssl, the certificates come from the built-in test authority.
"""

import base64
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.utils import timezone
from django_otp.oath import TOTP

from metering.models import FacilityInquiry
from portal import letters
from portal.models import Certificate, Company, LedgerEntry, UseApplication, User
from switching import disclosures
from tests.browser.seats import Seat
from tests.cast import NOW, PASSWORD, Cast
from tests.nginx.conftest import (  # noqa: F401  the site's servers
    REQUIRED,
    built_in,
    folder,
    https_port,
    nginx,
    nginx_binary,
    web,
)
from tests.portal import certificate_tools as tools
from tests.portal.newcomers import ADMINISTRATOR, CLERK, COMPANY, second_operator
from tests.switching.cases import HOLDER, ITEMS, Play

pytestmark = pytest.mark.skipif(
    not nginx_binary() and not REQUIRED, reason="no nginx here: apt-get install nginx-light"
)

STEP = 30  # seconds a code of the authenticator app stands for


@pytest.fixture
def now():
    """Handshakes know the real clock only."""
    return timezone.now()


class Somebody(Seat):
    """A person whose authenticator app makes codes from the key the page showed."""

    key = b""
    last = 0

    def code(self) -> str:
        """The app's code now, or the next one when this one was used already."""
        app = TOTP(self.key, STEP)
        app.time = max(timezone.now().timestamp(), (self.last + 1) * STEP)
        self.last = app.t()
        return f"{app.token():06d}"

    def sign_in(self, username: str) -> None:
        self.open("/sign-in/")
        self.fill(username=username, password=PASSWORD)
        self.press("main .btn-primary")
        self.fill(code=self.code())
        self.press("main .btn-primary")

    def enrol(self, link: str) -> None:
        """The mailed link: a password, then the second factor from the key on the page."""
        self.open(link)
        self.fill(new=PASSWORD, again=PASSWORD)
        self.press("main .btn-primary")
        shown = self.page.inner_text("main dd.quotable").replace(" ", "")
        self.key = _from_base32(shown)
        self.fill(code=self.code())
        self.press("main .btn-primary")

    def ask_for_a_certificate(self, terminal: str, csr: Path) -> None:
        self.open("/certificates/")
        self.press("main a.btn-primary")
        self.page.select_option("[name=purpose]", "web")
        self.fill(terminal=terminal)
        self.page.check("[name=way][value=csr]")
        self.page.set_input_files("[name=csr_file]", str(csr))
        self.press("main .btn-primary")

    def fetch(self, terminal: str, target: Path) -> Path:
        """The issued certificate as a file."""
        self.open("/certificates/")
        self.press(f"main td a:has-text('{terminal}')")
        with self.page.expect_download() as download:
            self.page.click("main a.btn-outline-primary")
        download.value.save_as(target)
        return target


def _from_base32(text: str) -> bytes:
    return base64.b32decode(text + "=" * (-len(text) % 8))


def mailed(pattern: str, to: str) -> str:
    """The link in the newest mail to the address, sent as the worker sends it."""
    letters.send_due(now=timezone.now())
    link = re.compile(rf"{re.escape(django_settings.SITE_ADDRESS)}({pattern}\S+)")
    bodies = [message.body for message in reversed(mail.outbox) if message.to == [to]]
    return next(found.group(1) for found in map(link.search, bodies) if found)


@pytest.fixture
def market(cast: Cast) -> Play:
    disclosures.publish_version(ITEMS, valid_from=date(2016, 3, 1), by=None, now=NOW)
    return Play(cast, NOW)


@pytest.fixture
def sit_down(browser, nginx, settings) -> Callable[..., Somebody]:  # noqa: F811
    settings.SITE_ADDRESS = f"https://localhost:{nginx.port}"

    def person(pair: tuple[Path, Path] | None = None, like: Somebody | None = None) -> Somebody:
        options: dict[str, Any] = {"ignore_https_errors": True}  # the authority's root is in no browser
        if pair:
            certificate, key = map(str, pair)
            options["client_certificates"] = [
                {"origin": settings.SITE_ADDRESS, "certPath": certificate, "keyPath": key}
            ]
        somebody = Somebody(browser, settings.SITE_ADDRESS, **options)
        if like:
            somebody.key, somebody.last = like.key, like.last
        return somebody

    return person


def operator(sit_down: Callable[..., Somebody], user: User) -> Somebody:
    somebody = sit_down()
    somebody.key = user.totpdevice_set.get().bin_key
    somebody.sign_in(user.username)
    return somebody


def test_a_fresh_company_comes_in_and_makes_an_inquiry(sit_down, market, folder):  # noqa: F811
    cast, point = market.cast, market.point()

    # The applicant: an address, a mailed link, the pages of the application.
    applicant = sit_down()
    applicant.open("/use-applications/")
    applicant.page.check("[name=kind][value=production]")
    applicant.fill(address=ADMINISTRATOR.email)
    applicant.press("main .btn-primary")
    applicant.open(mailed("/use-applications/begin/", ADMINISTRATOR.email))
    applicant.press("main .btn-primary")
    overview = applicant.page.url
    applicant.press("main a[href$='/company/']")
    applicant.fill(**{name: value for name, value in COMPANY.items() if isinstance(value, str)})
    applicant.page.check("[name=market_roles][value=retailer]")
    applicant.press("main .btn-primary")
    applicant.press("main a[href$='/wanted/']")
    applicant.page.check("[name=areas][value='03']")
    applicant.page.check("[name=supply_classes][value=LV]")
    applicant.press("main .btn-primary")
    applicant.press("main a[href$='/administrators/']")
    for field in ("username", "name", "email"):
        applicant.page.fill(f"[name=form-0-{field}]", getattr(ADMINISTRATOR, field))
    applicant.press("main .btn-primary")
    applicant.press("main a[href$='/users/']")
    people = f"ユーザID,氏名,メール,役割\r\n{CLERK.username},{CLERK.name},{CLERK.email},照会 廃止取次\r\n"
    applicant.page.set_input_files(
        "[name=file]", {"name": "users.csv", "mimeType": "text/csv", "buffer": people.encode("cp932")}
    )
    applicant.press("main .btn-primary")
    assert CLERK.name in applicant.page.inner_text("main")
    applicant.press("main .btn-primary")
    applicant.press("main a.btn-primary")
    applicant.page.check("[name=accepts]")
    applicant.keep("newcomer-filing")
    applicant.press("main .btn-primary")
    assert UseApplication.objects.get().state == "waiting"

    # Two operators: one proposes, the other confirms.
    first = operator(sit_down, cast["hub.operator"])
    first.open("/workbench/portal/useapplication/")
    first.press("#result_list tbody a")
    first.press("button[value=propose]")
    assert not Company.objects.filter(name=COMPANY["name"]).exists(), "one operator alone lets nobody in"
    first.open("/workbench/portal/proposal/")
    first.press("#result_list tbody a")
    assert not first.page.query_selector("button[value=confirm]")
    second = operator(sit_down, second_operator(cast))
    second.open("/workbench/portal/proposal/")
    second.press("#result_list tbody a")
    second.keep("newcomer-confirmation")
    second.press("button[value=confirm]")
    hoshi = Company.objects.get(name=COMPANY["name"])
    applicant.open(overview)
    assert "承認" in applicant.page.inner_text("main")
    applicant.leave()

    # Two people enrol: password and second factor.
    administrator, clerk = sit_down(), sit_down()
    administrator.enrol(mailed("/invitation/", ADMINISTRATOR.email))
    clerk.enrol(mailed("/invitation/", CLERK.email))
    assert set(hoshi.people.filter(totpdevice__confirmed=True).values_list("username", flat=True)) == {
        ADMINISTRATOR.username,
        CLERK.username,
    }

    # Certificates: keys made with openssl, approved inside the company, issued by the test authority.
    pairs = {}
    for somebody, terminal in ((administrator, "管理者机"), (clerk, "受付机")):
        key, csr = folder / f"{terminal}.key", folder / f"{terminal}.csr"
        key.write_bytes(tools.new_key())
        csr.write_bytes(tools.new_csr(hoshi.name, key=key.read_bytes()))
        somebody.ask_for_a_certificate(terminal, csr)
        administrator.open("/certificates/")
        administrator.press(f"main td a:has-text('{terminal}')")
        if somebody is clerk:
            administrator.keep("newcomer-certificate")
        administrator.press("button[value=approve]")
        pairs[terminal] = somebody.fetch(terminal, folder / f"{terminal}.pem"), key
    assert Certificate.objects.filter(company=hoshi, revoked_at=None).count() == 2

    # From now on with the certificate only.
    chief = sit_down(pairs["管理者机"], like=administrator)
    chief.sign_in(ADMINISTRATOR.username)
    chief.open("/certificates/policy/")
    chief.press("main .btn-primary")
    hoshi.refresh_from_db()
    assert hoshi.web_certificate_required
    clerk.open("/facility-inquiries/new/LV/", status=403)
    clerk.keep("newcomer-without-certificate")
    clerk.context.close()
    administrator.context.close()

    # The clerk at the terminal with the certificate.
    desk = sit_down(pairs["受付机"], like=clerk)
    desk.sign_in(CLERK.username)
    assert "利用開始日" in desk.page.inner_text("main"), "the agreed start lies ahead: access can be tried, no more"
    desk.open("/facility-inquiries/new/LV/", status=503)
    assert "利用開始日" in desk.page.inner_text("main")
    second.open("/workbench/portal/company/")
    second.page.check(f"input[name=_selected_action][value='{hoshi.pk}']")
    second.page.select_option("select[name=action]", "begin_now")
    second.press("button[name=index]")
    assert LedgerEntry.objects.filter(action="company begins early", user__username="hub.second").exists()
    desk.troubles.clear()  # the browser's console complains of the closed page

    desk.open("/facility-inquiries/new/LV/")
    desk.fill(number=f"{point.number[:2]}-{point.number[2:6]}-{point.number[6:]}", reference="REC-1")
    desk.page.check("[name=purpose][value=switch]")
    desk.page.check("[name=channel][value=telephone]")
    desk.fill(obtained_on=timezone.localdate().isoformat())
    desk.press("main .btn-primary")
    inquiry = FacilityInquiry.objects.get()
    assert inquiry.point == point and inquiry.company == hoshi and HOLDER not in desk.page.content()
    desk.keep("newcomer-inquiry")
    assert LedgerEntry.objects.filter(company=hoshi, user__username=CLERK.username, purpose__gt="").exists()

    # The certificate is revoked: the next click is the last.
    chief.open("/certificates/")
    chief.press("main td a:has-text('受付机')")
    chief.press("main a.btn-link")
    chief.fill(reason="端末を紛失")
    chief.press("main .btn-danger")
    answer = desk.page.goto(desk.page.url)
    assert answer.status == 403 and "失効" in desk.page.inner_text("main")
    desk.keep("newcomer-revoked")
    desk.open("/facility-inquiries/new/LV/", status=403)
    desk.context.close()
    for somebody in (first, second, chief):
        somebody.leave()
