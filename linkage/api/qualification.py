"""The qualification: how far each role is, the evidence signed and handed over, and the signed archives."""

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from linkage import qualification
from linkage.api.inside import TAG, Inside
from linkage.models import Evidence
from linkage.views.qualification import archive
from portal import hub_key
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Entries
from portal.api.files import AsItIs
from portal.api.paging import PageQuery
from portal.api.problems import Kind
from portal.api.schema import operation
from switching.partners.behaviours import Partner

problems.of_verbs("qualification", {qualification.NotAllowed: 403, qualification.OnlyInPrivate: 409})
problems.register(
    Kind(
        "qualification.not_complete",
        409,
        qualification.NotComplete.sentence,
        (qualification.NotComplete,),
        more=lambda error: {"missing": error.missing},
    )
)


class QualificationCaseShown(serializers.Serializer):
    code = serializers.CharField(source="case.code")
    words = serializers.CharField(source="case.words")
    how = serializers.CharField(source="case.how", help_text="How it is brought about.")
    is_shown = serializers.BooleanField()
    subject = serializers.CharField(allow_blank=True, help_text="What proves it.")


class RoleShown(serializers.Serializer):
    role = serializers.CharField()
    shown = serializers.IntegerField()
    whole = serializers.IntegerField()
    cases = QualificationCaseShown(many=True)


class ProgressShown(serializers.Serializer):
    version = serializers.CharField(help_text="Of the API, for which the evidence counts.")
    public_key = serializers.CharField(help_text="Ed25519, hexadecimal: evidence is checked with it.")
    roles = RoleShown(many=True)


class QualificationProgress(Inside):
    """Every case of every role, graded from what happened in the market."""

    needs = {"get": Ability.ENTER}

    @operation(_("Read how far the qualification is"), shows=ProgressShown, tag=TAG)
    def get(self, request: Request) -> Response:
        roles: list[dict[str, Any]] = []
        for role in (Partner.GAINING, Partner.LOSING, Partner.NETWORK):
            grades = qualification.assess(role)
            shown, whole = qualification.share(grades)
            roles.append({"role": role.value, "shown": shown, "whole": whole, "cases": grades})
        said = {"version": settings.QUALIFICATION_VERSION, "public_key": hub_key.public(), "roles": roles}
        return Response(ProgressShown(said).data)


class SignedEvidenceEntries(Entries):
    role = serializers.ChoiceField(choices=Partner.choices)


class SignedEvidenceShown(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    role = serializers.CharField()
    version = serializers.CharField()
    name = serializers.CharField()
    sha256 = serializers.CharField()
    signed_at = serializers.DateTimeField()
    handed_over_at = serializers.DateTimeField(allow_null=True, help_text="When it lay before the operator.")


class SignedEvidence(Inside):
    """Evidence signed in this market; the newest of a role and version lies before the operator."""

    needs = {"get": Ability.ENTER, "post": Ability.STEER_MARKET}

    @operation(_("List signed evidence"), lists=SignedEvidenceShown, query=PageQuery, tag=TAG)
    def get(self, request: Request) -> Response:
        rows = Evidence.objects.defer("pack")
        return self.page(rows, SignedEvidenceShown, self.query(PageQuery))

    @operation(
        _("Sign and hand over the evidence of a role"),
        entries=SignedEvidenceEntries,
        shows=SignedEvidenceShown,
        status=201,
        example={"role": "gaining"},
        tag=TAG,
    )
    def post(self, request: Request) -> Response:
        role = self.entries(SignedEvidenceEntries)["role"]
        made = qualification.hand_over(role, by=self.by, now=self.now, real=timezone.now())
        return self.created(SignedEvidenceShown(made).data, "api:linkage-evidence-one", made.pk)


class OneSignedEvidence(Inside):
    """What was signed, and whether it lies before the operator yet."""

    needs = {"get": Ability.ENTER}

    @operation(_("Read about signed evidence"), shows=SignedEvidenceShown, tag=TAG)
    def get(self, request: Request, pk: int) -> Response:
        return self.one(SignedEvidenceShown(get_object_or_404(Evidence.objects.defer("pack"), pk=pk)).data)


class SignedEvidenceContent(Inside):
    """The signed archive itself: `python3 verify.py --key PUBLIC-KEY` inside it checks it."""

    needs = {"get": Ability.ENTER}
    content_negotiation_class = AsItIs

    @operation(
        _("Fetch signed evidence"), shows={"type": "string", "format": "binary"}, media="application/zip", tag=TAG
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return archive(get_object_or_404(Evidence, pk=pk))
