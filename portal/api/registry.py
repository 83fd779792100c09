"""Participants of the market, and the client certificates a program asked for."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal import certificate_requests, certificates
from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery
from portal.api.schema import operation
from portal.market import Area, MarketRole
from portal.models import Certificate, CertificatePurpose, CertificateRequest, Participation


class ParticipantShown(serializers.Serializer):
    code = serializers.CharField()
    area = serializers.CharField()
    market_role = serializers.CharField()
    name = serializers.CharField(source="company.name")
    name_en = serializers.CharField(source="company.name_en", allow_blank=True)
    registration_number = serializers.CharField(source="company.registration_number", allow_blank=True)
    corporate_number = serializers.CharField(source="company.corporate_number", allow_blank=True)
    is_active = serializers.BooleanField(source="company.is_active")


class ParticipantQuery(PageQuery):
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    market_role = serializers.ChoiceField(choices=MarketRole.choices, required=False)


class Participants(Endpoint):
    """The participants of the market: every company with its code per area."""

    needs = {"get": Ability.SEE_PARTICIPANTS}

    @operation(_("List participants"), lists=ParticipantShown, query=ParticipantQuery)
    def get(self, request: Request) -> Response:
        query = self.query(ParticipantQuery)
        rows = Participation.objects.select_related("company")
        rows = rows.filter(**{name: query[name] for name in ("area", "market_role") if name in query})
        return self.page(rows, ParticipantShown, query, key="code", is_descending=False)


class CertificateShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    purpose = serializers.CharField()
    environment = serializers.CharField()
    terminal = serializers.CharField()
    serial = serializers.CharField()
    sha256 = serializers.CharField()
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class CertificateDetails(CertificateShown):
    issuer = serializers.CharField()
    subject = serializers.CharField()
    pem = serializers.CharField(help_text="The certificate and, where the hub issued it, the authorities above it.")


class Certificates(Endpoint):
    """The client certificates this client asked for, or may see."""

    needs = {"get": Ability.REQUEST_CERTIFICATE}

    @operation(_("List certificates"), lists=CertificateShown, query=PageQuery)
    def get(self, request: Request) -> Response:
        rows = Certificate.objects.visible_to(self.by)
        return self.page(rows, CertificateShown, self.query(PageQuery))


class OneCertificate(Endpoint):
    """One certificate, as text to be installed beside its key."""

    needs = {"get": Ability.REQUEST_CERTIFICATE}

    @operation(_("Read a certificate"), shows=CertificateDetails)
    def get(self, request: Request, pk: int) -> Response:
        found = get_object_or_404(Certificate.objects.visible_to(self.by), pk=pk)
        found.pem += certificates.chain_above(found, now=timezone.now())
        return self.one(CertificateDetails(found).data)


class CertificateRequestEntries(Entries):
    terminal = serializers.CharField(max_length=40)
    purpose = serializers.ChoiceField(choices=CertificatePurpose.choices)
    csr = serializers.CharField(max_length=100_000, trim_whitespace=False, help_text="PKCS#10, as PEM.")


class CertificateRequestShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    terminal = serializers.CharField()
    purpose = serializers.CharField()
    state = serializers.CharField()
    requested_at = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)
    certificate = serializers.SerializerMethodField()

    def get_certificate(self, request: CertificateRequest) -> str:
        """As PEM, once it is issued."""
        return request.certificate.pem if hasattr(request, "certificate") else ""


def _requests(view: Endpoint) -> QuerySet[CertificateRequest]:
    return CertificateRequest.objects.visible_to(view.by).select_related("certificate")


class CertificateRequests(Endpoint):
    """Asking for a certificate for a key of the terminal's own; an administrator of the company decides."""

    needs = {"get": Ability.REQUEST_CERTIFICATE, "post": Ability.REQUEST_CERTIFICATE}

    @operation(_("List certificate requests"), lists=CertificateRequestShown, query=PageQuery)
    def get(self, request: Request) -> Response:
        return self.page(_requests(self), CertificateRequestShown, self.query(PageQuery))

    @operation(_("Ask for a certificate"), entries=CertificateRequestEntries, shows=CertificateRequestShown, status=201)
    def post(self, request: Request) -> Response:
        entered = self.entries(CertificateRequestEntries)
        asked = certificate_requests.ask(
            purpose=entered["purpose"],
            terminal=entered["terminal"],
            way=CertificateRequest.Way.CSR,
            csr=entered["csr"].encode(),
            by=self.by,
            now=timezone.now(),
        )
        return self.created(CertificateRequestShown(asked).data, "api:certificate-request", asked.pk)


class OneCertificateRequest(Endpoint):
    """One request: whether it was decided, and the certificate once it is issued."""

    needs = {"get": Ability.REQUEST_CERTIFICATE}

    @operation(_("Read a certificate request"), shows=CertificateRequestShown)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(CertificateRequestShown(get_object_or_404(_requests(self), pk=pk)).data)


class CertificateRequestWithdrawal(Endpoint):
    """Take a waiting request back."""

    needs = {"post": Ability.REQUEST_CERTIFICATE}

    @operation(
        _("Withdraw a certificate request"),
        entries=Entries,
        shows=CertificateRequestShown,
        tag="certificate-requests",
    )
    def post(self, request: Request, pk: int) -> Response:
        self.entries(Entries)
        certificate_requests.withdraw(get_object_or_404(_requests(self), pk=pk), by=self.by, now=timezone.now())
        return self.one(CertificateRequestShown(_requests(self).get(pk=pk)).data)
