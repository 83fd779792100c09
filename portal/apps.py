"""The room's registration with Django and its entries of the menu."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from portal import inbox, monitoring, navigation, recount, triggers
from portal.access import Ability
from portal.navigation import Entry


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("Companies and people")

    def ready(self) -> None:
        from portal import event_kinds
        from portal.certificate_inbox import waiting
        from portal.desk_inbox import waiting as waits_at_the_desk
        from portal.figures import PROVIDERS as FIGURES
        from portal.onboarding_inbox import for_operators
        from portal.recount import COUNTS

        connection_created.connect(triggers.say_that_none_is_left_out)
        event_kinds.register(event_kinds.PORTAL)
        monitoring.register(*FIGURES)
        recount.register(*COUNTS)
        inbox.register(waiting)
        inbox.register(for_operators)
        inbox.register(waits_at_the_desk)
        navigation.register(
            Entry(_("Inbox"), "portal:home", Ability.ENTER, 0),
            Entry(_("Operator's workbench"), "admin:index", Ability.ENTER, 1, for_staff=True),
            Entry(_("Announcements"), "portal:announcements", Ability.ENTER, 78, is_aside=True),
            Entry(_("Documents"), "portal:documents", Ability.ENTER, 92, is_aside=True),
            Entry(_("Helpdesk"), "portal:tickets", Ability.ENTER, 93),
            Entry(_("Notices"), "portal:notices", Ability.ENTER, 80, is_aside=True),
            Entry(_("Feed of events"), "portal:events", Ability.READ_EVENTS, 81, is_aside=True),
            Entry(_("Webhooks"), "portal:webhooks", Ability.MANAGE_WEBHOOKS, 82),
            Entry(_("Accounts"), "portal:people", Ability.MANAGE_PEOPLE, 85),
            Entry(_("Certificates"), "portal:certificates", Ability.REQUEST_CERTIFICATE, 87),
            Entry(_("API clients"), "portal:api-clients", Ability.MANAGE_API_CLIENTS, 88),
            Entry(_("API clients"), "portal:api-clients-of-all", Ability.SEE_EVERY_API_CLIENT, 88),
            Entry(_("Seals and proof packs"), "portal:evidence", Ability.SEE_EVIDENCE, 95),
            Entry(_("Ledger"), "portal:ledger", Ability.READ_LEDGER, 87),
            Entry(_("Participants"), "portal:participants", Ability.SEE_PARTICIPANTS, 90, is_aside=True),
        )
