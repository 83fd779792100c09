"""Tables of the ground floor, one module per noun."""

from portal.models.announcements import Announcement
from portal.models.api import ApiClient, ApiWrite
from portal.models.certificates import (
    Certificate,
    CertificateEnvironment,
    CertificatePurpose,
    CertificateRequest,
    TrustedAuthority,
)
from portal.models.companies import Company, Participation
from portal.models.documents import Document, DocumentRequest, DocumentVersion
from portal.models.events import Cause, Event, EventStatement, FeedPosition, Topic
from portal.models.evidence import LedgerEntry, Seal, UnsealedEntry, append_only
from portal.models.four_eyes import Proposal
from portal.models.gates import Environment, Function, Gate, MaintenanceWindow
from portal.models.jobs import JobRun
from portal.models.letters import Letter
from portal.models.notices import Delivery, Notice
from portal.models.onboarding import UseApplication, UsePerson, UseStep
from portal.models.people import Grant, User
from portal.models.qualifications import UseQualification
from portal.models.quotas import Over, Quota, Registration
from portal.models.saved_views import FirstView, SavedView
from portal.models.sessions import SignIn
from portal.models.tickets import Ticket, TicketFile, TicketMessage
from portal.models.webhooks import DeliveryAlarm, Webhook, WebhookAttempt
from portal.models.workdays import ExtraHoliday

__all__ = [
    "Announcement",
    "ApiClient",
    "ApiWrite",
    "Cause",
    "Certificate",
    "CertificateEnvironment",
    "CertificatePurpose",
    "CertificateRequest",
    "Company",
    "Delivery",
    "DeliveryAlarm",
    "Document",
    "DocumentRequest",
    "DocumentVersion",
    "Environment",
    "Event",
    "EventStatement",
    "ExtraHoliday",
    "FeedPosition",
    "FirstView",
    "Function",
    "Gate",
    "Grant",
    "JobRun",
    "LedgerEntry",
    "Letter",
    "MaintenanceWindow",
    "Notice",
    "Over",
    "Participation",
    "Proposal",
    "Quota",
    "Registration",
    "SavedView",
    "Seal",
    "SignIn",
    "Ticket",
    "TicketFile",
    "TicketMessage",
    "Topic",
    "TrustedAuthority",
    "UnsealedEntry",
    "UseApplication",
    "UsePerson",
    "UseQualification",
    "UseStep",
    "User",
    "Webhook",
    "WebhookAttempt",
    "append_only",
]
