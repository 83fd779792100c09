"""Many rows at once into one table: PostgreSQL's COPY, in the caller's transaction, without a model object per row."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Stream rows into the model's table; a dict becomes JSON.

    `columns` are the table's own names; those left out get the database's default, not Django's. Constraints and
    triggers hold as for any insert; what they refuse is raised as Django's error, an IntegrityError say.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([json.dumps(cell) if isinstance(cell, dict) else cell for cell in row])
