"""The hub's Ed25519 key: signs the ledger's seals and proof packs, so that they hold outside the hub."""

import os
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.utils.translation import gettext as _


class Missing(Exception):
    """There is no key to sign with, or the file holds something else."""


def sign(message: bytes) -> str:
    """The signature as 128 hexadecimal digits. Raises Missing."""
    return _key(settings.HUB_KEY_FILE).sign(message).hex()


def public() -> str:
    """The public half as 64 hexadecimal digits: what readers of a proof compare. Raises Missing."""
    return _key(settings.HUB_KEY_FILE).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def published() -> list[str]:
    """The key of now and the former ones the operator has listed. Raises Missing."""
    return [public(), *settings.HUB_FORMER_KEYS]


def is_signed(message: bytes, *, signature: str, public_key: str) -> bool:
    """True when the signature over the message was made with the private half of the key (both hexadecimal)."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


@cache
def _key(path: Path) -> Ed25519PrivateKey:
    if not path.exists():
        if settings.PRODUCTION:
            raise Missing(
                _("There is no signing key at %(path)s. Make one: openssl genpkey -algorithm ed25519 -out %(path)s")
                % {"path": path}
            )
        _make(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise Missing(_("%(path)s holds no readable signing key.") % {"path": path}) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Missing(_("%(path)s holds a key of another kind; Ed25519 is needed.") % {"path": path})
    return key


def _make(path: Path) -> None:
    """A key for trying out; of several processes that make one at the same moment, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
