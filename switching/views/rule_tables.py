"""The tables of the rules as a page, in the reader's language: what `docs/rules.md` holds."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from portal.access import Ability, needs
from switching import rules_document


@needs(Ability.ENTER)
def page(request: HttpRequest) -> HttpResponse:
    """Every table the room's verbs work with, as it is in force."""
    return render(
        request, "switching/rule_tables.html", {"title": _("Rules as tables"), "tables": rules_document.tables()}
    )
