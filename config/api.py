"""The API's addresses below /api/v1/: each room brings its own."""

from django.apps import apps

from metering.api.routes import routes as of_metering
from portal.api.routes import routes as of_portal
from switching.api.routes import routes as of_switching

app_name = "api"
urlpatterns = [*of_portal, *of_metering, *of_switching]
if apps.is_installed("linkage"):
    from linkage.api.routes import routes as of_linkage

    urlpatterns += of_linkage
