"""The switching room's rows of the access sweep."""

from datetime import date, timedelta
from typing import Any

from portal import quotas
from portal.models import Over, Registration
from switching import applications, matching, registration_queue, relays
from switching.models import Relay
from tests.access_rows import Row
from tests.cast import NOW, Cast
from tests.switching.cases import DESIRED, Play


def _play(cast: Cast) -> Play:
    return Play(cast, NOW)


def relay(cast: Cast) -> dict[str, Any]:
    """A relay of sora that umi has to judge."""
    play = _play(cast)
    return {"number": play.relay(play.point()).number}


def start(cast: Cast) -> dict[str, Any]:
    """A waiting switch start of sora."""
    play = _play(cast)
    return {"number": play.start(play.point()).number}


def draft(cast: Cast) -> dict[str, Any]:
    """A draft of sora."""
    point = _play(cast).point(supplier=cast.sora)
    kept = applications.file(
        kind="termination",
        point=point,
        desired_date=DESIRED,
        given={},
        by=cast["sora.application"],
        now=NOW,
        as_draft=True,
    )
    return {"number": kept.number}


def in_effect(cast: Cast) -> dict[str, Any]:
    """A switch start of sora whose supply has started and whose paperwork is open."""
    play = _play(cast)
    point = play.point()
    accepted: Relay = play.accepted(point)
    found = play.start(point, relay=accepted)
    matching.match_waiting(now=NOW)
    matching.hand_over_due(now=NOW + (DESIRED - date(2026, 4, 1)) + timedelta(hours=1))
    assert applications.Application.objects.get(pk=found.pk).state == "in_effect"
    return {"number": found.number}


def disclosure(cast: Cast) -> dict[str, Any]:
    """Evidence of sora."""
    play = _play(cast)
    return {"pk": play.disclosure(play.point()).pk}


def queued(cast: Cast) -> dict[str, Any]:
    """A relay of sora that waits over the quota."""
    play = _play(cast)
    point = play.point()
    play.disclosure(point)
    quotas.set_quota(cast.sora, Registration.RELAY, most=1, over=Over.QUEUE, by=None, now=NOW)
    play.relay(play.point())
    waits = registration_queue.register_relay(play.request(point), by=cast["sora.relay"], now=NOW)
    return {"number": waits.number}


def owed(cast: Cast) -> dict[str, Any]:
    """A relay of sora that umi accepted and whose termination umi still owes."""
    play = _play(cast)
    play.policy(filing="by_hand")
    return {"number": play.accepted(play.point()).number}


def escalation(cast: Cast) -> dict[str, Any]:
    """An expired relay before the hub operator."""
    play = _play(cast)
    expired = play.relay(play.point())
    relays.expire_overdue(now=expired.due_at)
    return {"pk": expired.escalations.get().pk}


ROWS = {
    "switching:relays": Row("ability", owner="sora.relay"),
    "switching:relay-new": Row("ability", owner="sora.relay"),
    "switching:relay": Row("ability", owner="umi.relay", kwargs=relay),
    "switching:judgement": Row("ability", owner="umi.relay", kwargs=relay),
    "switching:withdrawal": Row("ability", owner="sora.relay", kwargs=relay),
    "switching:relay-messages": Row("ability", owner="umi.relay", kwargs=relay),
    "switching:filing": Row("ability", owner="umi.relay", kwargs=owed),
    "switching:relay-rules": Row("ability", owner="umi.administrator"),
    "switching:escalations": Row("ability", owner="hub.operator"),
    "switching:escalation": Row("ability", owner="hub.operator", kwargs=escalation),
    "switching:disclosure-new": Row("ability", owner="sora.relay"),
    "switching:disclosure": Row("ability", owner="sora.relay", kwargs=disclosure),
    "switching:applications": Row("ability", owner="kaze.application"),
    "switching:start-new": Row("ability", owner="sora.application"),
    "switching:application-kinds": Row("ability", owner="sora.application"),
    "switching:application-new": Row(
        "ability",
        owner="sora.application",
        kwargs=lambda cast: {"kind": "termination", "supply_class": "LV"},
        shared=True,  # without a point it is an empty form
    ),
    "switching:correction": Row("ability", owner="sora.application", kwargs=start),
    "switching:draft": Row("ability", owner="sora.application", kwargs=draft),
    "switching:application": Row("ability", owner="sora.viewer", kwargs=start),
    "switching:cancellation": Row("ability", owner="sora.application", kwargs=start),
    "switching:completion": Row("ability", owner="kaze.application", kwargs=in_effect),
    "switching:queue": Row("ability", owner="sora.application"),
    "switching:queued": Row("ability", owner="sora.relay", kwargs=queued),
    "switching:queue-withdrawal": Row("ability", owner="sora.relay", kwargs=queued),
    "switching:as-of": Row("ability", owner="sora.viewer"),
    "switching:identity-rules": Row("inside"),
    "switching:statistics": Row("public"),
    "switching:statistics-counts": Row("public"),
    "switching:statistics-answers": Row("public"),
    "switching:statistics-data": Row("public"),
    "switching:statistics-audience": Row(
        "ability", owner="hub.operator", method="post", data={"audience": "everybody"}
    ),
    "switching:statistics-counting": Row("ability", owner="hub.operator", method="post", data={"since": "2026-04-01"}),
}
