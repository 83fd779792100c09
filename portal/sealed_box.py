"""Short secrets the hub must be able to read again, sealed with a key derived from the installation's secret key."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """The secret was sealed with a key this installation no longer has."""


def seal(secret: str) -> str:
    """The secret as text for the database."""
    return _box().encrypt(secret.encode()).decode()


def opened(sealed: str) -> str:
    """The secret again. Raises Unreadable."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def _box() -> MultiFernet:
    return MultiFernet([_fernet(str(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"kirikae sealed box").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
