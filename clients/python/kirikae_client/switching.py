"""The steps of winning a customer, each done once: consent, inquiry, explanation, relay, start.

Every write goes under a key made of the order's own name and the step, so that a program that was killed asks for the
same step again and gets the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, cast

from kirikae_client.errors import HubError
from kirikae_client.hub import Answer, Hub
from kirikae_client.shapes import Application, Customer, Relay

JST = timezone(timedelta(hours=9))
CONTACT = "switch desk"


class NotPossible(HubError):
    """The hub's rules leave no day for this case now; the sentence is the hub's."""


@dataclass
class Order:
    """One customer to win. `name` is your own and unique: an order number."""

    hub: Hub
    name: str
    customer: Customer

    def key(self, step: str) -> str:
        return f"{self.name}.{step}"

    def consent(self, *, channel: str = "telephone") -> int:
        """Record that the customer agrees to be asked about; returns the consent's id."""
        day = today(self.hub).isoformat()
        body = {
            "reference": f"order {self.name}"[:60],
            "channel": channel,
            "purpose": "switch",
            "obtained_on": day,
        }
        return int(self.hub.post("consents", body, key=self.key(f"consent.{day}"))["id"])

    def inquire(self, consent: int) -> dict[str, Any]:
        """Ask about the point; the answer holds codes, figures and meters, nothing personal."""
        body = {"number": self.customer["point"], "supply_class": self.customer["supply_class"], "consent": consent}
        return cast(dict[str, Any], self.hub.post("facility-inquiries", body, key=self.key("inquiry")))

    def explain(self, *, channel: str = "telephone") -> int:
        """Record that every disadvantage in force was explained to the customer; returns the record's id."""
        about = {"point": self.customer["point"], "losing_retailer": self.customer["retailer"]}
        items, day = self.hub.get("disclosures/lists", **about)["items"], today(self.hub).isoformat()
        body = {
            **about,
            "acknowledged": [item["id"] for item in items],
            "channel": channel,
            "explained_on": day,
        }
        return int(self.hub.post("disclosures", body, key=self.key(f"explanation.{day}"))["id"])

    def earliest(self) -> date:
        """The first day the hub would take now, asked by a check that registers nothing. Raises NotPossible."""
        far = (today(self.hub) + timedelta(days=1500)).isoformat()
        said = self.hub.post("relays", {**self._relay(far), "dry_run": True})
        problem = said.get("problem") or {}
        if "earliest" not in problem:
            raise NotPossible(str(said.get("sentence")))
        return date.fromisoformat(problem["earliest"])

    def relay(self, day: date, *, step: str = "relay", **changed: str) -> Relay:
        """Register the cancellation relay for a day; `changed` entries replace the customer's own."""
        body = self._relay(day.isoformat()) | changed
        made = self.hub.post("relays", body, key=self.key(step))
        if "number" not in made:
            raise NotPossible(f"The day's quota is spent; the relay waits as {made['queue_number']}.")
        return cast(Relay, made)

    def start(self, relay: Relay, *, contract_number: str) -> Application:
        """File the switch start that belongs to the relay."""
        body = {
            "kind": "switch_start",
            "point": self.customer["point"],
            "desired_date": relay["desired_date"],
            "relay": relay["number"],
            "entries": {"contract_number": contract_number, **self._holder()},
        }
        return cast(Application, self.hub.post("applications", body, key=self.key("start")))

    def withdraw(self, relay: Relay) -> Relay:
        """Take the relay back before the match."""
        return cast(Relay, self.hub.post(f"relays/{relay['number']}/withdrawal", key=self.key("withdrawal")))

    def correct(self, application: Application, *, reason: str, **entries: Any) -> Application:
        """Correct entries of the start; the state it was read in goes along, so nothing is overwritten unseen."""
        path = f"applications/{application['number']}"
        read: Answer = self.hub.ask("GET", path)
        held = {name: value for name, value in read.body["entries"].items() if value not in (None, "")}
        body = {"desired_date": read.body["desired_date"], "entries": held | entries, "reason": reason}
        return cast(Application, self.hub.put(path, body, etag=read.etag, key=self.key("correction")))

    def cancel(self, application: Application, *, reason: str) -> Application:
        """Cancel the start before it is matched."""
        path = f"applications/{application['number']}/cancellation"
        return cast(Application, self.hub.post(path, {"reason": reason}, key=self.key("cancellation")))

    def _holder(self) -> dict[str, str]:
        held = self.customer
        return {
            "holder_name": held["holder_name"],
            "holder_kana": held["holder_kana"],
            "holder_address": held["holder_address"],
        }

    def _relay(self, day: str) -> dict[str, Any]:
        return {
            "point": self.customer["point"],
            "losing_retailer": self.customer["retailer"],
            "contract_number": self.customer["contract_number"],
            **self._holder(),
            "desired_date": day,
            "contact_person": CONTACT,
        }


def hour(hub: Hub) -> datetime:
    """The hour the hub's rules go by; in a sandbox it may be ahead of yours."""
    return datetime.fromisoformat(hub.get("me")["now"]).astimezone(JST)


def today(hub: Hub) -> date:
    """The day in Japan by the hub's clock."""
    return hour(hub).date()
