"""The room's registration with Django, its entries of the menu and what waits in the inbox."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from portal import inbox, monitoring, navigation, recount
from portal.access import Ability
from portal.navigation import Entry


class MeteringConfig(AppConfig):
    name = "metering"
    verbose_name = _("Supply points and usage")

    def ready(self) -> None:
        from metering.event_kinds import KINDS
        from metering.figures import PROVIDERS as FIGURES
        from metering.inbox import PROVIDERS
        from metering.recount import COUNTS
        from portal import event_kinds

        event_kinds.register(KINDS)
        monitoring.register(*FIGURES)
        recount.register(*COUNTS)
        for provider in PROVIDERS:
            inbox.register(provider)
        navigation.register(
            Entry(_("Facility inquiries"), "metering:inquiries", Ability.INQUIRE, 20),
            Entry(_("Past usage"), "metering:access-requests", Ability.INQUIRE, 22),
            Entry(_("Inquiry alarms"), "metering:alarms", Ability.SEE_ALARMS, 25),
            Entry(_("Supply points"), "metering:points", Ability.SEE_POINTS, 50),
            Entry(_("Access log"), "metering:access-log-choice", Ability.READ_ACCESS_LOG, 55),
            Entry(_("Usage files"), "metering:usage-files", Ability.SEND_USAGE, 60),
            Entry(_("Completeness of usage"), "metering:completeness", Ability.SEE_COMPLETENESS, 65),
            Entry(_("Retention of usage"), "metering:retention", Ability.SEE_RETENTION, 67),
            Entry(_("Published usage"), "metering:published-files", Ability.COLLECT_USAGE, 60),
        )
