"""What the hub operator tells all companies of an audience: on the home page for a time, and by mail."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.access import Ability
from portal.market import Area, MarketRole
from portal.models.people import User


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    def visible_to(self, user: User, *, now: datetime) -> "AnnouncementQuerySet":
        """Begun, not withdrawn and meant for the person's company; who publishes sees all of them."""
        if user.may(Ability.PUBLISH):
            return self
        begun = self.filter(withdrawn_at=None, shown_from__lte=now)
        if user.company.is_hub_operator:
            return begun
        meant = Q(market_role="", area="")
        for part in user.company.participations.all():
            meant |= Q(market_role__in=["", part.market_role], area__in=["", part.area])
        return begun.filter(meant)

    def current(self, *, now: datetime) -> "AnnouncementQuerySet":
        """Those that stand on the home page now."""
        return self.filter(withdrawn_at=None, shown_from__lte=now).filter(Q(shown_until=None) | Q(shown_until__gt=now))


class Announcement(models.Model):
    """One announcement; its words are never changed, it is withdrawn and followed by another."""

    title = models.CharField(_("title"), max_length=80)
    title_en = models.CharField(_("title in English"), max_length=80, blank=True)
    body = models.TextField(_("text"), max_length=5000)
    body_en = models.TextField(_("text in English"), max_length=5000, blank=True)
    market_role = models.CharField(_("for"), max_length=20, choices=MarketRole, blank=True)
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    shown_from = models.DateTimeField(_("shown from"))
    shown_until = models.DateTimeField(_("shown until"), null=True)
    by_mail = models.BooleanField(_("also by mail"), default=False)
    mailed_at = models.DateTimeField(_("mailed at"), null=True)
    published_at = models.DateTimeField(_("entered at"))
    published_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("entered by"))
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("announcement"), _("announcements")
        ordering = ["-shown_from", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(shown_until__isnull=True) | Q(shown_until__gt=F("shown_from")),
                name="an_announcement_ends_after_it_begins",
            )
        ]

    def __str__(self) -> str:
        return self.title if (get_language() or "ja").startswith("ja") else self.title_en or self.title

    @property
    def text(self) -> str:
        return self.body if (get_language() or "ja").startswith("ja") else self.body_en or self.body
