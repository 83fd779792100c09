"""What a network operator still has to do about the applications on its network: one question for list and inbox."""

from typing import Any

from django.db.models import (
    Case,
    CharField,
    DateField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import Coalesce, TruncDate
from django.utils.translation import gettext_lazy as _

from portal.access import Ability, within
from portal.models import User
from portal.workdays import JST
from switching import meter_works
from switching.models import Application, Cancellation, MeterWork
from switching.states import ApplicationState

WORK_CAN_BE_PLANNED = frozenset({ApplicationState.ACCEPTED, ApplicationState.MATCHED, ApplicationState.SCHEDULED})


class Duty(TextChoices):
    """What the network operator does next about an application."""

    ANSWER = "answer", _("accept or reject")
    STOP = "stop", _("answer a request to stop")
    PLAN = "plan", _("plan the work at the meter")
    REPORT = "report", _("report the work done")
    PAPERWORK = "paperwork", _("report the paperwork completed")


def may_plan(application: Application) -> bool:
    """True where work at the meter may be planned for the application."""
    return application.state in WORK_CAN_BE_PLANNED and application.kind in meter_works.FITTING


def of(user: User) -> QuerySet[Any]:
    """Every application on the person's network that waits for it, with `duty`, `duty_due` and `work_id`.

    The first due first. An answer is due on its own day (`answer_due_at` is the end of a day in Japan); work is
    planned, and a request to stop answered, by the day the application takes effect; work is reported on the day it
    was planned for.
    """
    works = MeterWork.objects.filter(application=OuterRef("pk"), cancelled_at__isnull=True)
    to_do = works.filter(done_on__isnull=True)
    is_unplanned = (
        Q(state__in=[ApplicationState.ACCEPTED, ApplicationState.MATCHED], kind__in=meter_works.FITTING)
        & (Q(meter_work=True) | Q(removal=True))
        & ~Exists(works)
    )
    return (
        Application.objects.filter(
            within(user, Ability.ANSWER_APPLICATION, area="point__area", supply_class="point__supply_class"),
            point__network_operator=user.company,
        )
        .alias(
            is_unplanned=Case(When(is_unplanned, then=Value(True)), default=Value(False)),
            is_asked=Exists(
                Cancellation.objects.filter(application=OuterRef("pk"), status=Cancellation.Status.REQUESTED)
            ),
        )
        .annotate(
            work_id=Subquery(to_do.values("pk")[:1]),
            work_on=Subquery(to_do.values("planned_on")[:1]),
        )
        .annotate(
            duty=Case(
                When(is_asked=True, then=Value(Duty.STOP.value)),
                When(state=ApplicationState.SUBMITTED, then=Value(Duty.ANSWER.value)),
                When(work_id__isnull=False, then=Value(Duty.REPORT.value)),
                When(is_unplanned=True, then=Value(Duty.PLAN.value)),
                When(state=ApplicationState.IN_EFFECT, then=Value(Duty.PAPERWORK.value)),
                output_field=CharField(),
            )
        )
        .annotate(
            duty_due=Case(
                When(duty=Duty.ANSWER, then=TruncDate("answer_due_at", tzinfo=JST)),
                When(duty=Duty.REPORT, then=F("work_on")),
                When(
                    duty__in=[Duty.PLAN, Duty.STOP], then=Coalesce("match__switch_date", "planned_on", "desired_date")
                ),
                output_field=DateField(),
            )
        )
        .filter(duty__isnull=False)
        .order_by(F("duty_due").asc(nulls_last=True), "pk")
    )
