"""The switching room's endpoints, for the access sweep."""

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


ROWS = {
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
    "api:cancellation": ApiRow({"post": "sora.application"}, kwargs=access_rows.start, good=("post",)),
    "api:filing": ApiRow({"post": "sora.application"}, kwargs=access_rows.draft),
    "api:completion": ApiRow(
        {"post": "kaze.application"}, kwargs=access_rows.in_effect, parties=("kaze",), good=("post",)
    ),
}
