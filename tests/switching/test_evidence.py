"""Files that prove a consent: kept, hashed, never changed, and never shown to the other retailer."""

import hashlib

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction

from portal import attachments
from portal.models import LedgerEntry
from switching import evidence, proofs
from switching.models import Evidence
from tests.cast import NOW, client_of
from tests.switching.paging import said
from tests.switching.test_relay_pages import english

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt consent"
M4A = b"\x00\x00\x00\x20ftypM4A consent"


@pytest.fixture
def relay(play):
    return play.relay(play.point())


def attach(cast, case, content=WAV, name="同意.wav", who="sora.relay", **changes):
    return evidence.attach(
        **{
            "case": case,
            "kind": "consent",
            "channel": "telephone",
            "obtained_on": NOW.date(),
            "agent": "A-17",
            "file": SimpleUploadedFile(name, content),
            "by": cast[who],
            "now": NOW,
            **changes,
        }
    )


def test_a_recording_is_kept_with_its_hash_in_the_ledger(cast, relay):
    kept = attach(cast, relay)
    digest = hashlib.sha256(WAV).hexdigest()
    assert kept.sha256 == digest and kept.content_type == "audio/wav"
    [entry] = LedgerEntry.objects.filter(action="evidence.attach")
    assert entry.subject == f"relay {relay.number}" and entry.detail["sha256"] == digest
    assert default_storage.open(kept.path).read() == WAV
    assert digest in str(proofs.case(relay.number).files["case.json"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.7"),
        ("a.png", b"\x89PNG\r\n\x1a\n."),
        ("a.JPG", b"\xff\xd8\xff\xe0"),
        ("a.mp3", b"ID3\x04"),
        ("a.m4a", M4A),
        ("a.ogg", b"OggS."),
    ],
)
def test_every_kind_that_proves_a_word_is_taken(cast, relay, name, content):
    assert attach(cast, relay, content, name).size == len(content)


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("a.exe", b"MZ", attachments.UnknownKind),
        ("a.html", b"<script>", attachments.UnknownKind),
        ("a.zip", b"PK\x03\x04", attachments.UnknownKind),
        ("a.pdf", b"MZ\x90", attachments.OtherContent),
        ("a.wav", b"RIFFxxxxAVI ", attachments.OtherContent),
        ("a.m4a", WAV, attachments.OtherContent),
        ("a.mp3", b"", attachments.Empty),
    ],
)
def test_what_a_file_holds_decides_and_not_its_ending(cast, relay, name, content, refusal):
    with pytest.raises(refusal):
        attach(cast, relay, content, name)
    assert not Evidence.objects.exists()


def test_a_file_that_is_too_large_is_refused(cast, relay, settings):
    settings.EVIDENCE_MAX_BYTES = 10
    with pytest.raises(attachments.TooLarge):
        attach(cast, relay)


def kept_files() -> int:
    return len(default_storage.listdir("evidence")[1])


def test_the_same_file_twice_a_day_to_come_and_too_many_are_refused(cast, relay, settings):
    attach(cast, relay)
    with pytest.raises(evidence.AlreadyAttached):
        attach(cast, relay, name="other-name.wav")
    with pytest.raises(evidence.GivenInFuture):
        attach(cast, relay, M4A, "b.m4a", obtained_on=NOW.date().replace(day=2))
    settings.EVIDENCE_FILES = 1
    before = kept_files()
    with pytest.raises(evidence.TooMany):
        attach(cast, relay, M4A, "b.m4a")
    assert kept_files() == before, "a file that was refused is taken out again"


def test_only_the_company_that_explained_attaches(cast, relay):
    for who in ("umi.relay", "yama.relay", "sora.viewer", "sora.application"):
        with pytest.raises(evidence.NotYours):
            attach(cast, relay, who=who)
        with pytest.raises(evidence.NotYours):
            attach(cast, relay.disclosure, who=who)


def test_evidence_is_neither_changed_nor_removed(cast, relay):
    attach(cast, relay)
    for deed in ("UPDATE switching_evidence SET id = id", "DELETE FROM switching_evidence"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(deed)


def test_the_pages_attach_show_and_hand_out_the_file_and_the_other_side_sees_the_hash_alone(cast, relay):
    sora, umi = english(client_of(cast["sora.relay"])), english(client_of(cast["umi.relay"]))
    way = f"/relays/{relay.number}/evidence/"
    entries = {"kind": "consent", "channel": "telephone", "obtained_on": "2026-04-01", "agent": "A-17"}
    refused = sora.post(way, {**entries, "file": SimpleUploadedFile("a.exe", b"MZ")})
    assert refused.status_code == 422 and "of a kind that is not taken in" in said(refused)
    assert sora.post(way, entries).status_code == 422
    assert sora.post(way, {**entries, "file": SimpleUploadedFile("consent.wav", WAV)}).url == f"/relays/{relay.number}/"
    kept = Evidence.objects.get()
    own = said(sora.get(f"/relays/{relay.number}/"))
    assert "consent.wav" in own and kept.sha256 in own and "A-17" in own
    got = sora.get(f"/evidence/{kept.pk}/")
    assert got.getvalue() == WAV and "attachment" in got["Content-Disposition"]
    assert LedgerEntry.objects.filter(action="evidence.read", user=cast["sora.relay"]).count() == 1
    for page in (f"/relays/{relay.number}/", f"/relays/{relay.number}/judgement/"):
        other = umi.get(page)
        assert kept.sha256 in said(other) and "by telephone" in said(other)
        assert "consent.wav" not in said(other) and "A-17" not in said(other)
        assert f"/evidence/{kept.pk}/" not in other.content.decode()
    assert umi.get(f"/evidence/{kept.pk}/").status_code == 404
    assert umi.get(way).status_code == 404


def test_evidence_of_an_explanation(cast, relay):
    sora = english(client_of(cast["sora.relay"]))
    way = f"/disclosures/{relay.disclosure_id}/evidence/"
    entries = {"kind": "explanation", "channel": "post", "obtained_on": "2026-03-31"}
    answer = sora.post(way, {**entries, "file": SimpleUploadedFile("signed.pdf", b"%PDF-1.7 x")})
    assert answer.url == f"/disclosures/{relay.disclosure_id}/"
    page = said(sora.get(answer.url))
    assert "signed.pdf" in page and Evidence.objects.get().sha256 in page
    [entry] = LedgerEntry.objects.filter(action="evidence.attach")
    assert entry.subject == f"supply point {relay.point.number}"
