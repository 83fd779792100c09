"""The ground floor's endpoints, for the access sweep."""

from tests.api_rows import ApiRow
from tests.portal.access_rows import a_paused_webhook, a_webhook

ROWS = {
    "api:openapi": ApiRow(),
    "api:errors": ApiRow(),
    "api:versions": ApiRow(),
    "api:token": ApiRow(),
    "api:participants": ApiRow({"get": "sora.viewer"}),
    "api:certificates": ApiRow({"get": "sora.viewer"}),
    "api:certificate-requests": ApiRow({"get": "sora.viewer", "post": "sora.viewer"}),
    "api:me": ApiRow({"get": "sora.viewer"}),
    "api:events": ApiRow({"get": "sora.viewer"}),
    "api:events-acknowledgement": ApiRow(
        {"get": "sora.viewer", "post": "sora.viewer"}, bodies={"post": {"number": 0}}, good=("get", "post")
    ),
    "api:event-statements": ApiRow({"get": "sora.viewer"}),
    "api:back-pressure": ApiRow(),
    "api:todo": ApiRow({"get": "sora.viewer"}),
    "api:webhooks": ApiRow({"get": "sora.relay"}),
    "api:webhook": ApiRow({"get": "sora.relay"}, kwargs=a_webhook),
    "api:webhook-deliveries": ApiRow({"get": "sora.relay"}, kwargs=a_webhook),
    "api:webhook-resend": ApiRow(
        {"post": "sora.relay"}, kwargs=a_webhook, bodies={"post": {"first": 1, "last": 1}}, good=()
    ),
    "api:webhook-pause": ApiRow({"post": "sora.relay"}, kwargs=a_webhook, good=("post",)),
    "api:webhook-resumption": ApiRow({"post": "sora.relay"}, kwargs=a_paused_webhook, good=("post",)),
    "api:webhook-test": ApiRow({"post": "sora.relay"}, kwargs=a_webhook, good=("post",)),
}
