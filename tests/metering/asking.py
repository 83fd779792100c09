"""Requests for past usage as a clerk would make them: told what the contract at the point says."""

from datetime import datetime
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from metering import access_codes, inquiries
from metering.models import Contract, SupplyPoint, UsageAccessRequest
from portal.models import User
from portal.workdays import jst_date


def slip() -> SimpleUploadedFile:
    """A file that begins as a PDF does."""
    return SimpleUploadedFile("slip.pdf", b"%PDF-1.4 consent")


def ask_for_usage(
    user: User, point: SupplyPoint, *, now: datetime, evidence: Any = None, **changes: Any
) -> UsageAccessRequest:
    """Consent and request; `changes` are what the customer said otherwise than the contract has it."""
    consent = inquiries.record_consent(
        reference="REC-1", channel="web", purpose="quote", obtained_on=jst_date(now), by=user, now=now
    )
    held = Contract.objects.filter(point=point).latest("pk")
    told = {
        "contract_number": held.number,
        "holder_name": held.holder_name,
        "holder_kana": held.holder_kana,
        "holder_address": held.holder_address,
        "valid_days": 7,
        **changes,
    }
    return access_codes.register(number=point.number, consent=consent, evidence=evidence, by=user, now=now, **told)
