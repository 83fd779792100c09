"""Undoing played through the verbs: switches that were matched or carried out, and what is asked about them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from metering.models import SupplyPeriod, SupplyPoint
from portal.models import Company
from portal.workdays import JST
from switching import cooling_off, frauds, matching, reversals
from switching.models import Match, Relay, UndoCase
from switching.undo_reasons import ReversalReason
from tests.switching.cases import DESIRED, Play

SWITCH_DAY = DESIRED
AFTER = datetime(2026, 4, 20, 10, 0, tzinfo=JST)  # five days after the switch
EVIDENCE = frauds.Evidence(channel="telephone", given_on=date(2026, 3, 30), reference="REC-17", sha256="ab" * 32)


@dataclass
class Undo:
    """Plays undoings for one test."""

    play: Play

    def matched(self, point: SupplyPoint | None = None, **changes: object) -> Relay:
        """sora's relay on umi's point, accepted, with its start, matched for SWITCH_DAY."""
        point = point or self.play.point(**changes)
        relay = self.play.accepted(point)
        self.play.start(point, relay=relay)
        assert matching.match_waiting(now=self.play.now) == 1
        relay.refresh_from_db()
        return relay

    def switched(self, point: SupplyPoint | None = None, **changes: object) -> Relay:
        """The same, handed over on SWITCH_DAY."""
        relay = self.matched(point, **changes)
        assert matching.hand_over_due(now=datetime(2026, 4, 15, 0, 5, tzinfo=JST))
        return relay

    def cool_off(self, relay: Relay, now: datetime | None = None, **changes: object) -> UndoCase:
        now = now or self.play.now
        return cooling_off.open_case(
            **{
                "relay_id": relay.pk,
                "declared_on": now.astimezone(JST).date(),
                "papers_on": now.astimezone(JST).date() - timedelta(days=3),
                "by": self.play.cast["sora.relay"],
                "now": now,
                **changes,
            }
        )

    def reversal(self, relay: Relay, who: str = "umi", now: datetime = AFTER) -> UndoCase:
        return reversals.ask(
            relay_id=relay.pk, reason=ReversalReason.POINT_MIXED_UP, by=self.play.cast[f"{who}.relay"], now=now
        )


def supplier(point: SupplyPoint, day: date) -> Company | None:
    """Who supplies the point on the day, as known now."""
    period = SupplyPeriod.objects.filter(point=point, known_until=None, during__contains=day).first()
    return period.retailer if period else None


def match_of(relay: Relay) -> Match:
    return Match.objects.filter(applications__relay=relay).latest("pk")
