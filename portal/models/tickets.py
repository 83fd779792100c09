"""Questions to the helpdesk: a ticket of one company, its messages and their attachments."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.access import Ability
from portal.checkdigits import luhn
from portal.models.companies import Company
from portal.models.evidence import append_only
from portal.models.people import User


class TicketQuerySet(models.QuerySet["Ticket"]):
    def visible_to(self, user: User) -> "TicketQuerySet":
        """The own company's tickets; for the helpdesk, everybody's."""
        return self if user.may(Ability.ANSWER_TICKETS) else self.filter(company=user.company_id)

    def numbered(self, number: str) -> "TicketQuerySet":
        """The ticket with this number; nothing where the check digit does not fit."""
        digits = number[1:]
        fits = number[:1] == "T" and len(digits) == 10 and digits.isascii() and digits.isdigit()
        return self.filter(pk=int(digits[:-1])) if fits and luhn(digits[:-1]) == digits[-1] else self.none()


class Ticket(models.Model):
    """A question of a company and what was said about it."""

    class State(models.TextChoices):
        OPEN = "open", _("the helpdesk's turn")
        ANSWERED = "answered", _("answered by the helpdesk")
        CLOSED = "closed", _("closed")

    company = models.ForeignKey(Company, models.PROTECT, related_name="tickets", verbose_name=_("company"))
    subject = models.CharField(_("what it is about"), max_length=120)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("opened by"))
    moved_at = models.DateTimeField(_("last message"))

    objects = TicketQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("ticket"), _("tickets")
        ordering = ["-moved_at", "-pk"]
        indexes = [models.Index(fields=["state", "moved_at"], name="tickets_by_state")]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """T, nine digits and a check digit, made of the row's own id."""
        return f"T{self.pk:09d}{luhn(f'{self.pk:09d}')}"


class TicketMessage(models.Model):
    """What one side said; never changed."""

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="messages", verbose_name=_("ticket"))
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("done", "by"))
    is_answer = models.BooleanField(_("from the helpdesk"))
    body = models.TextField(_("message"), max_length=5000)

    class Meta:
        verbose_name, verbose_name_plural = _("message"), _("messages")
        ordering = ["pk"]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.pk}"


class TicketFile(models.Model):
    """A file handed in with a message."""

    message = models.ForeignKey(TicketMessage, models.PROTECT, related_name="files", verbose_name=_("message"))
    path = models.CharField(_("place in the store"), max_length=200)
    name = models.CharField(_("file name"), max_length=120)
    content_type = models.CharField(_("media type"), max_length=100)
    size = models.PositiveIntegerField(_("size (bytes)"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)

    class Meta:
        verbose_name, verbose_name_plural = _("attachment"), _("attachments")
        ordering = ["pk"]
        triggers = [append_only]

    def __str__(self) -> str:
        return self.name
