"""Disclosure of disadvantages 不利益事項説明: versioned master data and the evidence of each explanation."""

import pgtrigger
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, User, append_only


class DisclosureVersion(models.Model):
    """The list of disadvantages as it stood from a day on; a published version is never changed, only followed."""

    version = models.PositiveIntegerField(_("version"), unique=True)
    valid_from = models.DateField(_("valid from"))

    class Meta:
        verbose_name, verbose_name_plural = _("disclosure version"), _("disclosure versions")
        ordering = ["-valid_from", "-version"]
        triggers = [append_only]

    def __str__(self) -> str:
        return str(self.version)


class DisclosureItem(models.Model):
    """One disadvantage that has to be explained and acknowledged on its own."""

    version = models.ForeignKey(DisclosureVersion, models.PROTECT, related_name="items", verbose_name=_("version"))
    code = models.SlugField(_("code"), max_length=40)
    position = models.PositiveSmallIntegerField(_("position"))
    text_ja = models.CharField(_("text (Japanese)"), max_length=300)
    text_en = models.CharField(_("text (English)"), max_length=300)

    class Meta:
        verbose_name, verbose_name_plural = _("disclosure item"), _("disclosure items")
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="a_disclosure_item_stands_once_per_version")
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        return self.text_ja if (get_language() or "ja").startswith("ja") else self.text_en


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    def visible_to(self, user: User) -> "DisclosureQuerySet":
        """The own company's disclosures, inside the person's areas and classes."""
        return self.filter(company=user.company).filter(
            within(user, Ability.DISCLOSE, area="point__area", supply_class="point__supply_class")
        )


class Disclosure(models.Model):
    """Evidence that the gaining retailer explained every item of a version to the customer of a point."""

    class Channel(models.TextChoices):
        IN_PERSON = "in_person", _("in person")
        TELEPHONE = "telephone", _("by telephone")
        WEB = "web", _("on the web")
        POST = "post", _("by post")

    company = models.ForeignKey(Company, models.PROTECT, related_name="disclosures", verbose_name=_("company"))
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="disclosures", verbose_name=_("supply point"))
    version = models.ForeignKey(
        DisclosureVersion, models.PROTECT, related_name="disclosures", verbose_name=_("version")
    )
    channel = models.CharField(_("explained"), max_length=12, choices=Channel)
    explained_on = models.DateField(_("explained on"))
    recorded_at = models.DateTimeField(_("recorded at"))
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("recorded by"))
    keep_until = models.DateField(_("keep until"), null=True)

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("disclosure"), _("disclosures")
        ordering = ["-id"]
        triggers = [pgtrigger.Protect(name="evidence_is_kept", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.point_id} v{self.version_id}"


class Acknowledgement(models.Model):
    """The customer's word on one item of a disclosure."""

    disclosure = models.ForeignKey(
        Disclosure, models.PROTECT, related_name="acknowledgements", verbose_name=_("disclosure")
    )
    item = models.ForeignKey(DisclosureItem, models.PROTECT, related_name="+", verbose_name=_("item"))
    acknowledged_at = models.DateTimeField(_("acknowledged at"))

    class Meta:
        verbose_name, verbose_name_plural = _("acknowledgement"), _("acknowledgements")
        ordering = ["disclosure", "item__position"]
        constraints = [
            models.UniqueConstraint(fields=["disclosure", "item"], name="an_item_is_acknowledged_once_per_disclosure")
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.disclosure_id} {self.item_id}"
