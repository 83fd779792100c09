"""Tables of the switching room, one module per noun."""

from switching.models.applications import Application, Match
from switching.models.disclosures import (
    Acknowledgement,
    Charge,
    Disclosure,
    DisclosureDraft,
    DisclosureItem,
    DisclosureVersion,
)
from switching.models.escalations import Escalation, EscalationNote
from switching.models.evidence import Evidence
from switching.models.messages import RelayMessage
from switching.models.movements import Movement
from switching.models.network import ActualDay, MeterWork, NetworkAnswer, NetworkPolicy
from switching.models.policies import RetailerPolicy
from switching.models.queue import QueuedRegistration
from switching.models.relays import Relay
from switching.models.revisions import Cancellation, Revision
from switching.models.statistics import AnswerMonth, DayCount, StatisticsAudience
from switching.models.steps import Step
from switching.models.undoing import Approval, ExitArea, ExitDay, StartWarning, UndoCase
from switching.models.uploads import Content, Sight, Upload, UploadRow

__all__ = [
    "Acknowledgement",
    "ActualDay",
    "AnswerMonth",
    "Application",
    "Approval",
    "Cancellation",
    "Charge",
    "Content",
    "DayCount",
    "Disclosure",
    "DisclosureDraft",
    "DisclosureItem",
    "DisclosureVersion",
    "Escalation",
    "EscalationNote",
    "Evidence",
    "ExitArea",
    "ExitDay",
    "Match",
    "MeterWork",
    "Movement",
    "NetworkAnswer",
    "NetworkPolicy",
    "QueuedRegistration",
    "Relay",
    "RelayMessage",
    "RetailerPolicy",
    "Revision",
    "Sight",
    "StartWarning",
    "StatisticsAudience",
    "Step",
    "UndoCase",
    "Upload",
    "UploadRow",
]
