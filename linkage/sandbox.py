"""The linkage test on one's own machine: an invented company with an account, and its market, ready to be entered."""

from datetime import datetime

from django.contrib.auth.hashers import make_password

from linkage import cast, markets
from linkage.models import Market
from portal import companies, people
from portal.access import Role
from portal.companies import TakesPart
from portal.demo import DEMO_PASSWORD
from portal.market import Area, MarketRole
from portal.models import Company

COMPANY = ("空でんき", "Sora Denki")
ACCOUNT, MARKET = "sora.developer", "sora"
OPERATORS = ("hub.operator", "hub.operator2")


def fill(*, now: datetime) -> Market:
    """Hub operators, the invented company, its account and its market; what stands already is left as it is."""
    if not Company.objects.filter(is_hub_operator=True).exists():
        hub = companies.register(
            name=cast.HUB[1],
            name_en=cast.HUB[2],
            is_hub_operator=True,
            notice_address="hub@linkage.example",
            by=None,
            now=now,
        )
        for username in OPERATORS:
            _account(hub, username, (Role.OPERATOR,), now=now)
    company = Company.objects.filter(name=COMPANY[0]).first()
    if company is None:
        company = companies.register(
            name=COMPANY[0],
            name_en=COMPANY[1],
            notice_address="sora@sora.example",
            participations=[
                TakesPart(MarketRole.RETAILER, area, f"S0RA{area[-1]}") for area in (Area.TOKYO, Area.KANSAI)
            ],
            by=None,
            now=now,
        )
        _account(company, ACCOUNT, (Role.ADMINISTRATOR, *cast.CLERK_ROLES), now=now)
    return Market.objects.filter(company=company, guest__isnull=True).first() or markets.open_market(
        MARKET, company=company, by=None, now=now
    )


def _account(company: Company, username: str, roles: tuple[Role, ...], *, now: datetime) -> None:
    user = people.register(
        company=company,
        username=username,
        name=username,
        email=f"{username}@linkage.example",
        password_hash=make_password(DEMO_PASSWORD),
        roles=roles,
        by=None,
        now=now,
    )
    people.enrol_totp(user, by=None, now=now)
