"""What the metering room's verbs refuse, as rows of the error catalogue."""

from django.utils.translation import gettext_lazy as _

from metering import deliveries, intake
from portal.api import problems
from portal.api.problems import Kind

problems.of_verbs(
    "deliveries",
    {
        deliveries.NoSuchNumbers: 422,
        deliveries.TooManyNumbers: 422,
        deliveries.NumbersReversed: 422,
        deliveries.NoLongerKept: 410,
        deliveries.OtherBytes: 409,
        deliveries.NotCollected: 409,
    },
    fields={
        deliveries.NoSuchNumbers: "first",
        deliveries.TooManyNumbers: "last",
        deliveries.NumbersReversed: "last",
        deliveries.OtherBytes: "sha256",
    },
)
problems.register(
    Kind(
        "usage_files.not_scanned",
        503,
        _("The file could not be checked for harmful content and was not kept. Please try again in a few minutes."),
        (intake.NotScanned,),
        say=lambda error: error.sentence,
        fields=lambda _error: ["file"],
        retry_after=lambda _error: 120,
    ),
    Kind(
        "usage_files.not_a_network_operator",
        403,
        _("Only network operators send usage files."),
        (intake.NotANetworkOperator,),
    ),
    Kind(
        "usage_files.not_a_usage_file",
        422,
        _("By name, size or first bytes this is no usage file; the answer's sentence says which and what to do."),
        (intake.NotAUsageFile,),
        say=lambda error: error.sentence,
        more=lambda error: {"reason": error.code},
        fields=lambda _error: ["file"],
    ),
)
