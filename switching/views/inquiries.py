"""The facility inquiry a case of the gaining retailer begins with: the company's own, inside the person's areas."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from metering.models import FacilityInquiry
from portal import lists
from portal.access import Ability, within
from portal.lists import Column
from portal.models import User
from portal.templatetags.words import class_mark, point_number


def of_company(user: User, ability: Ability) -> QuerySet[FacilityInquiry]:
    """The company's inquiries in the areas and classes where the person holds the ability.

    A relay or an application begins with the point of an inquiry a colleague may have made, so the ability asked
    for is that of the next step, not the inquiry's own.
    """
    return FacilityInquiry.objects.filter(
        within(user, ability, area="area", supply_class="supply_class"), company=user.company
    ).select_related("point", "by")


def asked_for(request: HttpRequest, ability: Ability) -> FacilityInquiry | None:
    """The inquiry named by `?inquiry=`; None where none is named, 404 where it is not one of the company's."""
    text = request.GET.get("inquiry", "")
    if not text:
        return None
    known = text.isascii() and text.isdigit() and len(text) < 19
    inquiry = of_company(request.user, ability).filter(pk=int(text)).first() if known else None  # type: ignore[arg-type]
    if inquiry is None:
        raise Http404
    return inquiry


def choose(
    request: HttpRequest,
    ability: Ability,
    *,
    next_page: str,
    title: Any,
    template: str,
    context: dict[str, Any] | None = None,
) -> HttpResponseBase:
    """The company's inquiries to begin from, each leading to the page `next_page` names."""
    columns = [
        Column(
            "at",
            _("Inquiry of"),
            sort="at",
            link=lambda inquiry: f"{reverse(next_page)}?inquiry={inquiry.pk}",
        ),
        Column("supply_class", _("Class of supply"), show=class_mark, sort="supply_class"),
        Column("point", _("Supply point"), value="point.number", show=point_number, sort="point__number"),
        Column("area", _("Area"), value=lambda inquiry: inquiry.get_area_display(), sort="area"),
        Column("by", _("Asked by"), value="by.name"),
    ]
    return lists.show(
        request,
        of_company(request.user, ability),  # type: ignore[arg-type]
        columns=columns,
        title=title,
        empty=_("No facility inquiry of your company yet. Every relay begins with one."),
        template=template,
        context=context,
    )
