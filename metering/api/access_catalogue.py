"""What requests for past usage and their codes refuse, as rows of the error catalogue."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from metering import access_codes, access_corrections, usage_inquiries
from portal.api import problems
from portal.api.problems import Kind

problems.of_verbs(
    "usage_access",
    {
        access_codes.WaitsAlready: 409,
        access_codes.HolderMissing: 422,
        access_codes.NotWaiting: 409,
        access_corrections.NothingCorrected: 422,
    },
    fields={access_codes.WaitsAlready: "number", access_codes.HolderMissing: "contract_number"},
    sentences={
        access_codes.WaitsAlready: _(
            "Your company already waits for a code for this supply point; the answer says for which day."
        )
    },
)
problems.of_verbs(
    "usage_inquiries",
    {
        usage_inquiries.NoSuchCode: 422,
        usage_inquiries.CodeExpired: 410,
        usage_inquiries.HolderChanged: 409,
    },
    fields={usage_inquiries.NoSuchCode: "code"},
)
problems.register(
    Kind(
        "usage_inquiries.too_many_wrong_codes",
        429,
        usage_inquiries.TooManyWrongCodes.sentence,
        (usage_inquiries.TooManyWrongCodes,),
        say=str,
        fields=lambda error: ["code"],
        retry_after=lambda error: int(settings.WRONG_ACCESS_CODES_WITHIN.total_seconds()),
    )
)
