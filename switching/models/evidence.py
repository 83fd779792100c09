"""Files that prove a customer's consent or an explanation: recordings, signatures, scans; added and never changed."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access import Ability, within
from portal.models import Company, User, append_only
from switching.models.disclosures import Disclosure
from switching.models.relays import Relay


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def visible_to(self, user: User) -> "EvidenceQuerySet":
        """The own company's evidence, inside the person's areas and classes."""
        of_relays = within(
            user, Ability.SEE_RELAYS, area="relay__point__area", supply_class="relay__point__supply_class"
        )
        of_disclosures = within(
            user, Ability.DISCLOSE, area="disclosure__point__area", supply_class="disclosure__point__supply_class"
        )
        return self.filter(company=user.company).filter(
            Q(relay__isnull=False) & of_relays | Q(disclosure__isnull=False) & of_disclosures
        )


class Evidence(models.Model):
    """One kept file of the gaining retailer on a disclosure or a relay, with how and when the customer gave it."""

    class Kind(models.TextChoices):
        CONSENT = "consent", _("consent to the switch")
        EXPLANATION = "explanation", _("explanation of the disadvantages")
        OTHER = "other", _("other evidence")

    disclosure = models.ForeignKey(
        Disclosure, models.PROTECT, null=True, related_name="evidence", verbose_name=_("disclosure")
    )
    relay = models.ForeignKey(Relay, models.PROTECT, null=True, related_name="evidence", verbose_name=_("relay"))
    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    kind = models.CharField(_("what it proves"), max_length=12, choices=Kind)
    channel = models.CharField(_("given"), max_length=12, choices=Disclosure.Channel)
    obtained_on = models.DateField(_("given on"))
    agent = models.CharField(_("sales agent"), max_length=40, blank=True)
    # The file as `portal.attachments` keeps it.
    path = models.CharField(_("path"), max_length=200)
    name = models.CharField(_("file name"), max_length=120)
    content_type = models.CharField(_("media type"), max_length=100)
    size = models.PositiveBigIntegerField(_("size"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    attached_at = models.DateTimeField(_("attached at"))
    attached_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("attached by"))

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("piece of evidence"), _("pieces of evidence")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(disclosure__isnull=True, relay__isnull=False)
                | Q(disclosure__isnull=False, relay__isnull=True),
                name="evidence_belongs_to_one_case",
            )
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return self.name
