"""What the database's triggers need to know of each connection."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


def say_that_none_is_left_out(*, connection: BaseDatabaseWrapper, **_more: Any) -> None:
    """Tell a new connection that no trigger of django-pgtrigger is to be ignored.

    Each trigger asks for the setting at each row. Where nobody ever set it the asking fails, in a subtransaction that
    is rolled back, and PostgreSQL then walks along every deferred event of the transaction: a row cost twice as much
    in a transaction of a thousand rows and six times in one of twenty thousand.
    """
    connection.connection.execute("SET pgtrigger.ignore = '{}'")
