"""Every refusal of the room's verbs as a sentence for people: what is wrong and what to do next. One table."""

from collections.abc import Callable, Iterable
from typing import Any

from django.forms import BaseForm
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.templatetags.words import jst
from switching import (
    actual_days,
    answers,
    applications,
    as_of,
    cooling_off,
    dark_points,
    disclosures,
    escalations,
    evidence,
    exits,
    frauds,
    meter_works,
    movements,
    policies,
    registration_queue,
    relays,
    reversals,
    stops,
    threads,
    undoing,
)
from switching.kinds import FIELDS
from switching.models import Application, DisclosureItem

Refusal = (
    relays.NotPossible
    | applications.NotPossible
    | disclosures.NotPossible
    | policies.BadPattern
    | registration_queue.NotPossible
    | threads.NotPossible
    | escalations.NotPossible
    | undoing.NotPossible
    | evidence.NotPossible
    | movements.NotPossible
)


def _dates(refusal: Any) -> dict[str, str]:
    return {"earliest": jst(refusal.earliest), "latest": jst(refusal.latest)}


def _state(refusal: Any) -> dict[str, str]:
    return {"state": str(refusal.state.label)}


def _finding(refusal: Any) -> dict[str, str]:
    return {"finding": str(refusal.finding.label)}


def _last(refusal: Any) -> dict[str, str]:
    return {"last": jst(refusal.last)}


def _most(refusal: Any) -> dict[str, str]:
    return {"most": f"{refusal.most:,}"}


def _against(refusal: Any) -> dict[str, str]:
    return {
        "number": refusal.other.number,
        "kind": str(Application.Kind(refusal.other.kind).label),
        "day": jst(refusal.other.day),
        "order": str(refusal.order.label),
    }


def _missing(refusal: Any) -> dict[str, str]:
    return {"items": " / ".join(item.text for item in refusal.missing)}


_NOT_YOUR_ROLE = _(
    "Your role does not cover this step for this area and class of supply. Please ask your company's administrator."
)
_NOT_IN_USE = _(
    "Nobody supplies this point now, so there is nothing to switch. A customer moving in needs a reconnection."
)
_NO_PART = _(
    "Your company has no participant code as a retailer in the point's area. Please apply to the hub operator for it."
)
_DATE = _(
    "The desired date must lie between %(earliest)s and %(latest)s: the network operator needs the days before, and "
    "nothing is taken further ahead. Please choose a day in between."
)

_QUOTA = _(
    "Your company has used up its %(most)s registrations of today. Nothing was filed; please come back tomorrow. The "
    "quota begins anew at midnight."
)

_CARRIES = _(
    "These words carry %(finding)s, and no value of the customer may go to the other side. Please say it without."
)

SENTENCES: dict[type[Exception], str | Promise] = {
    # Relays
    relays.NotPossible: _("The relay cannot be moved this way. Please open it again and see where it stands."),
    relays.NotYours: _NOT_YOUR_ROLE,
    relays.NotARetailerThere: _(
        "This company is not a retailer in the point's area, or it is your own. Please choose the customer's present "
        "retailer."
    ),
    relays.NumberDoesNotFit: _(
        "This is not how that retailer writes contract numbers. Its rule: %(hint)s Sample: %(sample)s Please compare "
        "with the customer's bill."
    ),
    relays.NoPartInArea: _NO_PART,
    relays.PointNotInUse: _NOT_IN_USE,
    relays.NotSupplying: _(
        "Your company does not supply this point, so it cannot end the supply. Please reject the relay with the reason "
        "“We do not supply this point”."
    ),
    relays.DisclosureMissing: _(
        "No explanation of the disadvantages is recorded for this supply point. Please record it first."
    ),
    relays.DisclosureOfAnother: _(
        "This retailer has a list of disadvantages of its own, and the explanation recorded rests on another one. "
        "Please explain this retailer's list to the customer first."
    ),
    relays.DateNotPossible: _DATE,
    relays.AlreadyOurs: _("Your company supplies this point already, so there is nothing to cancel."),
    relays.PointBusy: _(
        "A relay is open on this supply point. A second one cannot be registered; please try again when it has ended, "
        "or ask the customer."
    ),
    relays.OutOfSequence: _(
        "Another movement of this point stands against a switch on the desired date. A facility inquiry tells its kind "
        "and date; please choose another day or ask the customer."
    ),
    relays.OutOfOwnSequence: _(
        "Your own application %(number)s (%(kind)s, %(day)s) stands against the switch of this relay. What would fit: "
        "%(order)s."
    ),
    relays.Throttled: _(
        "Several of your company's relays on this point were rejected because the customer's data differed, or "
        "withdrawn unanswered. No more are taken; please call the hub operator's helpdesk."
    ),
    relays.ThrottledCompany: _(
        "In the last %(days)s days %(rejected)s relays of your company were rejected because the customer's data "
        "differed, and that is too large a share. No more are taken; please check how you take down customers' data "
        "and call the hub operator's helpdesk."
    ),
    relays.Overdue: _(
        "The time for the judgement was over at %(due)s. The relay can no longer be judged and expires; the hub "
        "operator is told. The other retailer can register a new one."
    ),
    relays.NothingToFile: _(
        "No switch termination is owed on this relay: it is filed already, or the relay is not accepted. Nothing was "
        "filed."
    ),
    relays.CarriesData: _CARRIES,
    relays.QuotaSpent: _QUOTA,
    relays.AlreadyMoved: _(
        "In the meantime the relay has moved: it is now “%(state)s”. Nothing was changed; this page shows how it "
        "stands."
    ),
    relays.ReasonsMissing: _("A rejection names at least one reason. With “other”, please say in words which."),
    relays.TooLate: _(
        "The matching cut-off of the desired date has passed, so the relay cannot be accepted any more. Please reject "
        "it with the reason “Desired date is not possible”; the other retailer can register a new one."
    ),
    relays.Leaving: _(
        "Your company is leaving the market and gains no more customers. Please refer the customer to another retailer."
    ),
    # Applications
    applications.NotPossible: _(
        "The application cannot be moved this way. Please open it again and see where it stands."
    ),
    applications.NotYours: _NOT_YOUR_ROLE,
    applications.NoPartInArea: _NO_PART,
    applications.AlreadyOurs: _("Your company supplies this point already, so there is nothing to start."),
    applications.PointNotInUse: _NOT_IN_USE,
    applications.PointBusy: _(
        "An application of this kind is open on the supply point. A second one cannot be filed; please try again when "
        "it has ended, or ask the customer."
    ),
    applications.DateNotPossible: _DATE,
    applications.QuotaSpent: _QUOTA,
    applications.RelayDoesNotFit: _(
        "The cancellation relay does not fit: it is for another point or another date, or it has ended. Use the "
        "relay's date, or register a new relay."
    ),
    applications.BackDated: _(
        "This kind of application is not dated back further than %(earliest)s. Please choose a day from then on to "
        "%(latest)s."
    ),
    applications.NotOffered: _(
        "There is no application “%(kind)s” for the class of supply “%(supply_class)s”. Please compare the supply "
        "point number and choose again."
    ),
    applications.FollowsRelay: _(
        "A switch termination is filed with the acceptance of its cancellation relay. Please judge the relay instead."
    ),
    applications.NotOurs: _(
        "Your company does not supply this point, so it cannot change or end anything there. Please compare the supply "
        "point number."
    ),
    applications.PointInUse: _(
        "The point is supplied on that day, so there is nothing to reconnect. To take the customer over, please file a "
        "switch start."
    ),
    applications.StateDoesNotFit: _(
        "On that day the contract state of the point will be “%(state)s”, and this kind of application does not begin "
        "there. Please compare the facility data."
    ),
    applications.OutOfSequence: _(
        "Another movement of this point stands against the desired date. A facility inquiry tells its kind and date; "
        "please choose another day or ask the customer."
    ),
    applications.OutOfOwnSequence: _(
        "Your own application %(number)s (%(kind)s, %(day)s) stands against it. What would fit: %(order)s."
    ),
    applications.EntryNotPossible: _("%(field)s: %(problem)s"),
    applications.NothingChanged: _(
        "Nothing differs from what was filed, so there is nothing to correct. Please change an entry or go back."
    ),
    applications.Frozen: _(
        "The application is matched, and a matched pair is frozen for both sides. Before the switch date only the "
        "network operator can stop it: please ask it to, on the application's page."
    ),
    applications.AlreadyMoved: _(
        "In the meantime the application has moved: it is now “%(state)s”. Nothing was changed; this page shows how it "
        "stands."
    ),
    # Answers of the network operator
    answers.CodesMissing: _("Please choose at least one code of the answer. With “other”, please say in words which."),
    # Requests to stop an application
    stops.ReasonMissing: _("Please say why in a sentence; the other side reads it."),
    stops.AskedAlready: _("The network operator has been asked already. Please wait for its answer."),
    stops.Answered: _("No request to stop this application is open: it has been answered. Nothing was changed."),
    stops.UndoneOtherwise: _(
        "The application belongs to the undoing of a switch and moves with it alone. Please open the undoing."
    ),
    # The actual day of supply
    actual_days.NoDayOfSupply: _(
        "This application has no day of supply of its own: it changes none, or it follows the switch start. Please "
        "report the day of the start."
    ),
    actual_days.NotYet: _("This day has not come yet. Please give the day on which it really happened."),
    actual_days.LongAgo: _(
        "Another day is reported from %(oldest)s on. For older days please call the hub operator's helpdesk."
    ),
    actual_days.SameDay: _("This is the day that stands already, so there is nothing to report."),
    actual_days.BeingUndone: _(
        "The switch is being undone, and its days are settled there. Please report again when that has ended."
    ),
    actual_days.SupplyMovedOn: _(
        "On that day the point is supplied by somebody else, or its supply has moved on since. Please compare with the "
        "point's page; nothing was changed."
    ),
    # Work at the meter
    meter_works.PlannedInPast: _("Work is planned for today or a later day. Please choose one."),
    meter_works.WrongWork: _(
        "The application does not bring work of this kind, or the work belongs to an application. Please choose "
        "another kind, or let the application's retailer ask to stop it."
    ),
    meter_works.DoneInFuture: _("This day has not come yet. Please give the day on which the work was done."),
    meter_works.DoneLongAgo: _(
        "Work is reported from %(oldest)s on. For older work please call the hub operator's helpdesk."
    ),
    meter_works.MetersDoNotFit: _(
        "An exchange names the old and the new meter, an installation only the new one, a removal only the old one, "
        "and a reading belongs to a meter that is named. Please complete the meter numbers."
    ),
    meter_works.WorkIsOver: _("This work has been reported or called off already. Nothing was changed."),
    # Movement information
    movements.NotPossible: _("The plan cannot be taken this way. Please compare it with the list of movements."),
    movements.NotYours: _("Your role does not cover this area and class of supply."),
    movements.NoPartInArea: _("Your company has no participant code as a retailer in the area of this number."),
    movements.DateNotPossible: _("The wished date must lie from %(earliest)s to %(latest)s."),
    movements.AlreadyOurs: _("Your company supplies this point already; there is nothing to switch."),
    movements.NobodySupplies: _("Nobody supplies this point. Please plan a reconnection instead of a switch."),
    movements.SomebodySupplies: _("Somebody supplies this point. Please plan a switch instead of a reconnection."),
    movements.NotOurs: _("An ampere change is planned by who supplies the point, and that is not your company."),
    movements.PointRemoved: _("The equipment at this point was removed."),
    movements.ToldAlready: _("This very plan is told already; nothing is done."),
    movements.Over: _("This plan has ended already."),
    # Disclosures
    disclosures.NotPossible: _("The explanation cannot be recorded. Please begin again from the facility inquiry."),
    disclosures.NotYours: _NOT_YOUR_ROLE,
    disclosures.NotAllAcknowledged: _(
        "Not yet explained and acknowledged: %(items)s. Please explain each one to the customer, then tick it."
    ),
    disclosures.OutdatedVersion: _(
        "Version %(version)s of the list is in force now. Please explain the list below to the customer."
    ),
    disclosures.ExplainedInFuture: _("This day has not come yet. Give the day on which you explained it."),
    disclosures.ExplainedTooLongAgo: _(
        "Only an explanation since %(oldest)s still counts. Please explain the disadvantages to the customer again."
    ),
    # Queue over the quota
    registration_queue.NotPossible: _("The queue entry cannot be changed this way. Please open it again."),
    registration_queue.NotYours: _NOT_YOUR_ROLE,
    registration_queue.AlreadyWaiting: _(
        "A registration for this supply point waits in your company's queue already: %(number)s. It need not be "
        "entered again."
    ),
    registration_queue.AlreadyEnded: _(
        "In the meantime the queue entry has moved: it is now “%(state)s”. Nothing was changed; this page shows how it "
        "stands."
    ),
    registration_queue.PersonGone: _(
        "The person who entered it has left or is suspended. Nothing was registered; please let a colleague enter it "
        "again."
    ),
    # Undoing
    undoing.NotPossible: _("The case cannot be moved this way. Please open it again and see where it stands."),
    undoing.NotYours: _(
        "This step is not your company's, or your role does not cover it for this area and class of supply. Please ask "
        "your company's administrator."
    ),
    undoing.AlreadyMoved: _(
        "In the meantime the case has moved: it is now “%(state)s”. Nothing was changed; this page shows how it stands."
    ),
    undoing.PointBusy: _(
        "A relay, a matched switch or another undoing is open on this supply point, or the case was opened already. "
        "Please wait until it has ended."
    ),
    undoing.WordsMissing: _(
        "Please say why: a refusal names a reason from the list, and “other” or a decision also says it in words."
    ),
    reversals.NotReversible: _(
        "This switch cannot be reversed: it was not carried out, it was undone already, or the point has moved on "
        "since. Please look at the supply point's history."
    ),
    reversals.TooLate: _(
        "A switch can be reversed until %(last)s; that day has passed. Please agree with the other retailer on a new "
        "switch."
    ),
    reversals.FormerHasLeft: _(
        "The former retailer has left the market, so the customer cannot return to it. Please help the customer find "
        "another retailer."
    ),
    cooling_off.NothingToUndo: _(
        "There is nothing to cool off from: the relay has ended without a switch, or the switch was undone already."
    ),
    cooling_off.DeclaredInFuture: _(
        "The customer declares it today or earlier, and not before receiving the contract papers. Please compare the "
        "two days."
    ),
    cooling_off.PeriodOver: _(
        "The cooling-off period ended on %(last)s, before the customer declared it. The customer can switch back by an "
        "ordinary switch."
    ),
    frauds.EvidenceInFuture: _(
        "The customer's consent must be older than the relay. Please give the day on which the customer consented."
    ),
    dark_points.EndsTooSoon: _(
        "The contract can end between %(earliest)s and %(latest)s: the customer needs the days before to find another "
        "retailer. Please choose a day in between."
    ),
    exits.NotARetailer: _(
        "This company supplies nowhere as a retailer, so there is nothing it could leave. Please choose another."
    ),
    exits.LastDayPast: _("The last day of supply is today at the earliest. Please choose a later day."),
    exits.NoNetworkOperator: _(
        "An area in which this company supplies has no network operator in the registry, so nobody could catch its "
        "points. Please register it first."
    ),
    disclosures.NotYourList: _("Only your company's administrators write its lists of disadvantages."),
    disclosures.ListEmpty: _("A list has at least one item."),
    disclosures.ListBackdated: _(
        "A list holds from %(earliest)s at the earliest: what was explained before stays as it was."
    ),
    disclosures.DraftGone: _("The draft was published or thrown away in the meantime. Nothing was changed."),
    # Evidence
    evidence.NotPossible: _("The file cannot be attached. Please open the case again."),
    evidence.NotYours: _NOT_YOUR_ROLE,
    evidence.GivenInFuture: _("This day has not come yet. Give the day on which the customer gave it."),
    evidence.AlreadyAttached: _("This very file is attached already. Nothing was added."),
    evidence.TooMany: _("The case has %(most)s files, and no more are taken."),
    # Policies
    policies.BadPattern: _("The rule for contract numbers cannot be published. Please check pattern, hint and sample."),
    policies.NoPattern: _(
        "The pattern is no regular expression of the kind that is always quick (no look-around, no back-references): "
        "%(what)s. Please write it in a simpler way."
    ),
    policies.SampleDoesNotFit: _(
        "The sample %(sample)s does not follow the pattern. Please correct one of the two; separators are dropped "
        "first."
    ),
    policies.HintMissing: _(
        "Please say the pattern in words, too: others see the hint where they type your customers' numbers."
    ),
    # Threads
    threads.NotPossible: _("The message cannot be sent. Please open the relay again and see where it stands."),
    threads.NotYours: _NOT_YOUR_ROLE,
    threads.NotWaiting: _(
        "The relay is now “%(state)s”, so there is nothing left to ask or answer. No message was sent."
    ),
    threads.NotYoursToSay: _(
        "The present retailer asks and the gaining retailer answers. Please choose from your company's list."
    ),
    threads.NothingAsked: _("Nothing was asked on this relay, so there is nothing to answer yet."),
    threads.WordsMissing: _("Please put the other question in a few words."),
    threads.TextTooLong: _("A few words are at most 120 characters. Please shorten them."),
    threads.ThreadFull: _(
        "The thread has %(most)s messages, and no more are taken. Please judge or withdraw the relay."
    ),
    threads.CarriesData: _CARRIES,
    # Escalations
    escalations.NotPossible: _("The escalation cannot be worked on this way. Please open it again."),
    escalations.NotYours: _("Only the hub operator works on escalations."),
    escalations.NoteMissing: _("Please note what you found out or arranged; an escalation is closed with a note."),
    escalations.NoteTooLong: _("A note has at most 500 characters. Please shorten it."),
    escalations.AlreadyClosed: _("In the meantime the escalation was closed. Nothing was changed."),
    # Time machine
    as_of.NothingToDoWith: _(
        "There is no supply point or case with this number that your company has to do with. Please compare the number."
    ),
    as_of.NotYetCome: _("This moment has not come yet. Leave it empty to ask for what is known now."),
    as_of.TooFarAhead: _("Nothing is known so far ahead. Please name a day within the next year."),
}

_VALUES: dict[type[Exception], Callable[[Any], dict[str, str]]] = {
    relays.NumberDoesNotFit: lambda refusal: {"hint": refusal.hint, "sample": refusal.sample or "–"},
    relays.DateNotPossible: _dates,
    relays.QuotaSpent: _most,
    relays.AlreadyMoved: _state,
    applications.DateNotPossible: _dates,
    applications.BackDated: _dates,
    applications.NotOffered: lambda refusal: {
        "kind": str(refusal.kind.label),
        "supply_class": str(refusal.supply_class.label),
    },
    applications.StateDoesNotFit: _state,
    applications.OutOfOwnSequence: _against,
    relays.OutOfOwnSequence: _against,
    applications.EntryNotPossible: lambda refusal: {
        "field": str(FIELDS[refusal.field]),
        "problem": str(refusal.problem.label),
    },
    applications.QuotaSpent: _most,
    applications.AlreadyMoved: _state,
    actual_days.LongAgo: lambda refusal: {"oldest": jst(refusal.oldest)},
    meter_works.DoneLongAgo: lambda refusal: {"oldest": jst(refusal.oldest)},
    movements.DateNotPossible: _dates,
    disclosures.NotAllAcknowledged: _missing,
    disclosures.OutdatedVersion: lambda refusal: {"version": str(refusal.current.version)},
    disclosures.ExplainedTooLongAgo: lambda refusal: {"oldest": jst(refusal.oldest)},
    registration_queue.AlreadyWaiting: lambda refusal: {"number": refusal.number},
    registration_queue.AlreadyEnded: _state,
    undoing.AlreadyMoved: _state,
    reversals.TooLate: _last,
    cooling_off.PeriodOver: _last,
    dark_points.EndsTooSoon: _dates,
    policies.BadPattern: lambda refusal: {"what": str(refusal)},
    relays.ThrottledCompany: lambda refusal: {"rejected": str(refusal.rejected), "days": str(refusal.days)},
    disclosures.ListBackdated: lambda refusal: {"earliest": jst(refusal.earliest)},
    evidence.TooMany: _most,
    relays.Overdue: lambda refusal: {"due": jst(refusal.due_at)},
    relays.CarriesData: _finding,
    threads.CarriesData: _finding,
    threads.NotWaiting: _state,
    threads.ThreadFull: _most,
    policies.NoPattern: lambda refusal: {"what": refusal.what},
    policies.SampleDoesNotFit: lambda refusal: {"sample": refusal.sample},
}

_FIELDS: dict[type[Exception], str] = {
    applications.DateNotPossible: "desired_date",
    applications.BackDated: "desired_date",
    applications.OutOfOwnSequence: "desired_date",
    applications.RelayDoesNotFit: "desired_date",
    disclosures.ExplainedInFuture: "explained_on",
    disclosures.ExplainedTooLongAgo: "explained_on",
    disclosures.ListBackdated: "valid_from",
    disclosures.ListEmpty: "items",
    evidence.GivenInFuture: "obtained_on",
    evidence.AlreadyAttached: "file",
    policies.BadPattern: "number_pattern",
    policies.NoPattern: "number_pattern",
    policies.SampleDoesNotFit: "number_sample",
    policies.HintMissing: "number_hint",
    threads.NotYoursToSay: "topic",
    threads.NothingAsked: "topic",
    threads.WordsMissing: "text",
    threads.TextTooLong: "text",
    threads.CarriesData: "text",
    escalations.NoteMissing: "text",
    escalations.NoteTooLong: "text",
}


def sentence(refusal: Exception) -> str:
    """What the refusal says in the reader's language; a KeyError for an exception that is none of the room's."""
    kind = type(refusal)
    values = _VALUES[kind](refusal) if kind in _VALUES else None
    return str(SENTENCES[kind]) % values if values is not None else str(SENTENCES[kind])


def item_sentence(item: DisclosureItem) -> str:
    """The refusal of one item that was not acknowledged, for its own checkbox."""
    return str(_("Please explain this to the customer, then tick it: %(item)s")) % {"item": item.text}


def named_field(refusal: Exception) -> str:
    """The entry the refusal is about, "" where it is about the whole."""
    return getattr(refusal, "field", "") or _FIELDS.get(type(refusal), "")


def fields_of(refusal: Exception, names: Iterable[str]) -> list[str]:
    """The one of the names the refusal is about, or none of them."""
    field = named_field(refusal)
    return [field] if field in names else []


def field_of(refusal: Exception, form: BaseForm) -> str | None:
    """The field of the form the refusal is about; None for the form as a whole."""
    field = named_field(refusal)
    return field if field in form.fields else None
