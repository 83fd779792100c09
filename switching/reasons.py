"""Why a relay may be rejected: a closed list without commercial reasons (domain notes, switching §5)."""

from django.db.models import IntegerChoices
from django.utils.translation import gettext_lazy as _


class Reason(IntegerChoices):
    NOT_SUPPLIED_BY_US = 1, _("We do not supply this point")
    NUMBER_DIFFERS = 2, _("Contract number differs")
    ALREADY_TERMINATING = 3, _("Already being terminated")
    NAME_DIFFERS = 4, _("Contract holder's name differs")
    KANA_DIFFERS = 5, _("Contract holder's kana differs")
    ADDRESS_DIFFERS = 6, _("Address differs")
    DATE_NOT_POSSIBLE = 7, _("Desired date is not possible")
    CUSTOMER_DENIES = 8, _("Customer denies the request")
    OTHER = 9, _("Other (state which)")


IDENTITY_REASONS = frozenset({Reason.NUMBER_DIFFERS, Reason.NAME_DIFFERS, Reason.KANA_DIFFERS, Reason.ADDRESS_DIFFERS})
