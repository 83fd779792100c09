"""The metering room's endpoints."""

from django.urls import path

import portal.converters  # noqa: F401
from metering.api import (
    access_catalogue,
    catalogue,
    inquiries,
    inquiry_catalogue,
    past_usage,
    points,
    published_files,
    usage_access,
    usage_files,
)

__all__ = ["access_catalogue", "catalogue", "inquiry_catalogue", "routes"]

ACCESS, PAST = "usage-access-requests/<record_id:pk>", "usage-inquiries/<record_id:pk>"
routes = [
    path("consents", inquiries.Consents.as_view(), name="consents"),
    path("facility-inquiries", inquiries.Inquiries.as_view(), name="inquiries"),
    path("facility-inquiries/<record_id:pk>", inquiries.Inquiry.as_view(), name="inquiry"),
    path("searches/by-address", inquiries.AddressSearch.as_view(), name="address-search"),
    path("searches/by-meter", inquiries.MeterSearch.as_view(), name="meter-search"),
    path("usage-access-requests", usage_access.AccessRequests.as_view(), name="usage-access-requests"),
    path(ACCESS, usage_access.AccessRequest.as_view(), name="usage-access-request"),
    path(f"{ACCESS}/cancellation", usage_access.AccessCancellation.as_view(), name="usage-access-cancellation"),
    path(f"{ACCESS}/evidence", usage_access.AccessEvidence.as_view(), name="usage-access-evidence"),
    path("usage-inquiries", past_usage.UsageInquiries.as_view(), name="usage-inquiries"),
    path(PAST, past_usage.UsageMonths.as_view(), name="usage-inquiry"),
    path(f"{PAST}/half-hours", past_usage.UsageHalfHours.as_view(), name="usage-half-hours"),
    path(f"{PAST}/half-hours.csv", past_usage.UsageCsv.as_view(), name="usage-csv"),
    path("supply-points", points.Points.as_view(), name="points"),
    path("supply-points/<point_number:number>", points.Point.as_view(), name="point"),
    path("usage-files", usage_files.UsageFiles.as_view(), name="usage-files"),
    path("usage-files/<record_id:pk>", usage_files.OneUsageFile.as_view(), name="usage-file"),
    path("usage-files/<record_id:pk>/refused-rows", usage_files.RefusedRows.as_view(), name="refused-rows"),
    path(
        "usage-files/<record_id:pk>/refused-rows/content",
        usage_files.RefusedContent.as_view(),
        name="refused-content",
    ),
    path("usage-files/<record_id:pk>/settlement", usage_files.Settlement.as_view(), name="usage-file-settlement"),
    path("published-files", published_files.PublishedFiles.as_view(), name="published-files"),
    path("published-files/again", published_files.Again.as_view(), name="published-files-again"),
    path("published-files/<int:number>", published_files.PublishedFileOne.as_view(), name="published-file"),
    path(
        "published-files/<int:number>/content",
        published_files.PublishedFileContent.as_view(),
        name="published-file-content",
    ),
    path(
        "published-files/<int:number>/acknowledgement",
        published_files.Acknowledgement.as_view(),
        name="published-file-acknowledgement",
    ),
    path("usage-statements/<day:day>", published_files.Statement.as_view(), name="usage-statement"),
]
