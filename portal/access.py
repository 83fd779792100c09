"""Who may do what: roles, abilities and the table between them, readable as data. Every page names one ability."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Q, TextChoices
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from portal.market import MarketRole

if TYPE_CHECKING:
    from portal.models import User


class Role(TextChoices):
    """What a person does for the own company (domain notes, switching §9); granted per area and class of supply."""

    OPERATOR = "operator", _("Hub operator")
    HELPDESK = "helpdesk", _("Helpdesk")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Company administrator")
    INQUIRY = "inquiry", _("Inquiries")
    APPLICATION = "application", _("Applications")
    RELAY = "relay", _("Cancellation relay")
    USAGE = "usage", _("Usage files")
    VIEWER = "viewer", _("Viewer")


HUB_ROLES = frozenset({Role.OPERATOR, Role.HELPDESK, Role.AUDITOR})


class Ability(TextChoices):
    """One thing a page or verb lets a person do."""

    ENTER = "enter", _("enter the portal")
    SEE_PARTICIPANTS = "see_participants", _("read the participant registry")
    SEE_POINTS = "see_points", _("see the own company's supply points")
    SEE_HISTORY = "see_history", _("look at a supply point or case as of a day")
    INQUIRE = "inquire", _("make a facility inquiry")
    DISCLOSE = "disclose", _("record a disclosure of disadvantages")
    SEE_RELAYS = "see_relays", _("see cancellation relays")
    REGISTER_RELAY = "register_relay", _("register and withdraw a cancellation relay")
    JUDGE_RELAY = "judge_relay", _("judge a cancellation relay")
    WORK_ESCALATIONS = "work_escalations", _("work on escalated cases")
    LAY_DOWN_RULES = "lay_down_rules", _("lay down the own company's rules for cancellation relays")
    SEE_APPLICATIONS = "see_applications", _("see applications")
    FILE_APPLICATION = "file_application", _("file and cancel an application")
    ANSWER_APPLICATION = "answer_application", _("accept or reject applications on the own network")
    SEE_QUEUE = "see_queue", _("see what of the own company waits over the quota")
    SEND_MANY = "send_many", _("send files of many cases")
    COMPLETE_APPLICATION = "complete_application", _("report an application's paperwork completed")
    SEE_UNDOING = "see_undoing", _("see how switches are undone")
    UNDO = "undo", _("ask for and answer the undoing of a switch")
    STOP_SWITCH = "stop_switch", _("stop a matched switch and take points into last-resort supply")
    DECIDE_UNDOING = "decide_undoing", _("decide on the undoing of a switch and on market exits")
    SEND_USAGE = "send_usage", _("send usage files")
    COLLECT_USAGE = "collect_usage", _("collect published usage files")
    SEE_COMPLETENESS = "see_completeness", _("see how complete usage is and where it has gaps")
    SEE_RETENTION = "see_retention", _("see what of usage is no longer kept")
    HANDLE_GAPS = "handle_gaps", _("follow up gaps in usage")
    MANAGE_PEOPLE = "manage_people", _("look after the own company's accounts")
    PUBLISH = "publish", _("publish documents and announcements")
    ANSWER_TICKETS = "answer_tickets", _("answer questions to the helpdesk")
    SEE_EVIDENCE = "see_evidence", _("see how the ledger stands and export proof packs")
    SEE_ALARMS = "see_alarms", _("see alarms about inquiries")
    READ_LEDGER = "read_ledger", _("search the ledger")
    READ_ACCESS_LOG = "read_access_log", _("read who looked at a customer's supply point")
    REQUEST_CERTIFICATE = "request_certificate", _("ask for a client certificate")
    MANAGE_CERTIFICATES = "manage_certificates", _("decide on the own company's client certificates")
    MANAGE_API_CLIENTS = "manage_api_clients", _("look after the own company's API clients")
    SEE_EVERY_API_CLIENT = "see_every_api_client", _("see every company's API clients")
    READ_EVENTS = "read_events", _("read the feed of events")
    MANAGE_WEBHOOKS = "manage_webhooks", _("look after the own company's webhooks")
    STEER_WEBHOOKS = "steer_webhooks", _("test, pause and resume webhooks and have events sent again")
    WATCH_DELIVERY = "watch_delivery", _("watch what is not delivered to the companies")
    STEER_MARKET = "steer_market", _("steer clock, partners and qualification of a private market")
    ADMINISTER = "administer", _("work in the operator's admin")


def abilities() -> list[tuple[str, Any]]:
    """Every ability with its words, for `choices` of a field: migrations name this function and not what it answers."""
    return Ability.choices


@dataclass(frozen=True)
class Grantable:
    """Roles that carry an ability and the market roles (empty: any company) it makes sense for."""

    roles: frozenset[Role]
    market_roles: frozenset[MarketRole] = frozenset()


def _by(*roles: Role, of: tuple[MarketRole, ...] = ()) -> Grantable:
    return Grantable(frozenset(roles), frozenset(of))


_R, _N = MarketRole.RETAILER, MarketRole.NETWORK_OPERATOR
_CLERKS = (Role.INQUIRY, Role.APPLICATION, Role.RELAY, Role.USAGE, Role.VIEWER)

MAY: dict[Ability, Grantable] = {
    Ability.ENTER: _by(*Role),
    Ability.SEE_PARTICIPANTS: _by(*Role),
    Ability.SEE_POINTS: _by(Role.INQUIRY, Role.APPLICATION, Role.USAGE, Role.VIEWER, of=(_R, _N)),
    Ability.SEE_HISTORY: _by(
        *(Role.OPERATOR, Role.AUDITOR), *(Role.INQUIRY, Role.APPLICATION, Role.RELAY, Role.USAGE, Role.VIEWER)
    ),
    Ability.INQUIRE: _by(Role.INQUIRY, of=(_R,)),
    Ability.DISCLOSE: _by(Role.RELAY, of=(_R,)),
    Ability.SEE_RELAYS: _by(Role.RELAY, of=(_R, _N)),
    Ability.REGISTER_RELAY: _by(Role.RELAY, of=(_R,)),
    Ability.JUDGE_RELAY: _by(Role.RELAY, of=(_R, _N)),
    Ability.WORK_ESCALATIONS: _by(Role.OPERATOR),
    Ability.LAY_DOWN_RULES: _by(Role.ADMINISTRATOR, of=(_R,)),
    Ability.SEE_APPLICATIONS: _by(Role.APPLICATION, Role.VIEWER, of=(_R, _N)),
    Ability.FILE_APPLICATION: _by(Role.APPLICATION, of=(_R,)),
    Ability.ANSWER_APPLICATION: _by(Role.APPLICATION, of=(_N,)),
    Ability.SEE_QUEUE: _by(Role.RELAY, Role.APPLICATION, of=(_R,)),
    Ability.SEND_MANY: _by(Role.APPLICATION, Role.RELAY, Role.INQUIRY, of=(_R, _N)),
    Ability.COMPLETE_APPLICATION: _by(Role.APPLICATION, of=(_N,)),
    Ability.SEE_UNDOING: _by(Role.RELAY, Role.APPLICATION, Role.OPERATOR, Role.AUDITOR),
    Ability.UNDO: _by(Role.RELAY, of=(_R,)),
    Ability.STOP_SWITCH: _by(Role.APPLICATION, of=(_N,)),
    Ability.DECIDE_UNDOING: _by(Role.OPERATOR),
    Ability.SEND_USAGE: _by(Role.USAGE, of=(_N,)),
    Ability.COLLECT_USAGE: _by(Role.USAGE, of=(_R,)),
    Ability.SEE_COMPLETENESS: _by(Role.USAGE, Role.OPERATOR, Role.HELPDESK, Role.AUDITOR),
    Ability.SEE_RETENTION: _by(Role.OPERATOR, Role.AUDITOR),
    Ability.HANDLE_GAPS: _by(Role.USAGE, of=(_N,)),
    Ability.MANAGE_PEOPLE: _by(Role.ADMINISTRATOR),
    Ability.PUBLISH: _by(Role.OPERATOR),
    Ability.ANSWER_TICKETS: _by(Role.OPERATOR, Role.HELPDESK),
    Ability.SEE_EVIDENCE: _by(Role.OPERATOR, Role.AUDITOR),
    Ability.SEE_ALARMS: _by(Role.INQUIRY, Role.ADMINISTRATOR, Role.OPERATOR, Role.HELPDESK, Role.AUDITOR),
    Ability.READ_LEDGER: _by(Role.ADMINISTRATOR, Role.AUDITOR),
    Ability.READ_ACCESS_LOG: _by(Role.ADMINISTRATOR, of=(_R,)),
    Ability.REQUEST_CERTIFICATE: _by(*Role),
    Ability.MANAGE_CERTIFICATES: _by(Role.ADMINISTRATOR),
    Ability.MANAGE_API_CLIENTS: _by(Role.ADMINISTRATOR),
    Ability.SEE_EVERY_API_CLIENT: _by(Role.OPERATOR),
    Ability.READ_EVENTS: _by(*Role),
    Ability.MANAGE_WEBHOOKS: _by(Role.ADMINISTRATOR),
    Ability.STEER_WEBHOOKS: _by(Role.ADMINISTRATOR, Role.APPLICATION, Role.RELAY, Role.USAGE),
    Ability.WATCH_DELIVERY: _by(Role.OPERATOR, Role.HELPDESK, Role.AUDITOR),
    Ability.STEER_MARKET: _by(Role.ADMINISTRATOR, *_CLERKS),
    Ability.ADMINISTER: _by(Role.OPERATOR, Role.HELPDESK, Role.AUDITOR),
}


def may(user: "User", ability: Ability) -> bool:
    """True when one of the person's grants carries the ability and the company's market roles fit."""
    grantable = MAY[ability]
    if grantable.market_roles and not grantable.market_roles & user.company.market_roles:
        return False
    return any(grant.role in grantable.roles for grant in user.grant_list)


EVERYWHERE = ~Q(pk__in=[])  # unlike Q(), it stays true when it is combined with |


def within(user: "User", ability: Ability, *, area: str = "", supply_class: str = "") -> Q:
    """Rows inside the areas and classes for which the person holds the ability.

    `area` and `supply_class` are the query paths of the row's own area and class ("" where it has none).
    Nothing at all when the person does not hold the ability. The answer may be combined with & and |.
    """
    if not may(user, ability):
        return Q(pk__in=[])
    inside = Q(pk__in=[])
    for grant in user.grant_list:
        if grant.role not in MAY[ability].roles:
            continue
        here = Q()
        if grant.area and area:
            here &= Q(**{area: grant.area})
        if grant.supply_class and supply_class:
            here &= Q(**{supply_class: grant.supply_class})
        if not here:
            return EVERYWHERE
        inside |= here
    return inside


def covers(user: "User", ability: Ability, *, area: str, supply_class: str) -> bool:
    """True when the person holds the ability for this very area and class of supply."""
    return may(user, ability) and any(
        grant.role in MAY[ability].roles and grant.area in ("", area) and grant.supply_class in ("", supply_class)
        for grant in user.grant_list
    )


def person(request: HttpRequest) -> "User":
    """Who sends the request; only for views that are closed to anonymous visitors."""
    return cast("User", request.user)


View = Callable[..., HttpResponseBase]


def needs(ability: Ability) -> Callable[[View], View]:
    """Open a view to signed-in, second-factor-verified people with the ability; to others the page is absent (404)."""

    def open_to(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not may(person(request), ability):
                raise Http404
            return view(request, *args, **kwargs)

        guarded.ability = ability  # type: ignore[attr-defined]
        return guarded

    return open_to


def by_certificate(ability: Ability) -> Callable[[View], View]:
    """Open a view to machines of companies that hold the ability, by a client certificate of purpose API alone.

    A session opens nothing here. Who comes is judged in `portal.certificate_gate`, before the view is called.
    """

    def open_to(view: View) -> View:
        view.certificate_ability = ability  # type: ignore[attr-defined]
        return view

    return open_to


def public(view: View) -> View:
    """Open a view to everybody, also before signing in (sign-in pages, health, language)."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def half_signed_in(view: View) -> View:
    """Open a view to people who gave a password but not yet the second factor."""
    view.is_half_open = True  # type: ignore[attr-defined]
    return view
