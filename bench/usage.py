"""Usage in and out beside other ways of doing it, in one run. Run: python -m bench.usage --points 10000,100000

A seeded day of households is made, then every way works on the same files in a process of its own: ours (the real
verbs on a scratch database), plain Django, DuckDB, polars, lxml with COPY, and stand-ins for what the machine can
do at all. Prints a table of points per second, peak memory and the targets; --json keeps the figures.
How to read it: docs/performance.md. The scratch database is dropped at the end; no other one is touched.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.stage import ROOT, clear, install_peers, prepare, scratch
from bench.ways import DAY, NOW, load

LONGEST = 3600
"""Seconds after which a way is given up, so that a run left alone comes to its end."""

WAYS = load()


def inner(name: str, points: int, folder: Path, seed: int) -> None:
    """One way in this process; prints its figures as JSON. What a worker has at hand all day is loaded before."""
    import django

    django.setup()
    from django.core.cache import cache
    from django.db import connection

    from bench.ways import ours
    from metering import intake, partitions, publication  # noqa: F401

    cache.delete("bench")
    connection.ensure_connection()
    partitions.ahead(1, now=NOW, back=15)
    if name.startswith(("csv_ours", "xml_ours", "publish_")) and (folder / "warm.csv").exists():
        clear()
        ours.take_in([folder / "warm.csv"])
        ours.publish(DAY - timedelta(days=2))
    profile = cProfile.Profile()
    if os.environ.get("BENCH_PROFILE") and name != "prepare":
        profile.enable()
    found = prepare(points, folder, seed) if name == "prepare" else WAYS[name].run(points, folder)
    profile.disable()
    if profile.getstats():
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(18)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps((found or {}) | {"mb": peak / 1024}))


def measure(environment: dict[str, str], folder: Path, name: str, points: int, seed: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.usage", "--inner", name, "--points", str(points), "--seed", str(seed)]
    command += ["--folder", str(folder)]
    try:
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        print(f"  {name} was given up after {LONGEST} s", file=sys.stderr)
        return {}
    if done.returncode:
        print(f"  {name} failed", file=sys.stderr)
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(size: int, options: argparse.Namespace, smaller: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every way with one size, on a stage of its own; `smaller` are the figures of the sizes before."""
    figures: list[dict[str, Any]] = []
    with scratch() as (environment, folder):
        environment["BENCH_PROFILE"] = "1" if options.profile else ""
        environment["BENCH_PEER_THREADS"] = environment["POLARS_MAX_THREADS"] = str(options.peer_threads)
        work = folder / "work"
        work.mkdir()
        began = time.monotonic()
        if not measure(environment, work, "prepare", size, options.seed):
            sys.exit("The data could not be made.")
        print(f"\n{size:,} points ({time.monotonic() - began:.0f} s to prepare)", flush=True)
        for name, one in WAYS.items():
            if (one.peer and options.without_peers) or (options.only and not any(o in name for o in options.only)):
                continue
            points = min(size, one.cap)
            runs = [measure(environment, work, name, points, options.seed) for _ in range(options.repeat)]
            runs = [found for found in runs if found.get("seconds")]
            if not runs:
                continue
            rates = sorted(found["points"] / found["seconds"] for found in runs)
            figure = {
                "size": size,
                "way": name,
                "work": one.work,
                "name": one.name,
                "points": points,
                "rate": statistics.median(rates),
                "slowest": rates[0],
                "fastest": rates[-1],
                "cpu_rate": statistics.median(f["points"] / f["cpu"] if f.get("cpu") else 0 for f in runs),
                "mb": max(found["mb"] for found in runs),
                **{key: statistics.median(f[key] for f in runs) for key in ("bytes", "p95") if key in runs[0]},
            }
            figures.append(figure)
            print(line(figure), flush=True)
        print(targets(figures, smaller), flush=True)
    return figures


def line(figure: dict[str, Any]) -> str:
    tried = f" (tried with {figure['points']:,})" if figure["points"] < figure["size"] else ""
    more = f"  {figure['bytes']:.2f} bytes/reading" if "bytes" in figure else ""
    more += f"  p95 {figure['p95']:.1f} ms" if "p95" in figure else ""
    spread = f"{figure['slowest']:,.0f}-{figure['fastest']:,.0f}"
    busy = f"{figure['cpu_rate']:,.0f}/cpu s" if figure["cpu_rate"] else ""
    name = figure["name"] + tried
    cells = f"{figure['rate']:>11,.0f}/s  {spread:>21}  {busy:>15} {figure['mb']:>6.0f} MB"
    return f"  {figure['work']:<23} {name:<66} {cells}{more}"


TARGETS: list[tuple[str, str, str, float, float]] = [
    ("CSV intake", "csv_ours", "csv_duckdb", 1.3, 0),
    ("CSV intake", "csv_ours", "csv_django", 50, 0),
    ("CSV intake", "csv_ours", "csv_polars", 0, 1.0),
    ("BP day XML intake", "xml_ours", "xml_lxml", 5, 12),
    ("CSV.gz publication", "publish_csv", "publish_csv_duckdb", 4, 0),
    ("CSV.gz publication", "publish_csv", "publish_csv_django", 15, 0),
    ("CSV.gz publication", "publish_csv", "publish_csv_polars", 0, 1.2),
    ("BP XML zip publication", "publish_xml", "publish_xml_duckdb", 1.2, 1.5),
    ("BP XML zip publication", "publish_xml", "publish_xml_django", 25, 0),
    ("two workers, CSV intake", "csv_ours_two", "csv_ours", 1.4, 1.8),
    ("two workers, XML intake", "xml_ours_two", "xml_ours", 1.4, 1.8),
    ("two workers, publication", "publish_ours_two", "publish_ours", 1.4, 1.8),
]


def targets(figures: list[dict[str, Any]], smaller: list[dict[str, Any]]) -> str:
    """Each target with what was measured: a ratio of two rates of this run, or a figure of its own."""
    by = {figure["way"]: figure for figure in figures}

    def verdict(good: bool, better: bool) -> str:
        return "aim reached" if better else "reached" if good else "NOT reached"

    rows = []
    for work, ours, other, must, aim in TARGETS:
        if ours in by and other in by:
            ratio = by[ours]["rate"] / by[other]["rate"]
            state = verdict(ratio >= must and must > 0, aim > 0 and ratio >= aim)
            wanted = " / ".join(f"{value:g} ×" if value else "-" for value in (must, aim))
            state = "aim not reached" if not must and state == "NOT reached" else state
            busy = ""
            if by[ours]["cpu_rate"] and by[other]["cpu_rate"] and "two" not in ours:
                busy = f"(processor {by[ours]['cpu_rate'] / by[other]['cpu_rate']:.2f} ×)"
            rows.append(f"  {work:<25} {ratio:>6.2f} × {by[other]['name']:<45} must/aim {wanted:<14} {state} {busy}")
    ours = [figure for figure in figures if figure["name"].startswith("ours")]
    if ours:
        peak = max(figure["mb"] for figure in ours)
        before = max((f["mb"] for f in smaller if f["name"].startswith("ours") and f["size"] >= 100_000), default=0)
        state = verdict(peak <= 500, bool(before) and peak <= 1.1 * before)
        rows.append(f"  peak memory of a process  {peak:>6.0f} MB {'':<44} must/aim 500 MB / flat  {state}")
    if "csv_ours" in by:
        size = by["csv_ours"]["bytes"]
        state = verdict(size <= 3.8, size <= 2.5)
        rows.append(f"  bytes per reading, hot    {size:>6.2f} {'':<47} must/aim 3.8 / 2.5      {state}")
        rows.append(f"  bytes per reading, sealed      - {'':<47} aim      0.9            no sealed form")
    if "months_ours" in by:
        p95 = by["months_ours"]["p95"]
        state = verdict(p95 <= 50, p95 <= 20)
        rows.append(f"  13 months of one point    {p95:>6.1f} ms (p95) {'':<38} must/aim 50 / 20 ms     {state}")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.usage", description=__doc__)
    sizes = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("--points", type=sizes, default=[10_000, 100_000], help="sizes, e.g. 10000,100000,1000000")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way; the median counts (default 3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--peer-threads", type=int, default=1, help="threads of DuckDB and polars (default 1, like ours)"
    )
    parser.add_argument("--without-peers", action="store_true", help="leave DuckDB and polars out")
    parser.add_argument("--only", type=lambda text: text.split(","), help="only ways whose name holds one of these")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--profile", action="store_true", help="tell where each way spends its time")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        inner(options.inner, options.points[0], options.folder, options.seed)
        return
    if not options.without_peers:
        install_peers()
    figures: list[dict[str, Any]] = []
    for size in options.points:
        figures += run(size, options, figures)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
