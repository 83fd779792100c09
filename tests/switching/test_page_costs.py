"""Lists of cases and points cost as many queries with 1, 3 and 200 rows behind them, as pages and as files."""

import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from switching.models import Application, Relay
from tests.cast import NOW, client_of

PAGES = {
    "sora.relay": ["/relays/?tab=sent&size=100", "/relays/?tab=sent&sort=desired_date&cols=number,starts,at_accept"],
    "umi.relay": ["/relays/?size=100", "/relays/?tab=received&size=100"],
    "sora.application": ["/applications/?size=100"],
    "kaze.application": ["/applications/?size=100&sort=-retailer"],
    "umi.viewer": ["/supply-points/?size=100"],
}
COPY = """
    INSERT INTO {table} SELECT made.* FROM generate_series(%(first)s, %(last)s) AS n
    CROSS JOIN (SELECT t FROM {table} t WHERE {pattern}) AS one
    CROSS JOIN LATERAL jsonb_populate_record(one.t, jsonb_build_object({changes})) AS made
"""


def copies(relay: Relay, first: int, last: int) -> None:
    """More cases like the one relay and its start, on points of their own, by SQL."""
    start = Application.objects.get(relay=relay)
    period = relay.point.supply_periods.get()
    with connection.cursor() as cursor:
        for table, pattern, changes in (
            ("metering_supplypoint", relay.point_id, "'number', '0300' || lpad((777000 + n)::text, 18, '0')"),
            ("metering_contract", period.contract_id, "'point_id', 900000 + n"),
            ("metering_supplyperiod", period.pk, "'point_id', 900000 + n, 'contract_id', 900000 + n"),
            ("switching_relay", relay.pk, "'number', 'R77' || lpad(n::text, 8, '0'), 'point_id', 900000 + n"),
            (
                "switching_application",
                start.pk,
                "'number', 'A77' || lpad(n::text, 8, '0'), 'point_id', 900000 + n, 'relay_id', 900000 + n",
            ),
        ):
            cursor.execute(
                COPY.format(table=table, pattern=f"id = {pattern}", changes=f"'id', 900000 + n, {changes}"),
                {"first": first, "last": last},
            )


def test_lists_cost_the_same_with_1_3_and_200_rows(cast, play):
    with time_machine.travel(NOW, tick=False):
        relay = play.relay(play.point())
        play.start(relay.point, relay=relay)
        clients = {who: client_of(cast[who]) for who in PAGES}
        ways = [(who, way + form) for who, found in PAGES.items() for way in found for form in ("", "&format=csv")]

        def costs() -> dict[str, int]:
            found = {}
            for who, way in ways:
                with CaptureQueriesContext(connection) as queries:
                    answer = clients[who].get(way)
                    rows = b"".join(answer.streaming_content) if answer.streaming else answer.content
                assert answer.status_code == 200 and b"03" in rows, way
                found[f"{who} {way}"] = len(queries)
            return found

        costs()
        at_one = costs()
        copies(relay, 1, 2)
        at_three = costs()
        copies(relay, 3, 199)
        assert Relay.objects.count() == 200
        assert at_one == at_three == costs()
