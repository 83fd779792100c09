"""The life of a person's account: invited, given roles and second factors, suspended, frozen, thawed, left.

accounts        from the registration until the person leaves
roles           what a person may do, and who gives it
links           the password, and the mailed links that set it
second_factors  authenticator app, passkeys, recovery codes
standing        who may change an account, whether it is frozen, and the trace of a change
refusals        what the verbs raise
"""

from portal.people.accounts import (
    CHANGEABLE,
    LONGEST_NAME,
    USERNAME,
    Deed,
    change,
    invite,
    leave,
    register,
    suspend,
    thaw,
)
from portal.people.links import accept_link, invited_by_link, password_link, send_password_link, set_password
from portal.people.refusals import (
    AlreadyLeft,
    BadEmail,
    BadName,
    BadUsername,
    EmailNeeded,
    HasAdministrator,
    LastAdministrator,
    LinkNotGood,
    NotAllowed,
    NotForMachines,
    Refused,
    RoleNotForCompany,
    SecondOperatorNeeded,
    UsernameTaken,
    WeakPassword,
)
from portal.people.roles import TAKES_TWO_OPERATORS, Hold, set_roles
from portal.people.second_factors import (
    RECOVERY_LETTERS,
    SECOND_FACTORS,
    confirm_totp,
    enrol_totp,
    make_recovery_codes,
    recovery_codes_left,
    recovery_token,
    reset_second_factor,
)
from portal.people.standing import administrators_of, frozen_usernames, is_frozen

__all__ = [
    "CHANGEABLE",
    "LONGEST_NAME",
    "RECOVERY_LETTERS",
    "SECOND_FACTORS",
    "TAKES_TWO_OPERATORS",
    "USERNAME",
    "AlreadyLeft",
    "BadEmail",
    "BadName",
    "BadUsername",
    "Deed",
    "EmailNeeded",
    "HasAdministrator",
    "Hold",
    "LastAdministrator",
    "LinkNotGood",
    "NotAllowed",
    "NotForMachines",
    "Refused",
    "RoleNotForCompany",
    "SecondOperatorNeeded",
    "UsernameTaken",
    "WeakPassword",
    "accept_link",
    "administrators_of",
    "change",
    "confirm_totp",
    "enrol_totp",
    "frozen_usernames",
    "invite",
    "invited_by_link",
    "is_frozen",
    "leave",
    "make_recovery_codes",
    "password_link",
    "recovery_codes_left",
    "recovery_token",
    "register",
    "reset_second_factor",
    "send_password_link",
    "set_password",
    "set_roles",
    "suspend",
    "thaw",
]
