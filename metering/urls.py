"""Addresses of the metering room."""

from django.urls import path

from metering.views import published_files, usage_files

app_name = "metering"

USAGE = [
    path("usage-files/", usage_files.usage_files, name="usage-files"),
    path("usage-files/<int:pk>/", usage_files.usage_file, name="usage-file"),
    path("usage-files/<int:pk>/refused.csv", usage_files.refused_rows, name="refused-rows"),
    path("published-files/", published_files.published_files, name="published-files"),
    path("published-files/<int:pk>/", published_files.published_file, name="published-file"),
    path("published-files/<int:pk>/download/", published_files.download, name="published-file-download"),
]

urlpatterns = [*USAGE]
