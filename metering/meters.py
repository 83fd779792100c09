"""Meters at a point: put up, exchanged, taken away, dated by the day of the work and told in whatever order."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from metering.models import Meter
from portal import ahead
from portal.refusals import Refusal

NUMBER_LENGTH = 16


class NotPossible(Refusal):
    """The change at the meter cannot be so; `sentence` says why and what to do."""

    sentence: str | Promise = _("The change at the meter cannot be recorded so.")
    field = ""


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
        known = list(Meter.objects.select_for_update().filter(point=point_id).order_by("pk"))
        gone, put_up = _fitting(known, point_id, on=on, old=old, new=new)
        if gone is not None:
            gone.removed_on = on
            gone.save(update_fields=["removed_on"])
        if put_up is not None:
            try:
                with transaction.atomic():
                    put_up.save(force_insert=True)
            except IntegrityError as error:
                if "a_meter_stands_once_at_a_point" in str(error):
                    raise MeterStandsAlready(put_up.number) from error
                raise
    return gone, put_up


def check(point_id: int, *, on: date, old: str = "", new: NewMeter | None = None) -> tuple[Meter | None, Meter | None]:
    """What `change` would do, and nothing done; raises what it would raise."""
    return _fitting(recorded(point_id), point_id, on=on, old=old, new=new)


@ahead.question
def recorded(point_id: int) -> list[Meter]:
    """Every meter recorded at the point, whether or not it still stands."""
    return recorded_at([point_id]).get(point_id, [])


def recorded_at(point_ids: Collection[int]) -> dict[int, list[Meter]]:
    """The same for many points in one query; a point without any is left out."""
    found: dict[int, list[Meter]] = {}
    for meter in Meter.objects.filter(point_id__in=point_ids).order_by("pk"):
        found.setdefault(meter.point_id, []).append(meter)
    return found


def _fitting(
    known: Iterable[Meter], point_id: int, *, on: date, old: str, new: NewMeter | None
) -> tuple[Meter | None, Meter | None]:
    """The meter to take away among those `known` at the point, and the one to put up, neither saved."""
    known = list(known)
    gone = None
    if old:
        gone = next(
            (m for m in known if m.number == old and m.installed_on <= on and m.removed_on in (None, on)),
            None,
        )
        if gone is None:
            raise NoSuchMeter(old)
    if new is None:
        return gone, None
    if any(meter.number == new.number for meter in known):
        raise MeterStandsAlready(new.number)
    return gone, Meter(point_id=point_id, number=new.number, kind=new.kind, multiplier=new.multiplier, installed_on=on)


def standing(point_id: int, day: date) -> list[Meter]:
    """The meters that count at the point on the day, in the order of their numbers."""
    return list(
        Meter.objects.filter(
            Q(removed_on__isnull=True) | Q(removed_on__gt=day), point=point_id, installed_on__lte=day
        ).order_by("number")
    )
