"""Endpoints of webhooks: how they stand, their deliveries, a test, pause, resume, send again.

A new address, a new secret and the removal are acts of an administrator with a fresh second factor, on the page alone.
"""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal import webhooks
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery
from portal.api.schema import operation
from portal.models import Webhook, WebhookAttempt

problems.of_verbs(
    "webhooks",
    {
        webhooks.NotYours: 403,
        webhooks.Moved: 409,
        webhooks.RunningAlready: 409,
        webhooks.WrongRange: 422,
        webhooks.TooManyTests: 429,
    },
    fields={webhooks.WrongRange: "first"},
    retry_after={webhooks.TooManyTests: lambda: 60},
    sentences={webhooks.WrongRange: _("Not every event from that number to that number is there to be sent again.")},
)


class WebhookShown(serializers.ModelSerializer):
    class Meta:
        model = Webhook
        fields = [
            *("id", "url", "topics", "state", "paused_at", "paused_because", "sent_to", "failures"),
            *("next_attempt_at", "last_success_at", "resend_next", "resend_until", "secret_since", "former_until"),
        ]


class AttemptShown(serializers.ModelSerializer):
    class Meta:
        model = WebhookAttempt
        fields = ["number", "is_again", "at", "took_ms", "status", "failure", "words"]


class RangeEntries(Entries):
    first = serializers.IntegerField(min_value=1, max_value=2**62)
    last = serializers.IntegerField(min_value=1, max_value=2**62)


class Own(Endpoint):
    """What the webhook endpoints share: a receiver of the own company or none."""

    def hook(self, pk: int) -> Webhook:
        found = Webhook.objects.visible_to(self.by).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def shown(self, pk: int) -> Response:
        return self.one(WebhookShown(self.hook(pk)).data)


class Webhooks(Own):
    """The company's receivers."""

    needs = {"get": Ability.STEER_WEBHOOKS}

    @operation(_("List webhooks"), lists=WebhookShown, query=PageQuery, tag="webhooks")
    def get(self, request: Request) -> Response:
        asked = self.query(PageQuery)
        return self.page(Webhook.objects.visible_to(self.by), WebhookShown, asked)


class OneWebhook(Own):
    """One receiver: how far it has been told, why it is paused."""

    needs = {"get": Ability.STEER_WEBHOOKS}

    @operation(_("Read a webhook"), shows=WebhookShown, tag="webhooks")
    def get(self, request: Request, pk: int) -> Response:
        return self.shown(pk)


class WebhookDeliveries(Own):
    """What was sent to the receiver and what it answered, the newest first."""

    needs = {"get": Ability.STEER_WEBHOOKS}

    @operation(_("List a webhook's deliveries"), lists=AttemptShown, query=PageQuery, tag="webhooks")
    def get(self, request: Request, pk: int) -> Response:
        asked = self.query(PageQuery)
        return self.page(self.hook(pk).tries.all(), AttemptShown, asked)


class WebhookResend(Own):
    """Have events sent once more."""

    needs = {"post": Ability.STEER_WEBHOOKS}

    @operation(_("Send events again"), entries=RangeEntries, shows=WebhookShown, tag="webhooks")
    def post(self, request: Request, pk: int) -> Response:
        entered: dict[str, Any] = self.entries(RangeEntries)
        webhooks.send_again(self.hook(pk).pk, **entered, by=self.by, now=self.now)
        return self.shown(pk)


class WebhookPause(Own):
    """Send nothing more for now."""

    needs = {"post": Ability.STEER_WEBHOOKS}

    @operation(_("Pause a webhook"), shows=WebhookShown, tag="webhooks")
    def post(self, request: Request, pk: int) -> Response:
        webhooks.pause(self.hook(pk).pk, by=self.by, now=self.now)
        return self.shown(pk)


class WebhookResume(Own):
    """Go on where it stopped."""

    needs = {"post": Ability.STEER_WEBHOOKS}

    @operation(_("Resume a webhook"), shows=WebhookShown, tag="webhooks")
    def post(self, request: Request, pk: int) -> Response:
        webhooks.resume(self.hook(pk).pk, by=self.by, now=self.now)
        return self.shown(pk)


class WebhookTest(Own):
    """Send a test, number 0, and read what the receiver did."""

    needs = {"post": Ability.STEER_WEBHOOKS}

    @operation(_("Test a webhook"), shows=AttemptShown, tag="webhooks")
    def post(self, request: Request, pk: int) -> Response:
        return Response(AttemptShown(webhooks.test(self.hook(pk).pk, by=self.by, now=self.now)).data)
