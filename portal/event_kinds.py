"""What a notice is as an event: each room says it of its own kinds; a test finds a kind nobody has spoken for."""

from dataclasses import dataclass

from portal.models import Cause, Topic


@dataclass(frozen=True)
class Told:
    """Topic, kind and cause of the event that goes with a notice.

    `subject`: what stands there instead of the notice's own subject, where that could name a person.
    """

    topic: Topic
    kind: str
    cause: Cause
    subject: str = ""


KINDS: dict[str, Told] = {}


def register(kinds: dict[str, Told]) -> None:
    """Add a room's kinds; call it in the room's `AppConfig.ready`."""
    KINDS.update(kinds)


def of(notice_kind: str) -> Told:
    """The event that goes with a kind of notice; one nobody spoke for is the company's affair, told by the hub."""
    return KINDS.get(notice_kind) or Told(Topic.COMPANY, notice_kind.replace("_", ".", 1), Cause.HUB_DEED)


PORTAL = {
    "api_client_registered": Told(Topic.COMPANY, "api_client.register", Cause.OWN_DEED),
    "api_client_revoked": Told(Topic.COMPANY, "api_client.revoke", Cause.OWN_DEED),
    "api_client_rotated": Told(Topic.COMPANY, "api_client.rotate", Cause.OWN_DEED),
    "announcement": Told(Topic.COMPANY, "announcement.begin", Cause.HUB_DEED),
    "certificate_expiring": Told(Topic.COMPANY, "certificate.remind", Cause.DEADLINE_NEAR),
    "certificate_issued": Told(Topic.COMPANY, "certificate.issue", Cause.HUB_DEED),
    "certificate_requested": Told(Topic.COMPANY, "certificate.request", Cause.OWN_DEED),
    "certificate_revoked": Told(Topic.COMPANY, "certificate.revoke", Cause.OWN_DEED),
    "company_begins": Told(Topic.COMPANY, "company.begin", Cause.HUB_DEED),
    "document_asked": Told(Topic.COMPANY, "document.ask", Cause.COUNTERPART_DEED),
    "document_granted": Told(Topic.COMPANY, "document.grant", Cause.HUB_DEED),
    "document_refused": Told(Topic.COMPANY, "document.refuse", Cause.HUB_DEED),
    "invitation": Told(Topic.COMPANY, "account.invite", Cause.OWN_DEED, "account"),
    "password_link": Told(Topic.COMPANY, "account.password_link", Cause.OWN_DEED, "account"),
    "second_factor_reset": Told(Topic.COMPANY, "account.second_factor_reset", Cause.OWN_DEED, "account"),
    "ticket_answered": Told(Topic.COMPANY, "ticket.answer", Cause.HUB_DEED),
    "ticket_asked": Told(Topic.COMPANY, "ticket.ask", Cause.COUNTERPART_DEED),
    "ticket_closed": Told(Topic.COMPANY, "ticket.close", Cause.HUB_DEED),
    "user_left": Told(Topic.COMPANY, "account.leave", Cause.OWN_DEED, "account"),
    "user_suspended": Told(Topic.COMPANY, "account.suspend", Cause.LIMIT, "account"),
    "user_thawed": Told(Topic.COMPANY, "account.thaw", Cause.OWN_DEED, "account"),
    "webhook_paused": Told(Topic.COMPANY, "webhook.pause", Cause.UNDELIVERED),
    "delivery_alarm": Told(Topic.COMPANY, "delivery.alarm", Cause.UNDELIVERED),
    "delivery_well": Told(Topic.COMPANY, "delivery.well", Cause.CHECKED),
}
