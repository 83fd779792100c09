"""Corrections of a request for past usage while it waits for its code: what the customer told, each one kept."""

from datetime import datetime
from typing import Any, cast

from django.db import transaction
from django.db.models import Field
from django.utils.translation import gettext_lazy as _

from metering.access_codes import HolderMissing, NotWaiting, State, subject_of
from metering.inquiries import OutsideYourRoles, Refused
from metering.models import AccessCorrection, UsageAccessRequest
from portal import gates, ledger
from portal.models import Function, User

FIELDS = ("contract_number", "holder_name", "holder_kana", "holder_address", "valid_days")
"""What may be corrected; another point or another consent is another request."""


class NothingCorrected(Refused):
    sentence = _("Nothing was changed. Please correct an entry, or leave the request as it is.")


def correct(
    request: UsageAccessRequest,
    *,
    contract_number: str,
    holder_name: str,
    holder_kana: str,
    holder_address: str,
    valid_days: int,
    reason: str = "",
    by: User,
    now: datetime,
    dry_run: bool = False,
) -> AccessCorrection:
    """Correct a waiting request as the customer told it; the day of the code stays, and each correction is kept.

    Nothing is compared before that day, so that no correction tells whether the former entries were right.
    Raises OutsideYourRoles, NotWaiting, HolderMissing, NothingCorrected, gates.Closed. With `dry_run` every rule is
    asked and nothing is written.
    """
    gates.require(Function.FACILITY_INQUIRY, now=now, by=by)
    with transaction.atomic():
        found = UsageAccessRequest.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=request.pk).first()
        if found is None:
            raise OutsideYourRoles
        if found.state != State.WAITING:
            raise NotWaiting
        after: dict[str, Any] = {
            "contract_number": contract_number.strip(),
            "holder_name": holder_name.strip(),
            "holder_kana": holder_kana.strip(),
            "holder_address": holder_address.strip(),
            "valid_days": int(UsageAccessRequest.Validity(valid_days)),
        }
        if not (after["contract_number"] and after["holder_name"] and after["holder_address"]):
            raise HolderMissing
        before = {name: getattr(found, name) for name in FIELDS}
        if after == before:
            raise NothingCorrected
        correction = AccessCorrection(
            request=found,
            number=found.corrections.count() + 1,
            before=before,
            after=after,
            reason=reason.strip(),
            at=now,
            by=by,
        )
        if dry_run:
            return correction
        for name, value in after.items():
            setattr(found, name, value)
        found.save(update_fields=FIELDS)
        correction.save(force_insert=True)
        ledger.record(
            "usage access corrected",
            subject_of(found),
            by=by,
            now=now,
            correction=correction.number,
            fields=[name for name in FIELDS if before[name] != after[name]],
        )
    return correction


def differences(correction: AccessCorrection) -> list[tuple[str, Any, Any]]:
    """What it changed, in the order of the fields: the field's words, before, after."""
    fields = {name: cast("Field[Any, Any]", UsageAccessRequest._meta.get_field(name)) for name in FIELDS}
    words = {int(value): label for value, label in UsageAccessRequest.Validity.choices}
    return [
        (
            str(fields[name].verbose_name),
            words[correction.before[name]] if name == "valid_days" else correction.before[name],
            words[correction.after[name]] if name == "valid_days" else correction.after[name],
        )
        for name in FIELDS
        if correction.before[name] != correction.after[name]
    ]
