"""A retailer's administrator writes its lists of disadvantages: draft, difference to the former version, published."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from portal import clock
from portal.access import Ability, needs, person
from portal.templatetags.words import badge, jst
from portal.workdays import jst_date
from switching import disclosures
from switching.forms import ListForm, written
from switching.models import DisclosureDraft, DisclosureVersion
from switching.sentences import field_of, sentence

TONES = {"added": "going", "changed": "waiting", "removed": "refused", "same": "done"}


def _changed(change: disclosures.Change) -> dict[str, Any]:
    label = {"added": _("new"), "changed": _("said otherwise"), "removed": _("left out"), "same": _("as before")}
    return {"badge": badge(label[change.kind], TONES[change.kind]), "change": change}


@needs(Ability.LAY_DOWN_RULES)
def listing(request: HttpRequest) -> HttpResponse:
    """The hub-wide list, the own lists by menu with their versions, and the drafts."""
    user, today = person(request), jst_date(clock.now())
    versions = list(DisclosureVersion.objects.filter(retailer=user.company).order_by("menu", "-valid_from", "-version"))
    in_force: dict[str, int] = {}
    for version in versions:
        if version.valid_from <= today:
            in_force.setdefault(version.menu, version.pk)
    return render(
        request,
        "switching/disclosure_lists.html",
        {
            "title": _("Lists of disadvantages"),
            "base": disclosures.version_on(today),
            "base_lines": disclosures.lines_of(disclosures.version_on(today)),
            "rows": [
                (
                    version,
                    badge(_("coming"), "waiting")
                    if version.valid_from > today
                    else badge(_("in force"), "done")
                    if in_force.get(version.menu) == version.pk
                    else badge(_("followed"), "stopped"),
                )
                for version in versions
            ],
            "drafts": DisclosureDraft.objects.filter(retailer=user.company).select_related("edited_by"),
        },
    )


@needs(Ability.LAY_DOWN_RULES)
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """One published version of an own list and what it changed."""
    user = person(request)
    version = get_object_or_404(DisclosureVersion, retailer=user.company, pk=pk)
    former = disclosures.former_of(user.company, version.menu, version)
    changes = disclosures.difference(disclosures.lines_of(former), disclosures.lines_of(version))
    return render(
        request,
        "switching/disclosure_list.html",
        {
            "title": _("List of disadvantages: %(menu)s") % {"menu": version.menu or _("all other menus")},
            "facts": [
                (_("Version"), version.version),
                (_("Valid from"), jst(version.valid_from)),
                (_("Early-termination charge"), version.get_charge_display()),
            ],
            "changes": [_changed(change) for change in changes],
            "former": former,
        },
    )


@needs(Ability.LAY_DOWN_RULES)
def draft_new(request: HttpRequest) -> HttpResponse:
    """Begin a draft: for a menu that has a list from its newest version, else from nothing."""
    user = person(request)
    if request.method == "POST":
        return _saved(request, ListForm(request.POST))
    menu = request.GET.get("menu", "")[:60]
    former = disclosures.former_of(user.company, menu)
    initial = {
        "menu": menu,
        "valid_from": jst_date(clock.now()),
        "charge": former.charge if former else "not_told",
        "items": written(disclosures.lines_of(former)),
    }
    return _form(request, ListForm(initial=initial))


@needs(Ability.LAY_DOWN_RULES)
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """The draft with the difference to the newest version: edit it, publish it, or throw it away."""
    user, now = person(request), clock.now()
    one = get_object_or_404(DisclosureDraft, retailer=user.company, pk=pk)
    if "publish" in request.POST:
        try:
            version = disclosures.publish_draft(one.pk, by=user, now=now)
        except disclosures.NotPossible as refusal:
            messages.error(request, sentence(refusal))
            return redirect("switching:disclosure-draft", one.pk)
        messages.success(
            request,
            _("Version %(version)s is published and holds from %(day)s.")
            % {"version": version.version, "day": jst(version.valid_from)},
        )
        return redirect("switching:disclosure-list", version.pk)
    if "discard" in request.POST:
        disclosures.discard_draft(one.pk, by=user)
        messages.success(request, _("The draft is thrown away."))
        return redirect("switching:disclosure-lists")
    if request.method == "POST":
        return _saved(request, ListForm({**request.POST.dict(), "menu": one.menu}), one)
    initial = {"menu": one.menu, "valid_from": one.valid_from, "charge": one.charge, "items": written(one.items)}
    return _form(request, ListForm(initial=initial), one)


def _saved(request: HttpRequest, form: ListForm, one: DisclosureDraft | None = None) -> HttpResponse:
    if form.is_valid():
        try:
            kept = disclosures.save_draft(**form.cleaned_data, by=person(request), now=clock.now())
        except disclosures.NotPossible as refusal:
            form.add_error(field_of(refusal, form), sentence(refusal))
        else:
            messages.success(request, _("The draft is kept. Compare it with the former version, then publish it."))
            return redirect("switching:disclosure-draft", kept.pk)
    return _form(request, form, one)


def _form(request: HttpRequest, form: ListForm, one: DisclosureDraft | None = None) -> HttpResponse:
    changes: list[disclosures.Change] = []
    former = None
    if one:
        former = disclosures.former_of(person(request).company, one.menu)
        lines: list[disclosures.Line] = [(code, ja, en) for code, ja, en in one.items]
        changes = disclosures.difference(disclosures.lines_of(former), lines)
        form.fields["menu"].disabled = True
    return render(
        request,
        "switching/disclosure_draft.html",
        {
            "title": _("Draft of a list of disadvantages"),
            "form": form,
            "draft": one,
            "former": former,
            "changes": [_changed(change) for change in changes],
            "back": reverse("switching:disclosure-lists"),
        },
        status=422 if form.errors else 200,
    )
