"""Evidence for auditors: how the ledger's chain stands, and the proof pack of one case."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import hub_key, ledger_watch, proofs
from portal.access import Ability, needs, person, public
from portal.models import Seal, UnsealedEntry
from portal.sessions import deed_freshly_proven


class ProofForm(forms.Form):
    number = forms.CharField(
        label=gettext_lazy("Case number"),
        max_length=40,
        help_text=gettext_lazy("A relay (R…) or an application (A…)."),
        error_messages={"required": gettext_lazy("Please enter the number of the case.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("What for"),
        max_length=200,
        help_text=gettext_lazy("The ledger keeps it with your name."),
        error_messages={"required": gettext_lazy("Please say what the proof pack is for; the ledger keeps it.")},
    )


@needs(Ability.SEE_EVIDENCE)
@deed_freshly_proven
def evidence(request: HttpRequest) -> HttpResponse:
    """The chain's newest seal and the form for a proof pack; a filled form answers with the pack."""
    form = ProofForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            pack = proofs.export(**form.cleaned_data, by=person(request), now=timezone.now())
        except proofs.NoSuchCase as refused:
            form.add_error("number", str(refused))
        except (proofs.Refused, hub_key.Missing) as refused:
            form.add_error(None, str(refused))
        else:
            answer = HttpResponse(pack.content, content_type="application/zip")
            answer["Content-Disposition"] = f'attachment; filename="{pack.name}"'
            return answer
    return render(
        request,
        "portal/evidence.html",
        {
            "title": _("Seals and proof packs"),
            "form": form,
            "newest": Seal.objects.defer("links").order_by("-number").first(),
            "waiting": UnsealedEntry.objects.count(),
            "held": ledger_watch.held(),
        },
        status=422 if form.is_bound else 200,
    )


@public
def public_key(request: HttpRequest) -> HttpResponse:
    """What readers of a proof pack compare, for everybody: a key of 64 hexadecimal digits a line, the newest first."""
    try:
        keys = hub_key.published()
    except hub_key.Missing:
        return HttpResponse(_("The hub has no signing key yet.") + "\n", content_type="text/plain", status=404)
    return HttpResponse("".join(f"{key}\n" for key in keys), content_type="text/plain; charset=utf-8")
