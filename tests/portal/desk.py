"""Documents, announcements and tickets made for a test."""

from datetime import date, timedelta

from django.core.files.base import ContentFile

from portal import announcements, documents, tickets
from tests.cast import NOW, Cast

PDF = b"%PDF-1.7\n%made for a test\n"


def pdf(name: str = "規程.pdf", content: bytes = PDF) -> ContentFile:
    return ContentFile(content, name=name)


def enter(cast: Cast, audience: str = "public", **changes):
    facts = {
        "title": f"業務規程 {audience}",
        "title_en": f"Rules {audience}",
        "how_to_obtain": "申請書を提出",
        "audience": audience,
        "number": "1.0",
        "published_on": date(2026, 3, 1),
        "file": pdf(),
        "by": cast["hub.operator"],
        "now": NOW,
        **changes,
    }
    return documents.enter(**facts)


def announce(cast: Cast, **changes):
    facts = {
        "title": "計画停止",
        "title_en": "Planned outage",
        "body": "停止します。",
        "body_en": "It stops.",
        "shown_from": NOW - timedelta(days=1),
        "by": cast["hub.operator"],
        "now": NOW,
        **changes,
    }
    return announcements.publish(**facts)


def question(cast: Cast, who: str = "sora.relay", **changes):
    facts = {"subject": "判定の期限について", "body": "いつまでですか。", "by": cast[who], "now": NOW, **changes}
    return tickets.open_ticket(**facts)


def a_document(cast: Cast) -> dict:
    return {"pk": enter(cast).pk}


def a_file(cast: Cast) -> dict:
    document = enter(cast)
    return {"pk": document.pk, "version": document.versions.get().pk}


def a_request(cast: Cast) -> dict:
    document = enter(cast, "on_application")
    return {"pk": documents.ask(document, purpose="研究", by=cast["sora.relay"], now=NOW).pk}


def an_announcement(cast: Cast) -> dict:
    """One for network operators: yama is none."""
    return {"pk": announce(cast, market_role="network_operator").pk}


def a_ticket(cast: Cast) -> dict:
    return {"number": question(cast).number}


def a_ticket_file(cast: Cast) -> dict:
    ticket = question(cast, files=[pdf()])
    return {"number": ticket.number, "pk": ticket.messages.get().files.get().pk}
