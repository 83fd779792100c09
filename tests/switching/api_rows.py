"""The switching room's endpoints, for the access sweep."""

from django.core.files.uploadedfile import SimpleUploadedFile

from switching import evidence
from switching.models import Disclosure
from tests.api_rows import ApiRow
from tests.cast import NOW, Cast
from tests.switching import access_rows
from tests.switching.cases import Play


def a_disclosure(cast: Cast) -> dict:
    """An explanation of sora's."""
    play = Play(cast, NOW)
    made: Disclosure = play.disclosure(play.point())
    return {"pk": made.pk}


def accepted_owing(cast: Cast) -> dict:
    """A relay umi accepted and whose termination it files by hand."""
    play = Play(cast, NOW)
    play.policy(filing="by_hand")
    return {"number": play.accepted(play.point()).number}


def evidence_of_a_relay(cast: Cast) -> dict:
    """A file of sora's on a relay to umi."""
    play = Play(cast, NOW)
    file = SimpleUploadedFile("consent.pdf", b"%PDF-1.7 consent")
    made = evidence.attach(
        case=play.relay(play.point()),
        kind="consent",
        channel="web",
        obtained_on=NOW.date(),
        file=file,
        by=cast["sora.relay"],
        now=NOW,
    )
    return {"pk": made.pk}


ROWS = {
    "api:evidence": ApiRow({"get": "sora.relay"}, kwargs=evidence_of_a_relay),
    "api:evidence-content": ApiRow({"get": "sora.relay"}, kwargs=evidence_of_a_relay),
    "api:relay-evidence": ApiRow({"get": "umi.relay", "post": "sora.relay"}, kwargs=access_rows.relay),
    "api:disclosure-evidence": ApiRow({"get": "sora.relay", "post": "sora.relay"}, kwargs=a_disclosure),
    "api:statistics": ApiRow({"get": "sora.viewer"}),
    "api:disclosures": ApiRow({"get": "sora.relay", "post": "sora.relay"}),
    "api:disclosure-lists": ApiRow({"get": "sora.relay"}, good=()),
    "api:disclosure": ApiRow({"get": "sora.relay"}, kwargs=a_disclosure),
    "api:relays": ApiRow({"get": "sora.relay", "post": "sora.relay"}),
    "api:relay": ApiRow({"get": "sora.relay"}, kwargs=access_rows.relay),
    "api:judgement": ApiRow(
        {"get": "umi.relay", "post": "umi.relay"},
        kwargs=access_rows.relay,
        bodies={"post": {"verdict": "accept"}},
        good=("get", "post"),
    ),
    "api:withdrawal": ApiRow({"post": "sora.relay"}, kwargs=access_rows.relay, good=("post",)),
    "api:termination": ApiRow({"post": "umi.relay"}, kwargs=accepted_owing, good=("post",)),
    "api:messages": ApiRow(
        {"get": "sora.relay", "post": "umi.relay"},
        kwargs=access_rows.relay,
        bodies={"post": {"topic": "ask_will"}},
        good=("get", "post"),
    ),
    "api:applications": ApiRow({"get": "sora.application", "post": "sora.application"}),
    "api:application": ApiRow(
        {"get": "sora.application", "put": "sora.application"},
        kwargs=access_rows.start,
        bodies={"put": {"desired_date": "2026-04-16", "reason": "x", "entries": {}}},
        parties=("kaze",),
    ),
    "api:revisions": ApiRow({"get": "sora.application"}, kwargs=access_rows.start, parties=("kaze",)),
    "api:cancellation": ApiRow({"post": "sora.application"}, kwargs=access_rows.start, good=("post",)),
    "api:filing": ApiRow({"post": "sora.application"}, kwargs=access_rows.draft),
    "api:completion": ApiRow(
        {"post": "kaze.application"}, kwargs=access_rows.in_effect, parties=("kaze",), good=("post",)
    ),
    "api:network-answer": ApiRow(
        {"post": "kaze.application"},
        kwargs=access_rows.submitted,
        bodies={"post": {"verdict": "accept"}},
        parties=("kaze",),
        good=("post",),
    ),
    "api:actual-day": ApiRow(
        {"post": "kaze.application"},
        kwargs=access_rows.in_effect,
        bodies={"post": {"actual": "2026-03-31", "cause": "reading"}},
        parties=("kaze",),
        good=(),
    ),
    "api:stop-request": ApiRow(
        {"post": "umi.application"}, kwargs=access_rows.scheduled, bodies={"post": {"text": "x"}}, good=("post",)
    ),
    "api:stop-answer": ApiRow(
        {"post": "kaze.application"},
        kwargs=access_rows.asked_to_stop,
        bodies={"post": {"answer": "stop"}},
        parties=("kaze",),
        good=("post",),
    ),
    "api:work-for-application": ApiRow(
        {"post": "kaze.application"},
        kwargs=access_rows.accepted_change,
        bodies={"post": {"kind": "ampere", "planned_on": "2026-04-15"}},
        parties=("kaze",),
        good=("post",),
    ),
    "api:network-work": ApiRow({"get": "kaze.application"}),
    "api:meter-works": ApiRow({"get": "kaze.application", "post": "kaze.application"}),
    "api:meter-work": ApiRow({"get": "kaze.application"}, kwargs=access_rows.meter_work, parties=("kaze",)),
    "api:meter-work-report": ApiRow(
        {"post": "kaze.application"},
        kwargs=access_rows.meter_work,
        bodies={"post": {"done_on": "2026-04-01"}},
        parties=("kaze",),
        good=(),
    ),
    "api:meter-work-calling-off": ApiRow(
        {"post": "kaze.application"}, kwargs=access_rows.meter_work, parties=("kaze",), good=("post",)
    ),
    "api:movements": ApiRow({"get": "sora.viewer", "post": "sora.application"}),
    "api:movement": ApiRow({"get": "sora.viewer"}, kwargs=access_rows.a_plan, parties=("kaze",)),
    "api:movement-withdrawal": ApiRow({"post": "sora.application"}, kwargs=access_rows.a_plan, good=("post",)),
    "api:cooling-off": ApiRow(
        {"post": "sora.relay"},
        kwargs=access_rows.relay,
        bodies={"post": {"declared_on": "2026-04-01"}},
        good=("post",),
    ),
    "api:reversal": ApiRow(
        {"post": "umi.relay"}, kwargs=access_rows.matched, bodies={"post": {"reason": "hub_fault"}}, good=()
    ),
    "api:denial": ApiRow({"post": "umi.relay"}, kwargs=access_rows.matched, good=()),
    "api:undoing": ApiRow({"get": "umi.relay"}),
    "api:undo-case": ApiRow({"get": "umi.relay"}, kwargs=access_rows.denied),
    "api:undo-answer": ApiRow(
        {"post": "kaze.application"},
        kwargs=access_rows.stopping,
        bodies={"post": {"verdict": "agree"}},
        parties=("kaze",),
        good=("post",),
    ),
    "api:undo-evidence": ApiRow(
        {"post": "sora.relay"},
        kwargs=access_rows.denied,
        bodies={"post": {"channel": "telephone", "given_on": "2026-03-30", "reference": "REC-17"}},
        good=("post",),
    ),
    "api:undo-withdrawal": ApiRow(
        {"post": "umi.relay"}, kwargs=access_rows.reversing, parties=("kaze",), good=("post",)
    ),
    "api:undo-appeal": ApiRow(
        {"post": "umi.relay"},
        kwargs=access_rows.refused_reversal,
        bodies={"post": {"text": "x"}},
        parties=("kaze",),
        good=(),
    ),
    "api:undo-contract": ApiRow(
        {"post": "umi.relay"},
        kwargs=access_rows.dark,
        bodies={"post": {"verdict": "keep"}},
        parties=("kaze",),
        good=("post",),
    ),
    "api:undo-last-resort": ApiRow(
        {"post": "kaze.application"},
        kwargs=access_rows.offered,
        bodies={"post": {"outcome": "last_resort"}},
        parties=("kaze",),
        good=("post",),
    ),
    "api:exit-points": ApiRow({"get": "umi.relay"}, kwargs=access_rows.leaving, parties=("kaze",)),
    "api:upload-kinds": ApiRow({"get": "sora.relay"}),
    "api:upload-template": ApiRow({"get": "sora.relay"}, kwargs=lambda cast: {"content": "relays"}, shared=True),
    "api:upload-work-list": ApiRow({"get": "umi.relay"}, kwargs=lambda cast: {"content": "judgements"}, shared=True),
    "api:uploads": ApiRow({"get": "sora.relay", "post": "sora.relay"}),
    "api:upload": ApiRow({"get": "sora.relay"}, kwargs=access_rows.upload),
    "api:upload-rows": ApiRow({"get": "sora.relay"}, kwargs=access_rows.upload),
    "api:upload-errors": ApiRow({"get": "sora.relay"}, kwargs=access_rows.upload),
    "api:upload-answers": ApiRow({"get": "sora.application"}, kwargs=access_rows.plans),
    "api:upload-confirmation": ApiRow({"post": "sora.relay"}, kwargs=access_rows.upload, good=("post",)),
    "api:upload-discarding": ApiRow({"post": "sora.relay"}, kwargs=access_rows.upload, good=("post",)),
    "api:upload-recall": ApiRow({"post": "sora.relay"}, kwargs=access_rows.carried_out, good=("post",)),
    "api:queue": ApiRow({"get": "sora.relay"}),
    "api:queued": ApiRow({"get": "sora.relay"}, kwargs=access_rows.queued),
    "api:queue-withdrawal": ApiRow({"post": "sora.relay"}, kwargs=access_rows.queued, good=("post",)),
    "api:as-of": ApiRow({"get": "sora.viewer"}, query="?number=0300000000000000000001&day=2026-04-01", good=()),
}
