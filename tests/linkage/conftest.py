"""A lobby with two companies, and private markets beside it that are dropped when the test is over."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from linkage import markets
from linkage.models import Market
from portal import private_market
from switching.partners import network
from tests import cast as the_cast
from tests.cast import Cast


@pytest.fixture
def nights() -> None:
    """For tests about usage: the network operator sends, and all of the hub's periodic work is done."""


@pytest.fixture(autouse=True)
def _days_alone(request: Any, settings: Any, monkeypatch: Any) -> None:
    """Elsewhere the work of the cases is enough, and the tests stay quick."""
    if "nights" not in request.fixturenames:
        settings.MARKETS_WORK = {
            name: work
            for name, work in settings.CELERY_BEAT_SCHEDULE.items()
            if work["task"].startswith("switching.") and not work["task"].endswith(("statistics", "uploads"))
        }
        monkeypatch.setattr(network, "send_usage", lambda *given, **named: 0)


@pytest.fixture
def lobby(transactional_db: Any, now: datetime, settings: Any, tmp_path: Any) -> Iterator[Cast]:
    """The cast in the lobby; the template stands."""
    settings.MEDIA_ROOT = tmp_path
    markets.prepare(now=now)
    yield the_cast.gather()
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [private_market.database_of("%")])
        kept = {private_market.database_of(name) for name in (markets.BASE, markets.TEMPLATE)}
        found = [name for (name,) in cursor.fetchall() if name not in kept]
        for name in found:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def market(lobby: Cast, now: datetime) -> Market:
    """sora's private market, opened on the cast's Wednesday at ten."""
    by = lobby["sora.administrator"]
    return markets.open_market("sora", company=lobby.sora, by=by, now=now)
