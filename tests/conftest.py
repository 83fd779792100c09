"""Fixtures of every test: the clock, the cast, a browser per person."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import translation
from django.utils.translation.reloader import translation_file_changed

from portal.catalogues import compile_catalogues
from portal.models import Company, User
from tests import cast as the_cast
from tests.cast import Cast, Points

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

compile_catalogues()  # the pages speak Japanese in the tests, as they do outside
translation_file_changed(None, Path("django.mo"))  # Django may have looked for the catalogues before they stood


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The run's database is a copy of one with the tables made, where there is one (config.blank_cluster)."""
    connection.settings_dict["TEST"]["TEMPLATE"] = os.environ.get("KIRIKAE_TEST_TEMPLATE") or None


@pytest.fixture
def now() -> datetime:
    """Wednesday 2026-04-01, 10:00 in Japan."""
    return the_cast.NOW


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clock stands at the cast's hour until the test moves it."""
    with time_machine.travel(the_cast.NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def own_folder(settings: Any, tmp_path: Path) -> None:
    """Stored files go into a folder of the test's own."""
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture(autouse=True)
def _in_japanese() -> Iterator[None]:
    """Every test begins in the site's own language, whatever a browser of the test before asked for."""
    with translation.override("ja"):
        yield


@pytest.fixture
def cast(db: Any) -> Cast:
    return the_cast.gather()


@pytest.fixture
def points(cast: Cast) -> Points:
    """umi's points in area 03: house, shop (HV), roof (FIT) and three rooms of one building."""
    return the_cast.gather_points(cast)


@pytest.fixture
def client_of() -> Callable[..., Client]:
    return the_cast.client_of


def _company(key: str) -> Any:
    @pytest.fixture(name=key)
    def company(cast: Cast) -> Company:
        return cast.companies[key]

    return company


def _person(key: str) -> Any:
    @pytest.fixture(name=key.replace(".", "_"))
    def person(cast: Cast) -> User:
        return cast[key]

    return person


for _key in ("hub", *the_cast.COMPANIES):
    globals()[f"_{_key}"] = _company(_key)
for _key, _roles in the_cast.ROLES.items():
    for _role in _roles:
        globals()[f"_{_key}_{_role}"] = _person(f"{_key}.{_role}")
