"""The play of cases as a fixture."""

from datetime import datetime

import pytest

from tests.cast import Cast
from tests.switching.cases import Play


@pytest.fixture
def play(cast: Cast, now: datetime) -> Play:
    return Play(cast, now)
