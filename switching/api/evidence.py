"""Evidence of consents and explanations: handed in as a file, listed, fetched by the company that answers for it.

The losing retailer that judges a relay reads of its evidence what it is and its SHA-256, and never the file.
"""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import Ability
from portal.api.endpoint import Endpoint
from portal.api.files import CONTENT, FORM, WITH_FILE, AsItIs, FileEntries
from portal.api.paging import PageQuery, in_shape
from portal.api.schema import operation
from portal.views.documents import stored
from switching import evidence
from switching.forms import EvidenceForm
from switching.models import Disclosure, Evidence, Relay


class EvidenceEntries(FileEntries):
    kind = serializers.ChoiceField(choices=Evidence.Kind.choices)
    channel = serializers.ChoiceField(choices=Disclosure.Channel.choices)
    obtained_on = serializers.DateField()
    agent = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")


class EvidenceShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    kind = serializers.CharField()
    channel = serializers.CharField()
    obtained_on = serializers.DateField()
    attached_at = serializers.DateTimeField()
    sha256 = serializers.CharField()
    agent = serializers.CharField(allow_null=True, allow_blank=True)
    name = serializers.CharField(allow_null=True)
    content_type = serializers.CharField(allow_null=True)
    size = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    content = serializers.CharField(allow_null=True, help_text="Where its bytes are; null for the other side.")


def shown(found: Evidence, view: Endpoint) -> dict[str, Any]:
    """A piece of evidence, for its own company with the file."""
    own = found.company_id == view.by.company_id
    of_the_file = ("agent", "name", "content_type", "size")
    return in_shape(
        EvidenceShown,
        {
            **{
                name: getattr(found, name) for name in ("pk", "kind", "channel", "obtained_on", "attached_at", "sha256")
            },
            **{name: getattr(found, name) if own else None for name in of_the_file},
            "content": reverse("api:evidence-content", args=[found.pk]) if own else None,
        },
    )


class _Attached(Endpoint):
    """Evidence on one case."""

    parser_classes = WITH_FILE

    def attached(self, case: Disclosure | Relay) -> Response:
        entered = self.entries(EvidenceEntries)
        file = entered.pop("file")
        form = EvidenceForm(entered)
        del form.fields["file"]  # what is wrong with a file is the verb's to say
        made = evidence.attach(case=case, **self.cleaned(form), file=file, by=self.by, now=self.now)
        return self.created(shown(made, self), "api:evidence", made.pk)


class RelayEvidence(_Attached):
    """Files that prove the customer's consent, on a relay of your company; the other side reads what they are."""

    needs = {"get": Ability.SEE_RELAYS, "post": Ability.REGISTER_RELAY}

    @operation(_("List the evidence of a relay"), lists=EvidenceShown, query=PageQuery, tag="relays")
    def get(self, request: Request, number: str) -> Response:
        query = self.query(PageQuery)
        relay = get_object_or_404(Relay.objects.visible_to(self.by), number=number)
        return self.page(relay.evidence.all(), lambda found: shown(found, self), query)

    @operation(
        _("Attach evidence to a relay"), entries={FORM: EvidenceEntries}, shows=EvidenceShown, status=201, tag="relays"
    )
    def post(self, request: Request, number: str) -> Response:
        rows = Relay.objects.visible_to(self.by).select_related("point")
        return self.attached(get_object_or_404(rows, number=number, gaining_retailer=self.by.company))


class DisclosureEvidence(_Attached):
    """Files that prove an explanation."""

    needs = {"get": Ability.DISCLOSE, "post": Ability.DISCLOSE}

    def _case(self, pk: int) -> Disclosure:
        return get_object_or_404(Disclosure.objects.visible_to(self.by).select_related("point"), pk=pk)

    @operation(_("List the evidence of an explanation"), lists=EvidenceShown, query=PageQuery, tag="disclosures")
    def get(self, request: Request, pk: int) -> Response:
        query = self.query(PageQuery)
        return self.page(self._case(pk).evidence.all(), lambda found: shown(found, self), query)

    @operation(
        _("Attach evidence to an explanation"),
        entries={FORM: EvidenceEntries},
        shows=EvidenceShown,
        status=201,
        tag="disclosures",
    )
    def post(self, request: Request, pk: int) -> Response:
        return self.attached(self._case(pk))


def _own(view: Endpoint) -> QuerySet[Evidence]:
    return Evidence.objects.visible_to(view.by).select_related("relay", "disclosure__point")


class OneEvidence(Endpoint):
    """One piece of evidence of your company."""

    needs = {"get": Ability.SEE_RELAYS}

    @operation(_("Read about a piece of evidence"), shows=EvidenceShown)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(shown(get_object_or_404(_own(self), pk=pk), self))


class EvidenceContent(Endpoint):
    """The file; the read stands in the ledger."""

    needs = {"get": Ability.SEE_RELAYS}
    content_negotiation_class = AsItIs

    @operation(_("Fetch a piece of evidence"), shows=CONTENT, media="*/*", tag="evidence")
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return stored(evidence.read(get_object_or_404(_own(self), pk=pk), by=self.by, now=self.now))
