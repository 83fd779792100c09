"""Rows of consents, inquiries and supply points for the access sweep."""

from metering import inquiries
from metering.models import FacilityInquiry
from tests.api_rows import ApiRow
from tests.cast import NOW, Cast, gather_points


def consent_of(cast: Cast, who: str = "sora.inquiry"):
    return inquiries.record_consent(
        reference="REC-1", channel="web", purpose="switch", obtained_on=NOW.date(), by=cast[who], now=NOW
    )


def an_inquiry(cast: Cast) -> dict:
    """A facility inquiry of sora about a house that umi supplies."""
    points = gather_points(cast)
    found: FacilityInquiry = inquiries.inquire(
        number=points.house.number, supply_class="LV", consent=consent_of(cast), by=cast["sora.inquiry"], now=NOW
    )
    return {"pk": found.pk}


def a_point(cast: Cast) -> dict:
    """A house that umi supplies."""
    return {"number": gather_points(cast).house.number}


def a_consent(cast: Cast) -> dict:
    return {"reference": "REC-2", "channel": "web", "purpose": "switch", "obtained_on": "2026-04-01"}


ROWS = {
    "api:consents": ApiRow({"post": "sora.inquiry"}, bodies={"post": a_consent}, good=("post",)),
    "api:inquiries": ApiRow({"get": "sora.inquiry", "post": "sora.inquiry"}),
    "api:inquiry": ApiRow({"get": "sora.inquiry"}, kwargs=an_inquiry),
    "api:address-search": ApiRow({"post": "sora.inquiry"}, good=()),
    "api:meter-search": ApiRow({"post": "sora.inquiry"}, good=()),
    "api:points": ApiRow({"get": "umi.usage"}),
    "api:point": ApiRow({"get": "umi.usage"}, kwargs=a_point, parties=("kaze",)),
}
