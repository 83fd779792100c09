"""What the metering room's verbs refuse, as rows of the error catalogue."""

from metering import deliveries
from portal.api import problems

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
