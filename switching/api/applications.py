"""Applications of every kind: checked, kept as drafts, filed, corrected, cancelled, completed, listed and read."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering.models import SupplyPoint
from portal import ledger
from portal.access import Ability
from portal.api.endpoint import Endpoint, Entries
from portal.api.paging import PageQuery, in_shape, narrowed
from portal.api.schema import operation
from switching import applications, entries, kinds, registration_queue, sights, traces
from switching.api.common import WISH, DeedEntries, WishQuery, act, asked_point, checked, number_in
from switching.api.relays import QueuedShown
from switching.entries import PHASES
from switching.kinds import Filer
from switching.models import Application, QueuedRegistration, Relay, Revision
from switching.states import ApplicationState

Kind = Application.Kind
FILED = [choice for choice in Kind.choices if choice[0] != Kind.SWITCH_TERMINATION]


class Given(Entries):
    """The entries a kind may ask for; which ones stands in the tables of the rules."""

    contract_number = serializers.CharField(max_length=40, required=False)
    holder_name = serializers.CharField(max_length=80, required=False)
    holder_kana = serializers.CharField(max_length=120, required=False)
    holder_address = serializers.CharField(max_length=250, required=False)
    change = serializers.ChoiceField(choices=Application.Change.choices, required=False)
    ampere = serializers.ChoiceField(choices=Application.Ampere.choices, required=False)
    capacity_method = serializers.ChoiceField(choices=SupplyPoint.CapacityMethod.choices, required=False)
    contract_size = serializers.DecimalField(max_digits=8, decimal_places=1, required=False)
    contract_size_unit = serializers.ChoiceField(choices=SupplyPoint.SizeUnit.choices, required=False)
    phases = serializers.ChoiceField(choices=PHASES, required=False)
    removal = serializers.BooleanField(required=False)
    moved_out_on = serializers.DateField(required=False)
    reading_wh = serializers.IntegerField(min_value=0, max_value=10**15, required=False)
    meter_work = serializers.BooleanField(required=False)
    work_contact = serializers.CharField(max_length=80, required=False)
    remarks = serializers.CharField(max_length=200, required=False)


class ApplicationEntries(Entries):
    kind = serializers.ChoiceField(choices=FILED)
    point = serializers.CharField(max_length=80, help_text="Supply point number.")
    desired_date = serializers.DateField()
    entries = Given(help_text="What the kind asks for at the point's class of supply.")
    relay = serializers.RegexField("^R[0-9]{10}$", required=False, help_text="Of a switch start: your relay.")
    as_draft = serializers.BooleanField(default=False, help_text="Keep it for your company alone.")
    dry_run = serializers.BooleanField(default=False, help_text="Ask every rule and file nothing.")


class ApplicationShown(serializers.Serializer):
    number = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField()
    point = serializers.CharField(allow_null=True, help_text="Not told in lists for your own open switch terminations.")
    supply_class = serializers.CharField()
    area = serializers.CharField()
    is_own = serializers.BooleanField(help_text="False: on your network.")
    relay = serializers.CharField(allow_null=True)
    desired_date = serializers.DateField()
    answer_due_at = serializers.DateTimeField(
        allow_null=True, help_text="When the network operator's answer is due, where it was asked for one."
    )
    matching_deadline = serializers.DateField(allow_null=True)
    switch_date = serializers.DateField(allow_null=True)
    planned_on = serializers.DateField(allow_null=True)
    in_effect_on = serializers.DateField(allow_null=True)
    filed_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    is_stuck = serializers.BooleanField()


class AnswerShown(serializers.Serializer):
    verdict = serializers.CharField()
    codes = serializers.ListField(child=serializers.CharField())
    text = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class StopShown(serializers.Serializer):
    status = serializers.CharField(help_text="`requested`, `done` (stopped) or `refused`.")
    reason = serializers.CharField()
    requested_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)
    answer = serializers.CharField(allow_blank=True)


class WorkOfApplication(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    kind = serializers.CharField()
    planned_on = serializers.DateField()
    done_on = serializers.DateField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)


class ActualDayShown(serializers.Serializer):
    believed = serializers.DateField(help_text="The day the hub held until then.")
    actual = serializers.DateField()
    cause = serializers.CharField()
    at = serializers.DateTimeField()


class ApplicationDetails(ApplicationShown):
    entries = serializers.DictField()
    revision = serializers.IntegerField(help_text="The number of the newest revision.")
    answers = AnswerShown(many=True, help_text="Of the network operator.")
    stop_requests = StopShown(many=True, help_text="Newest first.")
    meter_works = WorkOfApplication(many=True, help_text="Newest first.")
    actual_days = ActualDayShown(many=True)


class ApplicationQuery(WishQuery):
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    state = serializers.ChoiceField(choices=ApplicationState.choices, required=False)
    switch_from = serializers.DateField(required=False, help_text="Switch date, of matched switches.")
    switch_until = serializers.DateField(required=False)


PATHS = {
    **WISH,
    "kind": "kind",
    "state": "state",
    "switch_from": "match__switch_date__gte",
    "switch_until": "match__switch_date__lte",
}


def visible(view: Endpoint) -> QuerySet[Application]:
    """Applications the caller may see."""
    return Application.objects.visible_to(view.by).select_related("point", "relay", "match")


SHOWN = (
    *("number", "kind", "state", "desired_date", "answer_due_at", "matching_deadline", "planned_on"),
    *("in_effect_on", "filed_at", "completed_at"),
)
IN_LIST = (
    *(*SHOWN, "retailer", "stuck_because", "point__number", "point__area", "point__supply_class"),
    *("relay__number", "match__switch_date", "match__stuck_because"),
)
"""The columns a list reads."""


def shown(application: Application, view: Endpoint, *, in_list: bool = False) -> dict[str, Any]:
    """An application as its retailer or its network operator may see it."""
    is_own = application.retailer_id == view.by.company_id
    is_leaving = is_own and application.kind == Kind.SWITCH_TERMINATION and application.is_open
    match = application.match
    said: dict[str, Any] = {name: getattr(application, name) for name in SHOWN}
    said |= {
        "point": None if in_list and is_leaving else application.point.number,
        "supply_class": application.point.supply_class,
        "area": application.point.area,
        "is_own": is_own,
        "relay": application.relay.number if is_own and application.relay else None,
        "switch_date": match.switch_date if match else None,
        "is_stuck": bool(application.stuck_because or (match and match.stuck_because)),
    }
    if in_list:
        return in_shape(ApplicationShown, said)
    rule = kinds.rule(application.kind, application.point.supply_class)
    said["entries"] = entries.of(application, rule) if rule else {}
    said["revision"] = application.revisions.order_by("-number").values_list("number", flat=True).first() or 0
    said["answers"], said["actual_days"] = application.answers.all(), application.actual_days.all()
    said["stop_requests"], said["meter_works"] = application.cancellations.all(), application.meter_works.all()
    return in_shape(ApplicationDetails, said)


class Applications(Endpoint):
    """Your company's applications, or those on your network; and filing one of any kind."""

    needs = {"get": Ability.SEE_APPLICATIONS, "post": Ability.FILE_APPLICATION}

    @operation(_("List applications"), lists=ApplicationShown, query=ApplicationQuery)
    def get(self, request: Request) -> Response:
        query = self.query(ApplicationQuery)
        rows = narrowed(visible(self).only(*IN_LIST), query, PATHS)
        return self.page(rows, lambda found: shown(found, self, in_list=True), query)

    @operation(
        _("File an application"),
        entries=ApplicationEntries,
        shows=ApplicationDetails,
        status=201,
        checks=True,
        also={202: QueuedShown},
        example={
            "kind": "ampere_change",
            "point": "0300000000000000000001",
            "desired_date": "2026-04-20",
            "entries": {"ampere": 30},
            "dry_run": True,
        },
    )
    def post(self, request: Request) -> Response:
        entered = self.entries(ApplicationEntries)
        point = self._point(entered["kind"], entered["point"])
        relay = self._relay(entered)
        asked: dict[str, Any] = {
            "kind": entered["kind"],
            "point": point,
            "desired_date": entered["desired_date"],
            "given": dict(entered["entries"]),
            "by": self.by,
            "now": self.now,
            "relay": relay,
        }
        if entered["dry_run"]:
            return checked(
                self,
                lambda: applications.file(**asked, dry_run=True),
                name=f"application.{entered['kind']}",
                subject=f"supply point {point.number}",
            )
        made: Application | QueuedRegistration
        try:
            made = applications.file(**asked, as_draft=entered["as_draft"])
        except applications.QuotaSpent as spent:
            if not spent.is_queued:
                raise
            held = kinds.CONTRACT
            missing = next((name for name in held if not asked["given"].get(name)), "")
            if missing:
                raise applications.EntryNotPossible(missing, entries.Problem.MISSING) from spent
            made = registration_queue.file_start(
                applications.Start(
                    point=point,
                    desired_date=entered["desired_date"],
                    **{name: asked["given"][name] for name in held},
                    meter_work=asked["given"].get("meter_work", False),
                    relay=relay,
                ),
                by=self.by,
                now=self.now,
            )
        if isinstance(made, QueuedRegistration):
            said = {"queue_number": made.number, "point": point.number, "entered_at": made.entered_at}
            return Response(QueuedShown(said).data, status=202)
        return self.created(shown(one(self, made.number), self), "api:application", made.number)

    def _point(self, kind: str, text: str) -> SupplyPoint:
        """The own point, or for who comes new to it the point of a facility inquiry."""
        number = number_in(text)
        rule = kinds.rule(kind, _class_of(number)) if _class_of(number) else None
        if rule is None or rule.filer in (Filer.ANY, Filer.GAINING):
            return asked_point(number, self.by, Ability.FILE_APPLICATION)
        point = SupplyPoint.objects.visible_to(self.by).filter(number=number).first()
        if point is None:
            raise applications.NotOurs
        return point

    def _relay(self, entered: dict[str, Any]) -> Relay | None:
        if "relay" not in entered:
            return None
        relay = Relay.objects.filter(number=entered["relay"], gaining_retailer=self.by.company).first()
        if relay is None:
            raise applications.RelayDoesNotFit
        return relay


def _class_of(number: str) -> str:
    return SupplyPoint.objects.filter(number=number).values_list("supply_class", flat=True).first() or ""


def one(view: Endpoint, number: str) -> Application:
    """The application of this number that the caller may see. Raises Http404."""
    return get_object_or_404(visible(view), number=number)


def own(view: Endpoint, number: str) -> Application:
    """An application the caller's company files and moves by itself. Raises Http404."""
    rows = visible(view).filter(retailer=view.by.company).exclude(kind=Kind.SWITCH_TERMINATION)
    return get_object_or_404(rows, number=number)


class RevisionShown(serializers.Serializer):
    number = serializers.IntegerField()
    act = serializers.ChoiceField(choices=Revision.Act.choices)
    at = serializers.DateTimeField()
    is_own = serializers.BooleanField(help_text="By a person or program of your company.")
    reason = serializers.CharField(allow_blank=True)
    entries = serializers.DictField(help_text="As they stood from then on.")


class Revisions(Endpoint):
    """What was registered, corrected and cancelled of an application, the newest first."""

    needs = {"get": Ability.SEE_APPLICATIONS}

    @operation(_("List the revisions of an application"), lists=RevisionShown, query=PageQuery, tag="applications")
    def get(self, request: Request, number: str) -> Response:
        query, found = self.query(PageQuery), one(self, number)
        note_read(found, self)

        def told(revision: Revision) -> Any:
            is_own = revision.by is not None and revision.by.company_id == self.by.company_id
            names = ("number", "act", "at", "reason", "entries")
            return in_shape(RevisionShown, {**{name: getattr(revision, name) for name in names}, "is_own": is_own})

        return self.page(found.revisions.select_related("by"), told, query, key="number")


def note_read(found: Application, view: Endpoint) -> None:
    """Keep in the ledger that the network operator read a customer's data."""
    if found.holder_name and found.retailer_id != view.by.company_id:
        purpose = "application on the own network"
        ledger.record("application.read", traces.subject_of(found), by=view.by, now=view.now, purpose=purpose)


class CorrectionEntries(Entries):
    desired_date = serializers.DateField()
    entries = Given()
    reason = serializers.CharField(max_length=200)
    dry_run = serializers.BooleanField(default=False)


class OneApplication(Endpoint):
    """One application; corrected as a whole, as another revision."""

    needs = {"get": Ability.SEE_APPLICATIONS, "put": Ability.FILE_APPLICATION}

    @operation(_("Read an application"), shows=ApplicationDetails)
    def get(self, request: Request, number: str) -> Response:
        found = one(self, number)
        if sights.note(found, by=self.by, now=self.now):
            found = one(self, number)
        note_read(found, self)
        return self.one(shown(found, self))

    @operation(
        _("Correct an application"), entries=CorrectionEntries, shows=ApplicationDetails, matches=True, checks=True
    )
    def put(self, request: Request, number: str) -> Response:
        entered = self.entries(CorrectionEntries)
        found = own(self, number)
        Application.objects.select_for_update(of=("self",)).get(pk=found.pk)
        found = own(self, number)
        self.must_match(shown(found, self))
        correct = partial(
            applications.correct,
            application_id=found.pk,
            desired_date=entered["desired_date"],
            given=dict(entered["entries"]),
            reason=entered["reason"],
            by=self.by,
            now=self.now,
        )
        return act(
            self,
            correct,
            name="application.correct",
            subject=traces.subject_of(found),
            dry_run=entered["dry_run"],
            then=lambda done: self.one(shown(one(self, number), self)),
        )


class CancellationEntries(DeedEntries):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class Move(Endpoint):
    """A deed on one application that needs no more than its name."""

    def moved(self, found: Application, verb: Any, *, name: str, dry_run: bool) -> Response:
        """Ask the verb, or do it and show the application as it stands then."""
        return act(
            self,
            verb,
            name=f"application.{name}",
            subject=traces.subject_of(found),
            dry_run=dry_run,
            then=lambda done: self.one(shown(one(self, found.number), self)),
        )

    def on_network(self, number: str) -> Application:
        """An application on the caller's own network. Raises Http404."""
        return get_object_or_404(visible(self).filter(point__network_operator=self.by.company), number=number)


class Cancellation(Move):
    """Cancelled by its own retailer before it is matched or its work is scheduled."""

    needs = {"post": Ability.FILE_APPLICATION}

    @operation(
        _("Cancel an application"),
        entries=CancellationEntries,
        shows=ApplicationDetails,
        checks=True,
        tag="applications",
    )
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(CancellationEntries), own(self, number)
        return self.moved(
            found,
            partial(
                applications.cancel,
                application_id=found.pk,
                by=self.by,
                now=self.now,
                reason=entered.get("reason", ""),
            ),
            name="cancel",
            dry_run=entered["dry_run"],
        )


class Filing(Move):
    """A draft is filed: every rule is asked now."""

    needs = {"post": Ability.FILE_APPLICATION}

    @operation(_("File a draft"), entries=DeedEntries, shows=ApplicationDetails, checks=True, tag="applications")
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(DeedEntries), own(self, number)
        return self.moved(
            found,
            partial(applications.file_draft, application_id=found.pk, by=self.by, now=self.now),
            name="file_draft",
            dry_run=entered["dry_run"],
        )


class Completion(Move):
    """The network operator reports the paperwork completed."""

    needs = {"post": Ability.COMPLETE_APPLICATION}

    @operation(
        _("Report the paperwork completed"),
        entries=DeedEntries,
        shows=ApplicationDetails,
        checks=True,
        tag="applications",
    )
    def post(self, request: Request, number: str) -> Response:
        entered, found = self.entries(DeedEntries), self.on_network(number)
        return self.moved(
            found,
            partial(applications.complete, application_id=found.pk, by=self.by, now=self.now),
            name="complete",
            dry_run=entered["dry_run"],
        )
