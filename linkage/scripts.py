"""Scripts of the simulated partners: written and forgotten; what they mean stands in switching.partners."""

from datetime import datetime

from django.db import transaction

from linkage.models import Script
from portal import ledger
from portal.models import User


def write(*, partner: str, number: str, behaves_as: str, by: User | None, now: datetime) -> Script:
    """Let a partner behave at a point (22 digits), or at all that end in a digit, as at points of another digit."""
    with transaction.atomic():
        script, _is_new = Script.objects.update_or_create(
            partner=partner, number=number, defaults={"behaves_as": behaves_as, "set_at": now}
        )
        ledger.record("script.write", f"script {number}", by=by, now=now, partner=partner, behaves_as=behaves_as)
    return script


def forget(pk: int, *, by: User | None, now: datetime) -> bool:
    """Take a script away; False when there is none of that key."""
    with transaction.atomic():
        script = Script.objects.select_for_update().filter(pk=pk).first()
        if script is None:
            return False
        ledger.record("script.forget", f"script {script.number}", by=by, now=now, partner=script.partner)
        script.delete()
    return True
