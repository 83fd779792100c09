"""Many rows at once into one table: PostgreSQL's COPY, in the caller's transaction, without a model object per row."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql

ENCODE = json.JSONEncoder(check_circular=False).encode
NEXT_IDS = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Stream rows into the model's table; what goes into a JSONField becomes JSON, None stays NULL.

    `columns` are the table's own names; those left out get the database's default, not Django's. Constraints and
    triggers hold as for any insert; what they refuse is raised as Django's error, an IntegrityError say.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    json_columns = {field.column for field in model._meta.concrete_fields if isinstance(field, models.JSONField)}
    as_json = [at for at, name in enumerate(columns) if name in json_columns]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            if as_json:
                row = list(row)
                for at in as_json:
                    row[at] = None if row[at] is None else ENCODE(row[at])
            copy.write_row(row)


def next_ids(model: type[models.Model], count: int) -> list[int]:
    """`count` keys for rows of the model to be copied, where other rows will point to them."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_IDS, [model._meta.db_table, count])
        return [pk for (pk,) in cursor.fetchall()]
