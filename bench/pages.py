"""How long a person waits: lists of 10,000 rows, case pages and checks without filing, beside a bare view and a query.

Run: python -m bench.pages --rows 10000 --times 200

A scratch database is filled as bench.switching fills it, every case put with one company; its clerks' pages are asked
for in this process, middleware and templates included, network not. Prints the median and the 95th percentile of each,
and for --exit N how fast N points of a retailer that leaves the market are taken into last-resort supply.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.stage import ROOT, scratch
from bench.switching import NOW, copy_of, fill, open_market

TARGET_MS = 500  # of a check without filing, at the 95th percentile
FREE = 400  # points without any case, for checks that find nothing against


def one_company(rows: int) -> None:
    """Every case on the gaining side belongs to Retail 0, every contract to Retail 1; some points are free of cases."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(id ORDER BY id) FROM portal_company WHERE name IN ('Retail 0', 'Retail 1')")
        [[gaining, losing]] = cursor.fetchone()
        for statement in (
            "UPDATE switching_relay SET gaining_retailer_id = %(gaining)s, losing_retailer_id = %(losing)s",
            "UPDATE switching_application SET retailer_id = %(gaining)s WHERE kind = 'switch_start'",
            "UPDATE switching_application SET retailer_id = %(losing)s WHERE kind = 'switch_termination'",
            "UPDATE metering_contract SET retailer_id = %(losing)s",
            "UPDATE metering_supplyperiod SET retailer_id = %(losing)s",
            "UPDATE switching_relay SET state = '06' WHERE point_id <= 1000 + %(free)s",
            "UPDATE switching_application SET state = 'cancelled' WHERE point_id <= 1000 + %(free)s",
            "ANALYZE",
        ):
            # The rows are laid out anew by the bench; what guards them against the product's verbs stands aside.
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, {"gaining": gaining, "losing": losing, "free": FREE, "rows": rows})
            cursor.execute("SET session_replication_role = origin")


def percentiles(name: str, times: int, ask: Callable[[int], Any]) -> dict[str, Any]:
    """Ask `times` times after a few that warm up; milliseconds."""
    for at in range(3):
        ask(at)
    took = []
    for at in range(times):
        began = time.perf_counter()
        ask(at)
        took.append(1000 * (time.perf_counter() - began))
    took.sort()
    found = {"name": name, "median_ms": median(took), "p95_ms": took[int(0.95 * (len(took) - 1))], "times": times}
    print(f"{name:<52} {found['median_ms']:>8.1f} ms {found['p95_ms']:>8.1f} ms", flush=True)
    return found


def inner_pages(rows: int, times: int) -> None:
    import time_machine
    from django.db import connection
    from django.urls import reverse

    from metering.models import Consent, FacilityInquiry, SupplyPoint
    from portal.models import Company
    from switching.models import Application, Disclosure, DisclosureVersion, Relay
    from tests.cast import client_of, person

    fill(rows)
    one_company(rows)
    roles = ["inquiry", "application", "relay", "viewer"]
    gaining, losing = (Company.objects.get(name=f"Retail {n}") for n in (0, 1))
    clerk, other = person(gaining, "bench.gaining", roles=roles), person(losing, "bench.losing", roles=roles)
    points = list(SupplyPoint.objects.filter(pk__gt=1000, pk__lte=1000 + FREE).order_by("pk"))
    consent = Consent.objects.create(
        company=gaining, reference="B", channel="web", purpose="switch", obtained_on=NOW.date(), recorded_at=NOW,
        recorded_by=clerk,
    )  # fmt: skip
    FacilityInquiry.objects.bulk_create(
        FacilityInquiry(
            company=gaining, by=clerk, at=NOW, consent=consent, supply_class="LV", area="03", point=point, answer={}
        )
        for point in points
    )
    version = DisclosureVersion.objects.get()
    Disclosure.objects.bulk_create(
        Disclosure(
            company=gaining, point=point, version=version, channel="web", explained_on=NOW.date(), recorded_at=NOW,
            recorded_by=clerk,
        )
        for point in points
    )  # fmt: skip
    asked = list(FacilityInquiry.objects.order_by("pk").values_list("pk", flat=True))
    relays = list(Relay.objects.filter(state="02").order_by("pk").values_list("number", flat=True)[:times])
    starts = Application.objects.filter(kind="switch_start", state="waiting")
    applications = list(starts.order_by("pk").values_list("number", flat=True)[:times])
    numbers = list(Relay.objects.order_by("pk").values_list("pk", flat=True)[:times])

    with time_machine.travel(NOW, tick=True):
        mine, theirs = client_of(clerk), client_of(other)

        def page(client: Any, path: str) -> Callable[[int], None]:
            def ask(_at: int) -> None:
                answer = client.get(path)
                assert answer.status_code == 200, (path, answer.status_code)

            return ask

        def pages(client: Any, name: str, cases: list[str]) -> Callable[[int], None]:
            return lambda at: page(client, reverse(name, args=[cases[at % len(cases)]]))(at)

        def query(at: int) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM switching_relay WHERE id = %s", [numbers[at % len(numbers)]])
                cursor.fetchone()

        def check_relay(at: int) -> None:
            point = points[at % FREE]
            answer = mine.post(
                f"/relays/new/?inquiry={asked[at % FREE]}",
                {
                    "losing_retailer": losing.pk, "contract_number": f"U-{point.pk - 1000}",
                    "holder_name": "髙橋 花子", "holder_kana": "タカハシ ハナコ", "holder_address": "経堂二丁目1-3",
                    "desired_date": "2026-05-11", "contact_person": "Clerk", "only_check": "1",
                },
            )  # fmt: skip
            assert answer.status_code == 200 and "checked-fine" in answer.content.decode(), answer.status_code

        def check_application(at: int) -> None:
            answer = theirs.post(
                f"/applications/new/termination/lv/?point={points[at % FREE].number}",
                {"desired_date": "2026-05-11", "removal": "no", "only_check": "1"},
            )
            assert answer.status_code == 200 and "checked-fine" in answer.content.decode(), answer.status_code

        count = Relay.objects.filter(gaining_retailer=gaining).count()
        print(f"{'':<52} {'median':>11} {'p95':>11}")
        figures = [
            percentiles("a bare view (healthz)", times, page(mine, "/healthz")),
            percentiles("one row by its key", times, query),
            percentiles(f"relays sent, {count:,} rows", times, page(mine, "/relays/?tab=sent")),
            percentiles("the same, sorted by day", times, page(mine, "/relays/?tab=sent&sort=-desired_date&page=7")),
            percentiles("the same, a hundred on a page", times, page(mine, "/relays/?tab=sent&size=100")),
            percentiles("applications", times, page(mine, "/applications/")),
            percentiles("applications, one state", times, page(mine, "/applications/?state=waiting&sort=desired_date")),
            percentiles("home page", times, page(mine, "/")),
            percentiles("a relay's page", times, pages(mine, "switching:relay", relays)),
            percentiles("an application's page", times, pages(mine, "switching:application", applications)),
            percentiles("check without filing: relay", times, check_relay),
            percentiles("check without filing: termination", times, check_application),
        ]
    worst = max(found["p95_ms"] for found in figures if found["name"].startswith("check"))
    verdict = "reached" if worst <= TARGET_MS else "MISSED"
    print(f"checks without filing: p95 {worst:.0f} ms, target {TARGET_MS} ms {verdict}")
    print(json.dumps(figures))


def inner_exit(size: int) -> None:
    """A retailer with `size` points leaves: announced, counted, and its points taken in after the last day."""
    from datetime import timedelta

    from metering.models import SupplyPeriod
    from portal.models import Company
    from switching import exits
    from tests.cast import person

    fill((size + 1) // 2)
    one_company(size)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE switching_relay SET state = '06'")
        cursor.execute("UPDATE switching_application SET state = 'cancelled'")
        cursor.execute("SET session_replication_role = origin")
    operator = person(Company.objects.get(name="Hub"), "bench.operator", roles=["operator"])
    leaving = Company.objects.get(name="Retail 1")
    supplied = SupplyPeriod.objects.filter(retailer=leaving, known_until__isnull=True)
    points = supplied.count()
    began = time.perf_counter()
    exits.announce(company=leaving, last_day=NOW.date(), text="bench", by=operator, now=NOW)
    announced = time.perf_counter() - began
    while exits.carry_out_due(now=NOW + timedelta(days=1)):
        pass
    seconds = time.perf_counter() - began
    left = SupplyPeriod.objects.filter(retailer=leaving, known_until__isnull=True, ending="open").count()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"market exit: {points:,} points announced in {announced:.1f} s, taken in after {seconds:.1f} s "
        f"({points / seconds:,.0f}/s), {left} left, peak {peak:.0f} MB"
    )
    assert not left, "a point was left with a retailer that is gone"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="open cases of one company")
    parser.add_argument("--times", type=int, default=200, help="requests of each page")
    parser.add_argument("--exit", type=int, default=0, help="points of a retailer that leaves the market")
    parser.add_argument("--inner", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        import django

        django.setup()
        {
            "market": open_market,
            "pages": lambda: inner_pages(options.rows, options.times),
            "exit": lambda: inner_exit(options.exit),
        }[options.inner]()
        return
    with scratch() as (environment, _folder):
        run = [sys.executable, "-m", "bench.pages", "--rows", str(options.rows), "--times", str(options.times)]
        run += ["--exit", str(options.exit), "--inner"]
        subprocess.run([*run, "market"], env=environment, cwd=ROOT, check=True)
        for what in ("pages", *(["exit"] if options.exit else [])):
            with copy_of(environment, what) as copy:
                subprocess.run([*run, what], env=copy | {"KIRIKAE_HOSTS": "*"}, cwd=ROOT, check=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
