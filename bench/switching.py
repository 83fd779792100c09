"""Switches per second: matching, closing, handing over in sets, beside loops and a task per case, in one run.

Run: python -m bench.switching --sizes 10000,30000,100000,300000

Open cases are made by SQL in a scratch database; the verbs work them off, each in a process of its own, and so do a
row-by-row loop and a Celery worker with a task per case (bench/switching_loops.py), over as many cases as time allows.
Prints cases per second, time per case (flat when time grows linearly) and peak memory; --json keeps the figures. How
to read it: docs/performance.md. The scratch databases are dropped at the end; no other one is touched.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from bench.stage import ROOT, scratch
from bench.ways import timed

JST = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 4, 1, 10, tzinfo=JST)
AFTERWARDS = datetime(2026, 6, 30, 0, 5, tzinfo=JST)  # every switch date has come
RETAILERS = 50
WORKERS = 2
TARGET = 20
PHASES = {"match": "matching", "close": "closing unmatched", "hand_over": "handing over"}
LATE = False  # --late: everything is handed over afterwards, with two months of usage owed to the new retailers


# --- Open cases -----------------------------------------------------------------------------------------------------


def open_market() -> None:
    """Companies by the verbs, and one ended case that is the pattern of all others."""
    from metering import points, supply
    from portal import companies, people
    from portal.access import Role
    from portal.companies import TakesPart
    from portal.market import Area, MarketRole
    from switching import disclosures
    from switching.models import Application, Disclosure, Relay

    companies.register(name="Hub", is_hub_operator=True, notice_address="h@bench.example", by=None, now=NOW)
    part = TakesPart(MarketRole.NETWORK_OPERATOR, Area.TOKYO, "N0000")
    companies.register(name="Network", notice_address="n@bench.example", participations=[part], by=None, now=NOW)
    retailers = [
        companies.register(
            name=f"Retail {n}",
            notice_address=f"r{n}@bench.example",
            participations=[TakesPart(MarketRole.RETAILER, Area.TOKYO, f"R{n:04}")],
            by=None,
            now=NOW,
        )
        for n in range(RETAILERS)
    ]
    clerk = people.register(
        company=retailers[0],
        username="bench.clerk",
        name="Clerk",
        roles=(Role.RELAY, Role.APPLICATION),
        by=None,
        now=NOW,
    )
    days = points.days_of_month((Area.TOKYO,), range(1, 21), first_year=2026, last_year=2026)
    points.set_reading_calendar(days, now=NOW)
    [point] = points.register_many(
        [
            points.NewPoint(
                number=f"03{0:020d}",
                supply_class="LV",
                prefecture="東京都",
                municipality="世田谷区",
                town="経堂二丁目",
                block="1-3",
                contract_size=40,
                contract_size_unit="A",
                reading_day=1,
            )
        ],
        now=NOW,
    )
    holder = {"holder_name": "髙橋 花子", "holder_kana": "タカハシ ハナコ", "holder_address": point.address}
    begun = supply.NewSupply(
        point_id=point.pk,
        retailer_id=retailers[1].pk,
        from_date=date(2020, 4, 1),
        contract_number="U-0",
        **holder,
    )
    supply.begin([begun], now=NOW)
    version = disclosures.publish_version(
        [("charge", "解約違約金が発生する場合があります", "An early-termination charge may fall due")],
        valid_from=date(2020, 4, 1),
        by=None,
        now=NOW,
    )
    told = Disclosure.objects.create(
        company=retailers[0],
        point=point,
        version=version,
        channel="web",
        explained_on=NOW.date(),
        recorded_at=NOW,
        recorded_by=clerk,
    )
    dates = {"desired_date": date(2026, 4, 15)}
    relay = Relay.objects.create(
        number="R-pattern",
        point=point,
        gaining_retailer=retailers[0],
        losing_retailer=retailers[1],
        contract_number="U-0",
        contact_person="Clerk",
        disclosure=told,
        state="06",
        registered_at=NOW,
        registered_by=clerk,
        due_at=NOW,
        judged_at=NOW,
        judged_by=clerk,
        **holder,
        **dates,
    )
    filed = {"point": point, "filed_at": NOW, "state": "cancelled", "matching_deadline": date(2026, 4, 14), **dates}
    Application.objects.create(
        number="S-pattern", kind="switch_start", retailer=retailers[0], contract_number="S-0", **holder, **filed
    )
    Application.objects.create(
        number="T-pattern", kind="switch_termination", retailer=retailers[1], relay=relay, **filed
    )


FIRST_ROWS = 5000


def fill(cases: int) -> None:
    """`cases` accepted relays with start and termination that fit, and as many that do not and are past the cut-off."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(id ORDER BY id) FROM portal_company WHERE name LIKE 'Retail %'")
        [retailers] = cursor.fetchone()
        cursor.execute(
            """CREATE TEMPORARY TABLE wanted AS
               SELECT n, n > %(cases)s AS is_late, %(retailers)s::bigint[] AS r,
                      1 + n %% %(count)s AS gaining, 1 + (n + 1 + n %% 7) %% %(count)s AS losing,
                      CASE WHEN n > %(cases)s THEN date '2026-04-01' ELSE date '2026-04-06' + n %% 25 END AS day
               FROM generate_series(1, 2 * %(cases)s) AS n""",
            {"cases": cases, "retailers": retailers, "count": RETAILERS},
        )

        def multiply(table: str, pattern: str, changes: str) -> None:
            # Constraint triggers keep the plan of their first row: of an empty table that is a walk through all of it.
            for rows in (f"n <= {FIRST_ROWS}", f"n > {FIRST_ROWS}"):
                cursor.execute(
                    f"""INSERT INTO {table} SELECT made.* FROM wanted
                        CROSS JOIN (SELECT t FROM {table} t WHERE {pattern}) AS one
                        CROSS JOIN LATERAL jsonb_populate_record(one.t, jsonb_build_object({changes})) AS made
                        WHERE {rows}"""
                )
                cursor.execute(f"ANALYZE {table}")

        multiply(
            "metering_supplypoint",
            "number = '0300000000000000000000'",
            "'id', 1000 + n, 'number', '030' || lpad(n::text, 19, '0'), 'reading_day', 1 + n % 20",
        )
        multiply(
            "metering_contract",
            "number = 'U-0'",
            "'id', 1000 + n, 'point_id', 1000 + n, 'retailer_id', r[losing], 'number', 'U-' || n",
        )
        multiply(
            "metering_supplyperiod",
            "id = (SELECT min(id) FROM metering_supplyperiod)",
            "'id', 1000 + n, 'point_id', 1000 + n, 'retailer_id', r[losing], 'contract_id', 1000 + n",
        )
        multiply(
            "switching_relay",
            "number = 'R-pattern'",
            """'id', 1000 + n, 'number', 'R' || lpad(n::text, 10, '0'), 'point_id', 1000 + n, 'state', '02',
               'gaining_retailer_id', r[gaining], 'losing_retailer_id', r[losing], 'desired_date', day""",
        )
        multiply(
            "switching_application",
            "number = 'T-pattern'",
            """'id', 1000 + 2 * n, 'number', 'A' || lpad((2 * n)::text, 10, '0'), 'point_id', 1000 + n,
               'state', 'waiting', 'retailer_id', r[losing], 'relay_id', 1000 + n,
               'desired_date', day, 'matching_deadline', day - 1""",
        )
        multiply(
            "switching_application",
            "number = 'S-pattern'",
            """'id', 1001 + 2 * n, 'number', 'A' || lpad((2 * n + 1)::text, 10, '0'), 'point_id', 1000 + n,
               'state', 'waiting', 'retailer_id', r[gaining], 'meter_work', n % 10 = 0, 'contract_number', 'S-' || n,
               'desired_date', day + is_late::int, 'matching_deadline', day - 1""",
        )
        for table in ("metering_supplypoint", "metering_contract", "metering_supplyperiod", "switching_relay",
                      "switching_application"):  # fmt: skip
            cursor.execute(f"SELECT setval(pg_get_serial_sequence(%s, 'id'), (SELECT max(id) FROM {table}))", [table])
        cursor.execute("ANALYZE")


def check(phase: str, done: int) -> None:
    """Every case moved, with every trace; a bench of work that was not done would be worthless."""
    from django.db import connection

    wanted = {
        "match": (
            "SELECT count(*) FROM switching_match m WHERE (SELECT count(*) FROM switching_application a "
            "WHERE a.match_id = m.id AND a.state = 'matched') = 2",
            {"match": 3 * done, "notices": 3 * done, "events": 6 * done},
        ),
        "close": (
            "SELECT count(*) FROM switching_relay r JOIN switching_undocase u ON u.relay_id = r.id "
            "AND u.kind = 'dark_point' AND u.state = 'asked' WHERE r.state = '05'",
            {"fail": 3 * done, "notices": 6 * done, "events": 6 * done},
        ),
        "hand_over": (
            "SELECT count(*) FROM metering_supplyperiod p JOIN switching_application a ON a.number = p.cause "
            "AND a.state = 'in_effect' AND a.retailer_id = p.retailer_id "
            "WHERE p.known_until IS NULL AND p.ending = 'open'",
            {"take_effect": 2 * done, "notices": 3 * done, "events": 4 * done},
        ),
    }
    statement, left = wanted[phase]
    move = {"close": "fail", "hand_over": "take_effect"}.get(phase, phase)
    kinds = {"match": ["application_matched"], "close": ["relay_failed", "application_unmatched"]}.get(
        phase, ["supply_started", "supply_ended"]
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        counted = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM switching_step WHERE move = %s", [move])
        steps = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM portal_ledgerentry WHERE split_part(action, '.', 2) = %s", [move])
        entries = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(*) FROM portal_notice n JOIN portal_delivery d ON d.notice_id = n.id WHERE kind = ANY (%s)",
            [kinds],
        )
        posts = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM portal_event WHERE split_part(kind, '.', 2) = %s", [move])
        told = cursor.fetchone()[0]
    if (counted, steps, entries, posts, told) != (done, left[move], left[move], left["notices"], left["events"]):
        raise SystemExit(
            f"{phase} of {done} left {counted} cases, {steps} steps, {entries} entries, {posts} notices, {told} events"
        )


# --- The ways -------------------------------------------------------------------------------------------------------


def in_sets(phase: str, cases: int) -> dict[str, float]:
    """The verbs of the hub, batch by batch, as the workers call them."""
    from switching import matching

    verb = {
        "match": matching.match_waiting,
        "close": matching.close_unmatched,
        "hand_over": matching.hand_over_due,
    }[phase]
    hours = sorted(set(_chosen(phase, cases).values()))

    def until_done() -> None:
        for hour in hours:
            while verb(now=hour):
                pass

    return timed(cases, until_done)


def in_a_loop(phase: str, cases: int) -> dict[str, float]:
    """Case by case, row by row, in one process."""
    from bench import switching_loops

    move = switching_loops.MOVES[phase]
    chosen = _chosen(phase, cases)
    return timed(cases, lambda: [move(case, now=hour) for case, hour in chosen.items()])


def by_tasks(phase: str, cases: int) -> dict[str, float]:
    """A Celery task per case, two worker processes."""
    from django.db import connection

    from bench import switching_loops

    chosen = list(_chosen(phase, cases).items())
    command = ["-m", "celery", "-A", "bench.switching_loops", "worker", "-l", "ERROR", "-c", str(WORKERS)]
    worker = subprocess.Popen(
        [sys.executable, *command, "-Q", "bench", "--without-gossip", "--without-mingle", "--without-heartbeat"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    left = {
        "match": "SELECT count(*) FROM switching_match",
        "close": "SELECT count(*) FROM switching_relay WHERE state = '05'",
        "hand_over": "SELECT count(*) FROM switching_match WHERE handed_over_at IS NOT NULL",
    }[phase]

    def moved() -> int:
        with connection.cursor() as cursor:
            cursor.execute(left)
            return int(cursor.fetchone()[0])

    def send(some: list[tuple[int, datetime]]) -> None:
        for case, hour in some:
            switching_loops.move.apply_async((phase, case, hour.isoformat()), queue="bench")

    def wait_for(number: int) -> None:
        until = time.monotonic() + 600
        while moved() < number:
            if time.monotonic() > until or worker.poll() is not None:
                raise SystemExit("the worker does not get on")
            time.sleep(0.02)

    try:
        send(chosen[:WORKERS])  # the clock starts when the worker runs
        wait_for(min(WORKERS, cases))
        rest = chosen[WORKERS:]

        def work() -> None:
            send(rest)
            wait_for(cases)

        return timed(len(rest), work)
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait()


def _chosen(phase: str, cases: int) -> dict[int, datetime]:
    """The ids a loop goes through (starts, relays or matches) and the hour each is moved at.

    A match is handed over in the night of its day, as the nightly work does.
    """
    from switching.models import Application, Match, Relay

    if phase == "hand_over":
        due = Match.objects.filter(handed_over_at=None).order_by("switch_date", "pk")
        return {
            pk: AFTERWARDS if LATE else datetime(day.year, day.month, day.day, 0, 5, tzinfo=JST)
            for pk, day in due.values_list("pk", "switch_date")[:cases]
        }
    rows = {
        "match": Application.objects.filter(kind="switch_start", state="waiting", matching_deadline__gte=NOW.date()),
        "close": Relay.objects.filter(state="02", applications__matching_deadline__lt=NOW.date()),
    }[phase]
    return dict.fromkeys(rows.order_by("pk").values_list("pk", flat=True)[:cases], NOW)


WAYS: dict[str, tuple[str, Callable[[str, int], dict[str, float]]]] = {
    "sets": ("ours, in sets (one process)", in_sets),
    "loop": ("Django loop, row by row (one process)", in_a_loop),
    "tasks": (f"Celery, a task per case ({WORKERS} processes)", by_tasks),
}


# --- The run --------------------------------------------------------------------------------------------------------


def inner(options: argparse.Namespace) -> None:
    """One piece of work in a process of its own; its figures are the last line."""
    import django

    django.setup()
    from django.db import connection
    from django.urls import reverse

    from portal import outbox

    if options.inner == "market":
        open_market()
        return
    if options.inner == "fill":
        fill(options.sizes[0])
        return
    reverse("portal:home")  # every page's module is loaded before the clock starts
    outbox._wake_sender = lambda: None  # type: ignore[assignment]  # nobody reads the mails here
    connection.ensure_connection()
    way, _, phase = options.inner.partition(".")
    profile = cProfile.Profile()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if options.profile:
        profile.enable()
    found = WAYS[way][1](phase, options.sizes[0])
    profile.disable()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check(phase, options.sizes[0])
    if options.profile:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    print(json.dumps(found | {"peak_mb": peak / 1024, "grown_mb": (peak - before) / 1024}))


def call(environment: dict[str, str], name: str, cases: int, *extra: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.switching", "--inner", name, "--sizes", str(cases), *extra]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    return found


@contextmanager
def copy_of(environment: dict[str, str], suffix: str) -> Iterator[dict[str, str]]:
    """A copy of the scratch database under its name and the suffix, gone afterwards."""
    import psycopg
    from psycopg import sql

    url = environment["DATABASE_URL"]
    head, _, rest = url.partition("?")
    base, _, name = head.rpartition("/")
    new = f"{name}_{suffix}"
    with psycopg.connect(url, dbname="postgres", autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(new), sql.Identifier(name)))
    try:
        yield {**environment, "DATABASE_URL": f"{base}/{new}" + (f"?{rest}" if rest else "")}
    finally:
        with psycopg.connect(url, dbname="postgres", autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(new)))


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    figures: list[dict[str, Any]] = []
    extra = [flag for flag, wanted in (("--profile", options.profile), ("--late", options.late)) if wanted]

    def measure(environment: dict[str, str], way: str, cases: int, open_cases: int) -> None:
        for phase in options.only or PHASES:
            found = call(environment, f"{way}.{phase}", cases, *extra)
            figure = {"way": way, "phase": phase, "open": open_cases, "cases": cases, **found}
            figure["per_second"] = found["points"] / found["seconds"]
            figure["cpu_each"] = found["cpu"] / found["points"]
            figures.append(figure)
            print(line(figure), flush=True)

    with scratch() as (environment, _folder):
        call(environment, "market", 0)
        for size in options.sizes:
            with copy_of(environment, "filled") as filled:
                began = time.monotonic()
                call(filled, "fill", size)
                print(f"\n{size:,} open cases of each kind (made in {time.monotonic() - began:.0f} s)", flush=True)
                if size == options.sizes[0]:
                    for way in ("loop", "tasks") if not options.without_peers else ():
                        for _again in range(options.repeat):
                            with copy_of(filled, "peer") as peer:
                                measure(peer, way, min(options.peer_cases, size), size)
                    for _again in range(options.repeat - 1):
                        with copy_of(filled, "again") as again:
                            measure(again, "sets", size, size)
                measure(filled, "sets", size, size)
    print("\n" + summary(figures))
    return figures


def line(figure: dict[str, Any]) -> str:
    each = 1e6 * figure["seconds"] / figure["points"]
    # The processor time of a worker's processes is not known here.
    busy = "–" if figure["way"] == "tasks" else f"{1e6 * figure['cpu_each']:,.0f}"
    return (
        f"{PHASES[figure['phase']]:<18} {WAYS[figure['way']][0]:<40} {figure['cases']:>8,} {figure['seconds']:>8.2f} s "
        f"{figure['per_second']:>9,.0f}/s {each:>8,.0f} µs each {busy:>8} µs cpu "
        f"{figure['peak_mb']:>5.0f} MB"
    )


def summary(figures: list[dict[str, Any]]) -> str:
    """Ratios at the smallest size, growth from the smallest to the largest."""

    def middle(way: str, phase: str, size: int, key: str) -> float | None:
        found = [f[key] for f in figures if (f["way"], f["phase"], f["open"]) == (way, phase, size)]
        return median(found) if found else None

    sizes = sorted({figure["open"] for figure in figures})
    lines = []
    for phase, name in PHASES.items():
        ours = middle("sets", phase, sizes[0], "per_second")
        if ours is None:
            continue
        for way in ("loop", "tasks"):
            if peer := middle(way, phase, sizes[0], "per_second"):
                verdict = "reached" if ours / peer >= TARGET else "MISSED"
                cpu = (middle(way, phase, sizes[0], "cpu_each") or 0) / (
                    middle("sets", phase, sizes[0], "cpu_each") or 1
                )
                lines.append(
                    f"{name:<18} {ours / peer:6.1f} × {WAYS[way][0]}; {TARGET} × {verdict}"
                    + (f"; {cpu:.1f} × by processor time" if way == "loop" else "")
                )
        last = middle("sets", phase, sizes[-1], "per_second")
        busy = [middle("sets", phase, size, "cpu_each") or 0 for size in sizes]
        memory = [middle("sets", phase, size, "peak_mb") or 0 for size in sizes]
        if last and len(sizes) > 1:
            lines.append(
                f"{name:<18} {sizes[0]:,} → {sizes[-1]:,} cases: time per case × {ours / last:.2f} "
                f"(processor × {busy[-1] / busy[0]:.2f}), "
                f"peak memory {memory[0]:.0f} → {memory[-1]:.0f} MB"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.switching", description=__doc__)
    sizes = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("--sizes", type=sizes, default=[10_000, 30_000], help="open cases, e.g. 10000,100000,300000")
    parser.add_argument("--peer-cases", type=int, default=500, help="cases for loop and tasks (default 500)")
    parser.add_argument("--repeat", type=int, default=1, help="runs at the smallest size; the median counts")
    parser.add_argument("--without-peers", action="store_true", help="leave loop and tasks out")
    parser.add_argument("--only", type=lambda text: text.split(","), help="match, close, hand_over (needs match)")
    parser.add_argument("--late", action="store_true", help="hand over two months late, with the usage owed")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--profile", action="store_true", help="tell where each way spends its time")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    options = parser.parse_args()
    global LATE
    LATE = options.late
    if options.inner:
        inner(options)
        return
    figures = run(options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
