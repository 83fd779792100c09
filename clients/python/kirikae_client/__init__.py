"""A small typed client for the API of a Kirikae hub.

from kirikae_client import Hub

with Hub("https://hub.example", client_id="api-…", secret="…", certificate=("terminal.pem", "terminal.key")) as hub:
    for relay in hub.each("relays", state="02"):
        print(relay["number"])

Beside it: `switching` (the steps of winning a customer), `usage` (collecting what was published), `sandbox` (customers
and clock of the linkage test), `shapes` (the answers as types), `command_line` (what the example programs share).
"""

from kirikae_client.collecting import Collected, CollectedWrong, download
from kirikae_client.errors import Gap, HubError, NotReachable, Problem
from kirikae_client.hub import Answer, Hub
from kirikae_client.shapes import Application, Customer, Event, PublishedFile, Relay

__all__ = [
    "Answer",
    "Application",
    "Collected",
    "CollectedWrong",
    "Customer",
    "Event",
    "Gap",
    "Hub",
    "HubError",
    "NotReachable",
    "Problem",
    "PublishedFile",
    "Relay",
    "download",
]
