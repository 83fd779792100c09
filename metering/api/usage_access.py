"""Requests for a customer's past usage: asked with consent and what proves it, corrected while they wait, cancelled."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering import access_codes, access_corrections
from metering.inquiries import Refused
from metering.models import AccessCorrection, Consent, UsageAccessRequest
from portal import ledger
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Endpoint, Entries
from portal.api.files import CONTENT, FORM, WITH_FILE, AsItIs
from portal.api.paging import PageQuery, narrowed
from portal.api.schema import operation
from portal.market import Area, SupplyClass
from portal.views.documents import stored

TAG = "usage-access-requests"
LONGEST_ID = 2**63 - 1


class ToldEntries(Entries):
    """What the customer said of the contract."""

    contract_number = serializers.CharField(max_length=40)
    holder_name = serializers.CharField(max_length=80)
    holder_kana = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    holder_address = serializers.CharField(max_length=250)
    valid_days = serializers.ChoiceField(choices=UsageAccessRequest.Validity.choices, help_text="Of the code: days.")


class AccessEntries(ToldEntries):
    number = serializers.CharField(max_length=80, help_text="Supply point number; hyphens and blanks may stay.")
    consent = serializers.IntegerField(min_value=1, max_value=LONGEST_ID, help_text="Id of your company's consent.")


class AccessEntriesWithFile(AccessEntries):
    file = serializers.FileField(
        required=False, allow_empty_file=True, max_length=400, help_text="What proves the consent: scan or recording."
    )


class AccessCorrectionEntries(ToldEntries):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    dry_run = serializers.BooleanField(default=False)


class AccessShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    number = serializers.CharField(source="point.number")
    supply_class = serializers.CharField(source="point.supply_class")
    area = serializers.CharField(source="point.area")
    state = serializers.ChoiceField(choices=UsageAccessRequest.State.choices)
    reason = serializers.CharField(allow_blank=True, help_text="Of a refusal.")
    consent = serializers.IntegerField(source="consent_id")
    registered_at = serializers.DateTimeField()
    due_on = serializers.DateField(help_text="The day on which it is decided.")
    decided_at = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)


class CorrectionShown(serializers.Serializer):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)
    changed = serializers.SerializerMethodField(help_text="The names of the entries it changed.")

    def get_changed(self, correction: AccessCorrection) -> list[str]:
        return [name for name in access_corrections.FIELDS if correction.before.get(name) != correction.after.get(name)]


class UseShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    at = serializers.DateTimeField()


class ProofShown(serializers.Serializer):
    name = serializers.CharField()
    content_type = serializers.CharField()
    sha256 = serializers.CharField()


class AccessDetails(AccessShown):
    contract_number = serializers.CharField()
    holder_name = serializers.CharField()
    holder_kana = serializers.CharField(allow_blank=True)
    holder_address = serializers.CharField()
    valid_days = serializers.IntegerField()
    code = serializers.CharField(allow_blank=True, help_text='Twelve digits while it is valid, else "".')
    evidence = ProofShown(allow_null=True)
    corrections = CorrectionShown(many=True)
    uses = UseShown(many=True)


class AccessQuery(PageQuery):
    state = serializers.ChoiceField(choices=UsageAccessRequest.State.choices, required=False)
    supply_class = serializers.ChoiceField(
        choices=[choice for choice in SupplyClass.choices if choice[0] in access_codes.CLASSES], required=False
    )
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    valid = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: those whose code is valid now."
    )


def _rows(view: Endpoint) -> QuerySet[UsageAccessRequest]:
    rows: QuerySet[UsageAccessRequest] = UsageAccessRequest.objects.visible_to(view.by)
    return rows.select_related("point", "consent")


def _one(view: Endpoint, pk: int) -> UsageAccessRequest:
    return get_object_or_404(_rows(view), pk=pk)


def _shown(found: UsageAccessRequest, view: Endpoint) -> dict[str, Any]:
    """With what the customer said: a read of personal data, which the caller notes."""
    found.code = access_codes.code_of(found) if found.is_valid(view.now) else ""  # type: ignore[attr-defined]
    found.evidence = found if found.path else None  # type: ignore[attr-defined]
    found.uses = found.inquiries.all()  # type: ignore[attr-defined]
    return AccessDetails(found).data


class AccessRequests(Endpoint):
    """Requests of your company for a customer's usage of the last 13 months; the code comes the next business day."""

    needs = {"get": Ability.INQUIRE, "post": Ability.INQUIRE}
    parser_classes = WITH_FILE

    @operation(_("List requests for past usage"), lists=AccessShown, query=AccessQuery)
    def get(self, request: Request) -> Response:
        query = self.query(AccessQuery)
        paths = {"state": "state", "supply_class": "point__supply_class", "area": "point__area"}
        rows = narrowed(_rows(self), query, paths)
        if query["valid"] is not None:
            valid = {"valid_until__gt": self.now}
            rows = rows.filter(**valid) if query["valid"] else rows.exclude(**valid)
        return self.page(rows, AccessShown, query)

    @operation(
        _("Ask for past usage"),
        entries={"application/json": AccessEntries, FORM: AccessEntriesWithFile},
        shows=AccessDetails,
        status=201,
    )
    def post(self, request: Request) -> Response:
        entered = self.entries(AccessEntriesWithFile)
        consent = Consent.objects.filter(pk=entered.pop("consent"), company=self.by.company).first()
        made = access_codes.register(
            **{"evidence": entered.pop("file", None), **entered}, consent=consent, by=self.by, now=self.now
        )
        return self.created(_shown(_one(self, made.pk), self), "api:usage-access-request", made.pk)


class AccessRequest(Endpoint):
    """One request with what the customer said, and its code while it is valid; each read stands in the ledger."""

    needs = {"get": Ability.INQUIRE, "put": Ability.INQUIRE}

    @operation(_("Read a request for past usage"), shows=AccessDetails)
    def get(self, request: Request, pk: int) -> Response:
        found = _one(self, pk)
        subject = access_codes.subject_of(found)
        ledger.record("usage access read", subject, by=self.by, now=self.now, purpose=found.consent.purpose, way="api")
        return self.one(_shown(found, self))

    @operation(
        _("Correct a request for past usage"),
        entries=AccessCorrectionEntries,
        shows=AccessDetails,
        matches=True,
        checks=True,
    )
    def put(self, request: Request, pk: int) -> Response:
        entered = self.entries(AccessCorrectionEntries)
        found = _one(self, pk)
        UsageAccessRequest.objects.select_for_update(of=("self",)).get(pk=found.pk)
        found = _one(self, pk)
        self.must_match(_shown(found, self))
        try:
            access_corrections.correct(found, **entered, by=self.by, now=self.now)
        except Refused as refusal:
            if not entered["dry_run"]:
                raise
            kind = problems.kind_of(refusal)
            assert kind is not None
            problem = problems.body(kind, refusal, trace_id=self.trace_id)
            return Response({"is_possible": False, "sentence": str(refusal), "problem": problem})
        if entered["dry_run"]:
            return Response(
                {"is_possible": True, "sentence": str(_("Every rule is met. Nothing was corrected.")), "problem": None}
            )
        return self.one(_shown(_one(self, pk), self))


class AccessCancellation(Endpoint):
    """Take a waiting request back."""

    needs = {"post": Ability.INQUIRE}

    @operation(_("Cancel a request for past usage"), entries=Entries, shows=AccessShown, tag=TAG)
    def post(self, request: Request, pk: int) -> Response:
        self.entries(Entries)
        found = _one(self, pk)
        access_codes.cancel(found, by=self.by, now=self.now)
        return self.one(AccessShown(_one(self, pk)).data)


class AccessEvidence(Endpoint):
    """What proves the consent, as it was handed in; the read stands in the ledger."""

    needs = {"get": Ability.INQUIRE}
    content_negotiation_class = AsItIs

    @operation(_("Fetch what proves the consent"), shows=CONTENT, media="*/*", tag=TAG)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        found = _one(self, pk)
        if not found.path:
            raise Http404
        access_codes.note_evidence_read(found, by=self.by, now=self.now)
        return stored(found)
