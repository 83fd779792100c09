"""The main job as its people do it: from inquiry to published usage, in a real browser, with a real worker."""

import gzip
import hashlib
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import time_machine
from django_otp.oath import TOTP

from metering.formats.blocks import day_block
from metering.formats.csv import wide_lines
from metering.models import PublishedFile, SupplyPeriod
from portal import people
from portal.models import User
from portal.workdays import JST
from switching import disclosures
from switching.models import Application, Relay
from switching.states import RelayState
from tests.browser.seats import Seat
from tests.cast import NOW, PASSWORD, Cast
from tests.switching.cases import ADDRESS, HOLDER, ITEMS, KANA, Play

SWITCH_DAY = date(2026, 4, 15)


class Person(Seat):
    """Somebody at a browser of their own."""

    def __init__(self, browser: Any, site: str, clock: Any, user: User) -> None:
        super().__init__(browser, site)
        self.clock, self.user = clock, user

    def sign_in(self) -> None:
        self.clock.shift(timedelta(minutes=1))  # a code is good once
        self.open("/sign-in/")
        self.fill(username=self.user.username, password=PASSWORD)
        self.press("main .btn-primary")
        device = self.user.totpdevice_set.get()
        totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
        totp.time = datetime.now(tz=JST).timestamp()
        self.fill(code=f"{totp.token():06d}")
        self.press("main .btn-primary")

    def sign_out(self) -> None:
        self.leave()


@pytest.fixture
def play(cast: Cast) -> Play:
    disclosures.publish_version(ITEMS, valid_from=date(2016, 3, 1), by=None, now=NOW)
    return Play(cast, NOW)


@pytest.fixture
def sit_down(browser, live_server, transactional_db, play, files):
    """Sit somebody down at a browser, signed in; the clock is in the story's hands."""
    with time_machine.travel(NOW, tick=True) as clock:

        def person(name: str) -> Person:
            somebody = Person(browser, live_server.url, clock, play.cast[name])
            somebody.sign_in()
            return somebody

        yield person, clock


def test_a_customer_switches_from_umi_to_sora(sit_down, play, worker, until):
    person, clock = sit_down
    point = play.point()
    contract = point.contracts.get()
    _grant(play.cast["sora.relay"], "inquiry", "application", "usage")
    _grant(play.cast["kaze.usage"], "application")

    # The gaining retailer's clerk: inquiry, disclosure, relay, start.
    clerk = person("sora.relay")
    clerk.open("/facility-inquiries/new/LV/")
    clerk.fill(number=f"{point.number[:2]}-{point.number[2:6]}-{point.number[6:]}", reference="REC-1")
    clerk.page.check("[name=purpose][value=switch]")
    clerk.page.check("[name=channel][value=telephone]")
    clerk.fill(obtained_on="2026-04-01")
    clerk.press("main .btn-primary")
    assert HOLDER not in clerk.page.content()
    clerk.keep("inquiry")
    clerk.press("main a.btn-primary")
    for box in clerk.page.query_selector_all("main input[type=checkbox]"):
        box.check()
    clerk.page.select_option("[name=channel]", "telephone")
    clerk.keep("disclosure")
    clerk.press("main .btn-primary")
    clerk.page.select_option("[name=losing_retailer]", str(play.cast.umi.pk))
    clerk.fill(
        contract_number=contract.number,
        holder_name="高橋　花子",
        holder_kana="ﾀｶﾊｼ ﾊﾅｺ",
        holder_address=ADDRESS.replace("1丁目2番3号", "１－２－３"),
        desired_date=SWITCH_DAY.isoformat(),
        contact_person="空 太郎",
    )
    clerk.press("main .btn-primary")
    assert not Relay.objects.exists(), "nothing is filed before it was shown"
    clerk.keep("relay-confirmation")
    clerk.press("main button[name=confirmed]")
    relay = Relay.objects.get()
    clerk.open(f"/applications/new/switch-start/?relay={relay.number}")
    clerk.fill(contract_number="S-0001", holder_name=HOLDER, holder_kana=KANA, holder_address=ADDRESS)
    clerk.press("main .btn-primary")
    clerk.press("main button[name=confirmed]")
    assert Application.objects.get().kind == Application.Kind.SWITCH_START

    # The losing retailer's clerk: inbox, comparison, acceptance.
    judge = person("umi.relay")
    judge.open("/")
    judge.keep("inbox")
    judge.open(f"/relays/{relay.number}/judgement/")
    judge.keep("relay")
    judge.press("main button[name=verdict][value=accept]")
    judge.press("main .ask .btn-primary")
    relay.refresh_from_db()
    assert relay.state == RelayState.ACCEPTED
    assert Application.objects.filter(kind=Application.Kind.SWITCH_TERMINATION, retailer=play.cast.umi).exists()

    # The worker pairs them; on the day it hands the point over.
    worker("switching.tasks.match", NOW + timedelta(hours=1))
    relay.refresh_from_db()
    assert relay.state == RelayState.MATCHED
    clerk.open(f"/relays/{relay.number}/")
    clerk.keep("relay-matched")
    worker("switching.tasks.hand_over", datetime(2026, 4, 15, 0, 5, tzinfo=JST))
    now_supplying = SupplyPeriod.objects.get(point=point, known_until=None, during__contains=SWITCH_DAY)
    assert now_supplying.retailer == play.cast.sora

    # The network operator sends both days around the switch; the nightly job publishes each to whom it belongs.
    clock.move_to(datetime(2026, 4, 16, 3, 0, tzinfo=JST))
    network = person("kaze.usage")
    days = [SWITCH_DAY - timedelta(days=1), SWITCH_DAY]
    values = np.arange(96, dtype=np.int32).reshape(2, 48) * 10
    block = day_block([point.number] * 2, days, values)
    head = b"supply_point,meter,date," + b",".join(b"hh%02d" % n for n in range(1, 49)) + b",quality\r\n"
    network.open("/usage-files/")
    network.page.set_input_files(
        "input[type=file]", {"name": "kaze.csv", "mimeType": "text/csv", "buffer": head + wide_lines(block)}
    )
    network.press("main form[enctype] button[type=submit], main form[enctype] .btn-primary")
    worker("metering.tasks.take_in_waiting", datetime(2026, 4, 16, 3, 5, tzinfo=JST))
    network.open("/usage-files/")
    network.keep("usage-files")
    worker("metering.tasks.publish_nightly", datetime(2026, 4, 16, 5, 0, tzinfo=JST))
    worker("metering.tasks.publish_late", datetime(2026, 4, 16, 5, 10, tzinfo=JST))
    by_recipient = {
        (file.recipient.name_en, file.publication.day)
        for file in PublishedFile.objects.select_related("recipient", "publication")
    }
    assert by_recipient == {("Umi Energy", days[0]), ("Sora Denki", days[1])}

    # The network operator reports the paperwork, the new retailer collects its file.
    start = Application.objects.get(kind=Application.Kind.SWITCH_START)
    network.open(f"/applications/{start.number}/completion/")
    network.press("main button[name=confirmed], main .btn-primary")
    start.refresh_from_db()
    assert (start.in_effect_on, start.completed_at is not None) == (SWITCH_DAY, True)
    collector = person("sora.relay")
    collector.open("/published-files/")
    collector.keep("published-files")
    wide = PublishedFile.objects.get(recipient=play.cast.sora, format=PublishedFile.Format.WIDE_CSV)
    with collector.page.expect_download() as coming:
        collector.page.click(f"a[href='/published-files/{wide.pk}/download/']")
    content = coming.value.path().read_bytes()
    assert hashlib.sha256(content).hexdigest() == wide.sha256
    line = gzip.decompress(content).decode().splitlines()[1]
    assert line.split(",")[:5] == [point.number, "", "2026-04-15", "0.480", "0.490"]

    # A company that is nobody to the case sees nothing of it.
    stranger = person("yama.relay")
    for path in (f"/relays/{relay.number}/", f"/relays/{relay.number}/judgement/"):
        assert stranger.page.goto(stranger.site + path).status == 404
    stranger.troubles.clear()
    for somebody in (clerk, judge, network, collector, stranger):
        somebody.sign_out()


def _grant(user: User, *roles: str) -> None:
    people.set_roles(user, roles=[*user.roles, *roles], by=None, now=NOW)
