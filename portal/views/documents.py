"""The library: documents for everybody, for participants and on application; publishing for the hub operator."""

from typing import Any

import django_filters
from django.contrib import messages
from django.core.files.storage import default_storage
from django.db.models import Max, Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import attachments, documents, lists
from portal.access import Ability, needs, person, public
from portal.forms_desk import AskForm, DecisionForm, DocumentForm, VersionForm
from portal.lists import Column
from portal.models import Document, DocumentRequest, DocumentVersion, User
from portal.templatetags.words import badge
from portal.workdays import jst_date

TONES = {"waiting": "waiting", "granted": "done", "refused": "refused"}


class DocumentFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=gettext_lazy("Title or summary"), method="by_words")

    class Meta:
        model = Document
        fields: list[str] = []

    def by_words(self, rows: QuerySet[Document], name: str, value: str) -> QuerySet[Document]:
        return rows.filter(Q(title__icontains=value) | Q(title_en__icontains=value) | Q(summary__icontains=value))


def _address(name: str, row: Document | DocumentRequest) -> str:
    return reverse(f"portal:{name}", args=[row.pk])


DOCUMENTS = [
    Column("title", gettext_lazy("Title"), value=str, sort="title", link=lambda doc: _address("document", doc)),
    Column("audience", gettext_lazy("Who may read it"), value=lambda doc: doc.get_audience_display(), sort="audience"),
    Column("newest_on", gettext_lazy("Newest version"), sort="newest_on"),
    Column("summary", gettext_lazy("Summary")),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda doc: _("withdrawn") if doc.withdrawn_at else _("in force"),
        draw=lambda doc: badge(_("withdrawn"), "stopped") if doc.withdrawn_at else badge(_("in force"), "done"),
    ),
]


def reader(request: HttpRequest) -> User | None:
    """Who reads: the person once signed in with the second factor, else nobody in particular."""
    user: Any = request.user
    inside = user.is_authenticated and user.is_verified() and user.company.is_active and user.may(Ability.ENTER)
    return user if inside else None


@public
def library(request: HttpRequest) -> HttpResponseBase:
    """Every document the reader may know of."""
    user = reader(request)
    today = jst_date(timezone.now())
    known = Q() if user and user.may(Ability.PUBLISH) else Q(versions__published_on__lte=today)
    return lists.show(
        request,
        Document.objects.visible_to(user, today=today)
        .annotate(newest_on=Max("versions__published_on", filter=known))
        .order_by("title"),
        columns=DOCUMENTS,
        filterset=DocumentFilter,
        title=_("Documents"),
        empty=_("No document is published yet."),
        template="portal/documents.html",
        context={"may_publish": bool(user and user.may(Ability.PUBLISH))},
        filename="documents",
    )


def _document(request: HttpRequest, pk: int) -> Document:
    visible = Document.objects.visible_to(reader(request), today=jst_date(timezone.now()))
    return get_object_or_404(visible, pk=pk)


@public
def document(request: HttpRequest, pk: int) -> HttpResponse:
    """One document: what it is, how to obtain it, its versions; participants apply here for what is not open."""
    user, now = reader(request), timezone.now()
    found = _document(request, pk)
    is_open = documents.may_read(found, user)
    form = AskForm(request.POST if request.method == "POST" else None)
    asked = found.requests.filter(company=user.company_id).first() if user and not is_open else None
    if request.method == "POST":
        if user is None or is_open:
            raise Http404
        if form.is_valid():
            try:
                documents.ask(found, purpose=form.cleaned_data["purpose"], by=user, now=now)
            except documents.Refused as refused:
                form.add_error(None, str(refused))
            else:
                messages.success(request, _("Your company has applied. The hub operator's answer comes as a notice."))
                return redirect("portal:document", pk)
    return render(
        request,
        "portal/document.html",
        {
            "title": str(found),
            "document": found,
            "versions": documents.versions_for(found, user, now=now),
            "is_open": is_open,
            "asked": asked,
            "may_ask": user is not None and not is_open and (asked is None or asked.state == "refused"),
            "may_publish": bool(user and user.may(Ability.PUBLISH)),
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@public
def file(request: HttpRequest, pk: int, version: int) -> HttpResponseBase:
    """The file of one version, for whom it is open."""
    user, now = reader(request), timezone.now()
    found = _document(request, pk)
    known = {item.pk: item for item in documents.versions_for(found, user, now=now)}
    if version not in known or not documents.may_read(found, user):
        raise Http404
    documents.collect(known[version], by=user, now=now)
    return stored(known[version])


def stored(item: DocumentVersion | Any) -> FileResponse:
    """A kept file as a download under the name people gave it."""
    return FileResponse(
        default_storage.open(item.path), as_attachment=True, filename=item.name, content_type=item.content_type
    )


@needs(Ability.PUBLISH)
def new(request: HttpRequest) -> HttpResponse:
    """Enter a document with its first version."""
    form = DocumentForm(request.POST, request.FILES) if request.method == "POST" else DocumentForm()
    if request.method == "POST" and form.is_valid():
        try:
            made = documents.enter(**form.cleaned_data, by=person(request), now=timezone.now())
        except documents.TitleTaken as refused:
            form.add_error("title", str(refused))
        except documents.HowMissing as refused:
            form.add_error("how_to_obtain", str(refused))
        except attachments.Refused as refused:
            form.add_error("file", str(refused))
        except documents.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The document is in the library."))
            return redirect("portal:document", made.pk)
    context = {
        "title": _("New document"),
        "form": form,
        "action_label": _("Publish"),
        "cancel_url": reverse("portal:documents"),
    }
    return render(request, "portal/document_form.html", context, status=422 if form.is_bound else 200)


@needs(Ability.PUBLISH)
def new_version(request: HttpRequest, pk: int) -> HttpResponse:
    """Add an edition to a document."""
    found = _document(request, pk)
    form = VersionForm(request.POST, request.FILES) if request.method == "POST" else VersionForm()
    if request.method == "POST" and form.is_valid():
        try:
            documents.add_version(pk, **form.cleaned_data, by=person(request), now=timezone.now())
        except documents.VersionTaken as refused:
            form.add_error("number", str(refused))
        except attachments.Refused as refused:
            form.add_error("file", str(refused))
        except documents.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The version is in the library."))
            return redirect("portal:document", pk)
    context = {
        "title": _("New version"),
        "document": found,
        "form": form,
        "action_label": _("Publish"),
        "cancel_url": reverse("portal:document", args=[pk]),
    }
    return render(request, "portal/document_form.html", context, status=422 if form.is_bound else 200)


@needs(Ability.PUBLISH)
def withdrawal(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a document out of the library, after a page that says what follows."""
    found = _document(request, pk)
    if request.method == "POST":
        try:
            documents.withdraw(pk, by=person(request), now=timezone.now())
        except documents.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, _("The document is withdrawn."))
        return redirect("portal:document", pk)
    context = {
        "title": _("Withdraw the document"),
        "document": found,
        "intro": _("Nobody but the hub operator finds the document any longer. It cannot be put back."),
        "facts": [(_("Title"), str(found)), (_("Who may read it"), found.get_audience_display())],
        "action_label": _("Withdraw"),
        "is_danger": True,
        "back_url": reverse("portal:document", args=[pk]),
        "back_label": _("Cancel"),
    }
    return render(request, "portal/document_deed.html", context)


REQUESTS = [
    Column("asked_at", gettext_lazy("Applied at"), sort="asked_at", link=lambda row: _address("document-request", row)),
    Column("document", gettext_lazy("Document"), value=lambda asked: str(asked.document), sort="document__title"),
    Column("company", gettext_lazy("Company"), value="company.name", sort="company__name"),
    Column("purpose", gettext_lazy("What it is for")),
    Column(
        "state",
        gettext_lazy("State"),
        value=lambda asked: asked.get_state_display(),
        draw=lambda asked: badge(asked.get_state_display(), TONES[asked.state]),
        sort="state",
    ),
]


class RequestFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=gettext_lazy("State"), choices=DocumentRequest.State.choices)

    class Meta:
        model = DocumentRequest
        fields: list[str] = []


@needs(Ability.PUBLISH)
def requests(request: HttpRequest) -> HttpResponseBase:
    """Who applied for documents."""
    return lists.show(
        request,
        DocumentRequest.objects.select_related("document", "company"),
        columns=REQUESTS,
        filterset=RequestFilter,
        title=_("Applications for documents"),
        empty=_("No company has applied for a document yet."),
        filename="document-requests",
    )


@needs(Ability.PUBLISH)
def asked(request: HttpRequest, pk: int) -> HttpResponse:
    """One application for a document and the decision on it."""
    found = get_object_or_404(DocumentRequest.objects.select_related("document", "company", "asked_by"), pk=pk)
    is_waiting = found.state == DocumentRequest.State.WAITING
    form = DecisionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        grant = form.cleaned_data["grant"] == "yes"
        try:
            documents.decide(
                pk, grant=grant, answer=form.cleaned_data["answer"], by=person(request), now=timezone.now()
            )
        except documents.AnswerMissing as refused:
            form.add_error("answer", str(refused))
        except documents.Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The company has your answer."))
            return redirect("portal:document-requests")
    context = {
        "title": str(found.document),
        "facts": [
            (_("Document"), str(found.document)),
            (_("Company"), found.company.name),
            (_("What it is for"), found.purpose),
            (_("Applied by"), str(found.asked_by)),
            (_("State"), found.get_state_display()),
            (_("Answer"), found.answer),
        ],
        "form": form if is_waiting else None,
    }
    return render(request, "portal/document_request.html", context, status=422 if form.is_bound else 200)
