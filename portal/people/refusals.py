"""What the verbs raise: why an account may not be changed so, and what to do."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from portal.refusals import Refusal


class Refused(Refusal):
    """A change of an account that the rules do not allow; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only a hub operator or an administrator of the same company may change this account.")


class BadUsername(Refused):
    sentence = _("A user id has 3 to 40 characters: small letters, digits, full stop, hyphen, underscore.")


class UsernameTaken(Refused):
    sentence = _("This user id is already in use; user ids are never given twice.")


class BadName(Refused):
    sentence = _("A name has 1 to 60 characters and no line breaks.")


class BadEmail(Refused):
    sentence = _("This is not an e-mail address: it needs a name, @ and a domain, and no spaces or line breaks.")


class EmailNeeded(Refused):
    sentence = _("An invitation needs an e-mail address: the link to set the password is sent there.")


class AlreadyLeft(Refused):
    sentence = _("This person has left; a returning person gets a new user id.")


class HasAdministrator(NotAllowed):
    sentence = _(
        "This company has an administrator who can thaw the account; the helpdesk does it only where there is none."
    )


class LinkNotGood(Refused):
    sentence = _("This link has been used, replaced by a newer one or is older than seven days.")


class WeakPassword(Refused):
    """The password does not meet the rules; the sentences of the validators are joined."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.sentence = " ".join(reasons)
        super().__init__(self.sentence)


class RoleNotForCompany(Refused):
    sentence = _("Hub operator, helpdesk and auditor are roles of the hub operator's own people.")


class SecondOperatorNeeded(Refused):
    sentence = _("This role gives access to others. Please propose it; a second operator has to confirm.")


class NotForMachines(Refused):
    sentence = _("A program holds the roles of clerks only, and has neither password nor second factor.")


class LastAdministrator(Refused):
    sentence = _("This is the company's last administrator. Please name another one first.")
