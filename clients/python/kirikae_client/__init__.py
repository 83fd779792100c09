"""A small typed client for the API of a Kirikae hub.

from kirikae_client import Hub

with Hub("https://hub.example", client_id="api-…", secret="…", certificate=("terminal.pem", "terminal.key")) as hub:
    for relay in hub.each("relays", state="02"):
        print(relay["number"])
"""

from kirikae_client.collecting import Collected, CollectedWrong, download
from kirikae_client.errors import HubError, NotReachable, Problem
from kirikae_client.hub import Answer, Hub

__all__ = ["Answer", "Collected", "CollectedWrong", "Hub", "HubError", "NotReachable", "Problem", "download"]
