"""Why a switch is undone or its undoing refused: closed lists, one per question."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ReversalReason(TextChoices):
    """Why a switch was erroneous; commercial reasons do not exist."""

    POINT_MIXED_UP = "point_mixed_up", _("another customer's supply point was switched")
    HOLDER_CONFUSED = "holder_confused", _("another person's contract was taken for the customer's")
    NOT_AGREED = "not_agreed", _("the customer had not agreed")
    STOPPED_IN_TIME = "stopped_in_time", _("the customer had changed their mind in time and it was not passed on")
    HUB_FAULT = "hub_fault", _("a fault of the hub or the network operator")


class RefusalReason(TextChoices):
    """Why the side asked does not agree to an undoing."""

    WORK_BEGUN = "work_begun", _("work at the point has begun")
    TOO_LATE = "too_late", _("it can no longer be stopped in time")
    CUSTOMER_WANTS = "customer_wants", _("the customer confirmed the switch to us")
    NOT_ERRONEOUS = "not_erroneous", _("our records show that the switch was asked for")
    OTHER = "other", _("other (state which)")


STOP_REFUSALS = (RefusalReason.WORK_BEGUN, RefusalReason.TOO_LATE, RefusalReason.OTHER)
REVERSAL_REFUSALS = (RefusalReason.CUSTOMER_WANTS, RefusalReason.NOT_ERRONEOUS, RefusalReason.OTHER)


class Outcome(TextChoices):
    """What a point gets from the day on which the old contract ends."""

    LAST_RESORT = "last_resort", _("last-resort supply by the area's network operator")
    NO_SUPPLY = "no_supply", _("no supply: the customer declined it in writing")
    MOVED = "moved", _("supplied by another retailer in time")
