"""The play of cases as a fixture."""

from datetime import datetime

import pytest

from tests.cast import Cast
from tests.switching.cases import Play
from tests.switching.undoings import Undo


@pytest.fixture
def play(cast: Cast, now: datetime) -> Play:
    return Play(cast, now)


@pytest.fixture
def undo(play: Play) -> Undo:
    return Undo(play)
