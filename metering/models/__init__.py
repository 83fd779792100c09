"""Tables of the metering room, one module per noun."""

from metering.models.access import AccessCorrection, UsageAccessRequest, UsageInquiry, WrongCode
from metering.models.categories import CategoryRow, ContractPower, Interruption, SortedEnergy
from metering.models.checks import CheckFinding, CheckRule, OwedCheck
from metering.models.completeness import DayCount, Gap, HeldDay
from metering.models.estimates import Estimate
from metering.models.fixed import FixedRow
from metering.models.governance import InquiryAlarm, InquiryCount, InquiryRules
from metering.models.half_hours import SlotSegment
from metering.models.inquiries import Consent, FacilityInquiry
from metering.models.owed import OwedDay
from metering.models.points import Meter, ReadingDate, SupplyPoint
from metering.models.recipients import LastRecipient
from metering.models.registers import RegisterReading
from metering.models.slices import CutDay, Slice
from metering.models.supply import Contract, SupplyPeriod
from metering.models.usage import (
    DeliveryCounter,
    Layer,
    MonthlyUsage,
    Publication,
    PublishedFile,
    RefusedRow,
    UsageBatch,
    UsageDay,
    UsageFile,
)

__all__ = [
    "AccessCorrection",
    "CategoryRow",
    "CheckFinding",
    "CheckRule",
    "Consent",
    "Contract",
    "ContractPower",
    "CutDay",
    "DayCount",
    "DeliveryCounter",
    "Estimate",
    "FacilityInquiry",
    "FixedRow",
    "Gap",
    "HeldDay",
    "InquiryAlarm",
    "InquiryCount",
    "InquiryRules",
    "Interruption",
    "LastRecipient",
    "Layer",
    "Meter",
    "MonthlyUsage",
    "OwedCheck",
    "OwedDay",
    "Publication",
    "PublishedFile",
    "ReadingDate",
    "RefusedRow",
    "RegisterReading",
    "Slice",
    "SlotSegment",
    "SortedEnergy",
    "SupplyPeriod",
    "SupplyPoint",
    "UsageAccessRequest",
    "UsageBatch",
    "UsageDay",
    "UsageFile",
    "UsageInquiry",
    "WrongCode",
]
