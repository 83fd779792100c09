"""The ground floor's endpoints, for the access sweep."""

from portal import certificate_requests
from tests import calling
from tests.api_rows import ApiRow
from tests.cast import NOW
from tests.portal import certificate_tools, desk
from tests.portal.access_rows import a_paused_webhook, a_webhook


def a_request_of_a_program(cast):
    """Any program of sora's asks as its own machine; the sweep's program is another one, so it sees none of them."""
    return {"pk": certificate_tools.asked(calling.caller(cast, "sora", "viewer").client.user, purpose="api").pk}


def a_certificate_of_a_program(cast):
    asked = certificate_tools.asked(calling.caller(cast, "sora", "viewer").client.user, purpose="api")
    made = certificate_requests.approve(asked, by=cast["sora.administrator"], now=NOW)
    assert made
    return {"pk": made.pk}


def a_document_on_application(cast):
    return {"pk": desk.enter(cast, "on_application").pk}


ROWS = {
    "api:openapi": ApiRow(),
    "api:errors": ApiRow(),
    "api:versions": ApiRow(),
    "api:token": ApiRow(),
    "api:participants": ApiRow({"get": "sora.viewer"}),
    "api:certificates": ApiRow({"get": "sora.viewer"}),
    "api:certificate-requests": ApiRow({"get": "sora.viewer", "post": "sora.viewer"}),
    "api:certificate": ApiRow({"get": "sora.viewer"}, kwargs=a_certificate_of_a_program, good=()),
    "api:certificate-request": ApiRow({"get": "sora.viewer"}, kwargs=a_request_of_a_program, good=()),
    "api:certificate-request-withdrawal": ApiRow({"post": "sora.viewer"}, kwargs=a_request_of_a_program, good=()),
    "api:documents": ApiRow({"get": "sora.viewer"}),
    "api:document": ApiRow({"get": "sora.viewer"}, kwargs=desk.a_document, shared=True),
    "api:document-content": ApiRow({"get": "sora.viewer"}, kwargs=desk.a_file, shared=True),
    "api:document-application": ApiRow(
        {"post": "sora.viewer"},
        kwargs=a_document_on_application,
        bodies={"post": {"purpose": "研究"}},
        shared=True,
        good=("post",),
    ),
    "api:announcements": ApiRow({"get": "sora.viewer"}),
    "api:announcement": ApiRow({"get": "kaze.usage"}, kwargs=desk.an_announcement, parties=("kaze",)),
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
