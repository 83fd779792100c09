"""What a retailer lays down for relays addressed to it."""

import re
import unicodedata

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models import Company


class RetailerPolicy(models.Model):
    """A retailer's contract number rule, shown where others type the number, and its wishes for relays."""

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
    number_separators = models.CharField(_("separators to drop"), max_length=10, default="- ")
    auto_accept = models.BooleanField(_("accept by itself when the identity check allows it"), default=False)

    class Meta:
        verbose_name, verbose_name_plural = _("retailer policy"), _("retailer policies")

    def __str__(self) -> str:
        return str(self.retailer)

    @property
    def separators(self) -> str:
        """As the identity check asks for it."""
        return self.number_separators

    def number_fits(self, number: str) -> bool:
        """True when the number, width folded and separators dropped, follows the published pattern."""
        plain = unicodedata.normalize("NFKC", number)
        plain = "".join(letter for letter in plain if letter not in self.number_separators)
        return not self.number_pattern or re.fullmatch(self.number_pattern, plain) is not None
