"""The room's registration with Django; installed in the linkage test (and in the tests) alone."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from portal import navigation
from portal.access import Ability
from portal.navigation import Entry


class LinkageConfig(AppConfig):
    name = "linkage"
    verbose_name = _("Linkage test")

    def ready(self) -> None:
        from linkage.travel import offset
        from portal import private_market

        if offset not in private_market.read_offset:
            private_market.read_offset.append(offset)
        if settings.LINKAGE_TEST:
            navigation.register(Entry(_("Linkage test"), "linkage:home", Ability.ENTER, 1))
