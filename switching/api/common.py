"""What the endpoints of cases share: points and companies by their public codes, checks without filing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.response import Response

from metering import meters
from metering.models import FacilityInquiry, SupplyPoint
from metering.points import WrongNumber, normalise_number
from portal.access import Ability, within
from portal.api import problems
from portal.api.endpoint import Endpoint, Entries
from portal.api.problems import Kind
from portal.models import Company, Participation, User
from portal.quotable import quotable_id
from switching import dry_runs
from switching.sentences import SENTENCES

REFUSALS: tuple[type[Exception], ...] = (*SENTENCES, meters.NotPossible)
"""What the verbs of cases refuse: a check without filing tells it as its outcome."""


class PointNotAsked(problems.Refused):
    """The company has made no facility inquiry about the point, so no case of it can begin there."""


class NoSuchCode(problems.Refused):
    """No active company carries this participant code in the point's area; `field` names the entry."""


problems.register(
    Kind(
        "cases.point_not_asked",
        422,
        _("Your company has made no facility inquiry about this number yet. Please make one first."),
        (PointNotAsked,),
        fields=lambda error: ["point"],
    ),
    Kind(
        "cases.no_such_code",
        422,
        _("No active company carries this participant code in the point's area. See the participants for the codes."),
        (NoSuchCode,),
        fields=lambda error: [error.more["field"]],
    ),
)


def checked(
    deed: Callable[[], Any], *, name: str, subject: str, by: User, now: datetime, trace_id: str = ""
) -> Response:
    """Ask a verb with its `dry_run`, keep the check in the asker's ledger, and tell what would have become of it."""
    refusal: Exception | None = None
    try:
        deed()
    except REFUSALS as found:
        refusal = found
    outcome = dry_runs.outcome(refusal, deed=name, subject=subject, by=by, now=now)
    kind = problems.kind_of(refusal) if refusal else None
    told = problems.body(kind, refusal, trace_id=trace_id or quotable_id()) if kind else None
    return Response({"is_possible": outcome.is_possible, "sentence": outcome.sentence, "problem": told})


class DeedEntries(Entries):
    """A deed that needs no more than its name."""

    dry_run = serializers.BooleanField(default=False, help_text="Ask every rule and do nothing.")


def act(
    view: Endpoint,
    verb: Callable[..., Any],
    *,
    name: str,
    subject: str,
    dry_run: bool,
    then: Callable[[Any], Response],
) -> Response:
    """Ask the verb with its `dry_run`, or do it and show by `then` what came of it."""
    if dry_run:
        return checked(
            lambda: verb(dry_run=True), name=name, subject=subject, by=view.by, now=view.now, trace_id=view.trace_id
        )
    return then(verb())


def number_in(text: str) -> str:
    """The supply point number typed as the entry `point`. Raises points.WrongNumber, which names that entry."""
    try:
        return normalise_number(text, supply_class=None)
    except WrongNumber as mistake:
        mistake.entry = "point"  # type: ignore[attr-defined]
        raise


def asked_point(text: str, by: User, ability: Ability) -> SupplyPoint:
    """The point of the company's own facility inquiry. Raises points.WrongNumber, PointNotAsked."""
    number = number_in(text)
    inquiry = (
        FacilityInquiry.objects.filter(
            within(by, ability, area="area", supply_class="supply_class"), company=by.company, point__number=number
        )
        .select_related("point")
        .first()
    )
    if inquiry is None:
        raise PointNotAsked
    return inquiry.point


def by_code(code: str, area: str, *, field: str) -> Company:
    """The active company with this participant code in the area. Raises NoSuchCode."""
    part = Participation.objects.filter(code=code, area=area, company__is_active=True).select_related("company").first()
    if part is None:
        raise NoSuchCode(field=field)
    return part.company


def code_of(company: Company, area: str) -> str:
    """The company's participant code in the area, "" without one; `participations` is best fetched beforehand."""
    return next((part.code for part in company.participations.all() if part.area == area), "")
