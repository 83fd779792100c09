"""The clock of a private market: where it stands, and the way to a later hour."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from linkage import travel
from linkage.api.inside import TAG, Inside
from linkage.models import Clock
from portal import private_market
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Entries
from portal.api.schema import operation

problems.of_verbs(
    "clock",
    {travel.NotForward: 422, travel.TooFar: 422, travel.OnItsWay: 409},
    fields={travel.NotForward: "to", travel.TooFar: "to"},
    sentences={
        travel.NotForward: _("Time goes forward only. To go back, reset the market."),
        travel.TooFar: _("At most 185 days at once."),
        travel.OnItsWay: _("The market is travelling already; please wait until it has arrived."),
    },
)


class TravelEntries(Entries):
    """So many days on, or to an hour."""

    days = serializers.IntegerField(min_value=1, max_value=travel.MOST_DAYS, required=False)
    to = serializers.DateTimeField(required=False, help_text="An hour with its offset.")

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if len(attrs) != 1:
            raise serializers.ValidationError(_("Give either `days` or `to`."), "one_of_two")
        return attrs


class ClockShown(serializers.Serializer):
    market = serializers.CharField()
    now = serializers.DateTimeField(help_text="The market's hour.")
    worked_until = serializers.DateTimeField(help_text="Everything due until then is done.")
    travelling_to = serializers.DateTimeField(allow_null=True)
    percent = serializers.IntegerField(help_text="Of the way; 100 when the market stands.")


class MarketClock(Inside):
    """The market's hour; put forward, everything that falls due on the way is done on the way."""

    needs = {"get": Ability.ENTER, "post": Ability.STEER_MARKET}

    def shown(self, held: Clock, *, status: int = 200) -> Response:
        said = {
            "market": private_market.name(),
            "now": self.now,
            "worked_until": held.worked_until,
            "travelling_to": held.travelling_to,
            "percent": travel.share_done(held),
        }
        return Response(ClockShown(said).data, status=status)

    @operation(_("Read the market's clock"), shows=ClockShown, tag=TAG)
    def get(self, request: Request) -> Response:
        return self.shown(Clock.objects.get(pk=1))

    @operation(
        _("Travel to a later hour"), entries=TravelEntries, shows=ClockShown, status=202, example={"days": 1}, tag=TAG
    )
    def post(self, request: Request) -> Response:
        entered = self.entries(TravelEntries)
        target = entered.get("to") or self.now + timedelta(days=entered["days"])
        return self.shown(travel.set_out(target, by=self.by, now=self.now), status=202)
