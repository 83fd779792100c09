"""The room's endpoints."""

from django.urls import path

import portal.converters  # noqa: F401
import switching.converters  # noqa: F401
from switching.api import applications, catalogue, disclosures, relays

__all__ = ["catalogue", "routes"]

RELAY, APPLICATION = "relays/<relay_number:number>", "applications/<application_number:number>"
routes = [
    path("disclosures", disclosures.Disclosures.as_view(), name="disclosures"),
    path("disclosures/lists", disclosures.DisclosureLists.as_view(), name="disclosure-lists"),
    path("disclosures/<record_id:pk>", disclosures.OneDisclosure.as_view(), name="disclosure"),
    path("relays", relays.Relays.as_view(), name="relays"),
    path(RELAY, relays.OneRelay.as_view(), name="relay"),
    path(f"{RELAY}/judgement", relays.Judgement.as_view(), name="judgement"),
    path(f"{RELAY}/withdrawal", relays.Withdrawal.as_view(), name="withdrawal"),
    path(f"{RELAY}/termination", relays.Termination.as_view(), name="termination"),
    path(f"{RELAY}/messages", relays.Messages.as_view(), name="messages"),
    path("applications", applications.Applications.as_view(), name="applications"),
    path(APPLICATION, applications.OneApplication.as_view(), name="application"),
    path(f"{APPLICATION}/cancellation", applications.Cancellation.as_view(), name="cancellation"),
    path(f"{APPLICATION}/filing", applications.Filing.as_view(), name="filing"),
    path(f"{APPLICATION}/completion", applications.Completion.as_view(), name="completion"),
]
