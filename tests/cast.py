"""The fixed cast of every test: sora gains, umi loses, yama is nobody to the case, kaze is the network operator.

    cast.sora, cast.umi, cast.yama, cast.kaze, cast.hub          companies
    cast["sora.relay"], cast["hub.operator"], …                  people, `<company>.<role>`
    also as fixtures: sora, umi, yama, kaze, hub, sora_relay, umi_relay, yama_relay, hub_operator, …

Everybody is made by the product's own verbs, with a second factor that is set up and a password (PASSWORD).
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY

from portal import companies, people
from portal.access import Role
from portal.companies import TakesPart
from portal.market import Area, MarketRole
from portal.models import Company, User
from portal.workdays import JST

NOW = datetime(2026, 4, 1, 10, 0, tzinfo=JST)  # a Wednesday, no holiday near
PASSWORD = "correct-horse-battery-staple"
TOTP_KEY = "3132333435363738393031323334353637383930"

AREAS = (Area.TOKYO, Area.KANSAI)
# company → (name, name in English, market role, participant codes in AREAS)
COMPANIES = {
    "sora": ("空でんき", "Sora Denki", MarketRole.RETAILER, ("S0RA3", "S0RA6")),
    "umi": ("海エナジー", "Umi Energy", MarketRole.RETAILER, ("UM1E3", "UM1E6")),
    "yama": ("山電力", "Yama Power", MarketRole.RETAILER, ("YAMA3", "YAMA6")),
    "kaze": ("風送配電", "Kaze Network", MarketRole.NETWORK_OPERATOR, ("KAZE3", "KAZE6")),
}
HUB = "切替広域機関"
RETAILER_ROLES = (
    Role.ADMINISTRATOR,
    Role.INQUIRY,
    Role.APPLICATION,
    Role.RELAY,
    Role.USAGE,
    Role.VIEWER,
)
ROLES = {
    "sora": RETAILER_ROLES,
    "umi": RETAILER_ROLES,
    "yama": RETAILER_ROLES,
    "kaze": (Role.ADMINISTRATOR, Role.INQUIRY, Role.APPLICATION, Role.USAGE, Role.VIEWER),
    "hub": (Role.ADMINISTRATOR, Role.OPERATOR, Role.HELPDESK, Role.AUDITOR),
}


@dataclass
class Cast:
    """Companies by attribute, people by `<company>.<role>`."""

    companies: dict[str, Company] = field(default_factory=dict)
    people: dict[str, User] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Company:
        try:
            return self.__dict__["companies"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> User:
        """The person, read anew, so that no test sees another one's cached roles."""
        return User.objects.select_related("company").get(pk=self.people[name].pk)


def gather(now: datetime = NOW) -> Cast:
    """Enter the whole cast through the verbs."""
    cast = Cast()
    cast.companies["hub"] = companies.register(
        name=HUB, name_en="Kirikae Hub", is_hub_operator=True, notice_address="hub@kirikae.example", by=None, now=now
    )
    for key, (name, name_en, market_role, codes) in COMPANIES.items():
        cast.companies[key] = companies.register(
            name=name,
            name_en=name_en,
            notice_address=f"{key}@{key}.example",
            participations=[TakesPart(market_role, area, code) for area, code in zip(AREAS, codes, strict=True)],
            by=None,
            now=now,
        )
    for key, roles in ROLES.items():
        for role in roles:
            cast.people[f"{key}.{role}"] = person(cast.companies[key], f"{key}.{role}", roles=[role], now=now)
    return cast


def person(company: Company, username: str, *, roles: list[people.Hold | Role | str], now: datetime = NOW) -> User:
    """One more person with password and second factor."""
    user = people.register(
        company=company,
        username=username,
        name=f"{company.name} {username.partition('.')[2]}",
        email=f"{username}@{username.partition('.')[0]}.example",
        password=PASSWORD,
        roles=roles,
        by=None,
        now=now,
    )
    people.enrol_totp(user, key=TOTP_KEY, by=None, now=now)
    return user


def client_of(user: User, *, verified: bool = True) -> Client:
    """A browser in which the person has signed in; with verified=False only the password was given."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    if verified:
        session = client.session
        session[DEVICE_ID_SESSION_KEY] = user.totpdevice_set.get().persistent_id
        session.save()
    return client


# --- Metering: points, contracts, usage ---------------------------------------------------------------------------


# --- Switching: relays, applications ------------------------------------------------------------------------------
