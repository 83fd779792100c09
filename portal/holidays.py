"""Days on which one area departs from the business days everybody keeps."""

from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from portal import ledger
from portal.companies import Refused
from portal.market import Area
from portal.models import ExtraHoliday, User


class NotAllowed(Refused):
    sentence = _("Only a hub operator may change the calendar.")


class StandsAlready(Refused):
    sentence = _("This day already stands in the area's calendar of its own days.")


def close_day(
    *, area: Area | str, day: date, name: str, by: User | None, now: datetime, is_business_day: bool = False
) -> ExtraHoliday:
    """Make the day an extra holiday of the area, or a business day after all; deadlines already computed stay.

    Raises NotAllowed, StandsAlready.
    """
    _only_the_hub(by)
    with transaction.atomic():
        try:
            with transaction.atomic():
                holiday = ExtraHoliday.objects.create(
                    area=area, day=day, name=name.strip(), is_business_day=is_business_day
                )
        except IntegrityError as error:
            raise StandsAlready from error
        action = "business day set" if is_business_day else "extra holiday set"
        ledger.record(action, f"area {area} {day}", by=by, now=now, name=holiday.name)
    return holiday


def open_day(*, area: Area | str, day: date, by: User | None, now: datetime) -> None:
    """Take an extra holiday back; nothing happens where there is none. Raises NotAllowed."""
    _only_the_hub(by)
    with transaction.atomic():
        gone, _rows = ExtraHoliday.objects.filter(area=area, day=day).delete()
        if gone:
            ledger.record("extra holiday taken back", f"area {area} {day}", by=by, now=now)


def _only_the_hub(by: User | None) -> None:
    if by is not None and not by.is_operator:
        raise NotAllowed
