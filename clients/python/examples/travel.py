"""In a sandbox: put the private market's clock forward, and wait until everything due on the way is done.

travel.py --days 2
travel.py --past orders/4711.json          to noon on the day after the switch that switch.py filed
travel.py --to 2026-04-20T12:00:00+09:00
"""

import json
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

from kirikae_client import Hub
from kirikae_client.command_line import parser, run
from kirikae_client.sandbox import travel
from kirikae_client.switching import JST


def main(arguments: list[str] | None = None) -> int:
    reading = parser(str(__doc__))
    which = reading.add_mutually_exclusive_group(required=True)
    which.add_argument("--days", type=int)
    which.add_argument("--past", type=Path, help="file of an order that switch.py keeps")
    which.add_argument("--to", type=datetime.fromisoformat, help="an hour with its offset")
    reading.add_argument("--wait", type=float, default=900, help="seconds to wait (900)")
    options = reading.parse_args(arguments)

    def go(hub: Hub) -> int:
        shown, to = sys.stdout.isatty(), options.to
        if options.past:
            day = date.fromisoformat(json.loads(options.past.read_text(encoding="utf-8"))["day"])
            to = datetime.combine(day + timedelta(days=1), time(12), JST)
        there = travel(
            hub,
            days=options.days,
            to=to,
            patience=options.wait,
            tell=lambda percent: print(f"\r{percent:3d} %", end="", flush=True) if shown else None,
        )
        print(f"{chr(13) if shown else ''}it is {there:%Y-%m-%d %H:%M} in the market")
        return 0

    return run(go, options)


if __name__ == "__main__":
    sys.exit(main())
