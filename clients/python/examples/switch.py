"""Win one customer: consent, inquiry, explanation, relay, start; then wait for the match.

    switch.py --order 4711 --customer customer.json      your own customer: see Customer in kirikae_client.shapes
    switch.py --order 4711 --ending 1                    in a sandbox: an invented one; the last digit says how its
                                                         retailer behaves

What is done stands in ORDER.json in the folder of --state. Killed and started again with the same order, it goes on
where it stopped, and nothing is done twice. Exit code 0: matched; 1: refused; 3: rejected, expired or failed.
"""

import json
import os
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from kirikae_client import Hub
from kirikae_client.command_line import parser, run
from kirikae_client.sandbox import customers
from kirikae_client.switching import Order

LOST = 3
WAITS = {"01": "waiting for the losing retailer", "02": "accepted, waiting for the match"}
MATCHED = "04"


class Progress:
    """What an order has reached, kept in a file after each step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def keep(self, **found: Any) -> None:
        self.done |= found
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.done, ensure_ascii=False, indent=2), encoding="utf-8")
        os.replace(new, self.path)


def main(arguments: list[str] | None = None) -> int:
    reading = parser(str(__doc__))
    reading.add_argument("--order", required=True, help="your own number of this order: letters, digits, - _ .")
    reading.add_argument("--customer", type=Path, help="JSON file with the customer's data")
    reading.add_argument("--ending", choices=list("0123456789"), default="1", help="sandbox: last digit of the point")
    reading.add_argument("--later", type=int, default=0, help="days after the earliest possible day (0)")
    reading.add_argument("--state", type=Path, default=Path("orders"), help="folder of what was done (orders)")
    reading.add_argument("--wait", type=float, default=300, help="seconds to wait for the match (300)")
    options = reading.parse_args(arguments)
    options.state.mkdir(parents=True, exist_ok=True)
    progress = Progress(options.state / f"{options.order}.json")

    def switch(hub: Hub) -> int:
        done = progress.done
        if "customer" not in done:
            progress.keep(customer=_customer(hub, options))
        order = Order(hub, options.order, done["customer"])
        if "inquiry" not in done:
            inquiry = order.inquire(order.consent())
            progress.keep(inquiry=inquiry["id"])
            print(f"inquired about {inquiry['number']}")
        if "explanation" not in done:
            progress.keep(explanation=order.explain())
            print("explained the disadvantages")
        if "day" not in done:
            progress.keep(day=(order.earliest() + timedelta(days=options.later)).isoformat())
        if "relay" not in done:
            progress.keep(relay=order.relay(date.fromisoformat(done["day"])))
            print(f"registered relay {done['relay']['number']} for {done['day']}")
        if "start" not in done:
            progress.keep(start=order.start(done["relay"], contract_number=f"C-{options.order}"))
            print(f"filed start {done['start']['number']}")
        return _wait(hub, done, options.wait)

    return run(switch, options)


def _customer(hub: Hub, options: Any) -> Any:
    if options.customer:
        return json.loads(options.customer.read_text(encoding="utf-8"))
    busy = {path.stem for path in options.state.glob("*.json")}
    taken = {json.loads((options.state / f"{name}.json").read_text())["customer"]["point"] for name in busy}
    rows = customers(hub, side="others", ending=options.ending, supply_class="LV", area="03")
    return next(row for row in rows if row["point"] not in taken)


def _wait(hub: Hub, done: dict[str, Any], seconds: float) -> int:
    until, said = time.monotonic() + seconds, ""
    while True:
        relay = hub.get(f"relays/{done['relay']['number']}")
        state = hub.get(f"applications/{done['start']['number']}")["state"]
        if (words := WAITS.get(relay["state"], "")) and words != said:
            print(said := words)
        if relay["state"] == MATCHED:
            print(f"matched: supply begins on {done['day']}; start {state}")
            return 0
        if relay["state"] not in WAITS:
            print(f"relay ended in state {relay['state']}, reasons {relay['reasons']}; start {state}")
            return LOST
        if time.monotonic() > until:
            print("still waiting; start it again with the same order to look on")
            return LOST
        time.sleep(2)


if __name__ == "__main__":
    sys.exit(main())
