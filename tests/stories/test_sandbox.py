"""The sandbox as an integrator meets it: one command, a real server, a market by its host name, its clock."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from config.services import ROOT
from portal.workdays import JST

START_SECONDS, TRAVEL_SECONDS, STOP_SECONDS, PAGE_SECONDS = 1800, 900, 120, 300  # also on a machine with much to do
OWN_POINT = "0300300000000000000021"  # far behind those that the partner asks for by itself in these few days
FILE, RELAY = re.compile(r"/published-files/\d+/"), re.compile(r"R\d{10}")


class Here(httpx.HTTPTransport):
    """Names below .localhost are this machine, whatever its resolver says."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        here = httpx.Request(  # a request of its own: cookies stay with the name that was asked for
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(here)


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@pytest.fixture
def database() -> Iterator[dict[str, str]]:
    """A database with the tables made, where this run keeps one to copy; else `up` makes one, which takes longer."""
    template, name = os.environ.get("KIRIKAE_TEST_TEMPLATE"), f"sandbox_{os.getpid()}"
    if not template:
        yield {}
        return
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as line:
        line.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        yield {"DATABASE_URL": f"{server}/{name}"}
        found = line.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [name]).fetchall()
        for (each,) in found:
            line.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(each)))


@pytest.fixture
def sandbox(tmp_path: Path, database: dict[str, str]) -> Iterator[str]:
    """What follows a market's name in its address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KIRIKAE_", "DJANGO_", "PYTEST"))}
    environment = kept | {"KIRIKAE_DATA": str(tmp_path / "data"), "KIRIKAE_VENV": "none"}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    environment |= database
    said, port = tmp_path / "up.log", free_port()
    log = said.open("wb")
    command = [sys.executable, str(ROOT / "manage.py"), "up", "--linkage", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: b"Kirikae is running" in said.read_bytes() or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, said.read_text(errors="replace")
        yield f".linkage.localhost:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        log.close()


def until(is_so: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.5)


class Browser:
    """Just enough of one: cookies, the token of forms."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(
            base_url=address,
            transport=Here(),
            follow_redirects=True,
            timeout=PAGE_SECONDS,
            headers={"Accept-Language": "en"},
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
    market = f"http://sora{sandbox}"
    stranger = Browser(f"http://nowhere{sandbox}")
    assert stranger.http.get("/").status_code == 404
    browser = Browser(market)
    browser.sign_in("sora.developer", "kirikae-demo-2016")
    page = browser.open("/linkage/")
    assert "environment-linkage_test" in page and "sora" in page
    assert browser.open("/linkage/customers/?ending=1").count("R01") > 3
    lists = {path: browser.open(path) for path in ("/linkage/partners/", "/linkage/qualification/", "/relays/")}
    assert "G18" in lists["/linkage/qualification/"]
    assert "The market is travelling." in browser.send("/linkage/", "/linkage/travel/", days="3")
    until(lambda: "data-renew" not in browser.open("/linkage/"), TRAVEL_SECONDS)
    travelled = (
        (datetime.now(JST) + timedelta(days=1)).date().isoformat()
    )  # usage of it is there after travelling alone
    assert FILE.search(files := browser.open("/published-files/")) and travelled in files
    about_the_point = f"/relays/?q={OWN_POINT}"
    assert not RELAY.search(browser.open(about_the_point))
    browser.send("/linkage/partners/", "/linkage/partners/relay/", number=OWN_POINT)
    assert RELAY.search(browser.open(about_the_point))
    browser.send("/linkage/markets/sora/reset/", "/linkage/markets/sora/reset/")
    again = Browser(market)
    again.sign_in("sora.developer", "kirikae-demo-2016")
    assert travelled not in again.open("/published-files/") and not RELAY.search(again.open(about_the_point))
