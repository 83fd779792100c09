"""The ledger's rows, which nobody can change, and the seals that chain them."""

import pgtrigger
from django.contrib.postgres.fields import BigIntegerRangeField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.models.companies import Company
from portal.models.people import User

append_only = pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)

# Django empties the tables of its test databases; no other database lets these be emptied. `kirikae.keep` lets a test
# ask for the refusal.
never_emptied = pgtrigger.Trigger(
    name="never_emptied",
    operation=pgtrigger.Truncate,
    level=pgtrigger.Statement,
    when=pgtrigger.Before,
    func="""
        IF current_database() LIKE 'test\\_%' AND current_setting('kirikae.keep', true) IS DISTINCT FROM 'on' THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'Evidence is kept: % cannot be emptied', TG_TABLE_NAME;
    """,
)

wait_for_a_seal = pgtrigger.Trigger(
    name="wait_for_a_seal",
    operation=pgtrigger.Insert,
    level=pgtrigger.Statement,
    when=pgtrigger.After,
    referencing=pgtrigger.Referencing(new="fresh"),
    func="INSERT INTO portal_unsealedentry (entry_id) SELECT id FROM fresh; RETURN NULL;",
)


class LedgerEntry(models.Model):
    """Evidence: who did or read what, when and why. Rows are never changed or removed (see portal.ledger)."""

    at = models.DateTimeField(_("at"), db_index=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("user"))
    company = models.ForeignKey(Company, models.PROTECT, null=True, related_name="+", verbose_name=_("company"))
    action = models.CharField(_("action"), max_length=60)
    subject = models.CharField(_("subject"), max_length=80, db_index=True)
    purpose = models.CharField(_("purpose of reading"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict)
    # The hashes of other cases' rows stand in a proof pack; with the salt nobody can guess what they are hashes of.
    salt = models.UUIDField(_("salt"), db_default=RandomUUID(), editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("ledger entry"), _("ledger")
        ordering = ["-id"]
        triggers = [append_only, never_emptied, wait_for_a_seal]

    def __str__(self) -> str:
        return f"{self.id} {self.action} {self.subject}"


class UnsealedEntry(models.Model):
    """A ledger entry that waits for its seal; the database enters it with the entry, sealing takes it out."""

    entry_id = models.BigIntegerField(primary_key=True)

    class Meta:
        verbose_name, verbose_name_plural = _("entry without a seal"), _("entries without a seal")

    def __str__(self) -> str:
        return str(self.entry_id)


class Seal(models.Model):
    """A link of the ledger's chain: up to some thousand entries, hashed one upon the other (see portal.seals)."""

    number = models.BigIntegerField(_("number"), primary_key=True)
    sealed_at = models.DateTimeField(_("sealed at"))
    count = models.PositiveIntegerField(_("entries"))
    ids = BigIntegerRangeField(_("lowest and highest entry"))
    links = models.BinaryField(_("links"))
    previous = models.CharField(_("hash of the seal before"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)
    public_key = models.CharField(_("public key"), max_length=64)
    signature = models.CharField(_("signature"), max_length=128)

    class Meta:
        verbose_name, verbose_name_plural = _("seal"), _("seals")
        ordering = ["-number"]
        indexes = [GistIndex(fields=["ids"], name="seals_by_entry")]
        triggers = [append_only, never_emptied]

    def __str__(self) -> str:
        return str(self.number)
