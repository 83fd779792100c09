"""The linkage room's endpoints, for the access sweep: in the lobby they are absent, in a market everybody plays."""

from linkage.models import Evidence
from tests.api_rows import ApiRow
from tests.cast import NOW
from tests.linkage.access_rows import a_participant, a_script


def signed_evidence(cast):
    a_participant(cast)
    by = cast["sora.administrator"]
    return {
        "pk": Evidence.objects.create(
            role="gaining", version="1", signed_by=by, signed_at=NOW, name="x.zip", pack=b"x", sha256="0" * 64
        ).pk
    }


def nothing(cast):
    a_participant(cast)
    return {}


ROWS = {
    "api:linkage-clock": ApiRow(
        {"get": "sora.viewer", "post": "sora.relay"},
        kwargs=nothing,
        shared=True,
        bodies={"post": {"days": 1}},
        good=("get", "post"),
    ),
    "api:linkage-customers": ApiRow({"get": "sora.viewer"}, kwargs=nothing, shared=True),
    "api:linkage-scripts": ApiRow(
        {"get": "sora.viewer", "post": "sora.relay"},
        kwargs=nothing,
        shared=True,
        bodies={"post": {"partner": "losing", "number": "1", "behaves_as": "2"}},
        good=("get", "post"),
    ),
    "api:linkage-script": ApiRow({"delete": "sora.relay"}, kwargs=a_script, shared=True, good=("delete",)),
    "api:linkage-received-relays": ApiRow({"post": "sora.relay"}, kwargs=nothing, shared=True, good=()),
    "api:linkage-qualification": ApiRow({"get": "sora.viewer"}, kwargs=nothing, shared=True),
    "api:linkage-evidence": ApiRow(
        {"get": "sora.viewer", "post": "sora.relay"}, kwargs=nothing, shared=True, bodies={"post": {"role": "gaining"}}
    ),
    "api:linkage-evidence-one": ApiRow({"get": "sora.viewer"}, kwargs=signed_evidence, shared=True),
    "api:linkage-evidence-content": ApiRow({"get": "sora.viewer"}, kwargs=signed_evidence, shared=True),
}
