"""Cases of the demo in every state: stories of customers who change their retailer, told through the verbs."""

import io
import random
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.core.files.uploadedfile import SimpleUploadedFile

from metering import inquiries
from metering.models import Consent
from portal.market import Area, SupplyClass
from portal.models import User
from switching import (
    answer_duties,
    applications,
    deadlines,
    disclosures,
    effects,
    evidence,
    filings,
    matching,
    relays,
    threads,
)
from switching.demo import holders, places
from switching.demo.clock import Clock
from switching.demo.estate import Site, Wanted
from switching.demo.holders import Holder
from switching.demo.market import RETAILERS, Market
from switching.demo.usage_files import Story
from switching.models import Application, Disclosure, Evidence, Relay
from switching.reasons import Reason
from switching.relays import Request, Verdict
from switching.states import RelayState
from switching.tasks import UNDOING

DAYS_TOLD = 64
"""How far back the oldest story begins."""

EXACT, NORMALISED, WEAK, DIFFERENT = "exact", "normalised", "weak", "different"
LV, HV, FIT = SupplyClass.LV, SupplyClass.HV, SupplyClass.FIT


@dataclass(frozen=True)
class Plan:
    """One story: who takes over from whom where, what the customer told, and how far it has come.

    outcome  waiting, accepted, owed, rejected, matched, moved, in_effect, completed, failed, expired, withdrawn,
             withdrawn_late; without a relay: start_waiting, start_cancelled, start_unmatched
    days     waiting: place in the order of deadlines, 0 the first; matched: days until the switch;
             in_effect, completed: days since; else how many business days ago it began
    start    the gaining retailer files the switch start with the relay, not after its acceptance
    """

    gaining: str
    losing: str
    area: Area
    supply_class: SupplyClass
    given: str
    outcome: str
    days: int = 0
    start: bool = False
    reasons: tuple[Reason, ...] = ()
    reason_text: str = ""

    @property
    def wanted(self) -> Wanted:
        """The point the story is about: with the losing retailer."""
        return Wanted(self.area, self.supply_class, self.losing, old_form=self.given == WEAK)


_T, _K = Area.TOKYO, Area.KANSAI
PLANS: tuple[Plan, ...] = (
    # In umi's inbox, the first due next.
    Plan("sora", "umi", _T, LV, EXACT, "waiting", 0),
    Plan("sora", "umi", _T, LV, NORMALISED, "waiting", 0, start=True),
    Plan("sora", "umi", _T, LV, WEAK, "waiting", 1),
    Plan("yama", "umi", _T, LV, DIFFERENT, "waiting", 1),
    Plan("sora", "umi", _T, HV, EXACT, "waiting", 1),
    Plan("sora", "umi", _T, FIT, NORMALISED, "waiting", 2),
    Plan("niji", "umi", _T, LV, WEAK, "waiting", 2, start=True),
    Plan("sora", "umi", Area.HOKKAIDO, LV, NORMALISED, "waiting", 2),
    # In sora's inbox, and in others'.
    Plan("umi", "sora", _T, LV, NORMALISED, "waiting", 0, start=True),
    Plan("umi", "sora", _T, LV, DIFFERENT, "waiting", 1),
    Plan("yama", "sora", _K, LV, WEAK, "waiting", 2),
    Plan("umi", "sora", _T, HV, EXACT, "waiting", 2),
    Plan("umi", "yama", _T, LV, EXACT, "waiting", 1),
    Plan("hoshi", "mori", _T, LV, NORMALISED, "waiting", 1),
    Plan("sora", "machi", _T, LV, EXACT, "waiting", 2),
    # hoshi has strangers' numbers checked by itself: weak ones still wait for a person.
    Plan("sora", "hoshi", _T, LV, WEAK, "waiting", 1),
    Plan("sora", "hoshi", _T, LV, NORMALISED, "matched", 6, start=True),
    Plan("umi", "hoshi", _K, LV, EXACT, "accepted", 2),
    # Accepted, the start still to be filed.
    Plan("sora", "umi", _T, LV, EXACT, "accepted", 3),
    Plan("sora", "yama", _T, LV, NORMALISED, "accepted", 2),
    Plan("umi", "sora", _T, LV, WEAK, "accepted", 2),
    # Accepted, the termination left for later: umi has to file it by hand.
    Plan("sora", "umi", _T, LV, EXACT, "owed", 2),
    # Rejected.
    Plan("sora", "umi", _T, LV, DIFFERENT, "rejected", 2, reasons=(Reason.NUMBER_DIFFERS, Reason.NAME_DIFFERS)),
    Plan("sora", "umi", Area.OKINAWA, LV, DIFFERENT, "rejected", 6, reasons=(Reason.ADDRESS_DIFFERS,)),
    Plan("umi", "sora", _T, LV, EXACT, "rejected", 3, reasons=(Reason.CUSTOMER_DENIES,)),
    Plan("yama", "umi", _T, LV, EXACT, "rejected", 9, reasons=(Reason.ALREADY_TERMINATING,)),
    Plan(
        "umi",
        "sora",
        _T,
        LV,
        WEAK,
        "rejected",
        5,
        reasons=(Reason.KANA_DIFFERS, Reason.OTHER),
        reason_text="ご契約者が亡くなられ、名義変更のお手続き中です。",
    ),
    # Matched, frozen, to be handed over in the next days.
    Plan("sora", "umi", _T, LV, EXACT, "matched", 3, start=True),
    Plan("sora", "umi", _T, LV, NORMALISED, "matched", 5),
    Plan("umi", "sora", _T, LV, WEAK, "matched", 4),
    Plan("umi", "yama", _K, LV, EXACT, "matched", 8, start=True),
    Plan("sora", "umi", _T, HV, NORMALISED, "matched", 6),
    Plan("umi", "sora", _T, FIT, EXACT, "matched", 9),
    Plan("sora", "umi", _T, LV, EXACT, "moved", 4, start=True),
    # Supply has changed hands, the paperwork is open.
    Plan("sora", "umi", _T, LV, NORMALISED, "in_effect", 2, start=True),
    Plan("umi", "sora", _T, LV, EXACT, "in_effect", 1),
    Plan("sora", "umi", _K, LV, EXACT, "in_effect", 4),
    Plan("sora", "umi", _T, FIT, EXACT, "in_effect", 3),
    # Completed in the past weeks.
    Plan("sora", "umi", _T, LV, EXACT, "completed", 20, start=True),
    Plan("sora", "umi", _T, LV, NORMALISED, "completed", 13),
    Plan("umi", "sora", _T, LV, WEAK, "completed", 17),
    Plan("sora", "umi", _T, HV, EXACT, "completed", 10),
    Plan("umi", "sora", _T, FIT, NORMALISED, "completed", 15),
    Plan("yama", "umi", _K, LV, EXACT, "completed", 11, start=True),
    Plan("umi", "yama", _T, LV, NORMALISED, "completed", 24),
    Plan("sora", "umi", Area.KYUSHU, LV, EXACT, "completed", 18),
    # Ended on the way.
    Plan("sora", "umi", _T, LV, EXACT, "failed", 9),
    Plan("umi", "sora", _T, LV, NORMALISED, "failed", 12),
    Plan("sora", "umi", _T, LV, EXACT, "expired", 7, start=True),
    Plan("yama", "sora", _T, LV, WEAK, "expired", 5),
    Plan("sora", "umi", _T, LV, NORMALISED, "withdrawn", 5, start=True),
    Plan("umi", "sora", _T, LV, EXACT, "withdrawn_late", 8),
    # Starts alone.
    Plan("sora", "yama", _T, LV, EXACT, "start_waiting", 1),
    Plan("umi", "sora", _T, LV, EXACT, "start_cancelled", 4),
    Plan("sora", "umi", _T, LV, EXACT, "start_unmatched", 14),
)


@dataclass
class Teller:
    """Tells stories: holds everything they need, and remembers the disclosure lists of the day."""

    market: Market
    clock: Clock
    rng: random.Random
    lists: dict[tuple[int, date], disclosures.Lists | None] = field(default_factory=dict)

    def person(self, company: str, role: str) -> User:
        return self.market.people[f"{company}.{role}"]

    # --- Days

    def begins(self, plan: Plan) -> date:
        """The day of registration."""
        clock = self.clock
        if plan.outcome == "waiting":
            open_days = self._days_still_open()
            return open_days[min(plan.days, len(open_days) - 1)]
        if plan.outcome == "matched":
            return (
                clock.business_day_before(clock.today - timedelta(days=30))
                if self._slow(plan)
                else (clock.business_day(-4))
            )
        if plan.outcome in ("in_effect", "completed"):
            before = 42 if self._slow(plan) else 18
            return clock.business_day_before(clock.today - timedelta(days=plan.days + before))
        if plan.outcome == "failed":
            return clock.business_day_before(clock.today - timedelta(days=plan.days + 18))
        return clock.business_day(-plan.days)

    def wishes(self, plan: Plan, begun: date) -> date:
        """The customer's desired date."""
        today = self.clock.today
        if plan.outcome == "matched":
            return today + timedelta(days=plan.days)
        if plan.outcome in ("in_effect", "completed", "failed"):
            return today - timedelta(days=plan.days)
        if plan.outcome == "moved":
            return deadlines.earliest_switch_date(
                begun, supply_class=plan.supply_class, meter_work=False, workdays=self.clock.workdays
            )
        if plan.outcome == "start_unmatched":
            return max(begun + timedelta(days=12), today - timedelta(days=5))
        return begun + timedelta(days=45 if self._slow(plan) else 21)

    def _slow(self, plan: Plan) -> bool:
        return plan.supply_class == HV

    def _days_still_open(self) -> list[date]:
        """Days on which a relay registered at 9:40 is still to be judged, the one that falls due first in front."""
        clock = self.clock
        days = [clock.business_day(-n) for n in range(4, -1, -1)]
        if days[-1] != clock.today:
            days.append(clock.today)
        return [
            day
            for day in days
            if clock.at(day, 10) <= clock.end
            and deadlines.judgement_due(clock.at(day, 9, 40), clock.workdays) > clock.end + timedelta(minutes=30)
        ]

    # --- What happens

    def tell(self, plan: Plan, site: Site, minute: int) -> Story:
        """One plan from the facility inquiry to where it has come."""
        begun = self.begins(plan)
        wish = self.wishes(plan, begun)
        gaining, losing = plan.gaining, plan.losing
        now = yield self.clock.at(begun, 9) + timedelta(minutes=minute % 35)
        self._inquire(plan, site, now)
        now = yield self.clock.at(begun, 9, 36) + timedelta(minutes=minute % 20)
        if plan.outcome.startswith("start_"):
            yield from self._start_alone(plan, site, wish, now)
            return
        relay = self._relay(plan, site, wish, now)
        if plan.start:
            now = yield now + timedelta(minutes=3)
            self._start(plan, site, relay, now)
        if plan.outcome in ("waiting", "expired"):
            yield from self._talk(plan, relay, now)
            return
        next_day = self.clock.workdays.add(begun, 1)
        now = yield self.clock.at(next_day, 11) + timedelta(minutes=minute % 50)
        if plan.outcome == "withdrawn":
            relays.withdraw(relay_id=relay.pk, by=self.person(gaining, "relay"), now=now)
            return
        relay.refresh_from_db()
        if relay.state == RelayState.WAITING:
            judge = self.person(losing, "relay")
            relays.read_for_judgement(relay, by=judge, now=now)
            rejected = plan.outcome == "rejected"
            relays.judge(
                relay_id=relay.pk,
                verdict=Verdict.REJECT if rejected else Verdict.ACCEPT,
                reasons=plan.reasons,
                reason_text=plan.reason_text,
                with_termination=plan.outcome != "owed",
                by=judge,
                now=now,
            )
        if plan.outcome in ("rejected", "accepted", "owed", "failed"):
            return
        now = yield now + timedelta(minutes=85)
        if plan.outcome == "withdrawn_late":
            relays.withdraw(relay_id=relay.pk, by=self.person(gaining, "clerk"), now=now)
            return
        if not plan.start:
            self._start(plan, site, relay, now)
        if plan.outcome != "completed":
            return
        done = self.clock.workdays.add(wish, 2)
        now = yield self.clock.at(done, 14) + timedelta(minutes=minute % 55)
        clerk = self.person(self.market.network_operator(site.wanted.area), "application")
        for application in Application.objects.filter(relay=relay, match__isnull=False).order_by("pk"):
            applications.complete(application_id=application.pk, by=clerk, now=now)

    def _talk(self, plan: Plan, relay: Relay, now: datetime) -> Story:
        """Consent put on file where all agrees; a question, and sometimes its answer, where a person has to look."""
        if plan.outcome != "waiting":
            return
        if plan.given == EXACT:
            now = yield now + timedelta(minutes=2)
            evidence.attach(
                case=relay,
                kind=Evidence.Kind.CONSENT,
                channel=Disclosure.Channel.TELEPHONE,
                obtained_on=now.date(),
                agent="A-0417",
                file=SimpleUploadedFile("consent.wav", _second_of_silence()),
                by=self.person(plan.gaining, "relay"),
                now=now,
            )
        elif plan.given == WEAK:
            now = yield now + timedelta(minutes=12)
            topic = threads.Topic.ASK_NAME
            threads.say(relay_id=relay.pk, topic=topic, by=self.person(plan.losing, "relay"), now=now)
            if plan.gaining == "sora":
                now = yield now + timedelta(minutes=25)
                topic = threads.Topic.CONFIRMED
                threads.say(relay_id=relay.pk, topic=topic, by=self.person(plan.gaining, "relay"), now=now)

    def _start_alone(self, plan: Plan, site: Site, wish: date, now: datetime) -> Story:
        start = self._start(plan, site, None, now, wish=wish)
        if plan.outcome == "start_cancelled":
            now = yield now + timedelta(hours=26)
            applications.cancel(application_id=start.pk, by=self.person(plan.gaining, "application"), now=now)

    def _inquire(self, plan: Plan, site: Site, now: datetime) -> None:
        by = self.person(plan.gaining, "inquiry")
        consent = self.consent(by, Consent.Purpose.SWITCH, now)
        inquiries.inquire(number=site.new.number, supply_class=plan.supply_class, consent=consent, by=by, now=now)

    def consent(self, by: User, purpose: str, now: datetime) -> Consent:
        """The customer's consent, given the same day."""
        return inquiries.record_consent(
            reference=f"{by.username[:2].upper()}-{now:%y%m%d}-{self.rng.randrange(10**4):04}",
            channel=self.rng.choice(Consent.Channel.values),
            purpose=purpose,
            obtained_on=now.date(),
            by=by,
            now=now,
        )

    def _relay(self, plan: Plan, site: Site, wish: date, now: datetime) -> Relay:
        return relays.register(self.request(plan, site, wish, now), by=self.person(plan.gaining, "relay"), now=now)

    def request(self, plan: Plan, site: Site, wish: date, now: datetime) -> Request:
        """What the gaining retailer's clerk sends on, the disadvantages explained the same day."""
        by = self.person(plan.gaining, "relay")
        number, holder, address = self.told(plan.given, site)
        return Request(
            point=site.row,
            losing_retailer=self.market.companies[plan.losing],
            contract_number=number,
            holder_name=holder.name,
            holder_kana=holder.kana,
            holder_address=address,
            desired_date=wish,
            contact_person=by.name,
            disclosure=self._disclose(plan, site, by, now),
        )

    def told(self, given: str, site: Site) -> tuple[str, Holder, str]:
        """What the customer said: contract number, holder and address, as equal to the books as `given` says."""
        assert site.holder is not None
        number, holder, place = site.contract_number, site.holder, site.place
        if given == NORMALISED:
            return holders.retyped(number), holders.another_writing(holder), places.another_writing(place)
        if given == WEAK:
            return number, holders.loose_writing(holder), places.without_building(place)
        if given == DIFFERENT:
            return holders.mistyped(number), holders.somebody_else(holder, self.rng), places.next_door(place)
        return number, holder, place.written

    def _disclose(self, plan: Plan, site: Site, by: User, now: datetime) -> Disclosure:
        losing, today = self.market.companies[plan.losing], now.date()
        if (losing.pk, today) not in self.lists:
            self.lists[losing.pk, today] = disclosures.lists_on(today, losing_retailer_id=losing.pk)
        lists = self.lists[losing.pk, today]
        assert lists is not None
        return disclosures.record(
            point=site.row,
            version=lists.base,
            losing_retailer=losing,
            own_version=lists.own,
            acknowledged={item.pk for item in lists.items},
            channel=self.rng.choice(Disclosure.Channel.values),
            explained_on=now.date(),
            by=by,
            now=now,
        )

    def _start(
        self, plan: Plan, site: Site, relay: Relay | None, now: datetime, *, wish: date | None = None
    ) -> Application:
        assert site.holder is not None
        return applications.file_start(
            applications.Start(
                point=site.row,
                desired_date=relay.desired_date if relay else wish or now.date(),
                contract_number=holders.contract_number(RETAILERS[plan.gaining].number, self.rng),
                holder_name=relay.holder_name if relay else site.holder.name,
                holder_kana=relay.holder_kana if relay else site.holder.kana,
                holder_address=relay.holder_address if relay else site.place.written,
                relay=relay,
            ),
            by=self.person(plan.gaining, "application"),
            now=now,
        )

    # --- Questions without a case

    def ask_around(self, sites: Sequence[Site]) -> Story:
        """Inquiries that led to nothing yet: quotations, own customers, an address looked up, a wrong number."""
        clock = self.clock
        for at, site in enumerate(sites):
            now = yield clock.no_later(
                clock.at(clock.business_day(-(len(sites) - at) // 3), 13) + timedelta(minutes=7 * at % 170),
                before_end=timedelta(minutes=15),
            )
            company = "umi" if site.wanted.retailer == "sora" else "sora"
            by = self.person(company, "clerk" if at % 3 else "inquiry")
            consent = self.consent(by, Consent.Purpose.QUOTE, now)
            number = site.new.number
            try:
                if at % 4 == 1:
                    found = inquiries.search_by_address(
                        address=site.place.written,
                        supply_class=site.wanted.supply_class,
                        consent=consent,
                        by=by,
                        now=now,
                    )
                    number = found[0].number
                elif at % 7 == 6:
                    number = number[:-1] + str((int(number[-1]) + 5) % 10)
                inquiries.inquire(number=number, supply_class=site.wanted.supply_class, consent=consent, by=by, now=now)
            except inquiries.Refused:
                continue  # the refusal stands in the ledger, as it would


AT_MIDNIGHT = (
    matching.hand_over_due,
    effects.take_effect_due,
    filings.close_unfiled,
    matching.close_unmatched,
    *UNDOING,
)
AT_NOON = (relays.remind_due, answer_duties.remind_due, matching.match_waiting)
AT_CLOSING = (relays.expire_overdue, filings.escalate_filings, answer_duties.escalate_overdue)


def work_of_the_hub(clock: Clock) -> Story:
    """What the hub's workers do by themselves: after midnight, at noon and when answers fall due."""
    day = clock.today - timedelta(days=DAYS_TOLD)
    while day <= clock.today:
        now = yield clock.at(day, 0, 1)
        work(*AT_MIDNIGHT, now=now)
        if clock.workdays.is_open(day):
            now = yield clock.at(day, 12, 45)
            work(*AT_NOON, now=now)
            now = yield clock.at(day, 17, 1)
            work(*AT_CLOSING, now=now)
        day += timedelta(days=1)


def sweep(now: datetime) -> None:
    """Everything that is due now."""
    work(*AT_MIDNIGHT, *AT_NOON, *AT_CLOSING, now=now)


def work(*verbs: Callable[..., int], now: datetime) -> None:
    """Call each verb until it finds nothing more to do."""
    for verb in verbs:
        while verb(now=now):
            pass


def _second_of_silence() -> bytes:
    """A recording in which nobody says anything, for cases that never were."""
    made = io.BytesIO()
    with wave.open(made, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes([128]) * 8000)
    return made.getvalue()
