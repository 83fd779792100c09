"""What a retailer lays down for relays addressed to it."""

import unicodedata

import re2
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models import Company

# Time linear in the number's length whatever the pattern (no look-around, no back-references), little memory, no log.
_MATCHING = re2.Options()
_MATCHING.max_mem, _MATCHING.log_errors = 1 << 20, False


class RetailerPolicy(models.Model):
    """A retailer's contract number rule, shown where others type the number, and its wishes for relays."""

    class Filing(models.TextChoices):
        """How the switch termination follows an acceptance (domain notes, switching §5)."""

        ONE_CLICK = "one_click", _("with the acceptance, in one click")
        BY_ITSELF = "by_itself", _("by the hub itself, at once")
        BY_HAND = "by_hand", _("by hand, after the acceptance")

    retailer = models.OneToOneField(
        Company, models.PROTECT, primary_key=True, related_name="relay_policy", verbose_name=_("retailer")
    )
    number_pattern = models.CharField(
        _("contract number pattern"),
        max_length=120,
        blank=True,
        help_text=_("Regular expression for the number after the separators are dropped; empty: anything."),
    )
    number_hint = models.CharField(_("hint"), max_length=120, blank=True)
    number_sample = models.CharField(_("sample"), max_length=40, blank=True)
    number_separators = models.CharField(_("separators to drop"), max_length=10, default="- ", blank=True)
    auto_accept = models.BooleanField(_("accept by itself when the identity check allows it"), default=False)
    filing = models.CharField(_("switch termination is filed"), max_length=10, choices=Filing, default=Filing.ONE_CLICK)

    class Meta:
        verbose_name, verbose_name_plural = _("retailer policy"), _("retailer policies")

    def __str__(self) -> str:
        return str(self.retailer)

    @property
    def separators(self) -> str:
        """As the identity check asks for it."""
        return self.number_separators

    def number_fits(self, number: str) -> bool:
        """True when the number, width folded and separators dropped, follows the published pattern.

        Raises re2.error for a pattern that is not of the safe kind; `policies.check` keeps those out.
        """
        plain = unicodedata.normalize("NFKC", number)
        plain = "".join(letter for letter in plain if letter not in self.number_separators)
        return not self.number_pattern or re2.fullmatch(self.number_pattern, plain, _MATCHING) is not None
