"""In a sandbox: bring about the 18 cases of a gaining retailer, hand the evidence over and fetch the signed archive.

    qualify.py --evidence evidence.zip

It plays the cases in some nine days of the market's clock and changes nothing of what was done before in it. Started
again after a kill it begins anew with other customers.
"""

import argparse
import sys
import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from kirikae_client import Hub, download
from kirikae_client.command_line import parser, run
from kirikae_client.sandbox import customers, travel
from kirikae_client.shapes import Relay
from kirikae_client.switching import JST, Order, hour
from kirikae_client.usage import collect

LATER = timedelta(days=4)
INCOMPLETE = 3


def main(arguments: list[str] | None = None) -> int:
    reading = parser(str(__doc__))
    reading.add_argument("--evidence", type=Path, default=Path("evidence.zip"), help="where the archive goes")
    reading.add_argument("--folder", type=Path, default=Path("usage"), help="where usage files go (usage)")
    options = reading.parse_args(arguments)
    return run(lambda hub: qualify(hub, options), options)


def qualify(hub: Hub, options: argparse.Namespace) -> int:
    next_order = orders(hub)
    print("asking, explaining, registering …")
    high = next(customers(hub, side="others", supply_class="HV"))
    asked = Order(hub, f"q-{uuid.uuid4().hex[:12]}", high)
    asked.inquire(asked.consent())
    relays: dict[str, Relay] = {}
    days = []

    def register(digit: str, **changed: str) -> tuple[Order, Relay]:
        order = next_order(digit)
        order.inquire(order.consent())
        order.explain()
        day = order.earliest() + LATER
        days.append(day)
        relays[order.name] = order.relay(day, **changed)
        return order, relays[order.name]

    for digit in "45679":  # silence, three rejections, and an acceptance without its termination
        register(digit)
    for digit in "10":
        order, relay = register(digit)
        order.start(relay, contract_number=f"C-{order.name}")
    order, relay = register("2")
    order.withdraw(relay)
    order, relay = register("2")
    started = order.start(relay, contract_number=f"C-{order.name}")
    order.correct(started, reason="contract renewed", contract_number=f"D-{order.name}")
    order, relay = register("2")
    order.cancel(order.start(relay, contract_number=f"C-{order.name}"), reason="customer changed the plan")
    wrong, _rejected = register("0", holder_name="別人")

    print("travelling a day: the partners answer …")
    travel(hub, days=1)
    wrong.relay(wrong.earliest() + LATER, step="again")
    there = datetime.combine(max(days) + timedelta(days=1), datetime.min.time(), JST) + timedelta(hours=12)
    if there > hour(hub):
        print(f"travelling to {there:%Y-%m-%d %H:%M}: the switches take effect, usage is published …")
        travel(hub, to=there)
    print(f"collected {sum(1 for _taken in collect(hub, options.folder))} files of usage")
    return hand_over(hub, options.evidence)


def orders(hub: Hub) -> Callable[[str], Order]:
    """Each call gives an order for another customer whose point ends in the digit."""
    waiting = defaultdict(list)
    for customer in customers(hub, side="others", supply_class="LV", area="03"):
        waiting[customer["point"][-1]].append(customer)
    return lambda digit: Order(hub, f"q-{uuid.uuid4().hex[:12]}", waiting[digit].pop())


def hand_over(hub: Hub, target: Path) -> int:
    progress = hub.get("linkage/qualification")
    [gaining] = [role for role in progress["roles"] if role["role"] == "gaining"]
    print(f"{gaining['shown']} of {gaining['whole']} cases are shown")
    if gaining["shown"] < gaining["whole"]:
        for case in gaining["cases"]:
            if not case["is_shown"]:
                print(f"  {case['code']} {case['words']}: {case['how']}")
        return INCOMPLETE
    made = hub.post("linkage/evidence", {"role": "gaining"})
    download(hub, f"linkage/evidence/{made['id']}/content", target, sha256=made["sha256"])
    print(f"{target}: signed and handed over; public key {progress['public_key']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
