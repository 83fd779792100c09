"""Alive, ready: what is asked from outside, and which missing part is named."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from portal import gates, health
from portal.gates import Function
from tests.cast import NOW

READY = {"database": True, "migrations": True, "clock": True, "broker": True, "files": True}


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch):
    monkeypatch.setattr(health, "_files_answered_at", {})


@pytest.fixture
def without_database(monkeypatch):
    """Connections made from now on lead nowhere."""
    line = connections["default"]
    line.close()
    nowhere = {**line.settings_dict, "HOST": "/nonexistent", "PASSWORD": "hidden-word"}
    with monkeypatch.context() as patch:
        patch.setattr(line, "settings_dict", nowhere)
        yield
        line.close()


def test_health_tells_of_database_and_broker(db, settings):
    answer = Client().get("/healthz")
    assert answer.status_code == 200 and answer.json() == {"database": True, "broker": True}
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = Client().get("/healthz")
    assert answer.status_code == 503 and answer.json() == {"database": True, "broker": False}


def test_alive_asks_nothing_of_anybody(db, settings, django_assert_num_queries):
    settings.REDIS_URL, settings.MEDIA_ROOT = "redis://127.0.0.1:1/0", "/nonexistent"
    with django_assert_num_queries(0):
        answer = Client().get("/livez")
    assert answer.status_code == 200 and answer.content == b"alive\n"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_hub_is_alive_and_not_ready(without_database, caplog):
    assert Client().get("/livez").status_code == 200
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {**READY, "database": False, "migrations": False, "clock": False}
    told = answer.content.decode() + caplog.text
    assert "not ready: database" in caplog.text
    assert "nonexistent" not in told and "hidden-word" not in told


def test_ready_when_every_part_is_there(db, settings):
    answer = Client().get("/readyz")
    assert answer.status_code == 200 and answer.json() == READY
    assert not list((Path(settings.MEDIA_ROOT) / health.FOLDER).iterdir()), "nothing is left behind"


def test_a_broker_that_is_away_is_named_without_its_address(db, settings, caplog):
    settings.REDIS_URL = "redis://:hidden-word@127.0.0.1:1/0"
    answer = Client().get("/readyz")
    assert answer.status_code == 503 and answer.json() == {**READY, "broker": False}
    assert "hidden-word" not in answer.content.decode() + caplog.text


def test_a_migration_that_is_missing_is_told_and_one_too_many_is_well(db):
    room, name = next(leaf for leaf in health.newest() if leaf[0] == "metering")
    recorder = MigrationRecorder(connection)
    recorder.record_applied("metering", "9999_of_a_newer_version")
    assert Client().get("/readyz").json() == READY
    recorder.record_unapplied(room, name)
    answer = Client().get("/readyz")
    assert answer.status_code == 503 and answer.json() == {**READY, "migrations": False}


def test_files_that_cannot_be_written_are_told(db, monkeypatch):
    def full(name, content, max_length=None):
        raise OSError(28, "No space left on device", "/srv/hidden-place")

    monkeypatch.setattr(default_storage, "save", full)
    answer = Client().get("/readyz")
    assert answer.status_code == 503 and answer.json() == {**READY, "files": False}
    assert "hidden-place" not in answer.content.decode()


def test_who_asks_often_writes_one_file_only(db, monkeypatch):
    written = []
    save = default_storage.save
    monkeypatch.setattr(default_storage, "save", lambda name, content: written.append(name) or save(name, content))
    for _ in range(3):
        assert Client().get("/readyz").status_code == 200
    assert len(written) == 1


def test_maintenance_does_not_make_the_hub_unready(cast, time_machine):
    time_machine.move_to(NOW, tick=False)
    for function in Function:
        gates.open_function(function, opened_from=NOW.replace(year=2030), by=None, now=NOW)
    for address in ("/livez", "/readyz", "/healthz"):
        assert Client().get(address).status_code == 200


@pytest.mark.parametrize("address", ["/livez", "/readyz", "/healthz"])
def test_they_are_asked_not_told(db, address):
    assert Client().post(address).status_code == 405
    assert Client().head(address).status_code == 200


def test_in_production_they_answer_a_probe_without_tls(db, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz|healthz)$"]
    assert Client().get("/livez").status_code == 200
    assert Client().get("/readyz").status_code == 200
    assert Client().get("/sign-in/").status_code == 301
