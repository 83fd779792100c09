"""People and the roles they hold."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from portal.access import HUB_ROLES, Ability, Role, may
from portal.market import Area, SupplyClass
from portal.models.companies import Company


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: "User") -> "UserQuerySet":
        """The own company's people who have not left, for whoever looks after its accounts; no machine accounts."""
        if not user.may(Ability.MANAGE_PEOPLE):
            return self.none()
        return self.filter(company=user.company_id, left_at__isnull=True, is_machine=False)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.select_related("company").get(username=username)


class User(AbstractBaseUser):
    """A person or a machine account; belongs to one company. Roles come from grants, never from flags."""

    username = models.CharField(_("user id"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    email = models.EmailField(_("e-mail"), blank=True)
    company = models.ForeignKey(Company, models.PROTECT, related_name="people", verbose_name=_("company"))
    is_active = models.BooleanField(_("active"), default=True)
    is_machine = models.BooleanField(_("machine account"), default=False, editable=False)
    created_at = models.DateTimeField(_("registered at"), auto_now_add=True)
    left_at = models.DateTimeField(_("left at"), null=True, blank=True, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    class Meta:
        verbose_name, verbose_name_plural = _("user"), _("users")
        ordering = ["company", "username"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(left_at__isnull=True) | models.Q(is_active=False),
                name="who_has_left_is_not_active",
            ),
            models.CheckConstraint(
                condition=models.Q(is_machine=False) | models.Q(password__startswith="!", email=""),
                name="a_machine_has_neither_password_nor_address",
            ),
        ]

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

    @property
    def is_operator(self) -> bool:
        """An operator of the hub, who may act there and not look alone."""
        return self.is_staff and Role.OPERATOR in self.roles

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        """Hub staff may look; only the operator role may change, where an admin page lets it at all."""
        if not self.is_staff:
            return False
        return ".view_" in perm or self.is_operator

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
