"""Endpoints of the feed: events after a number, the position, statements, what waits to be done, how far behind."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal import back_pressure, events, inbox
from portal.access import Ability
from portal.api import problems
from portal.api.endpoint import ANYBODY, Endpoint, Entries
from portal.api.paging import PageQuery
from portal.api.problems import Kind
from portal.api.schema import operation
from portal.models import Cause, EventStatement, Topic
from portal.templatetags.words import NOTHING

problems.register(
    Kind(
        "events.no_longer_kept",
        410,
        _("The first events asked for are no longer kept; `oldest` is the first number that is."),
        (events.NoLongerKept,),
        say=str,
        more=lambda error: {"oldest": error.oldest},
        advice=_("Read on after `oldest` minus one, and compare your own cases once."),
    ),
)
problems.of_verbs(
    "events",
    {events.NotPostedYet: 422, events.Backwards: 409},
    fields={events.NotPostedYet: "number", events.Backwards: "number"},
    sentences={
        events.NotPostedYet: _("The number lies beyond the last event; it cannot be acknowledged or sent."),
        events.Backwards: _("Your company has acknowledged a later number already."),
    },
)


class FeedQuery(serializers.Serializer):
    after = serializers.IntegerField(min_value=0, max_value=2**62, default=0, help_text="The last number you hold.")
    limit = serializers.IntegerField(min_value=1, max_value=events.AT_ONCE, default=events.AT_ONCE)


class EventShown(serializers.Serializer):
    number = serializers.IntegerField()
    at = serializers.CharField()
    withheld = serializers.BooleanField(required=False, help_text="Outside the caller's roles: the number alone.")
    topic = serializers.ChoiceField(Topic.choices, required=False)
    kind = serializers.CharField(required=False)
    cause = serializers.ChoiceField(Cause.choices, required=False)
    subject = serializers.CharField(required=False)
    resource = serializers.CharField(required=False, help_text='Below the site; "" where the API has none.')
    page = serializers.CharField(required=False)
    area = serializers.CharField(required=False)
    supply_class = serializers.CharField(required=False)
    detail = serializers.DictField(required=False)


class FeedShown(serializers.Serializer):
    items = EventShown(many=True)
    after = serializers.IntegerField(help_text="Ask for the next page after this number.")
    oldest = serializers.IntegerField(help_text="The first number kept.")
    last = serializers.IntegerField(help_text="The last number posted.")
    acknowledged = serializers.IntegerField()
    company = serializers.IntegerField(help_text="The number your statements are hashed with.")


class Feed(Endpoint):
    """The company's events, in order and without a gap."""

    needs = {"get": Ability.READ_EVENTS}

    @operation(_("Read events after a number"), shows=FeedShown, query=FeedQuery, tag="events")
    def get(self, request: Request) -> Response:
        asked = self.query(FeedQuery)
        company = self.by.company
        found = events.page(company, after=asked["after"], limit=asked["limit"])
        stands = events.standing(company)
        return Response(
            {
                "items": [events.told(event, to=self.by) for event in found],
                "after": found[-1].number if found else asked["after"],
                "oldest": stands.oldest,
                "last": stands.last,
                "acknowledged": stands.acknowledged,
                "company": company.pk,
            }
        )


class PositionEntries(Entries):
    number = serializers.IntegerField(min_value=0, max_value=2**62, help_text="Everything up to here is stored.")


class FeedPositionShown(serializers.Serializer):
    acknowledged = serializers.IntegerField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    last = serializers.IntegerField()
    oldest = serializers.IntegerField()


class FeedAcknowledgement(Endpoint):
    """Up to where the company's systems hold the feed."""

    needs = {"get": Ability.READ_EVENTS, "post": Ability.READ_EVENTS}

    @operation(_("Read the position in the feed"), shows=FeedPositionShown, tag="events")
    def get(self, request: Request) -> Response:
        return Response(FeedPositionShown(events.standing(self.by.company)).data)

    @operation(_("Acknowledge events"), entries=PositionEntries, shows=FeedPositionShown, tag="events")
    def post(self, request: Request) -> Response:
        entered = self.entries(PositionEntries)
        return Response(FeedPositionShown(events.acknowledge(entered["number"], by=self.by, now=self.now)).data)


class EventStatementShown(serializers.ModelSerializer):
    class Meta:
        model = EventStatement
        fields = ["day", "first", "last", "count", "previous", "hash", "public_key", "signature", "company"]


class EventStatements(Endpoint):
    """The daily statements, the newest first."""

    needs = {"get": Ability.READ_EVENTS}

    @operation(_("Read daily statements of events"), lists=EventStatementShown, query=PageQuery, tag="events")
    def get(self, request: Request) -> Response:
        asked = self.query(PageQuery)
        rows = EventStatement.objects.visible_to(self.by)
        return self.page(rows, EventStatementShown, asked)


class TaskShown(serializers.Serializer):
    kind = serializers.CharField()
    title = serializers.CharField()
    count = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    supply_class = serializers.CharField()
    page = serializers.CharField(source="link")
    note = serializers.SerializerMethodField()

    def get_note(self, task: inbox.Task) -> str:
        note = str(task.note or "")
        return "" if note == NOTHING else note


class TodoShown(serializers.Serializer):
    items = TaskShown(many=True)


class Todo(Endpoint):
    """What waits for this client's roles, derived from how the cases stand now: the inbox as data."""

    needs = {"get": Ability.READ_EVENTS}

    @operation(_("Read what waits to be done"), shows=TodoShown, tag="events")
    def get(self, request: Request) -> Response:
        return Response({"items": [TaskShown(task).data for task in inbox.tasks_of(self.by, now=self.now)]})


class BackPressure(Endpoint):
    """How far a receiver may fall behind, and what happens then: the figures in force."""

    needs = {"get": ANYBODY}

    @operation(_("Read how far one may fall behind"), shows={"type": "object"}, tag="events")
    def get(self, request: Request) -> Response:
        return self.one({**back_pressure.rules(), "site": settings.SITE_ADDRESS})
