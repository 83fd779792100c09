"""The room's endpoints, where it is installed."""

from django.urls import path

import portal.converters  # noqa: F401
from linkage.api import clock, partners, qualification

routes = [
    path("linkage/clock", clock.MarketClock.as_view(), name="linkage-clock"),
    path("linkage/customers", partners.Customers.as_view(), name="linkage-customers"),
    path("linkage/scripts", partners.Scripts.as_view(), name="linkage-scripts"),
    path("linkage/scripts/<record_id:pk>", partners.OneScript.as_view(), name="linkage-script"),
    path("linkage/received-relays", partners.ReceivedRelays.as_view(), name="linkage-received-relays"),
    path("linkage/qualification", qualification.QualificationProgress.as_view(), name="linkage-qualification"),
    path("linkage/evidence", qualification.SignedEvidence.as_view(), name="linkage-evidence"),
    path("linkage/evidence/<record_id:pk>", qualification.OneSignedEvidence.as_view(), name="linkage-evidence-one"),
    path(
        "linkage/evidence/<record_id:pk>/content",
        qualification.SignedEvidenceContent.as_view(),
        name="linkage-evidence-content",
    ),
]
