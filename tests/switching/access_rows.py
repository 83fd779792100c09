"""The switching room's rows of the access sweep."""

from datetime import date, timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from metering.models import SupplyPoint
from portal import quotas
from portal.models import Over, Quota, Registration
from switching import (
    applications,
    dark_points,
    disclosures,
    evidence,
    exits,
    matching,
    meter_works,
    movements,
    registration_queue,
    relays,
    reversals,
    stops,
    undoing,
)
from switching.bulk import uploads
from switching.models import Application, DisclosureDraft, Relay, UndoCase, UploadRow
from tests.access_rows import Row
from tests.cast import NOW, Cast, one_more_company
from tests.switching.bulk import sending
from tests.switching.cases import DESIRED, Play
from tests.switching.undoings import AFTER, Undo


def _play(cast: Cast) -> Play:
    return Play(cast, NOW, made=SupplyPoint.objects.count())


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
    assert Application.objects.get(pk=found.pk).state == "in_effect"
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


def _undo(cast: Cast) -> Undo:
    return Undo(_play(cast))


def matched(cast: Cast) -> dict[str, Any]:
    """A matched relay of sora on umi's point."""
    return {"number": _undo(cast).matched().number}


def stopping(cast: Cast) -> dict[str, Any]:
    """A cooling-off that kaze has to answer."""
    undo = _undo(cast)
    return {"number": undo.cool_off(undo.matched()).number}


def reversing(cast: Cast) -> dict[str, Any]:
    """A reversal that umi asked for and sora has to answer."""
    undo = _undo(cast)
    return {"number": undo.reversal(undo.switched()).number}


def refused_reversal(cast: Cast) -> dict[str, Any]:
    """The same, refused by sora."""
    undo = _undo(cast)
    case = undo.reversal(undo.switched())
    reversals.answer(case_id=case.pk, agrees=False, reason="customer_wants", by=cast["sora.relay"], now=AFTER)
    return {"number": case.number}


def denied(cast: Cast) -> dict[str, Any]:
    """A denial that sora has to answer."""
    play = _play(cast)
    return {"number": play.rejected(play.point(), 8).undo_cases.get().number}


def escalated(cast: Cast) -> dict[str, Any]:
    """The same, unanswered: with the hub operator."""
    found = denied(cast)
    undoing.escalate_overdue(now=AFTER)
    return found


def dark(cast: Cast) -> dict[str, Any]:
    """A termination without a start that umi has to answer."""
    play = _play(cast)
    relay = play.accepted(play.point())
    matching.close_unmatched(now=AFTER)
    return {"number": relay.undo_cases.get().number}


def offered(cast: Cast) -> dict[str, Any]:
    """The same, the contract ends: kaze offers last-resort supply."""
    found = dark(cast)
    case = UndoCase.objects.get(number=found["number"])
    dark_points.answer(case_id=case.pk, ends_on=date(2026, 5, 1), by=cast["umi.relay"], now=AFTER)
    return found


def leaving(cast: Cast) -> dict[str, Any]:
    """umi leaves the market."""
    _play(cast).point()
    by, last = cast["hub.operator"], date(2026, 4, 30)
    return {"number": exits.announce(company=cast.umi, last_day=last, text="x", by=by, now=NOW).number}


def upload(cast: Cast) -> dict[str, Any]:
    """A checked file of sora with one row that can be filed."""
    play = _play(cast)
    [point] = sending.ready(play, 1)
    data = sending.csv_of([sending.relay_row(point)])
    return {"pk": sending.send("relays", data, by=cast["sora.relay"], now=NOW).pk}


def plans(cast: Cast) -> dict[str, Any]:
    """A checked file of sora's plans."""
    point = _play(cast).point()
    row = {"supply_class": "LV", "supply_point": point.number, "kind": "switch", "wished_on": "2026-04-15"}
    return {"pk": sending.send("movements", sending.csv_of([row]), by=cast["sora.application"], now=NOW).pk}


def a_plan(cast: Cast) -> dict[str, Any]:
    """A movement sora plans."""
    by, point = cast["sora.application"], _play(cast).point()
    day = date(2026, 4, 15)
    return {"pk": movements.announce(point=point, kind="switch", wished_on=day, by=by, now=NOW).pk}


def carried_out(cast: Cast) -> dict[str, Any]:
    """A file of sora whose row was filed."""
    pk = upload(cast)["pk"]
    uploads.confirm(pk, by=cast["sora.relay"], now=NOW)
    while uploads.carry_out(pk, now=NOW):
        pass
    return {"pk": pk}


def list_draft(cast: Cast) -> dict[str, Any]:
    """A draft of umi's."""
    made = disclosures.save_draft(
        menu="", valid_from=NOW.date(), charge="none", items=[("a", "a", "a")], by=cast["umi.administrator"], now=NOW
    )
    return {"pk": made.pk}


def own_list(cast: Cast) -> dict[str, Any]:
    """A published list of umi's."""
    made = disclosures.publish_draft(list_draft(cast)["pk"], by=cast["umi.administrator"], now=NOW)
    return {"pk": made.pk}


def attached(cast: Cast) -> dict[str, Any]:
    """A file of sora's on a relay umi judges."""
    play = _play(cast)
    made = evidence.attach(
        case=play.relay(play.point()),
        kind="consent",
        channel="telephone",
        obtained_on=NOW.date(),
        file=SimpleUploadedFile("consent.pdf", b"%PDF-1.7"),
        by=cast["sora.relay"],
        now=NOW,
    )
    return {"pk": made.pk}


def submitted(cast: Cast) -> dict[str, Any]:
    """An ampere change of umi that kaze has to answer."""
    play = _play(cast)
    return {"number": play.file("ampere_change", play.point()).number}


def accepted_change(cast: Cast) -> dict[str, Any]:
    """An ampere change of umi for which kaze may plan work."""
    play = _play(cast)
    return {"number": play.taken_up(play.file("ampere_change", play.point())).number}


def meter_work(cast: Cast) -> dict[str, Any]:
    """Work at a meter planned by kaze."""
    work = meter_works.plan(
        point=_play(cast).point(), kind="exchange", planned_on=DESIRED, by=cast["kaze.application"], now=NOW
    )
    return {"pk": work.pk}


def scheduled(cast: Cast) -> dict[str, Any]:
    """An ampere change of umi whose work is planned."""
    play = _play(cast)
    change = play.taken_up(play.file("ampere_change", play.point()))
    meter_works.plan(
        point=change.point, application=change, kind="ampere", planned_on=DESIRED, by=cast["kaze.application"], now=NOW
    )
    return {"number": change.number}


def asked_to_stop(cast: Cast) -> dict[str, Any]:
    """The same, which umi asks kaze to stop."""
    found = scheduled(cast)
    change = Application.objects.get(**found)
    stops.ask(application_id=change.pk, reason="typed wrongly", by=cast["umi.application"], now=NOW)
    return found


def an_inquiry(cast: Cast) -> None:
    """sora asked about a point of umi's."""
    sending.inquire(play := _play(cast), [play.point()])


def one_queued(cast: Cast) -> None:
    """One more registration of sora's over the quota."""
    play = _play(cast)
    point = play.point()
    play.disclosure(point)
    if not Quota.objects.exists():
        quotas.set_quota(cast.sora, Registration.RELAY, most=1, over=Over.QUEUE, by=None, now=NOW)
        play.relay(play.point())
    registration_queue.register_relay(play.request(point), by=cast["sora.relay"], now=NOW)


def a_denial(cast: Cast) -> None:
    """A denial against one more gaining retailer."""
    found = denied(cast)
    UndoCase.objects.filter(**found).update(gaining_retailer=one_more_company(cast))


def one_more_draft(cast: Cast) -> None:
    """A draft of umi's for one more menu."""
    menu = f"夜トク{DisclosureDraft.objects.count()}"
    items = [("a", "a", "a")]
    disclosures.save_draft(
        menu=menu, valid_from=NOW.date(), charge="none", items=items, by=cast["umi.administrator"], now=NOW
    )


def a_point(cast: Cast) -> None:
    """One more point of umi's."""
    _play(cast).point()


def a_row(cast: Cast) -> None:
    """One more row in sora's only file."""
    kept = UploadRow.objects.latest("pk")
    kept.pk, kept.line = None, kept.line + 1
    kept.save(force_insert=True)


ROWS = {
    "switching:network-work": Row("ability", owner="kaze.application", one_more=submitted),
    "switching:network-answer": Row("ability", owner="kaze.application", kwargs=submitted),
    "switching:work-for-application": Row("ability", owner="kaze.application", kwargs=accepted_change),
    "switching:stop-request": Row("ability", owner="umi.application", kwargs=scheduled),
    "switching:stop-answer": Row("ability", owner="kaze.application", kwargs=asked_to_stop),
    "switching:meter-works": Row("ability", owner="kaze.application", one_more=meter_work),
    "switching:meter-work-new": Row("ability", owner="kaze.application"),
    "switching:meter-work": Row("ability", owner="kaze.application", kwargs=meter_work),
    "switching:meter-work-calling-off": Row("ability", owner="kaze.application", kwargs=meter_work),
    "switching:cooling-off-new": Row("ability", owner="sora.relay", kwargs=relay),
    "switching:reversal-new": Row("ability", owner="umi.relay", kwargs=matched),
    "switching:denial-new": Row("ability", owner="umi.relay", kwargs=matched),
    "switching:undoing": Row("ability", owner="umi.relay", one_more=denied),
    "switching:denials": Row("ability", owner="hub.operator", one_more=a_denial),
    "switching:undo-case": Row("ability", owner="umi.relay", kwargs=denied),
    "switching:undo-answer": Row("ability", owner="kaze.application", kwargs=stopping),
    "switching:undo-evidence": Row("ability", owner="sora.relay", kwargs=denied),
    "switching:undo-decision": Row("ability", owner="hub.operator", kwargs=escalated),
    "switching:undo-withdrawal": Row("ability", owner="umi.relay", kwargs=reversing),
    "switching:undo-appeal": Row("ability", owner="umi.relay", kwargs=refused_reversal),
    "switching:undo-contract": Row("ability", owner="umi.relay", kwargs=dark),
    "switching:undo-last-resort": Row("ability", owner="kaze.application", kwargs=offered),
    "switching:exit-new": Row("ability", owner="hub.operator"),
    "switching:exit-points": Row("ability", owner="umi.relay", kwargs=leaving, one_more=a_point),
    "switching:exit-withdrawal": Row("ability", owner="hub.operator", kwargs=leaving),
    "switching:relays": Row("ability", owner="umi.relay", one_more=relay),
    "switching:relay-new": Row("ability", owner="sora.relay", one_more=an_inquiry),
    "switching:relay": Row("ability", owner="umi.relay", kwargs=relay),
    "switching:judgement": Row("ability", owner="umi.relay", kwargs=relay),
    "switching:withdrawal": Row("ability", owner="sora.relay", kwargs=relay),
    "switching:relay-messages": Row("ability", owner="umi.relay", kwargs=relay),
    "switching:filing": Row("ability", owner="umi.relay", kwargs=owed),
    "switching:relay-rules": Row("ability", owner="umi.administrator"),
    "switching:relay-evidence": Row("ability", owner="sora.relay", kwargs=relay),
    "switching:disclosure-evidence": Row("ability", owner="sora.relay", kwargs=disclosure),
    "switching:evidence": Row("ability", owner="sora.relay", kwargs=attached),
    "switching:disclosure-lists": Row("ability", owner="umi.administrator", one_more=one_more_draft),
    "switching:disclosure-draft-new": Row("ability", owner="umi.administrator"),
    "switching:disclosure-draft": Row("ability", owner="umi.administrator", kwargs=list_draft),
    "switching:disclosure-list": Row("ability", owner="umi.administrator", kwargs=own_list),
    "switching:escalations": Row("ability", owner="hub.operator", one_more=escalation),
    "switching:escalation": Row("ability", owner="hub.operator", kwargs=escalation),
    "switching:disclosure-new": Row("ability", owner="sora.relay"),
    "switching:disclosure": Row("ability", owner="sora.relay", kwargs=disclosure),
    "switching:applications": Row("ability", owner="kaze.application", one_more=start),
    "switching:start-new": Row("ability", owner="sora.application", one_more=an_inquiry),
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
    "switching:actual-day": Row("ability", owner="kaze.application", kwargs=in_effect),
    "switching:completion": Row("ability", owner="kaze.application", kwargs=in_effect),
    "switching:queue": Row("ability", owner="sora.relay", one_more=one_queued),
    "switching:queued": Row("ability", owner="sora.relay", kwargs=queued),
    "switching:queue-withdrawal": Row("ability", owner="sora.relay", kwargs=queued),
    "switching:as-of": Row("ability", owner="sora.viewer"),
    "switching:uploads": Row("ability", owner="sora.relay", one_more=upload),
    "switching:upload-work-list": Row(
        "ability", owner="umi.relay", kwargs=lambda cast: {"content": "judgements", "format": "csv"}, shared=True
    ),
    "switching:upload-new": Row("ability", owner="sora.relay", kwargs=lambda cast: {"content": "relays"}, shared=True),
    "switching:upload-template": Row(
        "ability", owner="sora.relay", kwargs=lambda cast: {"content": "relays", "format": "csv"}, shared=True
    ),
    "switching:upload": Row("ability", owner="sora.relay", kwargs=upload, one_more=a_row),
    "switching:upload-confirm": Row("ability", owner="sora.relay", kwargs=upload, method="post"),
    "switching:upload-discard": Row("ability", owner="sora.relay", kwargs=upload, method="post"),
    "switching:upload-recall": Row("ability", owner="sora.relay", kwargs=carried_out),
    "switching:upload-answers": Row("ability", owner="sora.application", kwargs=plans),
    "switching:movements": Row("ability", owner="sora.viewer", one_more=a_plan),
    "switching:movement-withdrawal": Row("ability", owner="sora.application", kwargs=a_plan),
    "switching:upload-wrong-rows": Row("ability", owner="sora.relay", kwargs=upload),
    "switching:rule-tables": Row("inside"),
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
