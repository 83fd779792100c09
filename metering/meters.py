"""Meters at a point: put up, exchanged, taken away, dated by the day of the work and told in whatever order."""

from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering.models import Meter

NUMBER_LENGTH = 16


class NotPossible(Exception):
    """The change at the meter cannot be so; `sentence` says why and what to do."""

    sentence: str | Promise = _("The change at the meter cannot be recorded so.")
    field = ""

    def __str__(self) -> str:
        return str(self.sentence)


class NoSuchMeter(NotPossible):
    """No meter of the number stood at the point on the day."""

    field = "old_meter"

    def __init__(self, number: str) -> None:
        self.sentence = format_lazy(
            _("No meter {number} stood at the point on that day. Please compare with the meters listed."),
            number=number,
        )
        super().__init__(number)


class MeterStandsAlready(NotPossible):
    """A meter of the number has stood at the point before: a number is not put up twice."""

    field = "new_meter"

    def __init__(self, number: str) -> None:
        self.sentence = format_lazy(
            _("A meter {number} has been recorded at this point already. Please check the number of the new meter."),
            number=number,
        )
        super().__init__(number)


@dataclass(frozen=True)
class NewMeter:
    """The meter that is put up: number, kind and the multiplier of its instrument transformers."""

    number: str
    kind: str = Meter.Kind.SMART
    multiplier: int = 1


def change(point_id: int, *, on: date, old: str = "", new: NewMeter | None = None) -> tuple[Meter | None, Meter | None]:
    """Take the meter `old` away and put `new` up, both on the day; either may be left out.

    The old meter counts until the day and the new one from it, so that the meters of a day depend on the days of the
    works alone and not on the order in which they are told. Returns (taken away, put up).
    Raises NoSuchMeter, MeterStandsAlready. The case that brings it is its record.
    """
    with transaction.atomic():
        gone = None
        if old:
            gone = (
                Meter.objects.select_for_update()
                .filter(Q(removed_on__isnull=True) | Q(removed_on=on), point=point_id, number=old)
                .filter(installed_on__lte=on)
                .first()
            )
            if gone is None:
                raise NoSuchMeter(old)
            gone.removed_on = on
            gone.save(update_fields=["removed_on"])
        if new is None:
            return gone, None
        try:
            with transaction.atomic():
                put_up = Meter.objects.create(
                    point_id=point_id, number=new.number, kind=new.kind, multiplier=new.multiplier, installed_on=on
                )
        except IntegrityError as error:
            if "a_meter_stands_once_at_a_point" in str(error):
                raise MeterStandsAlready(new.number) from error
            raise
        return gone, put_up


def standing(point_id: int, day: date) -> list[Meter]:
    """The meters that count at the point on the day, in the order of their numbers."""
    return list(
        Meter.objects.filter(
            Q(removed_on__isnull=True) | Q(removed_on__gt=day), point=point_id, installed_on__lte=day
        ).order_by("number")
    )
