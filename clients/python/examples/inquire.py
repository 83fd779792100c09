"""Ask the hub about one supply point: consent recorded first, the answer printed as JSON.

inquire.py 0300101000000000000001 --class LV --reference CALL-17
inquire.py --ending 1                     in a sandbox: an invented customer whose number ends in 1
"""

import json
import sys
import uuid

from kirikae_client import Hub
from kirikae_client.command_line import parser, run
from kirikae_client.sandbox import customers
from kirikae_client.switching import today


def main(arguments: list[str] | None = None) -> int:
    reading = parser(str(__doc__))
    reading.add_argument("number", nargs="?", help="supply point number, 22 digits")
    reading.add_argument("--class", dest="supply_class", choices=["LV", "HV", "FIT"], default="LV")
    reading.add_argument("--reference", default="example", help="your own reference of the customer's consent")
    reading.add_argument("--ending", choices=list("0123456789"), default="1", help="sandbox: last digit of the point")
    options = reading.parse_args(arguments)

    def ask(hub: Hub) -> int:
        number = options.number
        if number is None:
            rows = customers(hub, side="others", ending=options.ending, supply_class=options.supply_class)
            number = next(rows)["point"]
        consent = {
            "reference": options.reference,
            "channel": "telephone",
            "purpose": "switch",
            "obtained_on": today(hub).isoformat(),
        }
        agreed = hub.post("consents", consent, key=f"inquire.{uuid.uuid4().hex}")
        body = {"number": number, "supply_class": options.supply_class, "consent": agreed["id"]}
        print(json.dumps(hub.post("facility-inquiries", body), ensure_ascii=False, indent=2))
        return 0

    return run(ask, options)


if __name__ == "__main__":
    sys.exit(main())
