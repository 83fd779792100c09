"""How long a program waits: calls of the API under load, beside a bare Django view and a bare query in the same run.

Run: python -m bench.api --rows 10000 --seconds 20 --events 100000

A scratch database is filled as bench.switching fills it, every case put with one company. gunicorn serves it as in
production (threads, no certificates); wrk asks over HTTP with as many connections as there are threads. Prints median
and 95th percentile of each call, and how fast the feed of events is read from its beginning by the client.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.pages import one_company
from bench.stage import ROOT, scratch
from bench.switching import fill, open_market

TARGET_MS = 300  # of a synchronous call, at the 95th percentile
FREE = 400  # points without any case, for checks that find nothing against
ROLES = ["inquiry", "application", "relay", "usage", "viewer"]
SCRIPT = """
local at, id, calls, token, threads = 0, 0, CALLS, "TOKEN", 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
function request()
  at = at + 1
  local call = calls[1 + (at * 7 + id) % #calls]
  local headers = {["Authorization"] = "Bearer " .. token, ["Accept-Language"] = "en"}
  if call.body then
    headers["Content-Type"] = "application/json"
    headers["Idempotency-Key"] = string.format("bench-%d-%d-%d", STAMP, id, at)
    return wrk.format("POST", call.path, headers, call.body)
  end
  return wrk.format("GET", call.path, headers)
end
function done(summary, latency, requests)
  local wrong = summary.errors
  io.write(string.format('{"p50": %.3f, "p95": %.3f, "rate": %.2f, "answers": %d, "wrong": %d}\\n',
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, summary.requests / (summary.duration / 1e6),
    summary.requests, wrong.status + wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
"""


# --- On the scratch database --------------------------------------------------------------------------------------
def prepare(rows: int, events: int) -> None:
    """Cases, a program with its secret, points to ask about, and a long feed; what the load needs goes to stdout."""
    from datetime import timedelta

    from django.utils import timezone

    from metering import points as verbs
    from metering.models import Consent, FacilityInquiry, SupplyPoint
    from portal import api_clients, people
    from portal import events as feed
    from portal.events import Happening
    from portal.market import Area
    from portal.models import Cause, Company, Topic
    from portal.workdays import jst_date
    from switching.models import Application, Disclosure, DisclosureVersion, Relay

    now = timezone.now()
    today = jst_date(now)
    fill(rows)
    one_company(rows)
    company = Company.objects.get(name="Retail 0")
    days = verbs.days_of_month((Area.TOKYO,), range(1, 21), first_year=today.year, last_year=today.year + 1)
    verbs.set_reading_calendar(days, now=now)
    by = people.register(
        company=company, username="bench.admin", name="Administrator", roles=["administrator"], by=None, now=now
    )
    client, secret = api_clients.register(name="bench", roles=ROLES, by=by, now=now)
    points = list(SupplyPoint.objects.filter(pk__gt=1000, pk__lte=1000 + FREE).order_by("pk"))
    consent = Consent.objects.create(
        company=company, reference="B", channel="web", purpose="switch", obtained_on=today, recorded_at=now,
        recorded_by=client.user,
    )  # fmt: skip
    FacilityInquiry.objects.bulk_create(
        FacilityInquiry(
            company=company, by=client.user, at=now, consent=consent, supply_class="LV", area="03", point=point,
            answer={},
        )
        for point in points
    )  # fmt: skip
    version = DisclosureVersion.objects.get()
    Disclosure.objects.bulk_create(
        Disclosure(
            company=company, point=point, version=version, channel="web", explained_on=today, recorded_at=now,
            recorded_by=client.user,
        )
        for point in points
    )  # fmt: skip
    one = Happening(
        recipient_id=company.pk,
        topic=Topic.RELAYS,
        kind="relay.accept",
        cause=Cause.COUNTERPART_DEED,
        subject="relay R0000-0000-17",
        resource="/api/v1/relays/R0000000017",
        page="/relays/R0000000017/",
        area="03",
        supply_class="LV",
        ability="see_relays",
        detail={"from": "01", "to": "02"},
    )
    feed.write_many([one] * events, now=now)
    relays = Relay.objects.filter(state="02").order_by("pk")
    starts = Application.objects.filter(kind="switch_start", state="waiting").order_by("pk")
    said = {
        "client_id": client.client_id,
        "secret": secret,
        "relays": list(relays.values_list("number", flat=True)[:500]),
        "ids": list(relays.values_list("pk", flat=True)[:500]),
        "starts": list(starts.values_list("number", flat=True)[:500]),
        "checks": [
            {
                "point": point.number,
                "losing_retailer": "R0001",
                "contract_number": f"U-{point.pk - 1000}",
                "holder_name": "髙橋 花子",
                "holder_kana": "タカハシ ハナコ",
                "holder_address": "経堂二丁目1-3",
                "desired_date": (today + timedelta(days=40)).isoformat(),
                "contact_person": "Clerk",
                "dry_run": True,
            }
            for point in points
        ],
        "last": feed.standing(company).last,
    }
    print(json.dumps(said, ensure_ascii=False))


# --- The load -----------------------------------------------------------------------------------------------------
class Site:
    """gunicorn before the scratch database."""

    def __init__(self, environment: dict[str, str], folder: Path, *, workers: int, threads: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "web.log"
        command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--workers", str(workers), "--threads", str(threads), "--no-control-socket", "--preload"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        end = time.monotonic() + 120
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(self.log.read_text()[-2000:])
            time.sleep(0.1)

    def cpu_seconds(self) -> float:
        """Processor time of the web processes so far: what to compare on a machine that does other things too."""
        spent = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            if int(fields[1]) == self.process.pid:
                spent += int(fields[11]) + int(fields[12])
        return spent / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def load(site: Site, token: str, calls: list[dict[str, str]], folder: Path, options: Any) -> dict[str, float]:
    """What wrk found about a set of calls."""
    rows = ", ".join(_lua_call(call) for call in calls)
    text = (
        SCRIPT.replace("CALLS", "{" + rows + "}").replace("TOKEN", token).replace("STAMP", str(time.time_ns() // 1000))
    )
    script = folder / "calls.lua"
    script.write_text(text, encoding="utf-8")
    wrk = ["wrk", "-t", "2", "-c", str(options.connections), "-d", f"{options.seconds}s", "--timeout", "30s"]
    before = site.cpu_seconds()
    done = subprocess.run([*wrk, "-s", str(script), site.address], text=True, capture_output=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found | {"cpu": 1000 * (site.cpu_seconds() - before) / max(found["answers"], 1)}


def _lua_call(call: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name} = [==[{text}]==]" for name, text in call.items()) + "}"


def bare_query(url: str, ids: list[int], options: Any) -> dict[str, float]:
    """One row by its key, in as many threads as the site is asked by connections, without Django."""
    import psycopg

    took: list[list[float]] = []
    end = time.monotonic() + options.seconds

    def ask() -> None:
        mine: list[float] = []
        took.append(mine)
        with psycopg.connect(url, autocommit=True) as line:
            while time.monotonic() < end:
                began = time.perf_counter()
                line.execute("SELECT * FROM switching_relay WHERE id = %s", [ids[len(mine) % len(ids)]]).fetchone()
                mine.append(1000 * (time.perf_counter() - began))

    threads = [threading.Thread(target=ask) for _each in range(options.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = sorted(one for mine in took for one in mine)
    p95 = whole[int(0.95 * (len(whole) - 1))]
    return {"p50": median(whole), "p95": p95, "rate": len(whole) / options.seconds, "answers": len(whole), "wrong": 0}


def replay(site: Site, given: dict[str, Any]) -> None:
    """The client reads the whole feed from its beginning; it refuses a gap."""
    from kirikae_client import Hub

    with Hub(site.address, client_id=given["client_id"], secret=given["secret"]) as hub:
        began, count = time.monotonic(), 0
        for event in hub.events():
            count += 1
            assert event["number"] == count
        seconds = time.monotonic() - began
    assert count == given["last"]
    print(f"replay: {count:,} events read in order in {seconds:.1f} s ({count / seconds:,.0f} a second)")


def measure(environment: dict[str, str], folder: Path, given: dict[str, Any], options: Any) -> None:
    from kirikae_client import Hub

    limits = {"KIRIKAE_API_READS": "100000000", "KIRIKAE_API_WRITES": "100000000", "KIRIKAE_HOSTS": "*"}
    limits["KIRIKAE_CONNECTION_SECONDS"] = "60"  # as in production
    site = Site(environment | limits, folder, workers=options.workers, threads=options.threads)
    try:
        with Hub(site.address, client_id=given["client_id"], secret=given["secret"]) as hub:
            hub.get("me")
            token = hub._bearer()
        path = "/api/v1/{}".format
        reads = {
            "a bare Django view (healthz)": ["/healthz"],
            "who I am": [path("me")],
            "one relay": [path(f"relays/{number}") for number in given["relays"]],
            "one application": [path(f"applications/{number}") for number in given["starts"]],
            f"fifty of {options.rows * 2:,} relays": [path("relays?side=gaining&limit=50")],
            "a hundred events": [path(f"events?after={n}&limit=100") for n in range(0, given["last"] - 100, 991)],
        }
        ways = {name: [{"path": one} for one in paths] for name, paths in reads.items()}
        ways["check a relay without registering it"] = [
            {"path": path("relays"), "body": json.dumps(body, ensure_ascii=False)} for body in given["checks"]
        ]
        ways["acknowledge events (a write, once by its key)"] = [
            {"path": path("events/acknowledgement"), "body": json.dumps({"number": given["last"]})}
        ]
        print(f"{'':<48} {'median':>11} {'p95':>11} {'processor':>11} {'a second':>9} {'wrong':>6}")
        figures = {"one row by its key (a bare query)": bare_query(environment["DATABASE_URL"], given["ids"], options)}
        show(*next(iter(figures.items())))
        for name, calls in ways.items():
            figures[name] = load(site, token, calls, folder, options)
            show(name, figures[name])
        replay(site, given)
    finally:
        site.stop()
    worst = max(found["p95"] for name, found in figures.items() if "bare" not in name)
    print(f"calls: p95 {worst:.0f} ms, target {TARGET_MS} ms {'reached' if worst <= TARGET_MS else 'MISSED'}")
    print(json.dumps(figures))
    if any(found["wrong"] for found in figures.values()):
        raise SystemExit("some answers were refusals or did not come: the figures prove nothing")


def show(name: str, found: dict[str, float]) -> None:
    cpu = f"{found['cpu']:>8.1f} ms" if "cpu" in found else f"{'':>11}"
    waited = f"{found['p50']:>8.1f} ms {found['p95']:>8.1f} ms"
    print(f"{name:<48} {waited} {cpu} {found['rate']:>9.0f} {found['wrong']:>6.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="open cases of one company")
    parser.add_argument("--seconds", type=int, default=20, help="load of each call")
    parser.add_argument("--events", type=int, default=100_000, help="events in the feed")
    parser.add_argument("--connections", type=int, default=8, help="asked at the same time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4, help="of each worker")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        import django

        django.setup()
        {"market": open_market, "prepare": lambda: prepare(options.rows, options.events)}[options.inner]()
        return
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not here: apt-get install wrk")
    sys.path.insert(0, str(ROOT / "clients" / "python"))
    with scratch() as (environment, folder):
        run = [sys.executable, "-m", "bench.api", "--rows", str(options.rows), "--events", str(options.events)]
        subprocess.run([*run, "--inner", "market"], env=environment, cwd=ROOT, check=True)
        made = subprocess.run(
            [*run, "--inner", "prepare"], env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
        measure(environment, Path(folder), json.loads(made.stdout.strip().splitlines()[-1]), options)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
