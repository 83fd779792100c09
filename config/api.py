"""The API's addresses below /api/v1/: each room brings its own."""

from metering.api.routes import routes as of_metering
from portal.api.routes import routes as of_portal

app_name = "api"
urlpatterns = [*of_portal, *of_metering]
