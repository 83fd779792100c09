"""What of an upgrade is noticed by a site that goes on running."""

from io import StringIO

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import connection, migrations, models
from django.db.migrations.recorder import MigrationRecorder

from portal import health, upgrades
from portal.upgrades import BREAKS, LASTS, WAITS

INDEX = models.Index(fields=["a"], name="x")


def effects(*operations, label="portal"):
    migration = migrations.Migration("0099_next", label)
    migration.operations = list(operations)
    return [finding.effect for finding in upgrades.look([migration])]


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        (migrations.AddIndex("thing", INDEX), [WAITS]),
        (AddIndexConcurrently("thing", INDEX), []),
        (migrations.AddConstraint("thing", models.UniqueConstraint(fields=["a"], name="x")), [WAITS]),
        (migrations.AddField("thing", "a", models.TextField(null=True)), []),
        (migrations.AddField("thing", "a", models.TextField(db_default="")), []),
        (migrations.AddField("thing", "a", models.TextField(default="")), [BREAKS]),
        (migrations.AlterField("thing", "a", models.TextField()), [LASTS]),
        (migrations.RemoveField("thing", "a"), [BREAKS]),
        (migrations.RenameField("thing", "a", "b"), [BREAKS]),
        (migrations.DeleteModel("Thing"), [BREAKS]),
        (migrations.RunPython(migrations.RunPython.noop), [LASTS]),
        (migrations.RemoveConstraint("thing", "x"), []),
    ],
)
def test_an_operation_is_noticed_for_what_it_does(operation, wanted):
    assert effects(operation) == wanted


def test_a_table_that_is_made_just_now_is_nobodys_yet():
    made = migrations.CreateModel("Thing", [("id", models.BigAutoField(primary_key=True))])
    assert effects(made, migrations.AddIndex("thing", INDEX), migrations.RemoveField("other", "a")) == [BREAKS]


def test_a_database_of_this_version_has_nothing_before_it(db):
    out = StringIO()
    call_command("upgrade_check", strict=True, stdout=out)
    assert out.getvalue() == "0 migrations are not applied; 0 operations will be noticed.\n"


def test_a_migration_that_is_missing_is_looked_at(db, monkeypatch):
    room, name = next(leaf for leaf in health.newest() if leaf[0] == "switching")
    MigrationRecorder(connection).record_unapplied(room, name)
    out = StringIO()
    call_command("upgrade_check", stdout=out)
    assert out.getvalue().endswith("will be noticed.\n") and "1 migrations are not applied" in out.getvalue()
    monkeypatch.setattr(upgrades, "look", lambda found: [upgrades.Finding("switching.x", "Remove field", BREAKS)])
    with pytest.raises(CommandError, match="two steps"):
        call_command("upgrade_check", strict=True, stdout=out)
