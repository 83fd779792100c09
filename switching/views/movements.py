"""Planned movements: the own ones of a retailer, and for a network operator those on its network."""

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import clock, gates, lists
from portal.access import Ability, needs, person
from portal.filters import Days, YesOrNo
from portal.lists import Column
from portal.templatetags.words import badge, class_mark, company_name, jst, point_number
from switching import movements
from switching.models import Movement
from switching.sentences import sentence
from switching.views.filters import ClassOfSupply, InArea


class MovementFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=Movement.Kind.choices)
    point = django_filters.CharFilter(
        label=gettext_lazy("Supply point"), field_name="point__number", lookup_expr="startswith"
    )
    area = InArea()
    supply_class = ClassOfSupply()
    meter_work = YesOrNo(gettext_lazy("Meter work expected"))
    wished_on = Days(gettext_lazy("Wished date from / until"))
    ended = YesOrNo(gettext_lazy("Also ended ones"), usually_no=True, field_name="ended_at", method="with_ended")

    class Meta:
        model = Movement
        fields: list[str] = []

    def with_ended(self, queryset: QuerySet[Movement], name: str, value: bool) -> QuerySet[Movement]:
        return queryset

    def filter_queryset(self, queryset: QuerySet[Movement]) -> QuerySet[Movement]:
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("ended") else found.filter(ended_at=None)


def _state(movement: Movement) -> str:
    return movement.get_ending_display() if movement.ended_at else _("planned")


def _columns(company_id: int) -> list[Column]:
    return [
        Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number, sort="point__number"),
        Column("supply_class", gettext_lazy("Class of supply"), value="point.supply_class", show=class_mark),
        Column("kind", gettext_lazy("Kind"), value=lambda one: one.get_kind_display(), sort="kind"),
        Column("wished_on", gettext_lazy("Wished date"), show=jst, sort="wished_on"),
        Column("earliest_on", gettext_lazy("Earliest by lead time"), show=jst, sort="earliest_on"),
        Column(
            "meter_work",
            gettext_lazy("Meter work expected"),
            value=lambda one: _("yes") if one.meter_work else "",
            sort="meter_work",
        ),
        Column("company", gettext_lazy("Retailer"), value=lambda one: company_name(one.company), sort="company__name"),
        Column(
            "state",
            gettext_lazy("State"),
            value=_state,
            draw=lambda one: badge(_state(one), "stopped" if one.ended_at else "going"),
        ),
        Column("announced_at", gettext_lazy("Announced at"), show=jst, sort="announced_at"),
        Column(
            "reference",
            gettext_lazy("Your own reference"),
            value=lambda one: one.reference if one.company_id == company_id else "",
            csv_only=True,
        ),
        Column(
            "withdraw",
            gettext_lazy("Withdraw"),
            value=lambda one: _("Withdraw") if one.company_id == company_id and not one.ended_at else "",
            link=lambda one: (
                reverse("switching:movement-withdrawal", args=[one.pk])
                if one.company_id == company_id and not one.ended_at
                else ""
            ),
        ),
    ]


@needs(Ability.SEE_APPLICATIONS)
def listing(request: HttpRequest) -> HttpResponseBase:
    """What is planned: by the own company, or on the own network."""
    user = person(request)
    return lists.show(
        request,
        Movement.objects.visible_to(user).select_related("point", "company"),
        columns=_columns(user.company_id),
        filterset=MovementFilter,
        title=_("Movement information"),
        empty=_("Nothing is planned. Retailers tell of planned movements by file."),
        template="switching/movements.html",
        context={"may_send": user.may(Ability.SEND_MANY) and user.may(Ability.FILE_APPLICATION)},
        filename="movements",
    )


@needs(Ability.FILE_APPLICATION)
def withdrawal(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a plan back, after a page that asks."""
    user = person(request)
    own = Movement.objects.visible_to(user).filter(company=user.company_id).select_related("point")
    movement = get_object_or_404(own, pk=pk)
    if request.method == "POST":
        try:
            movements.withdraw(movement.pk, by=user, now=clock.now())
        except movements.NotPossible as refusal:
            messages.error(request, sentence(refusal))
        except gates.Closed as closed:
            messages.error(request, str(closed))
        else:
            messages.success(request, _("The plan is withdrawn."))
        return redirect("switching:movements")
    context = {
        "title": _("Withdraw the plan"),
        "facts": [
            (_("Supply point"), point_number(movement.point.number)),
            (_("Kind"), movement.get_kind_display()),
            (_("Wished date"), jst(movement.wished_on)),
        ],
        "action_label": _("Withdraw"),
        "back_url": reverse("switching:movements"),
        "back_label": _("Cancel"),
    }
    return render(request, "switching/movement_withdrawal.html", context)
