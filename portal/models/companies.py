"""Companies and what they are in which area."""

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from portal.market import Area, MarketRole


class Company(models.Model):
    """A participant of the market or the hub operator itself."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    name_en = models.CharField(_("name in English"), max_length=100, blank=True)
    registration_number = models.CharField(
        _("registration number"), max_length=5, blank=True, help_text=_("METI's A and four digits.")
    )
    corporate_number = models.CharField(_("corporate number"), max_length=13, blank=True)
    is_hub_operator = models.BooleanField(_("hub operator"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    notice_address = models.EmailField(_("address for notices"), blank=True)
    web_certificate_required = models.BooleanField(_("web pages only with a client certificate"), default=False)
    starts_on = models.DateField(
        _("start of use"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Until this day people may sign in and look around, and no function is open; empty: at once."),
    )
    notices_posted = models.BigIntegerField(default=0, editable=False)
    events_posted = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("company"), _("companies")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_hub_operator"],
                condition=Q(is_hub_operator=True),
                name="there_is_one_hub_operator",
            ),
            models.CheckConstraint(
                condition=Q(registration_number="") | Q(registration_number__regex=r"^A\d{4}$"),
                name="a_registration_number_is_a_and_four_digits",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def market_roles(self) -> frozenset[str]:
        return frozenset(p.market_role for p in self.participations.all())


class Participation(models.Model):
    """A company in one area in one market role, with the participant code 事業者コード it carries there."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="participations", verbose_name=_("company"))
    market_role = models.CharField(_("market role"), max_length=20, choices=MarketRole)
    area = models.CharField(_("area"), max_length=2, choices=Area)
    code = models.CharField(_("participant code"), max_length=5)

    class Meta:
        verbose_name, verbose_name_plural = _("participation"), _("participations")
        ordering = ["area", "code"]
        constraints = [
            models.UniqueConstraint(fields=["code"], name="a_participant_code_belongs_to_one_company_and_area"),
            models.UniqueConstraint(
                fields=["company", "market_role", "area"],
                name="one_participant_code_per_company_role_and_area",
            ),
            models.UniqueConstraint(
                fields=["area"],
                condition=Q(market_role=MarketRole.NETWORK_OPERATOR),
                name="one_network_operator_per_area",
            ),
            models.CheckConstraint(
                condition=Q(code__regex=r"^[0-9A-Z]{5}$"), name="a_participant_code_has_five_characters"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.get_area_display()}"
