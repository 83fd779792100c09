"""Private markets: opened from a template, reset, closed. Each is one PostgreSQL database beside the lobby's."""

import hashlib
import shutil
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from pathlib import Path

import psycopg
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from linkage import cast, programs, travel
from linkage.models import Market
from linkage.programs import Access, Belongings
from portal import ledger, people, private_market
from portal.access import Ability, Role
from portal.models import Company, User
from portal.refusals import Refusal
from portal.workdays import jst_date

BASE, TEMPLATE = "base", "template"  # two that nobody enters: the migrations alone, and all that is copied


class Refused(Refusal):
    """A market is not opened or reset; `sentence` says why and what to do."""


class NotAllowed(Refused):
    sentence = _("Only an administrator of the company may open, reset or book its markets.")


class BadName(Refused):
    sentence = _(
        "The market's name becomes part of its address: at most 30 small letters, digits and hyphens, a letter first."
    )


class NameTaken(Refused):
    sentence = _("There is a market of this name already. Please choose another name.")


class HasOne(Refused):
    sentence = _("Your company has its private market already. Reset it to begin anew.")


class BadDays(Refused):
    sentence = _(
        "A test of two companies lasts at most 31 days, begins today or later and ends on or after its first day."
    )


class OverlappingDays(Refused):
    sentence = _("The two companies have booked a test on some of these days already.")


# --- Opening, resetting, closing ----------------------------------------------------------------------------------
def open_market(name: str, *, company: Company, by: User | None, now: datetime) -> Market:
    """Open the company's private market. Raises NotAllowed, BadName, NameTaken, HasOne."""
    _require(by, company)
    return _open(Market(name=name, company=company, created_at=now), by=by, now=now)


def book(
    name: str, *, company: Company, guest: Company, first_day: date, last_day: date, by: User | None, now: datetime
) -> Market:
    """Book a market for a test of two companies on some days: `company` asks, `guest` is told and takes part.

    Raises NotAllowed, BadName, NameTaken, BadDays, OverlappingDays.
    """
    _require(by, company)
    if first_day < jst_date(now) or not 0 <= (last_day - first_day).days <= 30 or guest.pk == company.pk:
        raise BadDays
    pair = {company.pk, guest.pk}
    clashing = Market.objects.filter(company__in=pair, guest__in=pair, first_day__lte=last_day, last_day__gte=first_day)
    if clashing.exists():
        raise OverlappingDays
    market = Market(name=name, company=company, guest=guest, first_day=first_day, last_day=last_day, created_at=now)
    return _open(market, by=by, now=now)


def give_program(market: Market, *, by: User | None, now: datetime) -> Access:
    """An API client in the market for the same person there, or without one (the command line) for its administrator.

    Raises NotAllowed, api_clients.Refused.
    """
    _require(by, market.company, market.guest)
    with private_market.inside(market.name, has_clock=False):
        there = (
            User.objects.select_related("company").filter(username=by.username, is_active=True).first()
            if by
            else programs.administrator(cast.participant())
        )
        if there is None:
            raise NotAllowed
        return programs.register(by=there, now=now)


def reset(market: Market, *, by: User | None, now: datetime) -> Market:
    """Throw everything in the market away and begin anew at the real hour; its programs keep their ids and secrets.

    Raises NotAllowed.
    """
    _require(by, market.company, market.guest)
    kept = _belongings(market, now=now)
    Market.objects.filter(pk=market.pk).update(is_ready=False)
    _fill(market, kept, now=now)
    with transaction.atomic():
        market.reset_at, market.is_ready = now, True
        market.save(update_fields=["reset_at", "is_ready"])
        ledger.record("market.reset", f"market {market.name}", by=by, now=now)
    return market


def close(market: Market, *, by: User | None, now: datetime) -> None:
    """Close the market for good. Raises NotAllowed."""
    _require(by, market.company)
    Market.objects.filter(pk=market.pk).update(is_ready=False)
    _drop(market.name)
    with transaction.atomic():
        ledger.record("market.closed", f"market {market.name}", by=by, now=now)
        market.delete()


def ready() -> list[str]:
    """The names of the markets that can be entered."""
    return list(Market.objects.filter(is_ready=True).values_list("name", flat=True))


def is_today(market: Market, *, now: datetime) -> bool:
    """True where the market is entered on any day, or today is one of the days booked."""
    day = jst_date(now)
    return market.first_day is None or market.last_day is None or market.first_day <= day <= market.last_day


def address_of(market: Market) -> str:
    """Where the market's pages and API are."""
    scheme, _sep, rest = settings.SITE_ADDRESS.partition("://")
    port = rest.rpartition(":")[2] if ":" in rest else ""
    return f"{scheme}://{market.name}.{settings.LINKAGE_DOMAIN}" + (f":{port}" if port else "")


def _require(by: User | None, *companies: Company | None) -> None:
    if by is None or (by.company.is_hub_operator and by.may(Ability.WORK_ESCALATIONS)):
        return
    if not by.may(Ability.MANAGE_PEOPLE) or by.company_id not in {company.pk for company in companies if company}:
        raise NotAllowed


def _open(market: Market, *, by: User | None, now: datetime) -> Market:
    if not private_market.is_name(market.name) or market.name in (BASE, TEMPLATE):
        raise BadName
    try:
        with transaction.atomic():
            market.save(force_insert=True)
            ledger.record("market.opened", f"market {market.name}", by=by, now=now, company=market.company.name)
    except IntegrityError as error:
        raise HasOne if "one_private_market_per_company" in str(error) else NameTaken from error
    _fill(market, [], now=now)
    market.is_ready = True
    market.save(update_fields=["is_ready"])
    return market


def _belongings(market: Market, *, now: datetime) -> list[Belongings]:
    """What the programs of the market's company, and of its guest, sign in by; nothing where it cannot be read."""
    try:
        with private_market.inside(market.name, has_clock=False):
            places = [cast.participant(), *([cast.place_of(cast.RIVAL)] if market.guest_id else [])]
            return [programs.belongings(place, now=now) for place in places]
    except (DatabaseError, cast.NoCast):  # it was never filled, or its reset broke off
        return []


def _fill(market: Market, kept: list[Belongings], *, now: datetime) -> None:
    """Make the market's database anew, with the accounts of now and the programs of before."""
    prepare(now=now)
    companies = [company for company in (market.company, market.guest) if company]
    accounts = {company.pk: _accounts(company) for company in companies}
    _drop(market.name)
    _create(market.name, template=private_market.database_of(TEMPLATE))
    with private_market.inside(market.name, has_clock=False), transaction.atomic():
        booked = (market.first_day, market.last_day) if market.first_day and market.last_day else None
        travel.wind(now=now, days=booked)
        places = [cast.participant()]
        if market.guest:
            places.append(cast.give_place(cast.RIVAL))
        for place, company in zip(places, companies, strict=True):
            Company.objects.filter(pk=place.pk).update(name=company.name, name_en=company.name_en)
            _settle(place, accounts[company.pk], now=now)
        for place, belongings in zip(places, kept, strict=False):
            programs.seat(place, belongings, now=now)


def _accounts(company: Company) -> list[tuple[User, str]]:
    """The company's people with the key of their second factor."""
    found = User.objects.filter(company=company, is_active=True).prefetch_related("totpdevice_set").order_by("pk")
    keys = {user.pk: next((d.key for d in user.totpdevice_set.all() if d.confirmed), "") for user in found}
    return [(user, keys[user.pk]) for user in found]


def _settle(company: Company, accounts: Iterable[tuple[User, str]], *, now: datetime) -> None:
    """The same people sign in here as in the lobby, with the same password and second factor, and may do everything."""
    company.refresh_from_db()
    for person, key in accounts:
        user = people.register(
            company=company,
            username=person.username,
            name=person.name,
            email=person.email,
            password_hash=person.password,
            roles=(Role.ADMINISTRATOR, *cast.CLERK_ROLES),
            by=None,
            now=now,
        )
        if key:
            people.enrol_totp(user, key=key, by=None, now=now)


# --- The template -------------------------------------------------------------------------------------------------
def prepare(*, now: datetime) -> bool:
    """Make base and template where there are none for this code and month, and migrate the open markets.

    The base holds the migrations alone, so that a new month's template is a copy and a cast. Returns whether there was
    anything to do. Two at once: the second waits for the first and finds it done.
    """
    migrations = _migrations()
    wanted = _digest(migrations, Path(cast.__file__).read_text(encoding="utf-8"), f"{jst_date(now):%Y-%m}")
    if _comment(TEMPLATE) == wanted:
        return False
    with _alone():
        if _comment(TEMPLATE) == wanted:
            return False
        if _comment(BASE) != migrations:
            _make_base()
            for market in ready():
                _migrate(market)
            _mark(BASE, migrations)
        _drop(TEMPLATE)
        _create(TEMPLATE, template=private_market.database_of(BASE))
        with private_market.inside(TEMPLATE, has_clock=False):
            cast.raise_curtain(now=now)
        _mark(TEMPLATE, wanted)
    return True


def _make_base() -> None:
    _drop(BASE)
    if Company.objects.exists() or not _copy_of_the_lobby():
        _create(BASE, template="template0")
        _migrate(BASE)


def _migrate(market: str) -> None:
    with private_market.inside(market, has_clock=False):
        call_command("migrate", verbosity=0, interactive=False)


@cache
def _migrations() -> str:
    """A mark of the migrations this code brings."""
    return _digest(*sorted("/".join(key) for key in MigrationLoader(None).disk_migrations or ()))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _mark(market: str, text: str) -> None:
    """Keep beside the database what it was made from."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                sql.Identifier(private_market.database_of(market)), sql.Literal(text)
            )
        )


def _comment(market: str) -> str | None:
    """What a market's database was made from; None where there is no such database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [private_market.database_of(market)],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _create(market: str, *, template: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(private_market.database_of(market)), sql.Identifier(template)
            )
        )


def _copy_of_the_lobby() -> bool:
    """Copy the lobby's database while it is still empty, which is faster than migrating; False where others use it."""
    given = connection.get_connection_params()
    parameters = {key: given[key] for key in ("host", "port", "user", "password", "sslmode") if given.get(key)}
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(private_market.database_of(BASE)), sql.Identifier(private_market.lobby_database())
    )
    connection.close()
    try:
        with psycopg.connect(**parameters, dbname="postgres", autocommit=True) as server:
            server.execute(statement)
    except psycopg.OperationalError:  # somebody is connected to it, or there is no such door
        return False
    return True


def _drop(market: str) -> None:
    """The market's database, files and cached answers."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                sql.Identifier(private_market.database_of(market))
            )
        )
    shutil.rmtree(private_market.files_folder(market), ignore_errors=True)
    shutil.rmtree(private_market.part_of(settings.USAGE_DROP_DIR, market), ignore_errors=True)
    store = redis.Redis.from_url(settings.REDIS_URL)
    for key in store.scan_iter(f"{market}:*", count=1000):
        store.delete(key)


def _alone() -> redis.lock.Lock:
    """Held by whoever makes the template; a lock of the database would end with each change of database."""
    return redis.Redis.from_url(settings.REDIS_URL).lock(f"{private_market.lobby_database()}:template", timeout=900)
