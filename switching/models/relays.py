"""The cancellation relay 廃止取次: the record between the two retailers."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, User
from switching.models.disclosures import Disclosure
from switching.reasons import Reason
from switching.states import OPEN_RELAYS, RelayState


class RelayQuerySet(models.QuerySet["Relay"]):
    def visible_to(self, user: User) -> "RelayQuerySet":
        """Relays the person's company sent or has to judge, inside the person's areas and classes; relay role only."""
        return self.filter(Q(gaining_retailer=user.company) | Q(losing_retailer=user.company)).filter(
            within(user, Ability.SEE_RELAYS, area="point__area", supply_class="point__supply_class")
        )


class Relay(models.Model):
    """A gaining retailer's request, in the customer's name, that the losing retailer end its contract."""

    number = models.CharField(_("relay number"), max_length=12, unique=True)
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="relays", verbose_name=_("supply point"))
    gaining_retailer = models.ForeignKey(
        Company, models.PROTECT, related_name="relays_sent", verbose_name=_("gaining retailer")
    )
    losing_retailer = models.ForeignKey(
        Company, models.PROTECT, related_name="relays_received", verbose_name=_("losing retailer")
    )
    # What the customer told the gaining retailer.
    contract_number = models.CharField(_("contract number"), max_length=40)
    holder_name = models.CharField(_("contract holder"), max_length=80)
    holder_kana = models.CharField(_("contract holder (kana)"), max_length=120)
    holder_address = models.CharField(_("address"), max_length=250)
    desired_date = models.DateField(_("desired date"))
    contact_person = models.CharField(_("contact person"), max_length=60)
    disclosure = models.ForeignKey(
        Disclosure, models.PROTECT, related_name="relays", verbose_name=_("disclosure of disadvantages")
    )
    # Where it stands.
    state = models.CharField(_("state"), max_length=2, choices=RelayState, default=RelayState.WAITING)
    registered_at = models.DateTimeField(_("registered at"))
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("registered by"))
    due_at = models.DateTimeField(_("judgement due"))
    remind_at = models.DateTimeField(_("next reminder"), null=True)
    judged_at = models.DateTimeField(_("judged at"), null=True)
    judged_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("judged by"))
    judged_by_policy = models.BooleanField(_("accepted by policy"), default=False)
    reasons = ArrayField(
        models.PositiveSmallIntegerField(choices=Reason), verbose_name=_("reasons"), default=list, blank=True
    )
    reason_text = models.CharField(_("other reason"), max_length=200, blank=True)
    # Accepted, and the losing retailer still has to file its switch termination: by when, and its last day.
    termination_due_at = models.DateTimeField(_("termination due"), null=True)
    termination_cut_off = models.DateField(_("termination's matching cut-off"), null=True)

    objects = RelayQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("cancellation relay"), _("cancellation relays")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["losing_retailer", "due_at"], condition=Q(state="01"), name="relays_to_judge"),
            models.Index(fields=["due_at"], condition=Q(state="01"), name="relays_by_deadline"),
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="relays_to_remind_of"),
            models.Index(
                fields=["termination_due_at"],
                condition=Q(termination_due_at__isnull=False),
                name="terminations_to_file",
            ),
            models.Index(
                fields=["gaining_retailer", "judged_at"], condition=Q(state="03"), name="relays_rejected_lately"
            ),
            models.Index(fields=["gaining_retailer", "-id"], name="relays_sent"),
            models.Index(fields=["losing_retailer", "-id"], name="relays_received"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["point"], condition=Q(state__in=sorted(OPEN_RELAYS)), name="one_open_relay_per_point"
            ),
            models.CheckConstraint(
                condition=~Q(gaining_retailer=F("losing_retailer")), name="a_relay_is_between_two_companies"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["02", "03", "04", "05"])
                | Q(judged_at__isnull=False, judged_by__isnull=False)
                | Q(judged_at__isnull=False, judged_by_policy=True),
                name="an_answer_has_a_person_and_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state="03", reasons__len__gte=1) | (~Q(state="03") & Q(reasons__len=0)),
                name="a_rejection_and_only_a_rejection_has_reasons",
            ),
            models.CheckConstraint(
                condition=Q(reasons__contained_by=list(Reason.values)), name="a_reason_is_on_the_list"
            ),
            models.CheckConstraint(
                condition=~Q(reasons__contains=[Reason.OTHER]) | ~Q(reason_text=""),
                name="an_other_reason_is_told_in_words",
            ),
            models.CheckConstraint(
                condition=Q(termination_due_at__isnull=True, termination_cut_off__isnull=True)
                | Q(state="02", termination_due_at__isnull=False, termination_cut_off__isnull=False),
                name="a_termination_is_owed_for_an_accepted_relay_alone",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_RELAYS

    @property
    def owes_termination(self) -> bool:
        """Accepted, and the losing retailer's switch termination is not filed yet."""
        return self.termination_due_at is not None

    def is_overdue(self, now: datetime) -> bool:
        """Without judgement after its time, whether or not the sweep has been there."""
        return self.state == RelayState.WAITING and self.due_at <= now
