"""Which checks apply to usage, as a page network operators and retailers can print."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from metering import check_rules
from metering.check_rules import InForce
from metering.models import CheckRule
from metering.vee import VEE, Severity
from portal import clock
from portal.access import Ability, needs
from portal.market import Area, SupplyClass
from portal.templatetags.words import NOTHING, jst
from portal.workdays import jst_date


@needs(Ability.SEE_COMPLETENESS)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The checks in force today (or on `?day=`), where areas or classes differ, and what is confirmed for later."""
    today = jst_date(clock.now())
    day = _asked_day(request) or today
    in_force = check_rules.on(day)
    context = {
        "title": _("Checks of usage"),
        "day": day,
        "asked": request.GET.get("day", ""),
        "is_bad_day": bool(request.GET.get("day")) and _asked_day(request) is None,
        "everywhere": [_row(code, in_force) for code in VEE],
        "own": [_own(rule) for rule in in_force.rules.values()],
        "coming": [_own(rule) for rule in check_rules.coming(day)],
    }
    return render(request, "metering/check_rules.html", context)


def _asked_day(request: HttpRequest) -> date | None:
    try:
        return date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None


def _row(code: str, in_force: InForce) -> list[tuple[str, str]]:
    check, setting = VEE[code], in_force.setting(code)
    when = _("on arrival") if check.on_arrival else _("after it is stored")
    figures = check_rules.figures_in_words(code, setting.thresholds)
    return [
        (_("Check"), code),
        (_("What is checked"), str(check.label)),
        (_("When"), when),
        (_("Result"), str(setting.severity.label)),
        (_("Limit values"), figures or NOTHING),
    ]


def _own(rule: CheckRule) -> list[tuple[str, str]]:
    return [
        (_("Check"), rule.check_code),
        (_("Area"), str(Area(rule.area).label) if rule.area else _("all")),
        (_("Class"), f"{rule.supply_class} {SupplyClass(rule.supply_class).label}" if rule.supply_class else _("all")),
        (_("Result"), str(Severity(rule.severity).label)),
        (_("Limit values"), check_rules.figures_in_words(rule.check_code, rule.thresholds) or NOTHING),
        (_("In force from"), jst(rule.effective_from)),
        (_("Why"), rule.why),
    ]
