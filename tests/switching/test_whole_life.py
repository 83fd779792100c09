"""The whole life of two points under every verb in any order: a state machine that looks for an order that breaks it.

Whatever is tried, by whom and when: one supplier on every day unless the supply was ended, pairs that stay frozen, no
case that is lost or forgets a move, and a ledger that tells of every one of them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from metering import meters, supply
from metering.models import Meter, SupplyPeriod, SupplyPoint
from portal import gates
from portal.models import Event, LedgerEntry, Notice
from portal.workdays import JST, jst_date
from switching import (
    answers,
    applications,
    cooling_off,
    effects,
    filings,
    happenings,
    matching,
    meter_works,
    relays,
    reversals,
    tasks,
    traces,
    undoing,
)
from switching.models import Application, Match, MeterWork, Relay, Step, UndoCase
from switching.relays import Verdict
from switching.states import (
    APPLICATION_MOVES,
    OPEN_APPLICATIONS,
    OPEN_RELAYS,
    RELAY_MOVES,
    ApplicationState,
    RelayState,
)
from switching.undo_reasons import ReversalReason
from switching.undo_states import UndoKind
from tests.switching.cases import GIVEN, Play

pytestmark = pytest.mark.django_db

RETAILERS = ("sora", "umi", "yama")
REFUSED = (
    relays.NotPossible,
    applications.NotPossible,
    undoing.NotPossible,
    meters.NotPossible,
    gates.Closed,
)
SWEEPS: tuple[Callable[..., int], ...] = (
    relays.expire_overdue,
    matching.match_waiting,
    filings.close_unfiled,
    matching.close_unmatched,
    matching.hand_over_due,
    effects.take_effect_due,
    *tasks.UNDOING,
)
BEGIN = date(2024, 4, 1)
MANY_DAYS = timedelta(days=400)
pick = st.integers(0, 11)
who = st.sampled_from(RETAILERS)
ahead = st.integers(1, 16)


def a_life(play: Play) -> type[RuleBasedStateMachine]:
    """The machine over the cast of one test; each run is rolled back."""

    class Life(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.atomic = transaction.atomic()
            self.atomic.__enter__()
            self.now: datetime = play.now
            self.refused = 0

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

        @initialize()
        def begin(self) -> None:
            self.points = [play.point(), play.point()]
            for point in self.points:
                Meter.objects.create(point=point, number="M-0", installed_on=BEGIN)

        # --- how rules reach the verbs ---------------------------------------------------------------------------
        def attempt(self, deed: Callable[[], Any]) -> Any:
            """Do it; a refusal that has a name is an answer, anything else is a fault."""
            try:
                with transaction.atomic():
                    return deed()
            except REFUSED:
                self.refused += 1
                return None

        def day(self, ahead: int) -> date:
            return jst_date(self.now) + timedelta(days=ahead)

        def one(self, rows: Any, at: int) -> Any:
            found = list(rows.order_by("pk"))
            return found[at % len(found)] if found else None

        def supplier(self, point: SupplyPoint) -> str | None:
            period = supply.current_period(point, jst_date(self.now))
            return next(
                (key for key in RETAILERS if period and period.retailer_id == play.cast.companies[key].pk), None
            )

        def key_of(self, company_id: int) -> str:
            return next(key for key, company in play.cast.companies.items() if company.pk == company_id)

        # --- relays ------------------------------------------------------------------------------------------------
        @rule(at=pick, who=who, ahead=ahead)
        def register(self, at: int, who: str, ahead: int) -> None:
            point = self.points[at % 2]
            losing = self.supplier(point) or "umi"
            self.attempt(
                lambda: play.relay(
                    point, who, self.now, losing_retailer=play.cast.companies[losing], desired_date=self.day(ahead)
                )
            )

        @rule(at=pick, verdict=st.sampled_from(["accept", "accept", "reject", "deny"]))
        def judge(self, at: int, verdict: str) -> None:
            relay = self.one(Relay.objects.all(), -1 - at % 3)
            if relay:
                self.attempt(
                    lambda: relays.judge(
                        relay_id=relay.pk,
                        verdict=Verdict.ACCEPT if verdict == "accept" else Verdict.REJECT,
                        reasons=[] if verdict == "accept" else [8 if verdict == "deny" else 3],
                        by=play.cast[f"{self.key_of(relay.losing_retailer_id)}.relay"],
                        now=self.now,
                    )
                )

        @rule(at=pick)
        def withdraw(self, at: int) -> None:
            relay = self.one(Relay.objects.all(), -1 - at % 3)
            if relay:
                by = play.cast[f"{self.key_of(relay.gaining_retailer_id)}.relay"]
                self.attempt(lambda: relays.withdraw(relay_id=relay.pk, by=by, now=self.now))

        # --- applications ------------------------------------------------------------------------------------------
        @rule(at=pick, meter_work=st.booleans())
        def start_for_a_relay(self, at: int, meter_work: bool) -> None:
            relay = self.one(Relay.objects.all(), -1 - at % 3)
            if relay:
                self.attempt(
                    lambda: play.start(
                        relay.point,
                        self.key_of(relay.gaining_retailer_id),
                        self.now,
                        relay=relay,
                        desired_date=relay.desired_date,
                        meter_work=meter_work,
                    )
                )

        @rule(at=pick, who=who, ahead=ahead)
        def start_alone(self, at: int, who: str, ahead: int) -> None:
            self.attempt(lambda: play.start(self.points[at % 2], who, self.now, desired_date=self.day(ahead)))

        @rule(
            at=pick,
            who=who,
            kind=st.sampled_from(["reconnection", "termination", "ampere_change", "consumer_change"]),
            ahead=st.integers(-5, 16),
        )
        def file(self, at: int, who: str, kind: str, ahead: int) -> None:
            self.attempt(lambda: play.file(kind, self.points[at % 2], who, self.day(ahead), now=self.now))

        @rule(at=pick, ahead=ahead)
        def correct(self, at: int, ahead: int) -> None:
            application = self.one(Application.objects.exclude(kind="switch_termination"), -1 - at % 3)
            if application:
                self.attempt(
                    lambda: applications.correct(
                        application_id=application.pk,
                        desired_date=self.day(ahead),
                        given=GIVEN.get(application.kind, GIVEN["reconnection"]),
                        reason="typed wrongly",
                        by=play.cast[f"{self.key_of(application.retailer_id)}.application"],
                        now=self.now,
                    )
                )

        @rule(at=pick)
        def cancel(self, at: int) -> None:
            application = self.one(Application.objects.all(), -1 - at % 3)
            if application and application.retailer_id != play.cast.kaze.pk:
                by = play.cast[f"{self.key_of(application.retailer_id)}.application"]
                self.attempt(lambda: applications.cancel(application_id=application.pk, by=by, now=self.now))

        # --- the network operator ----------------------------------------------------------------------------------
        @rule(at=pick, takes=st.sampled_from([True, True, False]))
        def answer(self, at: int, takes: bool) -> None:
            application = self.one(Application.objects.all(), -1 - at % 3)
            by = play.cast["kaze.application"]
            if application and takes:
                self.attempt(lambda: answers.accept(application_id=application.pk, by=by, now=self.now))
            elif application:
                self.attempt(lambda: answers.reject(application_id=application.pk, codes=["R04"], by=by, now=self.now))

        @rule(at=pick, ahead=ahead, kind=st.sampled_from(["exchange", "ampere"]))
        def plan_work(self, at: int, ahead: int, kind: str) -> None:
            application = self.one(Application.objects.all(), -1 - at % 3)
            if application:
                self.attempt(
                    lambda: meter_works.plan(
                        point=application.point,
                        kind=kind,
                        planned_on=self.day(ahead),
                        application=application,
                        by=play.cast["kaze.application"],
                        now=self.now,
                    )
                )

        @rule(back=st.integers(0, 6))
        def report_work(self, back: int) -> None:
            work = MeterWork.objects.filter(done_on=None, cancelled_at=None).last()
            if work is None:
                return
            day, done = self.day(-back), meter_works.Done(done_on=self.day(-back))
            if work.kind == "exchange":
                standing = meters.standing(work.point_id, day)
                number = f"M-{Meter.objects.filter(point=work.point_id).count()}"
                done = meter_works.Done(day, standing[0].number if standing else "none", meters.NewMeter(number))
            by = play.cast["kaze.application"]
            self.attempt(lambda: meter_works.report(work_id=work.pk, done=done, by=by, now=self.now))

        @rule(at=pick)
        def complete(self, at: int) -> None:
            application = self.one(Application.objects.all(), -1 - at % 3)
            if application:
                by = play.cast["kaze.application"]
                self.attempt(lambda: applications.complete(application_id=application.pk, by=by, now=self.now))

        # --- undoing -----------------------------------------------------------------------------------------------
        @rule(at=pick)
        def cool_off(self, at: int) -> None:
            relay = self.one(Relay.objects.all(), -1 - at % 3)
            if relay:
                self.attempt(
                    lambda: cooling_off.open_case(
                        relay_id=relay.pk,
                        declared_on=jst_date(self.now),
                        by=play.cast[f"{self.key_of(relay.gaining_retailer_id)}.relay"],
                        now=self.now,
                    )
                )

        @rule(at=pick, by_losing=st.booleans())
        def ask_reversal(self, at: int, by_losing: bool) -> None:
            relay = self.one(Relay.objects.filter(state=RelayState.MATCHED), at)
            if relay:
                asks = relay.losing_retailer_id if by_losing else relay.gaining_retailer_id
                self.attempt(
                    lambda: reversals.ask(
                        relay_id=relay.pk,
                        reason=ReversalReason.POINT_MIXED_UP,
                        by=play.cast[f"{self.key_of(asks)}.relay"],
                        now=self.now,
                    )
                )

        @rule(at=pick, agrees=st.booleans())
        def answer_undoing(self, at: int, agrees: bool) -> None:
            case = self.one(UndoCase.objects.all(), -1 - at % 2)
            if case is None:
                return
            verb = {UndoKind.COOLING_OFF: cooling_off.answer, UndoKind.REVERSAL: reversals.answer}.get(case.kind)
            answering = case.answering_id
            if verb and answering:
                role = "application" if answering == play.cast.kaze.pk else "relay"
                by = play.cast[f"{self.key_of(answering)}.{role}"]
                more = {} if agrees else {"reason": "other", "text": "as it was wished"}
                self.attempt(lambda: verb(case_id=case.pk, agrees=agrees, by=by, now=self.now, **more))

        # --- time --------------------------------------------------------------------------------------------------
        @rule(hours=st.sampled_from([1, 5, 24, 24, 72, 240]))
        def time_passes(self, hours: int) -> None:
            """Night after night, as the workers go: no day is skipped."""
            end = self.now + timedelta(hours=hours)
            midnight = datetime.combine(jst_date(self.now) + timedelta(days=1), datetime.min.time(), JST)
            while midnight <= end:
                self.sweep(midnight + timedelta(minutes=5))
                midnight += timedelta(days=1)
            self.now = end
            self.sweep(self.now)

        def sweep(self, moment: datetime) -> None:
            for verb in SWEEPS:
                while verb(now=moment):
                    pass

        # --- what always holds -------------------------------------------------------------------------------------
        @invariant()
        def one_supplier_on_every_day(self) -> None:
            for point in getattr(self, "points", ()):
                periods = list(SupplyPeriod.objects.filter(point=point, known_until=None).order_by("during"))
                assert periods[0].during.lower == BEGIN
                for period, later in pairwise(periods):
                    assert period.during.upper <= later.during.lower
                    if period.during.upper < later.during.lower:
                        assert period.ending == SupplyPeriod.Ending.TERMINATED
                if periods[-1].during.upper is not None:
                    assert periods[-1].ending == SupplyPeriod.Ending.TERMINATED

        @invariant()
        def every_case_remembers_its_whole_way(self) -> None:
            steps: dict[tuple[str, int], list[Step]] = defaultdict(list)
            for step in Step.objects.exclude(relay=None, application=None).order_by("pk"):
                key = ("relay", step.relay_id) if step.relay_id else ("application", step.application_id)
                steps[key].append(step)  # type: ignore[index]
            told = defaultdict(int)
            for subject in LedgerEntry.objects.filter(action__regex=r"^(relay|application)\.").values_list(
                "subject", "action"
            ):
                told[subject] += 1
            for name, model, moves in (
                ("relay", Relay, RELAY_MOVES),
                ("application", Application, APPLICATION_MOVES),
            ):
                for case in model.objects.all():
                    way = steps[name, case.pk]
                    stands: Any = None
                    for step in way:
                        assert step.from_state == (stands or ""), (case, way)
                        stands = moves[stands, step.move]  # type: ignore[index]
                        assert step.to_state == stands
                        assert told[f"{name} {case.number}", f"{name}.{step.move}"], (case, step)
                    assert stands == case.state, (case, [step.move for step in way])

        @invariant()
        def pairs_are_frozen_and_points_are_not_promised_twice(self) -> None:
            for match in Match.objects.prefetch_related("applications"):
                pair = sorted(match.applications.all(), key=lambda application: application.kind)
                assert [application.kind for application in pair] == ["switch_start", "switch_termination"]
                states = {application.state for application in pair}
                if match.dissolved_at:
                    assert states == {ApplicationState.CANCELLED}
                elif match.handed_over_at:
                    assert states <= {ApplicationState.IN_EFFECT, ApplicationState.COMPLETED}
                else:
                    assert states <= {ApplicationState.MATCHED, ApplicationState.SCHEDULED}
            for point in getattr(self, "points", ()):
                assert Relay.objects.filter(point=point, state__in=OPEN_RELAYS).count() <= 1
                starts = Application.objects.filter(point=point, kind="switch_start", state__in=OPEN_APPLICATIONS)
                assert starts.count() <= 1

        @invariant()
        def whoever_it_concerns_was_told(self) -> None:
            told: dict[str, Collection[int]] = defaultdict(set)
            for subject, recipient in Notice.objects.values_list("subject", "recipient"):
                told[subject].add(recipient)  # type: ignore[attr-defined]
            for relay in Relay.objects.all():
                assert relay.losing_retailer_id in told[relay.number]
                if relay.state in (RelayState.REJECTED, RelayState.EXPIRED, RelayState.MATCHING_FAILED):
                    assert relay.gaining_retailer_id in told[relay.number]
            for application in Application.objects.filter(state__in=["unmatched", "superseded", "in_effect"]):
                assert application.retailer_id in told[application.number], application

        @invariant()
        def every_move_is_an_event_to_each_party(self) -> None:
            told: dict[tuple[str, str], Collection[int]] = defaultdict(set)
            for subject, kind, recipient in Event.objects.values_list("subject", "kind", "recipient"):
                told[subject, kind].add(recipient)  # type: ignore[attr-defined]
            for step in Step.objects.exclude(to_state="draft").exclude(from_state="draft"):
                case = step.relay or step.application or step.undo_case
                kind = f"{traces.NAMES[type(case)]}.{step.move}"
                assert set(happenings.parties(case)) <= set(told[traces.subject_of(case), kind]), (kind, case)

    return Life


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_order_of_events_breaks_a_point(play, seed):
    from hypothesis import seed as with_seed

    run_state_machine_as_test(
        with_seed(seed)(a_life(play)),
        settings=settings(
            max_examples=5,
            stateful_step_count=25,
            deadline=None,
            derandomize=False,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_machine_reaches_what_it_is_meant_to_judge(play):
    """A walk through it by hand: a switch, its work, its reversal, so that the rules above are known to bite."""
    life = a_life(play)()
    try:
        life.begin()
        life.register(0, "sora", 14)
        life.judge(0, "accept")
        life.start_for_a_relay(0, False)
        life.time_passes(1)
        assert Match.objects.count() == 1
        life.time_passes(240)
        life.time_passes(240)
        assert life.supplier(life.points[0]) == "sora"
        life.ask_reversal(0, True)
        life.answer_undoing(0, True)
        life.time_passes(24)
        assert life.supplier(life.points[0]) == "umi"
        for check in (
            life.one_supplier_on_every_day,
            life.every_case_remembers_its_whole_way,
            life.pairs_are_frozen_and_points_are_not_promised_twice,
            life.whoever_it_concerns_was_told,
        ):
            check()
        with pytest.raises(AssertionError):
            Relay.objects.update(state=RelayState.WITHDRAWN)
            life.every_case_remembers_its_whole_way()
    finally:
        life.teardown()
