"""Registrations that came over the day's quota and wait for room, in their order."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from metering.models import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, Registration, User
from switching.models.applications import Application
from switching.models.disclosures import Disclosure
from switching.models.relays import Relay

# What a person must be allowed to see and withdraw a waiting registration.
ABILITY_OF = {Registration.RELAY: Ability.REGISTER_RELAY, Registration.SWITCH_START: Ability.FILE_APPLICATION}


class QueuedRegistrationQuerySet(models.QuerySet["QueuedRegistration"]):
    def visible_to(self, user: User) -> "QueuedRegistrationQuerySet":
        """The own company's, each for the people who could have entered it, inside their areas and classes."""
        seen = Q(pk__in=[])
        for registration, ability in ABILITY_OF.items():
            inside = within(user, ability, area="point__area", supply_class="point__supply_class")
            seen |= Q(registration=registration) & inside
        return self.filter(seen, company=user.company_id)

    def waiting(self) -> "QueuedRegistrationQuerySet":
        return self.filter(state=QueuedRegistration.State.WAITING)


class QueuedRegistration(models.Model):
    """A relay or switch start as entered, with its person; `id` is the order within its company's queue."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("queue", "waiting for room")
        REGISTERED = "registered", pgettext_lazy("queue", "registered")
        REFUSED = "refused", pgettext_lazy("queue", "refused")
        WITHDRAWN = "withdrawn", pgettext_lazy("queue", "withdrawn")

    number = models.CharField(_("queue number"), max_length=12, unique=True)
    registration = models.CharField(_("what is registered"), max_length=12, choices=Registration)
    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="+", verbose_name=_("supply point"))
    # As entered.
    losing_retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="+", verbose_name=_("losing retailer")
    )
    disclosure = models.ForeignKey(
        Disclosure, models.PROTECT, null=True, related_name="+", verbose_name=_("disclosure of disadvantages")
    )
    relay = models.ForeignKey(Relay, models.PROTECT, null=True, related_name="+", verbose_name=_("cancellation relay"))
    meter_work = models.BooleanField(_("meter work needed"), default=False)
    contract_number = models.CharField(_("contract number"), max_length=40)
    holder_name = models.CharField(_("contract holder"), max_length=80)
    holder_kana = models.CharField(_("contract holder (kana)"), max_length=120)
    holder_address = models.CharField(_("address"), max_length=250)
    desired_date = models.DateField(_("desired date"))
    contact_person = models.CharField(_("contact person"), max_length=60, blank=True)
    entered_at = models.DateTimeField(_("entered at"))
    entered_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("entered by"))
    # What became of it.
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    ended_at = models.DateTimeField(_("registered or refused at"), null=True)
    became_relay = models.OneToOneField(
        Relay, models.PROTECT, null=True, related_name="queued", verbose_name=_("cancellation relay")
    )
    became_application = models.OneToOneField(
        Application, models.PROTECT, null=True, related_name="queued", verbose_name=_("application")
    )
    refusal_ja = models.TextField(_("why refused, in Japanese"), blank=True)
    refusal_en = models.TextField(_("why refused, in English"), blank=True)

    objects = QueuedRegistrationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("queued registration"), _("queued registrations")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["company", "registration", "id"], condition=Q(state="waiting"), name="registrations_that_wait"
            ),
            models.Index(fields=["company", "-id"], name="registrations_of_a_queue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "registration", "point"],
                condition=Q(state="waiting"),
                name="a_point_waits_once_in_a_company_s_queue",
            ),
            models.CheckConstraint(
                condition=Q(registration="relay", losing_retailer__isnull=False, disclosure__isnull=False)
                | Q(registration="switch_start", losing_retailer__isnull=True, disclosure__isnull=True),
                name="a_queued_relay_names_retailer_and_disclosure",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at__isnull=True) | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="a_wait_that_ended_has_its_moment",
            ),
            models.CheckConstraint(
                condition=Q(state="registered", registration="relay", became_relay__isnull=False)
                | Q(state="registered", registration="switch_start", became_application__isnull=False)
                | (~Q(state="registered") & Q(became_relay__isnull=True, became_application__isnull=True)),
                name="what_was_registered_from_the_queue_is_named",
            ),
            models.CheckConstraint(
                condition=(Q(state="refused") & ~Q(refusal_ja="") & ~Q(refusal_en=""))
                | (~Q(state="refused") & Q(refusal_ja="", refusal_en="")),
                name="a_refusal_from_the_queue_says_why",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="what_came_into_the_queue_is_kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="a_wait_ends_once", operation=pgtrigger.Update, condition=~pgtrigger.Q(old__state="waiting")
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_waiting(self) -> bool:
        return self.state == self.State.WAITING

    @property
    def case(self) -> Relay | Application | None:
        """What it became."""
        return self.became_relay or self.became_application
