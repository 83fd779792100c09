"""The thread of a waiting relay: closed questions and answers between the two retailers, with a few safe words."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from portal import gates, ledger
from portal.access import Ability, covers
from portal.models import Function, User
from switching import guard, notices, relays, traces
from switching.models import Relay, RelayMessage
from switching.states import RelayState

Topic = RelayMessage.Topic
QUESTIONS = (
    *(Topic.ASK_NUMBER, Topic.ASK_NAME, Topic.ASK_KANA, Topic.ASK_ADDRESS),
    *(Topic.ASK_HOLDER, Topic.ASK_WILL, Topic.ASK_DATE, Topic.ASK_OTHER),
)
ANSWERS = tuple(topic for topic in Topic if topic not in QUESTIONS)
LONGEST_TEXT = 120


class NotPossible(Exception):
    """The message cannot be sent; subclasses say why."""


class NotYours(NotPossible):
    """The person is of neither company, or the role does not cover the point's area and class."""


class NotWaiting(NotPossible):
    """The relay no longer waits for its judgement, so there is nothing left to ask or answer; `state` tells more."""

    def __init__(self, state: RelayState) -> None:
        super().__init__(state.label)
        self.state = state


class NotYoursToSay(NotPossible):
    """The losing retailer asks and the gaining retailer answers; neither takes the other's words."""


class NothingAsked(NotPossible):
    """There is no question yet that an answer could belong to."""


class WordsMissing(NotPossible):
    """Another question is put in words."""


class TextTooLong(NotPossible):
    """A few words are at most 120 characters."""


class ThreadFull(NotPossible):
    """The thread has as many messages as it may have: `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class CarriesData(NotPossible):
    """The words could carry a value to the other side; `finding` says of which sort."""

    def __init__(self, finding: guard.Finding) -> None:
        super().__init__(finding.label)
        self.finding = finding


def other_wrote_last(rows: QuerySet[Relay], company_id: int, *, wanted: bool = True) -> QuerySet[Relay]:
    """Of the company's relays those whose last message is the other retailer's; with `wanted` False the rest."""
    last = RelayMessage.objects.filter(relay=OuterRef("pk")).order_by("-pk").values("company")[:1]
    told = Q(last__isnull=False) & ~Q(last=company_id)
    return rows.alias(last=Subquery(last)).filter(told if wanted else ~told | Q(last__isnull=True))


def topics_of(relay: Relay, by: User) -> tuple[Topic, ...]:
    """What the person's company may say on the relay."""
    return QUESTIONS if by.company_id == relay.losing_retailer_id else ANSWERS


def say(*, relay_id: int, topic: str, text: str = "", by: User, now: datetime) -> RelayMessage:
    """Send one message on a waiting relay to the other retailer. The clock of the judgement does not stop.

    The words are held against the customer's values together with what the company said before, so that no value
    goes over in pieces (see `switching.guard`). Raises NotYours, NotWaiting, NotYoursToSay, NothingAsked,
    WordsMissing, TextTooLong, ThreadFull, CarriesData, gates.Closed. Source: domain notes, switching §5.
    """
    gates.require(Function.RELAYS, now=now, by=by)
    text = " ".join(text.split())
    with transaction.atomic():
        relay = Relay.objects.select_for_update(of=("self",)).select_related("point").get(pk=relay_id)
        is_losing = by.company_id == relay.losing_retailer_id
        ability = Ability.JUDGE_RELAY if is_losing else Ability.REGISTER_RELAY
        if by.company_id not in (relay.losing_retailer_id, relay.gaining_retailer_id) or not covers(
            by, ability, area=relay.point.area, supply_class=relay.point.supply_class
        ):
            raise NotYours
        if relay.state != RelayState.WAITING or relay.is_overdue(now):
            raise NotWaiting(RelayState.EXPIRED if relay.is_overdue(now) else RelayState(relay.state))
        said = list(relay.messages.order_by("pk"))
        _check(relay, said, topic, text, by=by, now=now)
        message = RelayMessage.objects.create(relay=relay, company=by.company, topic=topic, text=text, at=now, by=by)
        ledger.record("relay.message", traces.subject_of(relay), by=by, now=now, topic=topic, message=message.pk)
        other = relay.gaining_retailer_id if is_losing else relay.losing_retailer_id
        kind = "relay_asked" if is_losing else "relay_answered"
        notices.post_many(notices.about_relay(relay, kind, other), now=now)
    return message


def _check(relay: Relay, said: list[RelayMessage], topic: str, text: str, *, by: User, now: datetime) -> None:
    if topic not in topics_of(relay, by):
        raise NotYoursToSay
    if topic in ANSWERS and not said:
        raise NothingAsked
    if topic == Topic.ASK_OTHER and not text:
        raise WordsMissing
    if len(text) > LONGEST_TEXT:
        raise TextTooLong
    if len(said) >= settings.RELAY_MESSAGES:
        raise ThreadFull(settings.RELAY_MESSAGES)
    if text:
        own = [message.text for message in said if message.company_id == by.company_id and message.text]
        try:
            relays.check_words(relay, text, by=by, now=now)
            relays.check_words(relay, "".join([*own, text]), by=by, now=now)
        except relays.CarriesData as refusal:
            raise CarriesData(refusal.finding) from refusal
