"""Rows of requests for past usage and of the usage behind their codes, for the access sweep."""

from datetime import timedelta

from metering import access_codes, usage_inquiries
from metering.models import UsageAccessRequest
from tests.api_rows import ApiRow
from tests.cast import NOW, Cast, gather_points
from tests.metering.asking import ask_for_usage, slip

SORA = "sora.inquiry"
DAYS_BEFORE = NOW - timedelta(days=2)


def asked(cast: Cast) -> dict:
    """A request of sora's with its file, waiting for its code."""
    return {"pk": ask_for_usage(cast[SORA], gather_points(cast).house, evidence=slip(), now=NOW).pk}


def opened(cast: Cast) -> dict:
    """Past usage sora opened with a code that came this morning."""
    made: UsageAccessRequest = ask_for_usage(cast[SORA], gather_points(cast).house, now=DAYS_BEFORE)
    access_codes.issue_due(now=NOW)
    made.refresh_from_db()
    code = access_codes.code_of(made)
    return {"pk": usage_inquiries.enter(number=made.point.number, code=code, by=cast[SORA], now=NOW).pk}


TOLD = {"contract_number": "X-1", "holder_name": "山田 太郎", "holder_address": "東京都", "valid_days": 31}
ROWS = {
    "api:usage-access-requests": ApiRow({"get": SORA, "post": SORA}),
    "api:usage-access-request": ApiRow(
        {"get": SORA, "put": SORA}, kwargs=asked, bodies={"put": TOLD}, good=("get", "put")
    ),
    "api:usage-access-cancellation": ApiRow({"post": SORA}, kwargs=asked, good=("post",)),
    "api:usage-access-evidence": ApiRow({"get": SORA}, kwargs=asked),
    "api:usage-inquiries": ApiRow({"post": SORA}, good=()),
    "api:usage-inquiry": ApiRow({"get": SORA}, kwargs=opened),
    "api:usage-half-hours": ApiRow({"get": SORA}, kwargs=opened),
    "api:usage-csv": ApiRow({"get": SORA}, kwargs=opened),
}
