"""An authority of the test's own, and who asks for certificates and decides."""

from pathlib import Path

import pytest

from tests.cast import person


@pytest.fixture(autouse=True)
def own_authority(tmp_path, settings) -> Path:
    """An authority of the test's own."""
    settings.AUTHORITY_DIR = tmp_path / "authority"
    return settings.AUTHORITY_DIR


@pytest.fixture
def admin(cast):
    return cast["sora.administrator"]


@pytest.fixture
def clerk(cast):
    return cast["sora.relay"]


@pytest.fixture
def second_operator(cast):
    return person(cast.hub, "hub.operator2", roles=["operator"])
