"""Facility inquiries and the customer's consent they stand on."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from metering.models.points import SupplyPoint
from portal.access import Ability, within
from portal.market import Area, SupplyClass
from portal.models import Company, User, append_only


class Consent(models.Model):
    """The customer's consent to an inquiry: when, how obtained, for what, under which of the company's references."""

    class Channel(models.TextChoices):
        WRITTEN = "written", _("in writing")
        WEB = "web", _("on the web")
        TELEPHONE = "telephone", _("by telephone")
        IN_PERSON = "in_person", _("in person")

    class Purpose(models.TextChoices):
        SWITCH = "switch", _("customer wants to switch to us")
        QUOTE = "quote", _("customer asked for a quotation")
        MOVE_IN = "move_in", _("customer moves in")
        OWN_CUSTOMER = "own_customer", _("service to our own customer")

    company = models.ForeignKey(Company, models.PROTECT, related_name="consents", verbose_name=_("company"))
    reference = models.CharField(
        _("consent reference"), max_length=60, help_text=_("Your own number of the recording, form or order.")
    )
    channel = models.CharField(_("obtained"), max_length=12, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=15, choices=Purpose)
    obtained_on = models.DateField(_("obtained on"))
    recorded_at = models.DateTimeField(_("recorded at"))
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("recorded by"))

    class Meta:
        verbose_name, verbose_name_plural = _("consent"), _("consents")
        ordering = ["-id"]
        triggers = [append_only]
        constraints = [models.CheckConstraint(condition=~Q(reference=""), name="a_consent_has_a_reference")]

    def __str__(self) -> str:
        return self.reference


class FacilityInquiryQuerySet(models.QuerySet["FacilityInquiry"]):
    def visible_to(self, user: User) -> "FacilityInquiryQuerySet":
        """The own company's inquiries, inside the person's areas and classes."""
        return self.filter(company=user.company).filter(
            within(user, Ability.INQUIRE, area="area", supply_class="supply_class")
        )


class FacilityInquiry(models.Model):
    """One question about one point, and the answer as it was given that moment."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="facility_inquiries", verbose_name=_("company"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))
    consent = models.ForeignKey(Consent, models.PROTECT, related_name="inquiries", verbose_name=_("consent"))
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass)
    area = models.CharField(_("area"), max_length=2, choices=Area)
    point = models.ForeignKey(SupplyPoint, models.PROTECT, related_name="inquiries", verbose_name=_("supply point"))
    answer = models.JSONField(_("answer"))

    objects = FacilityInquiryQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("facility inquiry"), _("facility inquiries")
        ordering = ["-id"]
        triggers = [append_only]
        indexes = [models.Index(fields=["company", "-id"], name="inquiries_of_a_company")]

    def __str__(self) -> str:
        return f"{self.id} {self.point_id}"
