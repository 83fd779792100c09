"""Collect every usage file published since the last run, resumed where it broke, believed by its SHA-256 alone.

    collect_usage.py --folder usage

Run it from a timer. Killed at any point and started again, it fetches the rest of a file that was half there and
nothing twice. Exit code 1: something could not be fetched or did not fit its hash; what came before it stays.
"""

import sys
from pathlib import Path

from kirikae_client import Hub
from kirikae_client.command_line import parser, run
from kirikae_client.usage import collect, last


def main(arguments: list[str] | None = None) -> int:
    reading = parser(str(__doc__))
    reading.add_argument("--folder", type=Path, default=Path("usage"), help="where the files go (usage)")
    options = reading.parse_args(arguments)

    def fetch(hub: Hub) -> int:
        files = rows = size = 0
        for taken in collect(hub, options.folder):
            about = taken.file
            print(f"{about['number']:>6}  {about['day']}  {about['name']}  {taken.collected.size} bytes", flush=True)
            files, rows, size = files + 1, rows + about["rows"], size + taken.collected.size
        print(f"{files} files, {rows} rows, {size} bytes; up to delivery number {last(options.folder)}")
        return 0

    return run(fetch, options)


if __name__ == "__main__":
    sys.exit(main())
