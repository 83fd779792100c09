"""A retailer's published rules for relays addressed to it."""

from datetime import datetime

import re2
from django.db import transaction

from portal import ahead, ledger
from portal.models import Company, User
from switching.models import RetailerPolicy as Policy

Filing = Policy.Filing

__all__ = ["BadPattern", "Filing", "Policy", "check", "lay_down", "of"]


class BadPattern(Exception):
    """The contract number pattern or its sample cannot be published; subclasses say why."""


class NoPattern(BadPattern):
    """The pattern is no regular expression of the safe kind (RE2: no look-around, no back-references): `what`."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class SampleDoesNotFit(BadPattern):
    """The sample does not follow the pattern."""

    def __init__(self, sample: str) -> None:
        super().__init__(sample)
        self.sample = sample


class HintMissing(BadPattern):
    """A hint is missing where a pattern is laid down: others would be refused without being told why."""


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
    filing: str = Filing.ONE_CLICK,
    by: User | None,
    now: datetime,
) -> Policy:
    """Set a retailer's policy; raises BadPattern when pattern, hint and sample do not agree."""
    policy = Policy(
        retailer=retailer,
        number_pattern=number_pattern,
        number_hint=number_hint,
        number_sample=number_sample,
        number_separators=number_separators,
        auto_accept=auto_accept,
        filing=filing,
    )
    check(policy)
    with transaction.atomic():
        policy.save()
        ledger.record(
            "retailer_policy.lay_down",
            f"company {retailer.pk}",
            by=by,
            now=now,
            number_pattern=number_pattern,
            auto_accept=auto_accept,
            filing=str(filing),
        )
    return policy


def check(policy: Policy) -> None:
    """Raise BadPattern when the policy's pattern, hint and sample cannot be published together."""
    try:
        fits = policy.number_fits(policy.number_sample) or not policy.number_sample
    except re2.error as error:
        what = error.args[0] if error.args else ""
        raise NoPattern(what.decode(errors="replace") if isinstance(what, bytes) else str(what)) from error
    if not fits:
        raise SampleDoesNotFit(policy.number_sample)
    if policy.number_pattern and not policy.number_hint:
        raise HintMissing
