"""Announcements of the hub operator: made for an audience and a time, shown on the home page, mailed as they begin."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal import ledger, outbox
from portal.access import Ability
from portal.models import Announcement, Company, Participation, User
from portal.refusals import Refusal


class Refused(Refusal):
    """An announcement that cannot be made or withdrawn; `sentence` says why."""


class NotAllowed(Refused):
    sentence = _("Only the hub operator makes announcements.")


class WordsMissing(Refused):
    sentence = _("An announcement needs a title and a text.")


class EndsBeforeItBegins(Refused):
    sentence = _("The announcement would end before it begins.")


class OverAlready(Refused):
    sentence = _("The announcement would be over already. Please choose a later end.")


class Withdrawn(Refused):
    sentence = _("The announcement is withdrawn already.")


def publish(
    *,
    title: str,
    body: str,
    shown_from: datetime,
    shown_until: datetime | None = None,
    title_en: str = "",
    body_en: str = "",
    market_role: str = "",
    area: str = "",
    by_mail: bool = False,
    by: User | None,
    now: datetime,
) -> Announcement:
    """Enter an announcement for companies of a market role and area ("" = all), shown from and until a moment.

    With `by_mail` each company also gets a numbered notice and its mail when it begins (`mail_due`).
    Raises NotAllowed, WordsMissing, EndsBeforeItBegins, OverAlready.
    """
    _only_publishers(by)
    title = " ".join(title.split())
    if not title or not body.strip():
        raise WordsMissing
    if shown_until and shown_until <= shown_from:
        raise EndsBeforeItBegins
    if shown_until and shown_until <= now:
        raise OverAlready
    with transaction.atomic():
        made = Announcement.objects.create(
            title=title,
            title_en=" ".join(title_en.split()),
            body=body.strip(),
            body_en=body_en.strip(),
            market_role=market_role,
            area=area,
            shown_from=shown_from,
            shown_until=shown_until,
            by_mail=by_mail,
            published_at=now,
            published_by=by,
        )
        ledger.record("announcement.publish", subject(made), by=by, now=now, title=made.title, by_mail=by_mail)
    return made


def withdraw(announcement_id: int, *, by: User, now: datetime) -> None:
    """Take an announcement back; it is no longer shown, nor mailed if it was not yet. Raises NotAllowed, Withdrawn."""
    _only_publishers(by)
    with transaction.atomic():
        found = Announcement.objects.select_for_update().get(pk=announcement_id)
        if found.withdrawn_at:
            raise Withdrawn
        found.withdrawn_at = now
        found.save(update_fields=["withdrawn_at"])
        ledger.record("announcement.withdraw", subject(found), by=by, now=now)


def mail_due(*, now: datetime) -> int:
    """Post the notices of one announcement that has begun and is to be mailed; returns 1, or 0 when none is due."""
    with transaction.atomic():
        due = (
            Announcement.objects.current(now=now)
            .select_for_update(skip_locked=True)
            .filter(by_mail=True, mailed_at=None)
            .order_by("shown_from", "pk")
            .first()
        )
        if due is None:
            return 0
        outbox.post_many(
            [
                outbox.Post(
                    recipient_id=company_id,
                    kind="announcement",
                    subject=due.title,
                    link=reverse("portal:announcement", args=[due.pk]),
                    resource=reverse("api:announcement", args=[due.pk]),
                    context={
                        "title": due.title,
                        "title_en": due.title_en or due.title,
                        "body": due.body,
                        "body_en": due.body_en or due.body,
                    },
                )
                for company_id in audience(due)
            ],
            now=now,
        )
        due.mailed_at = now
        due.save(update_fields=["mailed_at"])
    return 1


def audience(announcement: Announcement) -> list[int]:
    """The ids of the active companies it is meant for."""
    meant = Q()
    if announcement.market_role:
        meant &= Q(market_role=announcement.market_role)
    if announcement.area:
        meant &= Q(area=announcement.area)
    companies = Company.objects.filter(is_active=True, is_hub_operator=False)
    if meant:
        companies = companies.filter(pk__in=Participation.objects.filter(meant).values("company"))
    return list(companies.order_by("pk").values_list("pk", flat=True))


def subject(announcement: Announcement) -> str:
    """How the ledger names an announcement."""
    return f"announcement {announcement.pk}"


def _only_publishers(by: User | None) -> None:
    if by is not None and not by.may(Ability.PUBLISH):
        raise NotAllowed
