"""The metering room's endpoints."""

from django.urls import path

from metering import urls  # registers <day:…>
from metering.api import catalogue, published_files

__all__ = ["catalogue", "routes", "urls"]
routes = [
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
