"""The ground floor's endpoints."""

from django.urls import path

import portal.converters  # noqa: F401
from portal.api import catalogue, feed, hooks, library, meta, registry, token

__all__ = ["catalogue", "routes"]
routes = [
    path("openapi.json", meta.OpenApi.as_view(), name="openapi"),
    path("errors", meta.Errors.as_view(), name="errors"),
    path("versions", meta.Versions.as_view(), name="versions"),
    path("token", token.Token.as_view(), name="token"),
    path("participants", registry.Participants.as_view(), name="participants"),
    path("certificates", registry.Certificates.as_view(), name="certificates"),
    path("certificate-requests", registry.CertificateRequests.as_view(), name="certificate-requests"),
    path("certificates/<record_id:pk>", registry.OneCertificate.as_view(), name="certificate"),
    path("certificate-requests/<record_id:pk>", registry.OneCertificateRequest.as_view(), name="certificate-request"),
    path(
        "certificate-requests/<record_id:pk>/withdrawal",
        registry.CertificateRequestWithdrawal.as_view(),
        name="certificate-request-withdrawal",
    ),
    path("documents", library.Documents.as_view(), name="documents"),
    path("documents/<record_id:pk>", library.OneDocument.as_view(), name="document"),
    path("documents/<record_id:pk>/application", library.DocumentApplication.as_view(), name="document-application"),
    path(
        "documents/<record_id:pk>/versions/<record_id:version>/content",
        library.DocumentContent.as_view(),
        name="document-content",
    ),
    path("announcements", library.Announcements.as_view(), name="announcements"),
    path("announcements/<record_id:pk>", library.OneAnnouncement.as_view(), name="announcement"),
    path("me", meta.Caller.as_view(), name="me"),
    path("events", feed.Feed.as_view(), name="events"),
    path("events/acknowledgement", feed.FeedAcknowledgement.as_view(), name="events-acknowledgement"),
    path("events/statements", feed.EventStatements.as_view(), name="event-statements"),
    path("events/back-pressure", feed.BackPressure.as_view(), name="back-pressure"),
    path("todo", feed.Todo.as_view(), name="todo"),
    path("webhooks", hooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<int:pk>", hooks.OneWebhook.as_view(), name="webhook"),
    path("webhooks/<int:pk>/deliveries", hooks.WebhookDeliveries.as_view(), name="webhook-deliveries"),
    path("webhooks/<int:pk>/resend", hooks.WebhookResend.as_view(), name="webhook-resend"),
    path("webhooks/<int:pk>/pause", hooks.WebhookPause.as_view(), name="webhook-pause"),
    path("webhooks/<int:pk>/resumption", hooks.WebhookResume.as_view(), name="webhook-resumption"),
    path("webhooks/<int:pk>/test", hooks.WebhookTest.as_view(), name="webhook-test"),
]
