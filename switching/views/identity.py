"""The published table of the identity check: which differences in writing are overlooked, which a person decides."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from portal.access import Ability, needs
from switching.identity import Rule, Verdict
from switching.views.judgements import VERDICT_TONES


@needs(Ability.ENTER)
def rules(request: HttpRequest) -> HttpResponse:
    """The rules as they are in force, read from the check itself."""
    return render(
        request,
        "switching/identity_rules.html",
        {
            "title": _("How the identity check compares"),
            "verdicts": [(verdict.label, VERDICT_TONES[verdict], _meaning(verdict)) for verdict in Verdict],
            "strict": [rule.label for rule in Rule if not rule.is_loose],
            "loose": [rule.label for rule in Rule if rule.is_loose],
        },
    )


def _meaning(verdict: Verdict) -> str:
    return {
        Verdict.EXACT: _("The two values are the same, character by character."),
        Verdict.NORMALISED: _("The same once the strict rules have evened out the way of writing."),
        Verdict.WEAK: _("The same only with a loose rule: a person decides, never the hub."),
        Verdict.DIFFERENT: _("Not the same by any rule."),
        Verdict.MISSING: _("One side has no value, so nothing can be compared."),
    }[verdict]
