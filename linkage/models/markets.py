"""Private markets, as the lobby knows them, and the one clock each market has."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.access import Ability
from portal.models import Company, User


class MarketQuerySet(models.QuerySet["Market"]):
    def visible_to(self, user: User) -> "MarketQuerySet":
        """The own company's markets, for those who look after its accounts; the hub's operators see all."""
        if user.may(Ability.WORK_ESCALATIONS):
            return self
        if not user.may(Ability.MANAGE_PEOPLE):
            return self.none()
        return self.filter(Q(company=user.company_id) | Q(guest=user.company_id))


class Market(models.Model):
    """A database of its own in which one company, or two on the days they booked, plays with simulated partners."""

    name = models.CharField(_("market"), max_length=30, unique=True)
    company = models.ForeignKey(Company, models.PROTECT, related_name="markets", verbose_name=_("company"))
    guest = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="markets_as_guest", verbose_name=_("other company")
    )
    first_day = models.DateField(_("first day of the test"), null=True)
    last_day = models.DateField(_("last day of the test"), null=True)
    created_at = models.DateTimeField(_("market opened at"))
    reset_at = models.DateTimeField(_("reset at"), null=True)
    is_ready = models.BooleanField(_("ready"), default=False)

    objects = MarketQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("private market"), _("private markets")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["company"], condition=Q(guest__isnull=True), name="one_private_market_per_company"
            ),
            models.CheckConstraint(
                condition=Q(name__regex=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$"), name="a_market_is_named_like_a_host"
            ),
            models.CheckConstraint(
                condition=Q(guest__isnull=True, first_day__isnull=True, last_day__isnull=True)
                | Q(guest__isnull=False, first_day__isnull=False, last_day__gte=F("first_day")),
                name="a_test_of_two_companies_has_its_days",
            ),
            models.CheckConstraint(condition=~Q(company=F("guest")), name="a_company_is_not_its_own_guest"),
        ]

    def __str__(self) -> str:
        return self.name


class Clock(models.Model):
    """How far ahead of the real clock the market is, until when its work is done, and where it is travelling to.

    `first_day` and `last_day`: the real days a test of two companies was booked for; on others the market is closed.
    """

    offset = models.DurationField(_("ahead by"), default=timedelta)
    worked_until = models.DateTimeField(_("worked until"))
    travelling_to = models.DateTimeField(_("travelling to"), null=True)
    set_out_at = models.DateTimeField(_("set out from"), null=True)
    seen_at = models.DateTimeField(_("last visited at"))
    first_day = models.DateField(_("first day of the test"), null=True)
    last_day = models.DateField(_("last day of the test"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("clock of the market")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="a_market_has_one_clock"),
            models.CheckConstraint(condition=Q(offset__gte=timedelta()), name="a_market_is_never_behind"),
            models.CheckConstraint(
                condition=Q(travelling_to__isnull=True, set_out_at__isnull=True)
                | Q(set_out_at__isnull=False, travelling_to__gte=F("set_out_at")),
                name="a_market_travels_forward_only",
            ),
            models.CheckConstraint(
                condition=Q(first_day__isnull=True, last_day__isnull=True)
                | Q(first_day__isnull=False, last_day__gte=F("first_day")),
                name="a_market_is_open_from_its_first_day_to_its_last",
            ),
        ]

    def __str__(self) -> str:
        return f"+{self.offset}"
