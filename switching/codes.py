"""What a network operator answers to an application: a closed list of codes for its acceptance and its rejection."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class AnswerCode(TextChoices):
    AS_FILED = "A01", _("Accepted as filed")
    WITH_WORK = "A02", _("Accepted; work at the meter is scheduled")
    AFTER_VISIT = "A03", _("Accepted; somebody visits the place beforehand")
    DATA_DIFFERS = "R01", _("The application does not agree with the facility data")
    SIZE_NOT_POSSIBLE = "R02", _("The service line does not carry the size applied for")
    METHOD_NOT_POSSIBLE = "R03", _("The capacity determination method cannot change so")
    NO_CREW = "R04", _("No crew is free by the desired date; a later date is possible")
    NO_ACCESS = "R05", _("The meter cannot be reached; an appointment with the customer is needed")
    EQUIPMENT_GONE = "R06", _("There is no equipment at the place; it is a new connection")
    UNSAFE = "R07", _("The installation at the place is not safe")
    WRONG_ORDER = "R08", _("Another movement of the point stands against it")
    OTHER = "R99", _("Other (state which)")


ACCEPTANCES = frozenset({AnswerCode.AS_FILED, AnswerCode.WITH_WORK, AnswerCode.AFTER_VISIT})
REJECTIONS = frozenset(AnswerCode) - ACCEPTANCES
