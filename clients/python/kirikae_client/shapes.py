"""The answers the client hands on, as types. The hub may add fields at any time; none of these goes away."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Event(TypedDict):
    """One event of the own feed; a withheld one has its number and hour alone."""

    number: int
    at: str
    withheld: NotRequired[bool]
    topic: NotRequired[str]
    kind: NotRequired[str]
    cause: NotRequired[str]
    subject: NotRequired[str]
    resource: NotRequired[str]
    page: NotRequired[str]
    area: NotRequired[str]
    supply_class: NotRequired[str]
    detail: NotRequired[dict[str, Any]]


class PublishedFile(TypedDict):
    """A usage file published to the own company; `number` grows by one without a gap."""

    number: int
    name: str
    day: str
    revision: int
    format: str
    area: str
    supply_class: str
    rows: int
    readings: int
    size: int
    sha256: str
    content: str
    removed_at: str | None


class Customer(TypedDict):
    """What a customer tells a retailer; the sandbox lists invented ones."""

    point: str
    supply_class: str
    area: str
    retailer: str
    contract_number: str
    holder_name: str
    holder_kana: str
    holder_address: str


class Relay(TypedDict):
    """A cancellation relay as one of its two companies sees it."""

    number: str
    side: str
    state: str
    desired_date: str
    due_at: str
    judged_at: str | None
    reasons: list[int]
    point: str | None
    applications: list[str]


class Application(TypedDict):
    """An application of the own company, or on the own network."""

    number: str
    kind: str
    state: str
    desired_date: str
    switch_date: str | None
    in_effect_on: str | None
    entries: dict[str, Any]
