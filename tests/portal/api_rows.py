"""The ground floor's endpoints, for the access sweep."""

from tests.api_rows import ApiRow

ROWS = {
    "api:openapi": ApiRow(),
    "api:errors": ApiRow(),
    "api:versions": ApiRow(),
    "api:token": ApiRow(),
    "api:me": ApiRow({"get": "sora.viewer"}),
}
