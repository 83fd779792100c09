"""What requests for past usage and their codes refuse, as rows of the error catalogue."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from metering import access_codes, access_corrections, usage_inquiries
from portal.api import problems

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
        usage_inquiries.TooManyWrongCodes: 429,
    },
    fields=dict.fromkeys((usage_inquiries.NoSuchCode, usage_inquiries.TooManyWrongCodes), "code"),
    retry_after={usage_inquiries.TooManyWrongCodes: settings.WRONG_ACCESS_CODES_WITHIN.total_seconds},
)
