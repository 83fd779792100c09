"""Helps for tests of the room's pages: an inquiry to begin with, what a page says, its forms' answers."""

import html
import re
from typing import Any

from django.http import HttpResponse

from metering import inquiries
from metering.models import FacilityInquiry, SupplyPoint
from tests.cast import NOW, Cast

TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.S)


def inquire(cast: Cast, point: SupplyPoint, who: str = "sora") -> FacilityInquiry:
    """A facility inquiry of the company's inquiry clerk, with consent."""
    by = cast[f"{who}.inquiry"]
    consent = inquiries.record_consent(
        reference="REC-1", channel="web", purpose="switch", obtained_on=NOW.date(), by=by, now=NOW
    )
    return inquiries.inquire(number=point.number, supply_class=point.supply_class, consent=consent, by=by, now=NOW)


def said(answer: HttpResponse) -> str:
    """The words of a page, without its marks, gaps evened out."""
    raw = answer.getvalue() if answer.streaming else answer.content  # type: ignore[attr-defined]
    return " ".join(html.unescape(TAGS.sub(" ", raw.decode())).split())


def entries(cast: Cast, point: SupplyPoint, **changes: Any) -> dict[str, Any]:
    """The entries of a relay as umi holds the customer."""
    contract = point.contracts.get()
    return {
        "losing_retailer": cast.umi.pk,
        "contract_number": contract.number,
        "holder_name": contract.holder_name,
        "holder_kana": contract.holder_kana,
        "holder_address": contract.holder_address,
        "desired_date": "2026-04-15",
        "contact_person": "空 太郎",
        **changes,
    }
