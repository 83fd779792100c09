"""Who is told what about a case: one place that knows recipients, links and what a notice may carry."""

from dataclasses import replace
from datetime import date

from django.urls import reverse

from metering.models import SupplyPoint
from portal import links
from portal.access import Ability
from portal.models import Company
from portal.outbox import Post, post_many
from switching.models import Application, Relay

__all__ = ["about_application", "about_point", "about_relay", "hub_ids", "post_many", "to_the_hub"]


def about_relay(relay: Relay, kind: str, *recipient_ids: int, **context: object) -> list[Post]:
    """The same notice on a relay to each recipient; carries the case's number and dates, never the customer's data."""
    if not recipient_ids:
        return []
    point, link = relay.point, links.page("switching:relay", relay.number)
    resource = f"/api/v1/relays/{relay.number}"
    told = {
        "supply_class": point.supply_class,
        "desired_date": relay.desired_date.isoformat(),
        "due_at": relay.due_at.isoformat(),
        **context,
    }
    return [
        Post(recipient_id, kind, relay.number, link, point.area, Ability.SEE_RELAYS, told, resource)
        for recipient_id in recipient_ids
    ]


def hub_ids() -> list[int]:
    """The hub operator's companies."""
    return list(Company.objects.filter(is_hub_operator=True).values_list("pk", flat=True))


def to_the_hub(case: Relay | Application, kind: str, hub_id: int, **context: object) -> Post:
    """The same notice for the hub operator's own people, who find the case among the escalations."""
    if isinstance(case, Relay):
        [post] = about_relay(case, kind, hub_id, **context)
    else:
        [post] = about_application(case, kind, hub_id, **context)
    link = f"{reverse('switching:escalations')}?q={case.number}"
    return replace(post, ability=Ability.WORK_ESCALATIONS, link=link, resource="")


def about_application(application: Application, kind: str, *recipient_ids: int, **context: object) -> list[Post]:
    """The same notice on an application to each recipient who may see that application."""
    if not recipient_ids:
        return []
    point, number = application.point, application.number
    link, resource = links.page("switching:application", number), f"/api/v1/applications/{number}"
    told = {
        "supply_class": point.supply_class,
        "kind_label": application.kind,
        "point_number": point.number,
        "desired_date": application.desired_date.isoformat(),
        **{key: value.isoformat() if isinstance(value, date) else value for key, value in context.items()},
    }
    return [
        Post(recipient_id, kind, number, link, point.area, Ability.SEE_APPLICATIONS, told, resource)
        for recipient_id in recipient_ids
    ]


def about_point(point: SupplyPoint, kind: str, *recipient_ids: int, **context: object) -> list[Post]:
    """The same notice on a supply point to each recipient whose people may see that point."""
    return [
        Post(
            recipient_id=recipient_id,
            kind=kind,
            subject=point.number,
            link=reverse("metering:point", args=[point.number]),
            resource=f"/api/v1/supply-points/{point.number}",
            area=point.area,
            ability=Ability.SEE_POINTS,
            context={key: value.isoformat() if isinstance(value, date) else value for key, value in context.items()},
        )
        for recipient_id in recipient_ids
    ]
