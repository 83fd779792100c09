"""What an application for use or its review may not do, each with the sentence that says why."""

from collections.abc import Sequence
from datetime import date

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.refusals import Refusal


class Refused(Refusal):
    """What an application or its review may not do; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only a hub operator may review applications for use.")


class LinkExpired(Refused):
    sentence = _("This link is older than three days. Please ask for a new one.")


class BadLink(Refused):
    sentence = _("This link is not complete. Please copy the whole line from the mail, or ask for a new one.")


class KindNotOffered(Refused):
    sentence = _("This kind of use is not applied for here.")


class NotNow(Refused):
    sentence = _("The application is past this step. Please load its page again to see where it stands.")


class ControlCharacters(Refused):
    sentence = _("An entry holds a line break or another invisible character. Please type it again.")


class NothingChosen(Refused):
    sentence = _("Please choose at least one area, one class of supply and one market role.")


class StartTooLate(Refused):
    sentence = _("The wanted start lies more than a year ahead. Please apply again nearer to it.")


class DeadlineOver(Refused):
    """The application comes too late for its start; the sentence names the deadline and the earliest start."""

    def __init__(self, deadline: date, earliest: date) -> None:
        self.sentence = gettext(
            "For this start the application was due by %(deadline)s. The earliest start now is %(earliest)s."
        ) % {"deadline": deadline.isoformat(), "earliest": earliest.isoformat()}
        super().__init__(self.sentence)


class BadPerson(Refused):
    """A named person whose entries do not do."""

    def __init__(self, username: str, why: str) -> None:
        self.sentence = f"{username}: {why}"
        super().__init__(self.sentence)


class TooManyPeople(Refused):
    sentence = _("An application names up to 10 administrators and 1,000 general users.")


class BadCertificateId(Refused):
    sentence = _("A certificate id has 4 to 120 letters, digits or signs such as : and /, one per line, up to 20.")


class StatementNotAccepted(Refused):
    sentence = _("Without the agreement to the joint use of personal data nobody can use the hub.")


class Incomplete(Refused):
    """Something is missing; `gaps` pairs the step with a sentence."""

    def __init__(self, gaps: Sequence[tuple[str, str]]) -> None:
        self.gaps = list(gaps)
        self.sentence = " ".join(sentence for _step, sentence in self.gaps)
        super().__init__(self.sentence)


class MessageMissing(Refused):
    sentence = _("Please tell the applicant what is wrong, in a sentence they can act on.")


class CodesMissing(Refused):
    sentence = _("Every area and market role applied for needs a participant code.")
