"""The ledger's rows, which nobody can change."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models.companies import Company
from portal.models.people import User

append_only = pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


class LedgerEntry(models.Model):
    """Evidence: who did or read what, when and why. Rows are never changed or removed (see portal.ledger)."""

    at = models.DateTimeField(_("at"), db_index=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("user"))
    company = models.ForeignKey(Company, models.PROTECT, null=True, related_name="+", verbose_name=_("company"))
    action = models.CharField(_("action"), max_length=60)
    subject = models.CharField(_("subject"), max_length=80, db_index=True)
    purpose = models.CharField(_("purpose of reading"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("ledger entry"), _("ledger")
        ordering = ["-id"]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.id} {self.action} {self.subject}"
