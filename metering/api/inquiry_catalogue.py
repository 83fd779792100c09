"""What points, inquiries and consents refuse, as rows of the error catalogue."""

from django.utils.translation import gettext_lazy as _

from metering import inquiries
from metering.points import WrongNumber
from portal.api import problems
from portal.api.problems import Kind

problems.register(
    Kind(
        "points.wrong_number",
        422,
        _(
            "This is no supply point number: 22 digits whose area and voltage fit. The answer's sentence says which "
            "part."
        ),
        (WrongNumber,),
        say=lambda error: str(error.sentence),
        fields=lambda error: [getattr(error, "entry", "number")],
    )
)
problems.of_verbs(
    "inquiries",
    {
        inquiries.Locked: 403,
        inquiries.BudgetSpent: 429,
        inquiries.ConsentMissing: 422,
        inquiries.ReferenceMissing: 422,
        inquiries.ConsentOfAnotherCompany: 422,
        inquiries.ConsentInTheFuture: 422,
        inquiries.ConsentTooOld: 422,
        inquiries.OutsideYourRoles: 403,
        inquiries.NoPartInArea: 403,
        inquiries.UnknownPoint: 404,
        inquiries.AddressTooShort: 422,
        inquiries.RoomNeeded: 422,
        inquiries.TooMany: 422,
        inquiries.NothingFound: 404,
    },
    fields={
        inquiries.ReferenceMissing: "reference",
        inquiries.ConsentMissing: "consent",
        inquiries.ConsentOfAnotherCompany: "consent",
        inquiries.ConsentInTheFuture: "obtained_on",
        inquiries.ConsentTooOld: "obtained_on",
        inquiries.UnknownPoint: "number",
        inquiries.AddressTooShort: "address",
        inquiries.RoomNeeded: "address",
        inquiries.TooMany: "address",
    },
    retry_after={inquiries.BudgetSpent: problems.until_midnight},
    sentences={
        inquiries.ConsentTooOld: _("The consent is too old. Please ask the customer again."),
        inquiries.RoomNeeded: _(
            "There are several supply points at this address. Add the building and the room number."
        ),
        inquiries.TooMany: _("More supply points fit than are shown. Add the town, the house number or the room."),
    },
)
