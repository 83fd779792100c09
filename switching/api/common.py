"""What the endpoints of cases share: points and companies by their public codes, checks without filing."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.response import Response

from metering import meters
from metering.models import FacilityInquiry, SupplyPoint
from metering.points import WrongNumber, normalise_number
from portal import ahead, gates
from portal.access import Ability, within
from portal.api import problems
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery
from portal.api.problems import Kind
from portal.gates import FUNCTION_OF
from portal.market import Area, SupplyClass
from portal.models import Company, Participation, User
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


def checked(view: Endpoint, deed: Callable[[], Any], *, name: str, subject: str) -> Response:
    """Ask a verb with its `dry_run`, keep the check in the asker's ledger, and tell what would have become of it."""
    refusal: Exception | None = None
    try:
        with ahead.reading():  # nothing is written, so what two rules ask is asked once
            if function := FUNCTION_OF.get(str(view.needed(view.request))):
                gates.know_open(function, now=view.now)  # or the endpoint would have refused
            deed()
    except REFUSALS as found:
        refusal = found
    outcome = dry_runs.outcome(refusal, deed=name, subject=subject, by=view.by, now=view.now)
    kind = problems.kind_of(refusal) if refusal else None
    told = problems.body(kind, refusal, trace_id=view.trace_id) if kind else None
    return Response({"is_possible": outcome.is_possible, "sentence": outcome.sentence, "problem": told})


class PlaceQuery(PageQuery):
    """Parameters of a list of what happens at points."""

    supply_class = serializers.ChoiceField(choices=SupplyClass.choices, required=False)
    area = serializers.ChoiceField(choices=Area.choices, required=False)
    point = serializers.RegexField("^[0-9]{22}$", required=False)


class WishQuery(PlaceQuery):
    """Parameters of a list of what is wished for a day."""

    desired_from = serializers.DateField(required=False)
    desired_until = serializers.DateField(required=False)


PLACE = {"supply_class": "point__supply_class", "area": "point__area", "point": "point__number"}
WISH = {**PLACE, "desired_from": "desired_date__gte", "desired_until": "desired_date__lte"}
"""Where the values of these parameters stand (see paging.narrowed)."""


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
        return checked(view, partial(verb, dry_run=True), name=name, subject=subject)
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
