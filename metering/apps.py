"""The room's registration with Django and its entries of the menu."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from portal import navigation
from portal.access import Ability
from portal.navigation import Entry


class MeteringConfig(AppConfig):
    name = "metering"
    verbose_name = _("Supply points and usage")

    def ready(self) -> None:
        navigation.register(
            Entry(_("Facility inquiries"), "metering:inquiries", Ability.INQUIRE, 20),
            Entry(_("Supply points"), "metering:points", Ability.SEE_POINTS, 50),
        )
