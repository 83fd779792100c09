"""The metering room's endpoints."""

from django.urls import path

import portal.converters  # noqa: F401
from metering.api import catalogue, inquiries, inquiry_catalogue, points, published_files

__all__ = ["catalogue", "inquiry_catalogue", "routes"]
routes = [
    path("consents", inquiries.Consents.as_view(), name="consents"),
    path("facility-inquiries", inquiries.Inquiries.as_view(), name="inquiries"),
    path("facility-inquiries/<record_id:pk>", inquiries.Inquiry.as_view(), name="inquiry"),
    path("searches/by-address", inquiries.AddressSearch.as_view(), name="address-search"),
    path("searches/by-meter", inquiries.MeterSearch.as_view(), name="meter-search"),
    path("supply-points", points.Points.as_view(), name="points"),
    path("supply-points/<point_number:number>", points.Point.as_view(), name="point"),
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
