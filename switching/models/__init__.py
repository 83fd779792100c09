"""Tables of the switching room, one module per noun."""

from switching.models.applications import Application, Match
from switching.models.disclosures import Acknowledgement, Disclosure, DisclosureItem, DisclosureVersion
from switching.models.policies import RetailerPolicy
from switching.models.relays import Relay
from switching.models.statistics import AnswerMonth, DayCount, StatisticsAudience
from switching.models.steps import Step

__all__ = [
    "Acknowledgement",
    "AnswerMonth",
    "Application",
    "DayCount",
    "Disclosure",
    "DisclosureItem",
    "DisclosureVersion",
    "Match",
    "Relay",
    "RetailerPolicy",
    "StatisticsAudience",
    "Step",
]
