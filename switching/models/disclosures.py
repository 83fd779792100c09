"""Disclosure of disadvantages 不利益事項説明: versioned master data and the evidence of each explanation."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from metering.models import SupplyPoint
from portal.access import Ability, within
from portal.models import Company, User, append_only


class Charge(models.TextChoices):
    """Whether leaving a menu early may cost a charge; never how much, and never whose (domain notes, switching §7)."""

    NOT_TOLD = "not_told", _("not told")
    NONE = "none", _("no early-termination charge")
    POSSIBLE = "possible", _("an early-termination charge may fall due")


class DisclosureVersion(models.Model):
    """A list of disadvantages as it stood from a day on; a published version is never changed, only followed.

    The hub operator's list (no retailer) is the base for everybody; a losing retailer's own list adds to it, for one
    of its menus or (no menu) for all others, and says a base item in its own words where the code is the same.
    """

    retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="disclosure_versions", verbose_name=_("losing retailer")
    )
    menu = models.CharField(_("menu"), max_length=60, blank=True)
    version = models.PositiveIntegerField(_("version"))
    valid_from = models.DateField(_("valid from"))
    charge = models.CharField(_("early-termination charge"), max_length=10, choices=Charge, default=Charge.NOT_TOLD)

    class Meta:
        verbose_name, verbose_name_plural = _("disclosure version"), _("disclosure versions")
        ordering = ["-valid_from", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["retailer", "menu", "version"],
                nulls_distinct=False,
                name="a_version_of_a_list_is_numbered_once",
            ),
            models.CheckConstraint(
                condition=Q(retailer__isnull=False) | Q(menu="", charge=Charge.NOT_TOLD),
                name="only_a_retailers_list_is_for_a_menu",
            ),
        ]
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


class DisclosureDraft(models.Model):
    """A retailer's next list for a menu while it is being written; publishing it makes a version and ends the draft."""

    retailer = models.ForeignKey(
        Company, models.CASCADE, related_name="disclosure_drafts", verbose_name=_("losing retailer")
    )
    menu = models.CharField(_("menu"), max_length=60, blank=True)
    valid_from = models.DateField(_("valid from"))
    charge = models.CharField(_("early-termination charge"), max_length=10, choices=Charge, default=Charge.NOT_TOLD)
    items = models.JSONField(_("items"))  # [code, Japanese, English] in their order
    edited_at = models.DateTimeField(_("edited at"))
    edited_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("edited by"))

    class Meta:
        verbose_name, verbose_name_plural = _("draft of a disclosure list"), _("drafts of disclosure lists")
        ordering = ["menu"]
        constraints = [models.UniqueConstraint(fields=["retailer", "menu"], name="one_draft_per_retailer_and_menu")]

    def __str__(self) -> str:
        return self.menu


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
    # The present retailer's own list, where one was in force for the customer's menu.
    losing_retailer = models.ForeignKey(
        Company, models.PROTECT, null=True, related_name="+", verbose_name=_("losing retailer")
    )
    menu = models.CharField(_("menu"), max_length=60, blank=True)
    own_version = models.ForeignKey(
        DisclosureVersion, models.PROTECT, null=True, related_name="+", verbose_name=_("losing retailer's version")
    )
    channel = models.CharField(_("explained"), max_length=12, choices=Channel)
    explained_on = models.DateField(_("explained on"))
    recorded_at = models.DateTimeField(_("recorded at"))
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("recorded by"))

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("disclosure"), _("disclosures")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(losing_retailer__isnull=False) | Q(menu="", own_version__isnull=True),
                name="a_menu_is_a_retailers",
            )
        ]
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
