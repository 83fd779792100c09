"""Which applications a person at the network operator looks at, and which the hub takes by itself."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from portal import ahead, ledger
from portal.models import Company, User
from switching.kinds import has_counterpart
from switching.models import NetworkPolicy


@dataclass(frozen=True)
class Policy:
    """What one network operator laid down: (kind, class, with meter work) → whether a person accepts."""

    laid_down: dict[tuple[str, str, bool], bool]

    def needs_person(self, kind: str, supply_class: str, *, meter_work: bool) -> bool:
        """True when the application stands with the network operator until a person there accepted it."""
        return self.laid_down.get((kind, supply_class, meter_work), by_default(kind, meter_work=meter_work))


def by_default(kind: str, *, meter_work: bool) -> bool:
    """A switch without meter work goes on by itself; everything else waits for a person."""
    return meter_work or not has_counterpart(kind)


@ahead.question
def of(network_operator_id: int) -> Policy:
    """What the network operator laid down, an empty policy where it did not."""
    return of_many([network_operator_id])[network_operator_id]


def of_many(network_operator_ids: Collection[int]) -> dict[int, Policy]:
    """The same for many network operators in one query."""
    policies = {pk: Policy({}) for pk in network_operator_ids}
    for row in NetworkPolicy.objects.filter(network_operator__in=policies):
        policies[row.network_operator_id].laid_down[row.kind, row.supply_class, row.meter_work] = row.needs_person
    return policies


def lay_down(
    *,
    network_operator: Company,
    kind: str,
    supply_class: str,
    meter_work: bool,
    needs_person: bool,
    by: User | None,
    now: datetime,
) -> NetworkPolicy:
    """Set whether a person accepts one kind of application; what is filed already stays where it stands."""
    with transaction.atomic():
        policy, _made = NetworkPolicy.objects.update_or_create(
            network_operator=network_operator,
            kind=kind,
            supply_class=supply_class,
            meter_work=meter_work,
            defaults={"needs_person": needs_person},
        )
        ledger.record(
            "network_policy.lay_down",
            f"company {network_operator.pk}",
            by=by,
            now=now,
            kind=kind,
            supply_class=supply_class,
            meter_work=meter_work,
            needs_person=needs_person,
        )
    return policy
