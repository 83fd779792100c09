"""The numbered feed of events for other systems, how far each company has taken it, and its daily statements."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.access import Ability, abilities, within
from portal.market import Area, SupplyClass
from portal.models.companies import Company
from portal.models.evidence import append_only
from portal.models.people import User

KEPT_DAYS_AT_LEAST = 90


class Topic(models.TextChoices):
    """What an event is about; a receiver chooses among them."""

    RELAYS = "relays", _("cancellation relays")
    APPLICATIONS = "applications", _("applications")
    UNDOING = "undoing", _("undoing of switches")
    FILES = "files", _("files of many cases")
    USAGE = "usage", _("usage")
    INQUIRIES = "inquiries", _("inquiries and access codes")
    POINTS = "points", _("supply points")
    COMPANY = "company", _("company, accounts and portal")


class Cause(models.TextChoices):
    """Why something happened: somebody's deed, somebody's silence, a deadline, a rule."""

    OWN_DEED = "own_deed", _("deed of your own company")
    COUNTERPART_DEED = "counterpart_deed", _("deed of the other side")
    NETWORK_DEED = "network_deed", _("deed of the network operator")
    HUB_DEED = "hub_deed", _("deed of the hub operator")
    STANDING_RULE = "standing_rule", _("a rule somebody laid down beforehand answered")
    SILENCE = "silence", _("no answer came by the deadline")
    CUT_OFF = "cut_off", _("the matching cut-off passed without a counterpart")
    PAIR_FOUND = "pair_found", _("start and termination of one point and date were there")
    DAY_REACHED = "day_reached", _("its day came")
    FOLLOWED = "followed", _("it moved together with another case")
    PRECEDENCE = "precedence", _("another switch came first")
    DEADLINE_NEAR = "deadline_near", _("a deadline comes near")
    CHECKED = "checked", _("a check of the hub ended")
    SCHEDULE = "schedule", _("a regular run of the hub")
    LIMIT = "limit", _("a limit was reached")
    UNDELIVERED = "undelivered", _("what the hub sent did not get through")


# Nobody changes an event, and nobody removes one before its time; `portal.events.drop_old` removes older ones.
kept_long_enough = pgtrigger.Trigger(
    name="kept_long_enough",
    operation=pgtrigger.Delete,
    when=pgtrigger.Before,
    func=f"""
        IF OLD.at > now() - interval '{KEPT_DAYS_AT_LEAST} days' THEN
            RAISE EXCEPTION 'Events are kept for {KEPT_DAYS_AT_LEAST} days';
        END IF;
        RETURN OLD;
    """,
)


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, user: User) -> "EventQuerySet":
        """The own company's events. What is in one beyond its number depends on the reader (portal.events)."""
        return self.filter(recipient=user.company_id)

    def concerning(self, user: User) -> "EventQuerySet":
        """Those inside the person's roles, areas and classes: what a page shows."""
        concerns = Q(ability="")
        for ability in Ability:
            if user.may(ability):
                everywhere = Q(area="", supply_class="")
                inside = within(user, ability, area="area", supply_class="supply_class")
                concerns |= Q(ability=ability) & (everywhere | inside)
        return self.filter(concerns)


class Event(models.Model):
    """What happened, for one company's systems; numbers per recipient have no gaps. Never a customer's data."""

    recipient = models.ForeignKey(
        Company, models.PROTECT, related_name="events", verbose_name=_("recipient"), db_index=False
    )
    number = models.BigIntegerField(_("number"))
    at = models.DateTimeField(_("at"))
    topic = models.CharField(_("topic"), max_length=12, choices=Topic)
    kind = models.CharField(_("kind"), max_length=40)
    cause = models.CharField(_("cause"), max_length=20, choices=Cause)
    subject = models.CharField(_("subject"), max_length=80)
    resource = models.CharField(_("resource"), max_length=200, blank=True)
    page = models.CharField(_("page"), max_length=200, blank=True)
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass, blank=True)
    ability = models.CharField(_("for people who may"), max_length=40, choices=abilities, blank=True)
    detail = models.JSONField(_("detail"), default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("event"), _("events")
        ordering = ["recipient", "number"]
        indexes = [models.Index(fields=["recipient", "at"], name="events_of_a_company_by_time")]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "number"], name="an_event_number_is_used_once_per_recipient"),
            models.CheckConstraint(condition=Q(number__gt=0), name="event_numbers_begin_with_one"),
            models.CheckConstraint(condition=~Q(kind="") & ~Q(cause=""), name="an_event_says_what_and_why"),
        ]
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update), kept_long_enough]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.subject}"


class FeedPosition(models.Model):
    """Up to which number a company's systems say they have taken the feed."""

    company = models.OneToOneField(Company, models.PROTECT, related_name="feed_position", verbose_name=_("company"))
    number = models.BigIntegerField(_("number"), default=0)
    at = models.DateTimeField(_("acknowledged at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))

    class Meta:
        verbose_name, verbose_name_plural = _("position in the feed"), _("positions in the feed")
        constraints = [models.CheckConstraint(condition=Q(number__gte=0), name="a_position_is_not_negative")]

    def __str__(self) -> str:
        return f"{self.company_id} {self.number}"


class StatementQuerySet(models.QuerySet["EventStatement"]):
    def visible_to(self, user: User) -> "StatementQuerySet":
        return self.filter(company=user.company_id)


class EventStatement(models.Model):
    """One day's events of one company: which numbers, how many, and a hash built upon the statement before."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="event_statements", verbose_name=_("company"))
    day = models.DateField(_("day"))
    first = models.BigIntegerField(_("first number"))
    last = models.BigIntegerField(_("last number"))
    count = models.BigIntegerField(_("events"))
    previous = models.CharField(_("hash of the statement before"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)
    public_key = models.CharField(_("public key"), max_length=64)
    signature = models.CharField(_("signature"), max_length=128)
    made_at = models.DateTimeField(_("statement made at"))

    objects = StatementQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("statement of events"), _("statements of events")
        ordering = ["company", "-day"]
        constraints = [
            models.UniqueConstraint(fields=["company", "day"], name="one_statement_of_events_per_company_and_day"),
            models.CheckConstraint(
                condition=Q(count=F("last") - F("first") + 1), name="a_statement_counts_its_numbers_without_a_gap"
            ),
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.company_id} {self.day}"
