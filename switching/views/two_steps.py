"""A form that files nothing before a page showed exactly what will be filed: entries, confirmation, done."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from metering import meters
from switching import applications
from switching.forms import hidden
from switching.sentences import field_of, sentence


def is_sent(request: HttpRequest) -> bool:
    """True when entries were sent to be checked or filed, not to be edited again."""
    return request.method == "POST" and "edit" not in request.POST


def typed(request: HttpRequest, form: type[forms.Form], **given: Any) -> dict[str, Any]:
    """What stands in the form to begin with: the entries that are edited again, or else what is given."""
    if request.method != "POST":
        return given
    multiple = {name for name, field in form.base_fields.items() if isinstance(field, forms.MultipleChoiceField)}
    return {
        name: request.POST.getlist(name) if name in multiple else request.POST.get(name)
        for name in form.base_fields
        if name in request.POST
    }


def go(
    request: HttpRequest,
    form: Any,
    *,
    deed: Callable[[bool], Any],
    entries: Callable[[int], HttpResponse],
    confirm: Callable[[Any], dict[str, Any]],
    finished: Callable[[Any], HttpResponseBase],
) -> HttpResponseBase:
    """One request of the two: `deed(dry_run)` calls the verb, and a refusal stands beside its field."""
    if not form.is_bound:
        return entries(200)
    if not form.is_valid():
        return entries(422)
    is_confirmed = "confirmed" in request.POST
    try:
        outcome = deed(not is_confirmed)
    except applications.NotPossible as refusal:
        form.add_error(field_of(refusal, form), sentence(refusal))
        return entries(422)
    except meters.NotPossible as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return entries(422)
    if is_confirmed:
        return finished(outcome)
    return render(request, "switching/confirm.html", {"entries": hidden(form), **confirm(outcome)})
