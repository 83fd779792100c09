"""The password, and the mailed links that set it: used up when it is set, replaced when a new one is sent."""

from datetime import datetime
from typing import Any

from axes.utils import reset
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from portal import ledger, letters, sessions
from portal.models import Letter, User
from portal.people.refusals import EmailNeeded, LinkNotGood, NotForMachines, WeakPassword
from portal.people.standing import locked, may_change, subject


class _Links(PasswordResetTokenGenerator):
    """Links to set a password: used up when it is set, replaced when a new one is sent."""

    key_salt = "portal.people.links"


_links = _Links()


def set_password(user: User, *, password: str, by: User, now: datetime, keep: str | None = None) -> None:
    """Give the account a password; a person may do it for the own account.

    Ends the account's sign-ins, except the session with the key `keep`.
    """
    if by.pk != user.pk:
        may_change(by, user.company)
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)
        if user.is_machine:
            raise NotForMachines
        give_password(user, password)
        user.save(update_fields=["password"])
        sessions.end_all(user, but=keep)
        ledger.record("password set", subject(user), by=by, now=now)


def send_password_link(user: User, *, by: User | None, now: datetime) -> None:
    """Take the password away and mail a link that sets a new one; earlier links and the person's sign-ins end.

    Raises NotAllowed, AlreadyLeft, EmailNeeded.
    """
    with transaction.atomic():
        user = locked(user, by)
        if user.is_machine:
            raise NotForMachines
        if not user.email:
            raise EmailNeeded
        user.set_unusable_password()
        user.save(update_fields=["password"])
        sessions.end_all(user)
        send_link(user, "password_link", by=by, now=now)


def invited_by_link(uid: str, token: str) -> User:
    """The person whose link this is. Raises LinkNotGood."""
    try:
        pk = int(urlsafe_base64_decode(uid).decode())
        user = User.objects.select_related("company").get(pk=pk)
    except (ValueError, OverflowError, User.DoesNotExist) as error:
        raise LinkNotGood from error
    if not (user.is_active and user.company.is_active and _links.check_token(user, token)):
        raise LinkNotGood
    return user


def accept_link(uid: str, token: str, *, password: str, now: datetime) -> User:
    """Set the password with a mailed link, which is used up by it. Raises LinkNotGood, WeakPassword."""
    with transaction.atomic():
        user = invited_by_link(uid, token)
        user = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company").get(pk=user.pk)
        if not _links.check_token(user, token):
            raise LinkNotGood
        give_password(user, password)
        user.save(update_fields=["password"])
        reset(username=user.username)
        sessions.end_all(user)
        ledger.record("password set by link", subject(user), by=user, now=now)
    return user


def password_link(user: User) -> str:
    """The path of the page on which the person sets a password, good once and for seven days."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return reverse("portal:invitation", args=[uid, _links.make_token(user)])


def send_link(user: User, kind: str, *, by: User | None, now: datetime) -> None:
    letters.write(address=user.email, kind=kind, now=now, user=user)
    ledger.record("link to set the password sent", subject(user), by=by, now=now, to=user.email)


def give_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(error.messages) from error
    user.set_password(password)


def _link_words(letter: Letter) -> dict[str, Any]:
    """What an invitation says when it is sent; the link in it stands in no table."""
    user = letter.user
    assert user is not None, "a link to set a password is always written to a person"
    return {
        "username": user.username,
        "name": user.name,
        "company": user.company.name,
        "link": letters.absolute(password_link(user)),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86400,
    }


for _kind in ("invitation", "password_link"):
    letters.made_when_sent(_kind, _link_words)
