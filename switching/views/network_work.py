"""The network operator's work list over the applications on its network, and its answer to one of them."""

from typing import Any

import django_filters
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import clock, ledger, lists
from portal.access import Ability, needs, person
from portal.filters import Days
from portal.lists import Column
from portal.templatetags.words import class_mark, company_name, jst, point_number
from switching import answers, applications, kinds, network_work, traces
from switching.codes import AnswerCode
from switching.forms_network import NetworkAnswerForm
from switching.models import Application, NetworkAnswer
from switching.network_work import Duty
from switching.sentences import sentence
from switching.states import ApplicationState
from switching.views import shown, turns, two_steps
from switching.views.filters import ByNumber, ClassOfSupply, InArea


class WorkFilter(ByNumber):
    q = django_filters.CharFilter(label=gettext_lazy("Application or supply point number"), method="by_number")
    duty = django_filters.ChoiceFilter(label=gettext_lazy("What to do"), choices=Duty.choices)
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=Application.Kind.choices)
    supply_class = ClassOfSupply()
    area = InArea()
    due = Days(gettext_lazy("Due from / until"), "duty_due")

    class Meta:
        model = Application
        fields: list[str] = []


def _address(row: Any) -> str:
    """Where the duty is done."""
    match row.duty:
        case Duty.ANSWER:
            return reverse("switching:network-answer", args=[row.number])
        case Duty.STOP:
            return reverse("switching:stop-answer", args=[row.number])
        case Duty.PLAN:
            return reverse("switching:work-for-application", args=[row.number])
        case Duty.REPORT:
            return reverse("switching:meter-work", args=[row.work_id])
    return reverse("switching:completion", args=[row.number])


COLUMNS = [
    Column(
        "number",
        gettext_lazy("Application"),
        sort="id",
        link=lambda row: reverse("switching:application", args=[row.number]),
    ),
    Column("duty", gettext_lazy("What to do"), value=lambda row: str(Duty(row.duty).label), sort="duty", link=_address),
    Column("duty_due", gettext_lazy("Due"), sort="duty_due"),
    Column("kind", gettext_lazy("Kind"), value=lambda row: row.get_kind_display(), sort="kind"),
    Column(
        "supply_class",
        gettext_lazy("Class of supply"),
        value="point.supply_class",
        show=class_mark,
        sort="point__supply_class",
    ),
    Column("state", gettext_lazy("State"), value=turns.application_state, draw=turns.application_badge, sort="state"),
    Column("point", gettext_lazy("Supply point"), value="point.number", show=point_number),
    Column("area", gettext_lazy("Area"), value=lambda row: row.point.get_area_display(), sort="point__area"),
    Column("retailer", gettext_lazy("Retailer"), value=lambda row: company_name(row.retailer), sort="retailer__name"),
    Column("desired_date", gettext_lazy("Desired date"), sort="desired_date"),
    Column("meter_work", gettext_lazy("Meter work"), csv_only=True),
    Column("filed_at", gettext_lazy("Filed at"), csv_only=True),
]


@needs(Ability.ANSWER_APPLICATION)
def listing(request: HttpRequest) -> HttpResponseBase:
    """Everything that waits for the network operator, the first due first; the duty's link leads to its page."""
    return lists.show(
        request,
        network_work.of(person(request)).select_related("point", "retailer"),
        columns=COLUMNS,
        filterset=WorkFilter,
        title=_("Work on applications"),
        empty=_("Nothing waits for you: every application on your network is answered and every work is reported."),
        template="switching/network_work.html",
        filename="network-work",
    )


@needs(Ability.ANSWER_APPLICATION)
def answer(request: HttpRequest, number: str) -> HttpResponseBase:
    """Accept or reject an application, with codes; a page in between shows what the retailer will read."""
    user, now = person(request), clock.now()
    application = get_object_or_404(
        Application.objects.visible_to(user).select_related("point", "retailer", "relay", "match"),
        number=number,
        point__network_operator=user.company,
    )
    case = reverse("switching:application", args=[number])
    if application.state != ApplicationState.SUBMITTED:
        messages.error(request, sentence(applications.AlreadyMoved(ApplicationState(application.state))))
        return redirect(case)
    form = (
        NetworkAnswerForm(request.POST)
        if two_steps.is_sent(request)
        else NetworkAnswerForm(initial=two_steps.typed(request, NetworkAnswerForm))
    )

    def deed(dry_run: bool) -> Application:
        values = form.cleaned_data
        verb = answers.accept if values["verdict"] == NetworkAnswer.Verdict.ACCEPT else answers.reject
        return verb(
            application_id=application.pk,
            codes=values["codes"],
            text=values["text"],
            by=user,
            now=now,
            dry_run=dry_run,
        )

    def entries(status: int) -> HttpResponse:
        ledger.record(
            "application.read", traces.subject_of(application), by=user, now=now, purpose="answer to an application"
        )
        rule = kinds.rule(application.kind, application.point.supply_class)
        return render(
            request,
            "switching/network_answer.html",
            {
                "title": _("Answer to %(number)s") % {"number": number},
                "supply_class": application.point.supply_class,
                "badge": turns.application_badge(application),
                "application": application,
                "facts": _facts(application),
                "entries": shown.of(application, rule) if rule else [],
                "form": form,
            },
            status=status,
        )

    def confirm(checked: Application) -> dict[str, Any]:
        values = form.cleaned_data
        is_rejection = values["verdict"] == NetworkAnswer.Verdict.REJECT
        codes = " / ".join(f"{code} {AnswerCode(code).label}" for code in sorted(values["codes"]))
        return {
            "title": _("Reject this application?") if is_rejection else _("Accept this application?"),
            "supply_class": application.point.supply_class,
            "trail": [(_("Work on applications"), reverse("switching:network-work")), (number, case)],
            "facts": [
                *_facts(application),
                (_("Codes"), codes),
                *([(_("In words"), values["text"])] if values["text"] else []),
            ],
            "notes": [
                _("The retailer reads these codes. A rejected application has ended; a new one may be filed.")
                if is_rejection
                else _("The retailer is told. What is accepted is carried out on its day.")
            ],
            "action_label": _("Reject the application") if is_rejection else _("Accept the application"),
            "is_danger": is_rejection,
        }

    def finished(answered: Application) -> HttpResponseBase:
        messages.success(request, _("%(number)s is answered.") % {"number": number})
        return redirect("switching:network-work")

    return two_steps.go(request, form, deed=deed, entries=entries, confirm=confirm, finished=finished)


def _facts(application: Application) -> list[tuple[str, Any]]:
    point = application.point
    return [
        (_("Application"), f"{application.number} {application.get_kind_display()}"),
        (_("Supply point"), point_number(point.number)),
        (_("Area"), point.get_area_display()),
        (_("Retailer"), company_name(application.retailer)),
        (_("Desired date"), jst(application.desired_date)),
        (_("Filed at"), jst(application.filed_at)),
    ]
