"""Programs of a company that call the API, and what each has written with which key."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.access import Ability
from portal.models.companies import Company
from portal.models.people import User


class ApiClientQuerySet(models.QuerySet["ApiClient"]):
    def visible_to(self, user: User) -> "ApiClientQuerySet":
        """The own company's, for whoever looks after its accounts; every company's for the hub's operators."""
        if user.may(Ability.SEE_EVERY_API_CLIENT):
            return self
        if not user.may(Ability.MANAGE_API_CLIENTS):
            return self.none()
        return self.filter(user__company=user.company_id)


class ApiClient(models.Model):
    """A program of one company: a machine account that holds roles like a person, and the hash of its secret."""

    user = models.OneToOneField(User, models.PROTECT, related_name="api_client", verbose_name=_("machine account"))
    secret_hash = models.CharField(_("hash of the secret"), max_length=64)
    secret_at = models.DateTimeField(_("secret made at"))
    former_hash = models.CharField(_("hash of the former secret"), max_length=64, blank=True)
    former_until = models.DateTimeField(_("former secret good until"), null=True)
    tokens_from = models.DateTimeField(_("tokens made before do not count"))
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("registered by"))
    registered_at = models.DateTimeField(_("registered at"))
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("revoked by"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    objects = ApiClientQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("API client"), _("API clients")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(secret_hash__regex=r"^[0-9a-f]{64}$"), name="an_api_client_keeps_a_hash_of_its_secret"
            ),
            models.CheckConstraint(
                condition=Q(former_hash="", former_until__isnull=True)
                | (~Q(former_hash="") & Q(former_until__isnull=False)),
                name="a_former_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(revoked_by__isnull=True, revoked_at__isnull=True)
                | Q(revoked_by__isnull=False, revoked_at__isnull=False),
                name="a_revoked_api_client_has_a_person_and_a_time",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("registered_at")),
                name="an_api_client_is_revoked_after_it_is_registered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user.name} ({self.client_id})"

    @property
    def client_id(self) -> str:
        return self.user.username

    @property
    def company(self) -> Company:
        return self.user.company

    @property
    def is_open(self) -> bool:
        """Whether it may call at all: not revoked, not suspended, its company not suspended."""
        return self.revoked_at is None and self.user.is_active and self.user.company.is_active


class ApiWrite(models.Model):
    """What a client wrote under one Idempotency-Key, and the answer it got: the same key never does it twice."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="writes", verbose_name=_("API client"))
    key = models.CharField(_("key"), max_length=100)
    request_hash = models.CharField(_("hash of the request"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), default=0)
    body = models.BinaryField(_("answer"), default=bytes)
    headers = models.JSONField(_("headers of the answer"), default=dict)
    at = models.DateTimeField(_("at"), db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("write of an API client"), _("writes of API clients")
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="a_key_of_a_client_writes_once")]

    def __str__(self) -> str:
        return f"{self.client_id} {self.key}"
