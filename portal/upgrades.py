"""What a migration does to a site that goes on running: who waits for it, and whether the version before still fits.

An upgrade without downtime runs the migrations of the new version while the version before serves. So they may only
expand; what the version before needs goes one version later. This looks at migrations that are not applied yet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection, migrations
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

WAITS, BREAKS, LASTS = "waits", "breaks", "lasts"
WORDS = {
    WAITS: "who writes to the table waits until it is done",
    BREAKS: "the version before does not fit any more",
    LASTS: "it goes over the rows of the table; how long depends on their number",
}


@dataclass(frozen=True)
class Finding:
    """One operation that does not go unnoticed."""

    migration: str
    operation: str
    effect: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.operation}: {WORDS[self.effect]}"


def pending() -> list[Migration]:
    """Migrations this database does not have yet, in their order."""
    executor = MigrationExecutor(connection)
    return [migration for migration, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def look(found: Iterable[Migration]) -> Iterator[Finding]:
    """What of them is noticed; tables they make themselves are nobody's yet."""
    new: set[tuple[str, str]] = set()
    for migration in found:
        for operation in migration.operations:
            if isinstance(operation, migrations.CreateModel):
                new.add((migration.app_label, operation.name_lower))
                continue
            table = str(getattr(operation, "model_name_lower", getattr(operation, "name_lower", "")))
            if (migration.app_label, table) in new:
                continue
            for effect in _effects(operation):
                yield Finding(f"{migration.app_label}.{migration.name}", operation.describe(), effect)


def _effects(operation: Operation) -> Iterator[str]:
    if isinstance(operation, AddIndexConcurrently | RemoveIndexConcurrently):
        return
    if isinstance(operation, migrations.AddIndex | migrations.AddConstraint):
        yield WAITS
    elif isinstance(operation, migrations.AddField):
        field = operation.field
        has_default = field.null or field.db_default is not NOT_PROVIDED or field.many_to_many
        if not has_default:
            yield BREAKS  # the version before inserts rows without it
    elif isinstance(operation, migrations.AlterField):
        yield LASTS
    elif isinstance(
        operation,
        migrations.RemoveField | migrations.DeleteModel | migrations.RenameField | migrations.RenameModel
        | migrations.AlterModelTable,
    ):  # fmt: skip
        yield BREAKS
    elif isinstance(operation, migrations.RunPython | migrations.RunSQL):
        yield LASTS
