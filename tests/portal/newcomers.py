"""A company that is not in the market yet: its application, filled in and filed."""

from datetime import date, datetime
from typing import Any

from portal import companies, four_eyes, onboarding
from portal.models import UseApplication, User
from portal.models.onboarding import UseKind
from portal.onboarding import Asked, Named
from tests.cast import NOW, Cast, person

BASE = "990000777001"
CORPORATE_NUMBER = companies.corporate_check_digit(BASE) + BASE
START = date(2026, 5, 1)
COMPANY: dict[str, Any] = {
    "name": "星でんき",
    "name_en": "Hoshi Denki",
    "registration_number": "A0777",
    "corporate_number": CORPORATE_NUMBER,
    "notice_address": "switching@hoshi.example",
    "market_roles": ["retailer"],
}
ADMINISTRATOR = Named("hoshi.kanri", "星 花子", "hanako@hoshi.example")
CLERK = Named("hoshi.tanto", "星 太郎", "taro@hoshi.example", ("inquiry", "relay"))


def begun(letter_id: int = 1, kind: UseKind = UseKind.PRODUCTION, now: datetime = NOW) -> UseApplication:
    return onboarding.begin(Asked(kind, "hanako@hoshi.example", letter_id), now=now)


def filled(letter_id: int = 1, now: datetime = NOW, start: date = START, **company: Any) -> UseApplication:
    application = begun(letter_id, now=now)
    onboarding.save_company(application, **(COMPANY | company))
    onboarding.save_wanted(application, areas=["03", "06"], supply_classes=["LV"], wanted_start=start, now=now)
    onboarding.save_people(application, [ADMINISTRATOR], administrators=True)
    onboarding.save_people(application, [CLERK], administrators=False)
    return UseApplication.objects.get(pk=application.pk)


def filed(letter_id: int = 1, now: datetime = NOW, **company: Any) -> UseApplication:
    return onboarding.file(filled(letter_id, now, **company), accepts=True, now=now)


def second_operator(cast: Cast) -> User:
    return person(cast.hub, "hub.second", roles=["operator"])


def approved(cast, application: UseApplication) -> UseApplication:
    proposal = onboarding.propose_approval(
        application, codes=onboarding.suggested_codes(application), by=cast["hub.operator"], now=NOW
    )
    four_eyes.confirm(proposal, by=second_operator(cast), now=NOW)
    application.refresh_from_db()
    return application


def page_of(application: UseApplication, step: str = "") -> str:
    return f"/use-applications/{application.key}/{step}"
