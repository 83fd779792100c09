"""A retailer's published rules for relays addressed to it."""

import re
from datetime import datetime

from django.db import transaction

from portal import ahead, ledger
from portal.models import Company, User
from switching.models import RetailerPolicy as Policy

__all__ = ["BadPattern", "Policy", "check", "lay_down", "of"]


class BadPattern(Exception):
    """The contract number pattern is no regular expression, or the sample does not follow it."""


def of(retailer: Company) -> Policy:
    """The retailer's policy; an empty one (any number, no automatic acceptance) where it laid down none."""
    return _laid_down(retailer.pk) or Policy(retailer=retailer)


@ahead.question
def _laid_down(retailer_id: int) -> Policy | None:
    return Policy.objects.filter(retailer=retailer_id).first()


def lay_down(
    *,
    retailer: Company,
    number_pattern: str = "",
    number_hint: str = "",
    number_sample: str = "",
    number_separators: str = "- ",
    auto_accept: bool = False,
    by: User | None,
    now: datetime,
) -> Policy:
    """Set a retailer's policy; raises BadPattern when pattern and sample do not agree."""
    policy = Policy(
        retailer=retailer,
        number_pattern=number_pattern,
        number_hint=number_hint,
        number_sample=number_sample,
        number_separators=number_separators,
        auto_accept=auto_accept,
    )
    check(policy)
    with transaction.atomic():
        policy.save()
        ledger.record("retailer_policy.lay_down", f"company {retailer.pk}", by=by, now=now, auto_accept=auto_accept)
    return policy


def check(policy: Policy) -> None:
    """Raise BadPattern when the policy's pattern and sample do not agree."""
    try:
        fits = not policy.number_sample or policy.number_fits(policy.number_sample)
        re.compile(policy.number_pattern)
    except re.error as error:
        raise BadPattern(str(error)) from error
    if not fits:
        raise BadPattern(policy.number_sample)
