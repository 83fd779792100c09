"""The library: published documents, their versions, and who asked to see those given out on application."""

from datetime import date

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from portal.access import Ability
from portal.models.companies import Company
from portal.models.evidence import append_only
from portal.models.people import User


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: User | None, *, today: date) -> "DocumentQuerySet":
        """What stands in a reader's library: None is a visitor who did not sign in, who sees public documents only.

        A document given out on application is listed for everybody inside; its files are another question.
        """
        if user and user.may(Ability.PUBLISH):
            return self
        out = self.filter(
            models.Exists(DocumentVersion.objects.filter(document=models.OuterRef("pk"), published_on__lte=today)),
            withdrawn_at=None,
        )
        return out if user else out.filter(audience=Document.Audience.PUBLIC)


class Document(models.Model):
    """A published document, known by its title; what it says is in its versions."""

    class Audience(models.TextChoices):
        PUBLIC = "public", _("everybody")
        PARTICIPANTS = "participants", _("participants")
        ON_APPLICATION = "on_application", _("on application")

    title = models.CharField(_("title"), max_length=120, unique=True)
    title_en = models.CharField(_("title in English"), max_length=120, blank=True)
    summary = models.TextField(_("summary"), max_length=1000, blank=True)
    how_to_obtain = models.TextField(_("how to obtain it"), max_length=1000, blank=True)
    audience = models.CharField(_("who may read it"), max_length=20, choices=Audience)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("document"), _("documents")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title if (get_language() or "ja").startswith("ja") else self.title_en or self.title


class DocumentVersion(models.Model):
    """One edition of a document; never changed, only followed by another."""

    document = models.ForeignKey(Document, models.PROTECT, related_name="versions", verbose_name=_("document"))
    number = models.CharField(_("version"), max_length=20)
    published_on = models.DateField(_("published on"))
    changes = models.TextField(_("what changed"), max_length=1000, blank=True)
    path = models.CharField(_("place in the store"), max_length=200)
    name = models.CharField(_("file name"), max_length=120)
    content_type = models.CharField(_("media type"), max_length=100)
    size = models.PositiveIntegerField(_("size (bytes)"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    added_at = models.DateTimeField(_("added at"))
    added_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("added by"))

    class Meta:
        verbose_name, verbose_name_plural = _("version of a document"), _("versions of documents")
        ordering = ["-published_on", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="a_version_number_is_used_once_per_document")
        ]
        triggers = [append_only]

    def __str__(self) -> str:
        return f"{self.document_id} {self.number}"


class DocumentRequest(models.Model):
    """A company asks to see a document that is given out on application."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("request", "waiting")
        GRANTED = "granted", _("granted")
        REFUSED = "refused", _("refused")

    document = models.ForeignKey(Document, models.PROTECT, related_name="requests", verbose_name=_("document"))
    company = models.ForeignKey(Company, models.PROTECT, related_name="+", verbose_name=_("company"))
    purpose = models.CharField(_("what it is for"), max_length=300)
    asked_at = models.DateTimeField(_("asked at"))
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("asked by"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    answer = models.CharField(_("answer"), max_length=300, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"))

    class Meta:
        verbose_name, verbose_name_plural = _("request for a document"), _("requests for documents")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["document", "company"],
                condition=Q(state__in=["waiting", "granted"]),
                name="a_company_asks_once_for_a_document",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True, decided_by__isnull=True)
                | Q(state__in=["granted", "refused"], decided_at__isnull=False, decided_by__isnull=False),
                name="a_decided_document_request_has_a_person_and_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} {self.company_id} {self.state}"
