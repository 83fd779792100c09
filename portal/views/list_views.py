"""Saved views of lists: kept from a list's panel, and a page to rename, remove and choose the one a list opens with."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from portal import lists, navigation, saved_views
from portal.access import Ability, may, needs, person
from portal.lists import Column
from portal.models import SavedView, User
from portal.templatetags.words import badge


class NameField(forms.CharField):
    """A name; what cannot be kept in a database is dropped like a gap."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\0", "").strip()


class ViewForm(forms.Form):
    name = NameField(
        label=gettext_lazy("Name of the view"),
        max_length=saved_views.LONGEST_NAME,
        error_messages={"required": saved_views.NameMissing.sentence, "max_length": saved_views.NameMissing.sentence},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class NewViewForm(ViewForm):
    path = forms.CharField(widget=forms.HiddenInput)
    is_shared = forms.BooleanField(label=gettext_lazy("Share it with everybody of my company"), required=False)
    opens_first = forms.BooleanField(label=gettext_lazy("Open this list with it"), required=False)


def _list_of(text: str, user: User) -> tuple[ResolverMatch, str]:
    """The list an address with query string names, and what of the query makes a view.

    404 for an address that is none of ours, needs an ability the person lacks, or names a case.
    """
    parts = urlsplit(text)
    if parts.scheme or parts.netloc:
        raise Http404
    try:
        match = resolve(parts.path)
    except Resolver404 as error:
        raise Http404 from error
    ability = getattr(match.func, "ability", None)
    if ability is None or match.kwargs or not may(user, ability):
        raise Http404
    return match, saved_views.kept(QueryDict(parts.query))


def _address(view: SavedView) -> str:
    return reverse(view.page) + saved_views.query_of(view)


def _back_to(view: SavedView) -> HttpResponse:
    return redirect(_address(view))


@needs(Ability.ENTER)
def save(request: HttpRequest) -> HttpResponseBase:
    """Keep what a list shows under a name; the panel of the list posts here, a wrong name is asked for again."""
    user = person(request)
    data = request.POST if request.method == "POST" else request.GET
    if not data.get("path"):
        return redirect("portal:list-views")
    match, query = _list_of(data["path"], user)
    form = NewViewForm(request.POST) if request.method == "POST" else NewViewForm(initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        try:
            view = saved_views.save(
                page=match.view_name,
                query=query,
                name=form.cleaned_data["name"],
                is_shared=form.cleaned_data["is_shared"],
                opens_first=form.cleaned_data["opens_first"],
                by=user,
                now=timezone.now(),
            )
        except saved_views.Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
            return _back_to(view)
    return render(
        request,
        "portal/list_view.html",
        {
            "title": _("Save this view"),
            "form": form,
            "action_label": _("Save"),
            "cancel_url": reverse(match.view_name) + (f"?{query}" if query else ""),
        },
        status=422 if form.errors else 200,
    )


@needs(Ability.ENTER)
@require_POST
def replace(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a view hold from now on what its list shows at the moment."""
    user = person(request)
    view = get_object_or_404(SavedView.objects.visible_to(user), pk=pk)
    match, query = _list_of(request.POST.get("path", ""), user)
    if match.view_name != view.page:
        raise Http404
    try:
        view = saved_views.change(view_id=view.pk, query=query, by=user, now=timezone.now())
        messages.success(request, _("The view “%(name)s” now shows this.") % {"name": view.name})
    except saved_views.Refused as refusal:
        messages.error(request, str(refusal))
    return _back_to(view)


def _list_words(view: SavedView) -> str:
    """The list's name as the menu has it; a list below a page of the menu by that page's name."""
    here = reverse(view.page)
    above = [entry for entry in navigation.entries() if here.startswith(reverse(entry.url_name))]
    return str(max(above, key=lambda entry: len(reverse(entry.url_name))).label)


COLUMNS = [
    Column("name", gettext_lazy("View"), sort="name", link=lambda view: reverse("portal:list-view", args=[view.pk])),
    Column("page", gettext_lazy("List"), value=_list_words, sort="page"),
    Column(
        "whose",
        gettext_lazy("Whose"),
        value=lambda view: _("my own") if view.owner_id else _("shared in the company"),
        sort="owner_id",
    ),
    Column("made_by", gettext_lazy("Made by"), value="made_by.name", sort="made_by__name"),
    Column(
        "opens_first",
        gettext_lazy("The list opens with it"),
        value="is_first",
        draw=lambda view: badge(_("opens first"), "done") if view.is_first else "",
    ),
    Column(
        "open",
        gettext_lazy("Open"),
        value=lambda view: _("open"),
        link=_address,
    ),
]


@needs(Ability.ENTER)
def views(request: HttpRequest) -> HttpResponseBase:
    """All views the person may use."""
    return lists.show(
        request,
        saved_views.of(person(request)),
        columns=COLUMNS,
        title=_("Saved views"),
        empty=_("No view yet. On a list, choose filter, order and columns, then “Save this view”."),
    )


@needs(Ability.ENTER)
def view(request: HttpRequest, pk: int) -> HttpResponse:
    """One view: what it is called, whether its list opens with it, removing it."""
    user = person(request)
    found = get_object_or_404(saved_views.of(user), pk=pk)
    may_change = saved_views.may_change(found, user)
    deed = request.POST.get("deed", "")
    form = ViewForm(request.POST if deed == "rename" else None, initial={"name": found.name})
    if request.method == "POST" and (deed != "rename" or form.is_valid()):
        try:
            _do(deed, found, form, request)
        except saved_views.Refused as refusal:
            if deed != "rename":
                messages.error(request, str(refusal))
                return redirect("portal:list-view", found.pk)
            form.add_error("name", str(refusal))
        else:
            return redirect("portal:list-views") if deed == "remove" else redirect("portal:list-view", found.pk)
    return render(
        request,
        "portal/list_view.html",
        {
            "title": _("View “%(name)s”") % {"name": found.name},
            "found": found,
            "facts": [
                (_("List"), _list_words(found)),
                (_("Whose"), _("my own") if found.owner_id else _("shared in the company")),
                (_("Made by"), found.made_by.name),
            ],
            "form": form if may_change else None,
            "action_label": _("Rename"),
            "open_url": _address(found),
            "may_change": may_change,
        },
        status=422 if form.errors else 200,
    )


def _do(deed: str, found: Any, form: ViewForm, request: HttpRequest) -> None:
    """One of the page's deeds; 404 for a deed there is none of."""
    user, now = person(request), timezone.now()
    name = {"name": found.name}
    if deed == "rename":
        renamed = saved_views.change(view_id=found.pk, name=form.cleaned_data["name"], by=user, now=now)
        messages.success(request, _("The view is now called “%(name)s”.") % {"name": renamed.name})
    elif deed == "remove":
        saved_views.remove(view_id=found.pk, by=user, now=now)
        messages.success(request, _("The view “%(name)s” is removed.") % name)
    elif deed == "first":
        saved_views.open_with(page=found.page, view_id=found.pk, by=user, now=now)
        messages.success(request, _("The list now opens with “%(name)s”.") % name)
    elif deed == "plain":
        saved_views.open_with(page=found.page, view_id=None, by=user, now=now)
        messages.success(request, _("The list opens plainly again."))
    else:
        raise Http404
