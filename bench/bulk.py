"""A file of many cases checked: ours in sets, beside one dry run of the verb per row, on the same rows.

Run: python -m bench.bulk --rows 10000

A scratch database gets as many points, with inquiry and explanation, as the file has rows. Prints seconds, rows per
second, processor time and peak memory of each way in a process of its own; --json keeps the figures. The target is a
preview of 10,000 rows within 10 seconds. How to read it: docs/performance.md. No other database is touched.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.stage import ROOT, scratch
from bench.ways import timed

JST = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 4, 1, 10, tzinfo=JST)
DESIRED = date(2026, 4, 15)
TARGET_SECONDS, TARGET_ROWS = 10, 10_000
WAYS = {
    "csv": "relays, CSV in UTF-8, in sets",
    "sjis": "relays, CSV in Shift_JIS, in sets",
    "xlsx": "relays, Excel as a spreadsheet saves it",
    "streamed": "relays, Excel as it is streamed",
    "starts": "switch starts, CSV, in sets",
    "wrong": "relays, every row wrong, in sets",
    "one_by_one": "relays, one dry run per row",
    "carry_out": "relays registered, a transaction per row",
}
SAMPLED = {"one_by_one": 300, "carry_out": 300}
"""Ways whose cost per row does not change with their number are tried on fewer."""


def market(rows: int) -> None:
    """Two retailers, a clerk, points with inquiry and explanation."""
    from django.db import connection

    from metering import points, supply
    from metering.models import Consent, FacilityInquiry
    from portal import companies, people
    from portal.access import Role
    from portal.companies import TakesPart
    from portal.market import Area, MarketRole
    from switching import disclosures
    from switching.models import Disclosure

    companies.register(name="Hub", is_hub_operator=True, notice_address="h@bench.example", by=None, now=NOW)
    part = TakesPart(MarketRole.NETWORK_OPERATOR, Area.TOKYO, "N0000")
    companies.register(name="Network", notice_address="n@bench.example", participations=[part], by=None, now=NOW)
    gaining, losing = (
        companies.register(
            name=f"Retail {n}",
            notice_address=f"r{n}@bench.example",
            participations=[TakesPart(MarketRole.RETAILER, Area.TOKYO, f"R{n:04}")],
            by=None,
            now=NOW,
        )
        for n in range(2)
    )
    roles = (Role.RELAY, Role.APPLICATION, Role.INQUIRY)
    clerk = people.register(company=gaining, username="bench.clerk", name="Clerk", roles=roles, by=None, now=NOW)
    made = points.register_many(
        [
            points.NewPoint(
                number=f"03{n:020d}",
                supply_class="LV",
                prefecture="東京都",
                municipality="世田谷区",
                town="経堂二丁目",
                block=f"1-{n}",
            )
            for n in range(rows)
        ],
        now=NOW,
    )
    supply.begin(
        [
            supply.NewSupply(
                point_id=point.pk,
                retailer_id=losing.pk,
                from_date=date(2020, 4, 1),
                contract_number=f"U-{n:08d}",
                holder_name="髙橋 花子",
                holder_kana="タカハシ ハナコ",
                holder_address=point.address,
            )
            for n, point in enumerate(made)
        ],
        now=NOW,
    )
    consent = Consent.objects.create(
        company=gaining,
        reference="bench",
        channel="web",
        purpose="switch",
        obtained_on=NOW.date(),
        recorded_at=NOW,
        recorded_by=clerk,
    )
    FacilityInquiry.objects.bulk_create(
        (
            FacilityInquiry(
                company=gaining,
                by=clerk,
                at=NOW,
                consent=consent,
                supply_class="LV",
                area="03",
                point=point,
                answer={},
            )
            for point in made
        ),
        batch_size=5000,
    )
    version = disclosures.publish_version(
        [("charge", "解約違約金が発生する場合があります", "An early-termination charge may fall due")],
        valid_from=date(2020, 4, 1),
        by=None,
        now=NOW,
    )
    pattern = disclosures.record(
        point=made[0],
        version=version,
        acknowledged={item.pk for item in version.items.all()},
        channel="web",
        explained_on=NOW.date(),
        by=clerk,
        now=NOW,
    )
    copied = {
        field.attname: getattr(pattern, field.attname)
        for field in Disclosure._meta.concrete_fields
        if field.attname not in ("id", "point_id")
    }
    Disclosure.objects.bulk_create((Disclosure(point=point, **copied) for point in made[1:]), batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def lines(way: str, rows: int) -> Iterator[list[str]]:
    """The file's rows, heads first."""
    if way == "starts":
        yield ["supply_class", "supply_point", "desired_date", "contract_number", "holder_name", "holder_kana",
               "holder_address"]  # fmt: skip
    else:
        yield ["supply_class", "supply_point", "losing_retailer", "contract_number", "holder_name", "holder_kana",
               "holder_address", "desired_date"]  # fmt: skip
    holder = ["髙橋 花子", "タカハシ ハナコ", "東京都世田谷区経堂二丁目1-3"]
    for n in range(rows):
        point = ["LV", f"03{n:020d}"] if way != "wrong" else ["HV", f"03{n:020d}"]
        if way == "starts":
            yield [*point, DESIRED.isoformat(), f"S-{n:08d}", *holder]
        else:
            yield [*point, "R0001", f"U-{n:08d}", *holder, DESIRED.isoformat()]


def inner(way: str, rows: int, *, profiled: bool = False) -> dict[str, Any]:
    import io

    import django
    from openpyxl import load_workbook

    django.setup()
    from django.conf import settings
    from django.urls import reverse

    from portal.models import User
    from switching.bulk import files, uploads, writing
    from switching.bulk.kinds import KINDS
    from switching.bulk.rows import head_of, row_of
    from switching.models import Relay

    if way == "market":
        market(rows)
        return {}
    reverse("portal:home")  # every page's module is loaded before the clock starts, as in a worker that has worked
    settings.BULK_MOST_ROWS = max(settings.BULK_MOST_ROWS, rows)
    clerk = User.objects.select_related("company").get(username="bench.clerk")
    kind = KINDS["switch_start" if way == "starts" else "relays"]
    if way == "one_by_one":
        file = io.BytesIO(b"".join(writing.csv_bytes(lines(way, rows))))
        read = files.lines_of(file, "csv", "utf-8")
        head = head_of(next(read), kind.columns, besides={})

        def work() -> None:
            for line in read:
                row = row_of(line, head, kind.columns, encoding="utf-8")
                kind.look_up([row], by=clerk, now=NOW)
                kind.file(row, by=clerk, now=NOW, dry_run=True)

        return timed(rows, work)
    if way in ("xlsx", "streamed"):  # texts stand in one table in what a spreadsheet saved, in each cell otherwise
        content = writing.excel_bytes([("list", lines(way, rows))])
        if way == "xlsx":
            saved = io.BytesIO()
            load_workbook(io.BytesIO(content)).save(saved)
            content = saved.getvalue()
    else:
        content = b"".join(writing.csv_bytes(lines(way, rows), encoding="cp932" if way == "sjis" else "utf-8"))
    name = "list.xlsx" if way in ("xlsx", "streamed") else "list.csv"
    if way == "carry_out":
        kept = uploads.receive(io.BytesIO(content), content=kind.content, name=name, by=clerk, now=NOW)
        uploads.check(kept.pk, now=NOW)
        uploads.confirm(kept.pk, again=True, by=clerk, now=NOW)

        def carry_out() -> None:
            while uploads.carry_out(kept.pk, now=NOW):
                pass

        figure = timed(rows, carry_out)
        if Relay.objects.count() != rows:
            raise SystemExit(f"{Relay.objects.count()} of {rows} relays were registered")
        return figure
    upload = uploads.receive(io.BytesIO(content), content=kind.content, name=name, by=clerk, now=NOW)
    profile = cProfile.Profile()
    if profiled:
        profile.enable()
    figure = timed(rows, lambda: uploads.check(upload.pk, now=NOW))
    profile.disable()
    if profiled:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    upload.refresh_from_db()
    good = upload.rows_good + upload.rows_warned
    if (upload.rows, good) != (rows, 0 if way == "wrong" else rows):
        found = upload.lines.exclude(findings=[]).values_list("findings", flat=True).first()
        raise SystemExit(f"{way}: {upload.rows} rows read, {good} good; {upload.problem} {found}")
    return figure


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    figures = []
    with scratch() as (environment, _folder):
        call(environment, "market", options.rows)
        for way in options.only or WAYS:
            rows = min(SAMPLED.get(way, options.rows), options.rows)
            figure = {
                "way": way,
                "rows": rows,
                **call(environment, way, rows, *(["--profile"] if options.profile else [])),
            }
            figures.append(figure)
            print(
                f"{WAYS[way]:<42} {rows:>8,} rows {figure['seconds']:>8.2f} s "
                f"{rows / figure['seconds']:>8,.0f}/s {1e6 * figure['cpu'] / rows:>8,.0f} µs cpu each "
                f"{figure['peak_mb']:>5.0f} MB",
                flush=True,
            )
    by_way = {figure["way"]: figure for figure in figures}
    print()
    for way in by_way.keys() & {"csv", "xlsx", "streamed"}:
        seconds = by_way[way]["seconds"] * TARGET_ROWS / by_way[way]["rows"]
        verdict = "reached" if seconds <= TARGET_SECONDS else "MISSED"
        print(f"{WAYS[way]}: {TARGET_ROWS:,} rows previewed in {seconds:.1f} s; {TARGET_SECONDS} s {verdict}")
    if {"csv", "one_by_one"} <= by_way.keys():
        ours, peer = by_way["csv"], by_way["one_by_one"]
        times = (peer["seconds"] / peer["rows"]) / (ours["seconds"] / ours["rows"])
        busy = (peer["cpu"] / peer["rows"]) / (ours["cpu"] / ours["rows"])
        print(f"{times:.1f} × one dry run per row by the clock, {busy:.1f} × by processor time")
    return figures


def call(environment: dict[str, str], way: str, rows: int, *extra: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.bulk", "--inner", way, "--rows", str(rows), *extra]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bulk", description=__doc__)
    parser.add_argument("--rows", type=int, default=TARGET_ROWS, help="rows of the file (default 10000)")
    parser.add_argument("--only", type=lambda text: text.split(","), help="ways, e.g. csv,one_by_one")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--profile", action="store_true", help="tell where the check spends its time")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        figure = inner(options.inner, options.rows, profiled=options.profile)
        figure["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figure))
        return
    figures = run(options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
