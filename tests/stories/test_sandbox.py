"""The sandbox as an integrator meets it: one command, a real server, a market by its host name, its clock."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from config.services import ROOT

START_SECONDS, TRAVEL_SECONDS = 900, 600
PORT = 8461
OWN_POINT = "0300300000000000000001"
FILE = re.compile(r"/published-files/\d+/")
MARKET = f"http://sora.linkage.localhost:{PORT}"


class Here(httpx.HTTPTransport):
    """Names below .localhost are this machine, whatever its resolver says."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(request)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KIRIKAE_", "DJANGO_", "PYTEST"))}
    environment = kept | {"KIRIKAE_DATA": str(tmp_path / "data"), "KIRIKAE_VENV": "none"}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    log = (tmp_path / "up.log").open("wb")
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--linkage", "--port", str(PORT)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: b"Kirikae is running" in (tmp_path / "up.log").read_bytes(), START_SECONDS, process)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()


def until(is_so: Callable[[], bool], seconds: float, process: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert process is None or process.poll() is None, "the sandbox ended before it ran"
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.5)


class Browser:
    """Just enough of one: cookies, the token of forms."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(
            base_url=address, transport=Here(), follow_redirects=True, timeout=120, headers={"Accept-Language": "en"}
        )

    def open(self, path: str) -> str:
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.text

    def send(self, page: str, path: str, **entries: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.open(page))
        assert token
        headers = {"Referer": f"{self.http.base_url}{page}"}
        answer = self.http.post(path, data={"csrfmiddlewaretoken": token[1], **entries}, headers=headers)
        answer.raise_for_status()
        return answer.text

    def sign_in(self, username: str, password: str) -> None:
        self.send("/sign-in/", "/sign-in/", username=username, password=password)
        shown = re.search(r"\b(\d{6})\b", re.sub(r"<[^>]+>", " ", self.open("/sign-in/code/")))
        assert shown, "the code is shown in an open sandbox"
        self.send("/sign-in/code/", "/sign-in/code/", code=shown[1])


@pytest.mark.slow
def test_from_one_command_to_a_market_whose_clock_is_put_forward_and_that_begins_anew(sandbox):
    stranger = Browser(MARKET.replace("sora", "nowhere"))
    assert stranger.http.get("/").status_code == 404
    browser = Browser(MARKET)
    browser.sign_in("sora.developer", "kirikae-demo-2016")
    page = browser.open("/linkage/")
    assert "environment-linkage_test" in page and "sora" in page
    assert browser.open("/linkage/customers/?ending=1").count("R01") > 3
    lists = {path: browser.open(path) for path in ("/linkage/partners/", "/linkage/qualification/", "/relays/")}
    assert "G18" in lists["/linkage/qualification/"]
    browser.send("/linkage/", "/linkage/travel/", days="3")
    until(lambda: 'http-equiv="refresh"' not in browser.open("/linkage/"), TRAVEL_SECONDS)
    assert FILE.search(browser.open("/published-files/"))
    browser.send("/linkage/partners/", "/linkage/partners/relay/", number=OWN_POINT)
    assert "R0000" in browser.open("/relays/")
    browser.send("/linkage/markets/sora/reset/", "/linkage/markets/sora/reset/")
    again = Browser(MARKET)
    again.sign_in("sora.developer", "kirikae-demo-2016")
    assert not FILE.search(again.open("/published-files/")) and "R0000" not in again.open("/relays/")
