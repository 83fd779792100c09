"""Companies, people, evidence and notices: what every case points at."""

import pgtrigger
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from portal.access import HUB_ROLES, Ability, Role, may, within
from portal.market import Area, MarketRole, SupplyClass

append_only = pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


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
    notices_posted = models.BigIntegerField(default=0, editable=False)

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


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: "User") -> "UserQuerySet":
        """The own company's people, for whoever looks after its accounts."""
        return self.filter(company=user.company_id) if user.may(Ability.MANAGE_PEOPLE) else self.none()


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.select_related("company").get(username=username)


class User(AbstractBaseUser):
    """A person; belongs to exactly one company. Roles come from grants, never from flags."""

    username = models.CharField(_("user id"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    email = models.EmailField(_("e-mail"), blank=True)
    company = models.ForeignKey(Company, models.PROTECT, related_name="people", verbose_name=_("company"))
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("registered at"), auto_now_add=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    class Meta:
        verbose_name, verbose_name_plural = _("user"), _("users")
        ordering = ["company", "username"]

    def __str__(self) -> str:
        return f"{self.name} ({self.username})"

    @cached_property
    def grant_list(self) -> list["Grant"]:
        return list(self.grants.all())

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(grant.role for grant in self.grant_list)

    @property
    def is_staff(self) -> bool:
        """The admin is the hub operator's workbench; nobody else enters it."""
        return self.is_active and self.company.is_hub_operator and bool(self.roles & HUB_ROLES)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        """Hub staff may look; only the operator role may change, where an admin page lets it at all."""
        if not self.is_staff:
            return False
        return ".view_" in perm or Role.OPERATOR in self.roles

    def may(self, ability: Ability) -> bool:
        return may(self, ability)


class Grant(models.Model):
    """One role of one person, for one area and class of supply or ("") for all of them."""

    user = models.ForeignKey(User, models.CASCADE, related_name="grants", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=20, choices=Role)
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    supply_class = models.CharField(_("class of supply"), max_length=3, choices=SupplyClass, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("role"), _("roles")
        ordering = ["role", "area", "supply_class"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role", "area", "supply_class"],
                name="a_role_is_granted_once_per_area_and_class",
            )
        ]

    def __str__(self) -> str:
        scope = [self.get_area_display() if self.area else "", self.supply_class]
        return " ".join([str(self.get_role_display()), *filter(None, scope)])


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


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: User) -> "NoticeQuerySet":
        """The own company's notices that concern the person: for everybody, or by ability and area."""
        concerns = Q(ability="")
        for ability in Ability:
            if user.may(ability):
                concerns |= Q(ability=ability) & (Q(area="") | within(user, ability, area="area"))
        return self.filter(concerns, recipient=user.company_id).select_related("recipient")


class Notice(models.Model):
    """A numbered message to one company; numbers per recipient have no gaps (see portal.outbox)."""

    recipient = models.ForeignKey(Company, models.PROTECT, related_name="notices", verbose_name=_("recipient"))
    number = models.BigIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(_("subject"), max_length=80)
    link = models.CharField(_("link"), max_length=200, blank=True)
    context = models.JSONField(_("context"), default=dict)
    area = models.CharField(_("area"), max_length=2, choices=Area, blank=True)
    ability = models.CharField(_("for people who may"), max_length=40, choices=Ability, blank=True)
    posted_at = models.DateTimeField(_("posted at"))

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("notice"), _("notices")
        ordering = ["-posted_at", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "number"], name="a_notice_number_is_used_once_per_recipient")
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} {self.subject}"


class Delivery(models.Model):
    """The sending of a notice by mail; written with the notice, sent by a worker, tried again until it is through."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        GIVEN_UP = "given_up", _("given up")

    notice = models.OneToOneField(Notice, models.PROTECT, related_name="delivery", verbose_name=_("notice"))
    address = models.EmailField(_("e-mail address"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("delivery"), _("deliveries")
        ordering = ["-id"]
        indexes = [models.Index(fields=["next_attempt_at"], condition=Q(state="waiting"), name="deliveries_waiting")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="a_sent_delivery_has_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.address} {self.state}"


class ExtraHoliday(models.Model):
    """A day that is no business day in an area beyond Saturdays, Sundays, holidays and the year's end."""

    area = models.CharField(_("area"), max_length=2, choices=Area)
    day = models.DateField(_("day"))
    name = models.CharField(_("name"), max_length=60)

    class Meta:
        verbose_name, verbose_name_plural = _("extra holiday"), _("extra holidays")
        ordering = ["day", "area"]
        constraints = [models.UniqueConstraint(fields=["area", "day"], name="an_extra_holiday_stands_once_per_area")]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class JobRun(models.Model):
    """One run of a dated job; the unique row is the claim, so a second beat or worker does nothing."""

    job = models.CharField(_("job"), max_length=60)
    key = models.CharField(_("for"), max_length=60)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    counts = models.JSONField(_("counts"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("job run"), _("job runs")
        ordering = ["-started_at"]
        constraints = [models.UniqueConstraint(fields=["job", "key"], name="a_dated_job_is_claimed_once")]

    def __str__(self) -> str:
        return f"{self.job} {self.key}"
