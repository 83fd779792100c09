"""Consents, facility inquiries and searches by address or meter: the same questions as on the pages."""

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering import inquiries as verbs
from metering.models import Consent, FacilityInquiry
from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery
from portal.api.schema import operation
from portal.market import Area, SupplyClass


class ConsentEntries(Entries):
    reference = serializers.CharField(max_length=60, help_text="Your own reference: recording, form or order.")
    channel = serializers.ChoiceField(choices=Consent.Channel.choices)
    purpose = serializers.ChoiceField(choices=Consent.Purpose.choices)
    obtained_on = serializers.DateField()


class ConsentShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    reference = serializers.CharField()
    channel = serializers.CharField()
    purpose = serializers.CharField()
    obtained_on = serializers.DateField()


class Consents(Endpoint):
    """A customer's consent to your company, recorded before anything is asked."""

    needs = {"post": Ability.INQUIRE}

    @operation(
        _("Record a consent"),
        entries=ConsentEntries,
        shows=ConsentShown,
        status=201,
        example={"reference": "REC-1", "channel": "phone", "purpose": "switch", "obtained_on": "2026-04-01"},
    )
    def post(self, request: Request) -> Response:
        consent = verbs.record_consent(**self.entries(ConsentEntries), by=self.by, now=self.now)
        return self.one(ConsentShown(consent).data, status=201)


class InquiryEntries(Entries):
    number = serializers.CharField(max_length=80, help_text="Supply point number; hyphens and blanks may stay.")
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices)
    consent = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="Id of your company's consent.")


class InquiryShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    at = serializers.DateTimeField()
    number = serializers.CharField(source="point.number")
    supply_class = serializers.CharField()
    area = serializers.CharField()
    consent = serializers.IntegerField(source="consent_id")
    answer = serializers.DictField(help_text="As it was given: codes, figures, meters, pending movements.")


class InquiryQuery(PageQuery):
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices, required=False)
    area = serializers.ChoiceField(choices=Area.choices, required=False)


class Inquiries(Endpoint):
    """Facility inquiries of your company: asked about one supply point, answered at once, nothing personal."""

    needs = {"get": Ability.INQUIRE, "post": Ability.INQUIRE}

    @operation(_("List facility inquiries"), lists=InquiryShown, query=InquiryQuery)
    def get(self, request: Request) -> Response:
        query = self.query(InquiryQuery)
        rows = FacilityInquiry.objects.visible_to(self.by).select_related("point")
        rows = rows.filter(**{name: query[name] for name in ("supply_class", "area") if name in query})
        return self.page(rows, InquiryShown, query)

    @operation(
        _("Ask about a supply point"),
        entries=InquiryEntries,
        shows=InquiryShown,
        status=201,
        example={"number": "0300000000000000000001", "supply_class": "LV", "consent": 1},
    )
    def post(self, request: Request) -> Response:
        entered = self.entries(InquiryEntries)
        consent = Consent.objects.filter(pk=entered.pop("consent"), company=self.by.company).first()
        inquiry = verbs.inquire(**entered, consent=consent, by=self.by, now=self.now)
        return self.created(InquiryShown(inquiry).data, "api:inquiry", inquiry.pk)


class Inquiry(Endpoint):
    """One facility inquiry, as it was answered."""

    needs = {"get": Ability.INQUIRE}

    @operation(_("Read a facility inquiry"), shows=InquiryShown)
    def get(self, request: Request, pk: int) -> Response:
        rows = FacilityInquiry.objects.visible_to(self.by).select_related("point")
        return self.one(InquiryShown(get_object_or_404(rows, pk=pk)).data)


class AddressEntries(Entries):
    address = serializers.CharField(max_length=200)
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices)
    consent = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class MeterEntries(Entries):
    meter_number = serializers.CharField(max_length=40)
    supply_class = serializers.ChoiceField(choices=SupplyClass.choices)
    consent = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class CandidateShown(serializers.Serializer):
    number = serializers.CharField()
    supply_class = serializers.CharField()
    meter_tails = serializers.ListField(child=serializers.CharField())
    contract_size = serializers.CharField(allow_blank=True)
    contract_size_unit = serializers.CharField(allow_blank=True)


class CandidatesShown(serializers.Serializer):
    items = CandidateShown(many=True)


class AddressSearch(Endpoint):
    """Supply points at an address (LV, HV or FIT), at most 20, told apart by meter and size; no address is shown."""

    needs = {"post": Ability.INQUIRE}

    @operation(_("Search by address"), entries=AddressEntries, shows=CandidatesShown)
    def post(self, request: Request) -> Response:
        entered = self.entries(AddressEntries)
        consent = Consent.objects.filter(pk=entered.pop("consent"), company=self.by.company).first()
        found = verbs.search_by_address(**entered, consent=consent, by=self.by, now=self.now)
        return Response(CandidatesShown({"items": found}).data)


class MeterSearch(Endpoint):
    """Supply points at which a meter of this number stands now."""

    needs = {"post": Ability.INQUIRE}

    @operation(_("Search by meter number"), entries=MeterEntries, shows=CandidatesShown)
    def post(self, request: Request) -> Response:
        entered = self.entries(MeterEntries)
        consent = Consent.objects.filter(pk=entered.pop("consent"), company=self.by.company).first()
        found = verbs.search_by_meter(**entered, consent=consent, by=self.by, now=self.now)
        return Response(CandidatesShown({"items": found}).data)
