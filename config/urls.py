"""The site's addresses: each room brings its own, Django's admin is the operator's workbench."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("workbench/", admin.site.urls),
    path("api/v1/", include("config.api")),
    path("", include("portal.urls")),
    path("", include("metering.urls")),
    path("", include("switching.urls")),
]
if apps.is_installed("linkage"):
    urlpatterns.append(path("linkage/", include("linkage.urls")))

handler400 = "portal.views.errors.bad_request"
handler403 = "portal.views.errors.permission_denied"
handler404 = "portal.views.errors.not_found"
handler500 = "portal.views.errors.server_error"
