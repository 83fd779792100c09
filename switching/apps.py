"""The room's registration with Django, its entries of the menu, what waits, what an inquiry may tell of its cases."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from portal import inbox, monitoring, navigation, recount
from portal.access import Ability
from portal.navigation import Entry


class SwitchingConfig(AppConfig):
    name = "switching"
    verbose_name = _("Switching")

    def ready(self) -> None:
        from metering import access_codes, governance, holds, inquiries
        from portal import event_kinds, quotas
        from portal.models import Registration
        from portal.proofs import register as tell_cases
        from switching import access_checks, applications, effects, matching, registration_queue, relays, undoing
        from switching.event_kinds import KINDS
        from switching.figures import PROVIDERS as FIGURES
        from switching.inbox import PROVIDERS
        from switching.models import Application
        from switching.proofs import case
        from switching.recount import COUNTS

        navigation.register(
            Entry(_("Cancellation relays"), "switching:relays", Ability.SEE_RELAYS, 30),
            Entry(_("Applications"), "switching:applications", Ability.SEE_APPLICATIONS, 40),
            Entry(_("Work on applications"), "switching:network-work", Ability.ANSWER_APPLICATION, 38),
            Entry(_("Escalations"), "switching:escalations", Ability.WORK_ESCALATIONS, 35),
            Entry(_("As of a day"), "switching:as-of", Ability.SEE_HISTORY, 52),
            Entry(_("Rules for relays"), "switching:relay-rules", Ability.LAY_DOWN_RULES, 60),
            Entry(_("Undoing of switches"), "switching:undoing", Ability.SEE_UNDOING, 50),
            Entry(_("Files of many cases"), "switching:uploads", Ability.SEND_MANY, 45),
            Entry(_("Movement information"), "switching:movements", Ability.SEE_APPLICATIONS, 46),
            Entry(_("Lists of disadvantages"), "switching:disclosure-lists", Ability.LAY_DOWN_RULES, 61),
            Entry(_("Statistics"), "switching:statistics", Ability.ENTER, 90, is_aside=True),
        )
        event_kinds.register(KINDS)
        monitoring.register(*FIGURES)
        recount.register(*COUNTS)
        for provider in PROVIDERS:
            inbox.register(provider)
        tell_cases(case)
        if applications.pending_on not in inquiries.pending_sources:
            inquiries.pending_sources.append(applications.pending_on)
        if access_checks.differing not in access_codes.holder_checks:
            access_codes.holder_checks.append(access_checks.differing)
        for waits in (matching.waits_for_hand_over, effects.waits_to_take_effect, undoing.waits_for_its_day):
            if waits not in holds.not_yet_settled:
                holds.not_yet_settled.append(waits)
        for follow_up in (relays.after_inquiry, applications.after_inquiry):
            if follow_up not in governance.follow_ups:
                governance.follow_ups.append(follow_up)
        quotas.counters[Registration.RELAY] = relays.registered_between
        quotas.counters[Registration.SWITCH_START] = applications.filed_between
        quotas.queues.update(registration_queue.COUNTERS)
        inquiries.pending_labels.update({kind.value: kind.label for kind in Application.Kind})
