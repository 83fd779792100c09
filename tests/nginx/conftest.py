"""A real nginx and a real gunicorn before the test's database, with sockets of their own."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from portal import authority, trusted_authorities

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = os.environ.get("KIRIKAE_REQUIRE_NGINX") == "1"


def nginx_binary() -> str | None:
    """Where the machine's nginx is; Debian puts it where ordinary users do not look."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("nginx"))
            if not nginx_binary() and not REQUIRED:
                item.add_marker(pytest.mark.skip(reason="no nginx here: apt-get install nginx-light"))


@pytest.fixture
def now() -> datetime:
    """Handshakes know the real clock only."""
    return timezone.now()


@pytest.fixture
def folder(tmp_path, settings) -> Path:
    settings.AUTHORITY_DIR = tmp_path / "authority"
    return tmp_path


@pytest.fixture
def built_in(folder, transactional_db, now) -> authority.Authority:
    found = authority.built_in(now=now)
    found.server_certificate(["localhost"], now=now)
    trusted_authorities.publish(now=now)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen, log: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert process.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def site_environment(folder: Path) -> dict[str, str]:
    """What a web process needs to serve the test's database."""
    values = connection.get_connection_params()
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{quote(values.get('user') or '', safe='')}"
        f"@{quote(values.get('host') or 'localhost', safe='')}:{values.get('port') or 5432}/{values['dbname']}",
        "KIRIKAE_ENV": "test",
        "KIRIKAE_AUTHORITY": str(folder / "authority"),
        "REDIS_URL": settings.REDIS_URL,
    }
    if values.get("password"):
        environment["PGPASSWORD"] = str(values["password"])
    return environment


def started(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen:
    with log.open("ab") as file:
        return subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def https_port() -> int:
    return free_port()


@pytest.fixture
def web(built_in, folder, https_port) -> Iterator[Path]:
    """gunicorn on a Unix socket, believing what comes by it; returns the socket."""
    path = folder / "web.sock"
    environment = {
        **site_environment(folder),
        "KIRIKAE_CERTIFICATE_SOURCE": "socket",
        "KIRIKAE_TRUSTED_ORIGINS": f"https://localhost:{https_port}",
    }
    gunicorn = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"unix:{path}"]
    process = started(
        [*gunicorn, "--workers", "1", "--threads", "4", "--no-control-socket"], environment, folder / "web.log"
    )
    try:
        wait_until(path.exists, process, folder / "web.log")
        yield path
    finally:
        stop(process)


@dataclass
class Nginx:
    """The running nginx: its port, and a way to start it again with the configuration changed."""

    port: int
    reload: Callable[[str, str], None]


@pytest.fixture
def nginx(web, folder, https_port) -> Iterator[Nginx]:
    """nginx with the configuration we ship; only paths, ports and its place of work are the test's."""
    binary = nginx_binary()
    assert binary, "KIRIKAE_REQUIRE_NGINX is set and there is no nginx"
    plain_port, port = free_port(), https_port
    shipped = (ROOT / "docs/nginx/kirikae.conf").read_text()
    for theirs, ours in (
        ("/run/kirikae/web.sock", str(web)),
        ("/etc/kirikae/", f"{folder}/authority/"),
        ("/var/log/nginx/", f"{folder}/"),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("server_name hub.example;", "server_name localhost;"),
    ):
        assert theirs in shipped
        shipped = shipped.replace(theirs, ours)
    frame = (
        "worker_processes 1;\ndaemon off;\npid {0}/nginx.pid;\nerror_log {0}/error.log info;\n{1}"
        "events {{ worker_connections 64; }}\nhttp {{\naccess_log off;\nclient_body_temp_path {0}/body;\n"
        "proxy_temp_path {0}/proxy;\nfastcgi_temp_path {0}/f;\nuwsgi_temp_path {0}/u;\nscgi_temp_path {0}/s;\n"
    ).format(folder, "user root;\n" if os.geteuid() == 0 else "")
    conf = folder / "nginx.conf"
    conf.write_text(f"{frame}{shipped}\n}}\n")
    process = started([binary, "-p", str(folder), "-c", str(conf)], dict(os.environ), folder / "nginx.log")

    def reload(old: str, new: str) -> None:
        nonlocal process
        assert old in conf.read_text()
        conf.write_text(conf.read_text().replace(old, new))
        stop(process)
        process = started([binary, "-p", str(folder), "-c", str(conf)], dict(os.environ), folder / "nginx.log")
        wait_until(lambda: answers(port), process, folder / "nginx.log")

    try:
        wait_until(lambda: answers(port), process, folder / "nginx.log")
        yield Nginx(port, reload)
    finally:
        stop(process)


class Browser:
    """One TLS connection kept open, with or without a client certificate, and a cookie."""

    def __init__(self, port: int, folder: Path, *, pair: tuple[Path, Path] | None = None, cookie: str = "") -> None:
        context = ssl.create_default_context(cafile=str(folder / "authority/root.pem"))
        if pair:
            context.load_cert_chain(*map(str, pair))
        self.line = HTTPSConnection("localhost", port, context=context, timeout=30)
        self.cookie = cookie
        self.connections = 0

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and page; without "_" in a header's name it goes out with hyphens."""
        before = self.line.sock
        sent = {"Cookie": self.cookie, "Accept-Language": "en", **headers}
        self.line.request("GET", path, headers=sent)
        answer: HTTPResponse = self.line.getresponse()
        text = answer.read().decode()
        self.connections += self.line.sock is not before
        return answer.status, text
