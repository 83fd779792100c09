"""The library of documents and the hub operator's announcements: what is meant for the own company."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal import documents
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Endpoint, Entries
from portal.api.files import CONTENT, AsItIs
from portal.api.paging import PageQuery
from portal.api.schema import operation
from portal.models import Announcement, Document, DocumentRequest, DocumentVersion
from portal.views.documents import stored
from portal.workdays import jst_date

problems.of_verbs(
    "documents",
    {documents.NothingToAsk: 409, documents.AlreadyAsked: 409, documents.PurposeMissing: 422},
    fields={documents.PurposeMissing: "purpose"},
)


class DocumentShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    title = serializers.CharField()
    title_en = serializers.CharField(allow_blank=True)
    summary = serializers.CharField(allow_blank=True)
    audience = serializers.ChoiceField(choices=Document.Audience.choices)
    how_to_obtain = serializers.CharField(allow_blank=True)


class DocumentVersionShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    number = serializers.CharField()
    published_on = serializers.DateField()
    changes = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    content = serializers.SerializerMethodField(help_text="Where its bytes are.")

    def get_content(self, version: DocumentVersion) -> str:
        return reverse("api:document-content", args=[version.document_id, version.pk])


class DocumentApplicationShown(serializers.Serializer):
    state = serializers.ChoiceField(choices=DocumentRequest.State.choices)
    purpose = serializers.CharField()
    asked_at = serializers.DateTimeField()
    answer = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class DocumentDetails(DocumentShown):
    is_open = serializers.BooleanField(help_text="Whether your company may fetch its files.")
    versions = DocumentVersionShown(many=True)
    application = DocumentApplicationShown(allow_null=True, help_text="Your company's last one.")


class DocumentQuery(PageQuery):
    words = serializers.CharField(required=False, max_length=100, help_text="In title or summary.")


class _Library(Endpoint):
    def documents(self) -> QuerySet[Document]:
        return Document.objects.visible_to(self.by, today=jst_date(self.now))

    def details(self, document: Document) -> dict[str, Any]:
        asked = document.requests.filter(company=self.by.company_id).first()
        versions = documents.versions_for(document, self.by, now=self.now)
        return {
            **DocumentShown(document).data,
            "is_open": documents.may_read(document, self.by),
            "versions": DocumentVersionShown(versions, many=True).data,
            "application": DocumentApplicationShown(asked).data if asked else None,
        }


class Documents(_Library):
    """Every document your company may know of."""

    needs = {"get": Ability.ENTER}

    @operation(_("List documents"), lists=DocumentShown, query=DocumentQuery)
    def get(self, request: Request) -> Response:
        query = self.query(DocumentQuery)
        rows = self.documents()
        if words := query.get("words", ""):
            found = Q(title__icontains=words) | Q(title_en__icontains=words) | Q(summary__icontains=words)
            rows = rows.filter(found)
        return self.page(rows, DocumentShown, query)


class OneDocument(_Library):
    """One document with its versions; the files of one given out on application open with the operator's yes."""

    needs = {"get": Ability.ENTER}

    @operation(_("Read about a document"), shows=DocumentDetails)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(self.details(get_object_or_404(self.documents(), pk=pk)))


class DocumentContent(_Library):
    """The file of one version."""

    needs = {"get": Ability.ENTER}
    content_negotiation_class = AsItIs

    @operation(_("Fetch a document"), shows=CONTENT, media="*/*", tag="documents")
    def get(self, request: Request, pk: int, version: int) -> HttpResponseBase:
        document = get_object_or_404(self.documents(), pk=pk)
        known = {found.pk: found for found in documents.versions_for(document, self.by, now=self.now)}
        if version not in known or not documents.may_read(document, self.by):
            raise Http404
        documents.collect(known[version], by=self.by, now=self.now)
        return stored(known[version])


class DocumentApplicationEntries(Entries):
    purpose = serializers.CharField(max_length=300, help_text="What your company needs it for.")


class DocumentApplication(_Library):
    """Apply, for your company, for a document that is given out on application."""

    needs = {"post": Ability.ENTER}

    @operation(
        _("Apply for a document"),
        entries=DocumentApplicationEntries,
        shows=DocumentDetails,
        status=201,
        tag="documents",
    )
    def post(self, request: Request, pk: int) -> Response:
        entered = self.entries(DocumentApplicationEntries)
        document = get_object_or_404(self.documents(), pk=pk)
        documents.ask(document, purpose=entered["purpose"], by=self.by, now=self.now)
        return self.created(self.details(document), "api:document", pk)


class AnnouncementShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    title = serializers.CharField()
    title_en = serializers.CharField(allow_blank=True)
    body = serializers.CharField()
    body_en = serializers.CharField(allow_blank=True)
    market_role = serializers.CharField(allow_blank=True, help_text='"" for all companies.')
    area = serializers.CharField(allow_blank=True, help_text='"" for all areas.')
    shown_from = serializers.DateTimeField()
    shown_until = serializers.DateTimeField(allow_null=True)


class AnnouncementQuery(PageQuery):
    current = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: those that stand on the home page now."
    )


class Announcements(Endpoint):
    """What the hub operator announced to your company, also what is past; the newest first."""

    needs = {"get": Ability.ENTER}

    @operation(_("List announcements"), lists=AnnouncementShown, query=AnnouncementQuery)
    def get(self, request: Request) -> Response:
        query = self.query(AnnouncementQuery)
        rows = Announcement.objects.visible_to(self.by, now=self.now)
        if query["current"]:
            rows = rows.current(now=self.now)
        elif query["current"] is False:
            rows = rows.exclude(pk__in=Announcement.objects.current(now=self.now).values("pk"))
        return self.page(rows, AnnouncementShown, query)


class OneAnnouncement(Endpoint):
    """One announcement."""

    needs = {"get": Ability.ENTER}

    @operation(_("Read an announcement"), shows=AnnouncementShown)
    def get(self, request: Request, pk: int) -> Response:
        rows = Announcement.objects.visible_to(self.by, now=self.now)
        return self.one(AnnouncementShown(get_object_or_404(rows, pk=pk)).data)
