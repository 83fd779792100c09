"""How a delivery proves where it comes from: an HMAC with the receiver's secret and the hub's own signature.

Kirikae-Timestamp   seconds since 1970
Kirikae-Event       the event's number, the key by which a receiver knows what it has already
Kirikae-Signature   v1=<HMAC-SHA256 of "<timestamp>.<number>.<body>", hexadecimal>; while a secret is being
                    changed there are two, with a comma between, and one that fits is enough
Content-Digest, Signature-Input, Signature
                    RFC 9530 and RFC 9421 (HTTP message signatures), label `hub`, Ed25519 with the hub's key
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from portal import hub_key

COVERED = ("@method", "@target-uri", "content-digest", "kirikae-event", "kirikae-timestamp")


@dataclass(frozen=True)
class Signed:
    """What a delivery's signatures cover."""

    url: str
    number: int
    timestamp: int
    body: bytes


def headers(delivery: Signed, *, secrets: Iterable[str]) -> dict[str, str]:
    """The signing headers; one HMAC per secret. Raises hub_key.Missing."""
    found = {
        "Kirikae-Event": str(delivery.number),
        "Kirikae-Timestamp": str(delivery.timestamp),
        "Kirikae-Signature": ", ".join(f"v1={mac(delivery, secret)}" for secret in secrets),
        "Content-Digest": f"sha-256=:{_base64(hashlib.sha256(delivery.body).digest())}:",
    }
    parameters = parameters_of(delivery.timestamp, hub_key.public())
    signature = bytes.fromhex(hub_key.sign(base(delivery, found, parameters)))
    found["Signature-Input"] = f"hub={parameters}"
    found["Signature"] = f"hub=:{_base64(signature)}:"
    return found


def mac(delivery: Signed, secret: str) -> str:
    """The HMAC of a delivery, hexadecimal."""
    text = f"{delivery.timestamp}.{delivery.number}.".encode() + delivery.body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def parameters_of(created: int, key_id: str) -> str:
    """The signature's parameters in the form RFC 9421 writes them."""
    names = " ".join(f'"{name}"' for name in COVERED)
    return f'({names});created={created};keyid="{key_id}";alg="ed25519"'


def base(delivery: Signed, sent: Mapping[str, str], parameters: str) -> bytes:
    """The signature base of RFC 9421: the covered parts line by line."""
    parts = {
        "@method": "POST",
        "@target-uri": delivery.url,
        "content-digest": sent["Content-Digest"],
        "kirikae-event": sent["Kirikae-Event"],
        "kirikae-timestamp": sent["Kirikae-Timestamp"],
    }
    lines = [f'"{name}": {parts[name]}' for name in COVERED]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
