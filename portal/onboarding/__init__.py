"""The way in: a company applies for use, operators review, and with the approval company and people stand.

links       the mail that proves the applicant's address, and the links in letters
draft       what the applicant fills in, files and takes back
deadlines   by when an application is due for its start
review      the operators' question, refusal or approval
roles       a role that gives access to others, given by two operators
rows        the application as it stands, where it may go, and the trace of a move
refusals    what the verbs raise
"""

from portal.onboarding.deadlines import business_days, deadline, earliest_start
from portal.onboarding.draft import (
    GENERAL_ROLES,
    MOST_ADMINISTRATORS,
    MOST_USERS,
    STATEMENT_EDITION,
    Named,
    faults,
    file,
    gaps,
    save_certificates,
    save_company,
    save_people,
    save_wanted,
    withdraw,
)
from portal.onboarding.links import Asked, ask_for_link, asked_by, begin, link_of, offered
from portal.onboarding.refusals import (
    BadCertificateId,
    BadLink,
    BadPerson,
    CodesMissing,
    ControlCharacters,
    DeadlineOver,
    Incomplete,
    KindNotOffered,
    LinkExpired,
    MessageMissing,
    NotAllowed,
    NothingChosen,
    NotNow,
    Refused,
    StartTooLate,
    StatementNotAccepted,
    TooManyPeople,
)
from portal.onboarding.review import (
    APPROVE,
    ask_back,
    parts_wanted,
    propose_approval,
    refuse,
    same_company,
    suggested_codes,
    taken_usernames,
)
from portal.onboarding.roles import GIVE_ROLE, propose_role
from portal.onboarding.rows import EDITABLE, MOVES

__all__ = [
    "APPROVE",
    "EDITABLE",
    "GENERAL_ROLES",
    "GIVE_ROLE",
    "MOST_ADMINISTRATORS",
    "MOST_USERS",
    "MOVES",
    "STATEMENT_EDITION",
    "Asked",
    "BadCertificateId",
    "BadLink",
    "BadPerson",
    "CodesMissing",
    "ControlCharacters",
    "DeadlineOver",
    "Incomplete",
    "KindNotOffered",
    "LinkExpired",
    "MessageMissing",
    "Named",
    "NotAllowed",
    "NotNow",
    "NothingChosen",
    "Refused",
    "StartTooLate",
    "StatementNotAccepted",
    "TooManyPeople",
    "ask_back",
    "ask_for_link",
    "asked_by",
    "begin",
    "business_days",
    "deadline",
    "earliest_start",
    "faults",
    "file",
    "gaps",
    "link_of",
    "offered",
    "parts_wanted",
    "propose_approval",
    "propose_role",
    "refuse",
    "same_company",
    "save_certificates",
    "save_company",
    "save_people",
    "save_wanted",
    "suggested_codes",
    "taken_usernames",
    "withdraw",
]
