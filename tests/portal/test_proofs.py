"""A proof pack proves its case with Python alone, and not when anything in it was touched."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from io import StringIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from portal import hub_key, ledger, proofs, seals, verify_proof
from portal.models import LedgerEntry
from switching import relays
from tests.switching.cases import HOLDER, KANA, Play

# RFC 8032 §7.1: secret key, public key, message, signature
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_packs_own_check_of_signatures_agrees_with_the_standard(key, message, signature):
    key, message, signature = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify_proof.is_signed(message, signature, key)
    assert not verify_proof.is_signed(message + b"x", signature, key)
    assert not verify_proof.is_signed(message, signature[:32] + bytes(32), key)
    order_added = int.from_bytes(signature[32:], "little") + verify_proof.ORDER
    assert not verify_proof.is_signed(message, signature[:32] + order_added.to_bytes(32, "little"), key)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 511))
def test_the_packs_own_check_of_signatures_agrees_with_the_library(message, bit):
    secret = Ed25519PrivateKey.generate()
    key = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = bytearray(secret.sign(message))
    assert verify_proof.is_signed(message, bytes(signature), key)
    signature[bit // 8] ^= 1 << bit % 8
    assert not verify_proof.is_signed(message, bytes(signature), key)


@pytest.mark.parametrize("key", [b"", b"\xff" * 32, bytes(31)])
def test_nonsense_for_a_key_signs_nothing(key):
    assert not verify_proof.is_signed(b"x", bytes(64), key)


@pytest.fixture
def relay(cast, now):
    play = Play(cast, now)
    other = play.relay(play.point())
    ledger.record("relay.read", f"relay {other.number}", by=cast["umi.relay"], now=now)
    relay = play.relay(play.point())
    relays.read_for_judgement(relay, by=cast["umi.relay"], now=now)
    return relays.judge(relay_id=relay.pk, verdict=relays.Verdict.ACCEPT, by=cast["umi.relay"], now=now)


@pytest.fixture
def pack(relay, cast, now):
    return proofs.export(relay.number, reason="監督官庁の照会", by=cast["hub.auditor"], now=now)


def unpacked(pack: proofs.Pack) -> dict[str, bytes]:
    return verify_proof.read_zip(io.BytesIO(pack.content))


def content(pack: proofs.Pack, name: str):
    return json.loads(unpacked(pack)[name])


def test_a_pack_holds_the_case_and_proves_it(pack, relay):
    lines = verify_proof.check(unpacked(pack), hub_key.public())
    assert relay.number in lines[0]
    facts, termination = content(pack, "case.json")["cases"]
    assert (facts["number"], facts["state"], facts["losing_retailer"]) == (relay.number, "02", "海エナジー")
    assert facts["disclosure"]["acknowledged"]
    assert termination["kind"] == "switch_termination"
    assert content(pack, "steps.json")[0]["move"] == "register"
    actions = [json.loads(entry["line"])["action"] for entry in content(pack, "ledger.json")]
    assert {"relay.register", "relay.read_identity", "relay.accept", "proof.export"} <= set(actions)
    assert {notice["recipient"] for notice in content(pack, "notices.json")} >= {"空でんき", "海エナジー"}
    assert "空でんき" in content(pack, "people.json")["companies"].values()


def test_the_identity_check_is_in_it_without_anybodys_data(pack):
    comparisons = content(pack, "identity.json")["comparisons"]
    assert {c["field"] for c in comparisons} >= {"contract_number", "holder_name", "address"}
    assert all(c["verdict"] == "exact" for c in comparisons if c["field"] != "building")
    assert HOLDER not in unpacked(pack)["identity.json"].decode()
    assert KANA not in unpacked(pack)["identity.json"].decode()


def test_of_other_cases_only_hashes_are_in_it(pack, relay):
    other = LedgerEntry.objects.filter(action="relay.read").get()
    [number] = [other.subject.split()[1]]
    assert not [name for name, text in unpacked(pack).items() if number in text.decode()]
    entries = [item for seal in content(pack, "seals.json") for item in seal["entries"]]
    assert {"hash": seals.leaf(seals.rows([other.pk])[other.pk]).hex()} in entries


def test_a_case_whose_entries_stand_in_many_seals(relay, cast, now):
    seals.seal_waiting(now=now)
    for n in range(5):
        ledger.record("relay.read", f"relay {relay.number}", by=cast["umi.relay"], now=now, n=n)
        ledger.record("relay.read", "relay other", by=cast["umi.relay"], now=now, n=n)
        seals.seal_waiting(now=now)
    pack = proofs.export(relay.number, reason="x", by=cast["hub.operator"], now=now)
    assert len(content(pack, "seals.json")) == 7
    assert verify_proof.check(unpacked(pack))


def test_an_application_has_its_pack_with_the_relay_it_came_from(relay, cast, now):
    application = relay.applications.get()
    pack = proofs.export(application.number, reason="x", by=cast["hub.auditor"], now=now)
    assert [case["number"] for case in content(pack, "case.json")["cases"]] == [application.number, relay.number]
    assert verify_proof.check(unpacked(pack))


def test_it_is_checked_without_the_portal_by_the_script_in_it(pack, tmp_path):
    with zipfile.ZipFile(io.BytesIO(pack.content)) as archive:
        archive.extractall(tmp_path / "open")
    (tmp_path / pack.name).write_bytes(pack.content)

    def run(*arguments):
        command = [sys.executable, "-I", "-S", str(tmp_path / "open" / "verify.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={"PYTHONUTF8": "1"})

    assert run().returncode == 0
    assert "PROVEN" in run(tmp_path / pack.name, "--key", hub_key.public()).stdout
    wrong = run("--key", "0" * 64)
    assert wrong.returncode == 1 and "not with the one you gave" in wrong.stdout
    ledger_file = tmp_path / "open" / "ledger.json"
    ledger_file.write_text(ledger_file.read_text().replace("relay.accept", "relay.reject"))
    broken = run()
    assert broken.returncode == 1 and "ledger.json was changed" in broken.stdout
    assert run(tmp_path / "none.zip").returncode == 1
    (tmp_path / "bad.zip").write_bytes(b"PK nonsense")
    assert "cannot be read" in run(tmp_path / "bad.zip").stdout


def resigned(files: dict[str, bytes]) -> dict[str, bytes]:
    """As if somebody with the hub's key had packed it: only what the seals say can tell the truth."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {name: hashlib.sha256(files[name]).hexdigest() for name in manifest["files"]}
    text = json.dumps(manifest).encode()
    return {**files, "manifest.json": text, "signature.txt": hub_key.sign(proofs.signed_text(text)).encode()}


def test_an_entry_that_was_changed_does_not_fit_its_seal(pack):
    files = unpacked(pack)
    files["ledger.json"] = files["ledger.json"].replace(b"relay.accept", b"relay.reject")
    with pytest.raises(verify_proof.Broken, match="does not fit its entries"):
        verify_proof.check(resigned(files))


def test_an_entry_that_was_added_stands_in_no_seal(pack):
    files = unpacked(pack)
    entries = json.loads(files["ledger.json"])
    files["ledger.json"] = json.dumps([*entries, {"id": 10**9, "line": '{"id":1000000000}'}]).encode()
    with pytest.raises(verify_proof.Broken, match="stands in no seal"):
        verify_proof.check(resigned(files))


@pytest.mark.parametrize(
    "name", ["case.json", "steps.json", "identity.json", "notices.json", "people.json", "README.txt"]
)
def test_no_file_can_be_changed_or_left_out(pack, name):
    files = unpacked(pack)
    with pytest.raises(verify_proof.Broken, match=f"{name} was changed"):
        verify_proof.check({**files, name: files[name] + b" "})
    del files[name]
    with pytest.raises(verify_proof.Broken, match=f"{name} is missing"):
        verify_proof.check(files)


@pytest.mark.parametrize("name", ["manifest.json", "signature.txt"])
@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"nonsense", b"\xff\xfe", b"0" * 128])
def test_nonsense_in_its_place_is_told_not_a_traceback(pack, name, text):
    with pytest.raises(verify_proof.Broken):
        verify_proof.check({**unpacked(pack), name: text})


@pytest.mark.parametrize("name", ["ledger.json", "seals.json"])
@pytest.mark.parametrize("text", [b"{}", b"[{}]", b"[1]", b"null", b'[{"number": 1}]'])
def test_nonsense_with_a_signature_is_told_too(pack, name, text):
    with pytest.raises(verify_proof.Broken):
        verify_proof.check(resigned({**unpacked(pack), name: text}))


def test_a_strange_file_is_refused(pack):
    with pytest.raises(verify_proof.Broken, match="does not belong"):
        verify_proof.check({**unpacked(pack), "more.json": b"{}"})


@pytest.mark.parametrize("who", ["hub.helpdesk", "sora.relay", "umi.relay", "yama.viewer"])
def test_only_operators_and_auditors_export(relay, cast, now, who):
    by = cast[who]
    before = LedgerEntry.objects.count()
    with pytest.raises(proofs.NotAllowed):
        proofs.export(relay.number, reason="x", by=by, now=now)
    assert LedgerEntry.objects.count() == before


@pytest.mark.parametrize(
    "number", ["", "R", "R0000000018", "X0000000017", "' OR 1=1", "R" * 500, "Ｒ０", "R000000001\x00"]
)
def test_a_number_of_no_case_is_refused(relay, cast, now, number):
    with pytest.raises(proofs.NoSuchCase):
        proofs.export(number, reason="x", by=cast["hub.auditor"], now=now)


def test_a_reason_is_asked_for_and_kept(relay, cast, now):
    with pytest.raises(proofs.ReasonMissing):
        proofs.export(relay.number, reason="  ", by=cast["hub.auditor"], now=now)
    proofs.export(relay.number, reason="紛争処理", by=cast["hub.auditor"], now=now)
    entry = LedgerEntry.objects.get(action="proof.export")
    assert (entry.purpose, entry.user, entry.subject) == ("紛争処理", cast["hub.auditor"], f"relay {relay.number}")


def test_the_page_hands_out_the_pack(relay, cast, client_of):
    client = client_of(cast["hub.auditor"])
    assert "最新の封印" in client.get("/evidence/").content.decode()
    number = f"{relay.number[:5]}-{relay.number[5:]}".lower()
    answer = client.post("/evidence/", {"number": number, "reason": "監査"})
    assert answer["Content-Type"] == "application/zip"
    assert relay.number in answer["Content-Disposition"]
    assert verify_proof.check(verify_proof.read_zip(io.BytesIO(answer.content)), hub_key.public())


@pytest.mark.parametrize(
    "data", [{}, {"number": "R1"}, {"number": "R0000000018", "reason": "x"}, {"number": "\x00", "reason": "x"}]
)
def test_the_page_answers_bad_input_with_a_sentence(relay, cast, client_of, data):
    answer = client_of(cast["hub.auditor"]).post("/evidence/", data)
    assert answer.status_code == 422
    assert "error-summary" in answer.content.decode()


def test_the_public_key_is_for_everybody(client, db):
    assert client.get("/evidence/public-key.txt").content.decode().split()[0] == hub_key.public()


def test_the_command_writes_the_pack(relay, cast, tmp_path):
    by, out = cast["hub.auditor"].username, StringIO()
    call_command("export_proof", relay.number, "--by", by, "--reason", "x", "--out", str(tmp_path), stdout=out)
    assert verify_proof.main([out.getvalue().strip(), "--key", hub_key.public()]) == 0
    for number, user, folder in [
        ("R1", by, tmp_path),
        (relay.number, "nobody", tmp_path),
        (relay.number, cast["sora.relay"].username, tmp_path),
        (relay.number, by, tmp_path / "none"),
    ]:
        with pytest.raises(CommandError):
            call_command("export_proof", number, "--by", user, "--reason", "x", "--out", str(folder))
