"""A retailer's administrator lays down the company's rules for relays: how numbers look, what the hub may do itself."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from portal import clock
from portal.access import Ability, needs, person
from switching import policies
from switching.forms import RulesForm


@needs(Ability.LAY_DOWN_RULES)
def page(request: HttpRequest) -> HttpResponse:
    """The rules in force; tried out with numbers, or laid down anew."""
    user = person(request)
    rules = policies.of(user.company)
    form = RulesForm(request.POST if request.method == "POST" else None, instance=rules)
    tried: list[tuple[str, bool]] = []
    if request.method == "POST" and form.is_valid():
        if "try" not in request.POST:
            values = {name: value for name, value in form.cleaned_data.items() if name != "tries"}
            policies.lay_down(retailer=user.company, **values, by=user, now=clock.now())
            messages.success(request, _("The rules are in force. Others see pattern, hint and sample at once."))
            return redirect("switching:relay-rules")
        tried = form.tried()
    return render(
        request,
        "switching/rules.html",
        {"title": _("Rules for relays"), "form": form, "tried": tried, "is_tried": "try" in request.POST},
        status=422 if form.errors else 200,
    )
