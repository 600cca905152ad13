"""What a server says of a table: of the one that is there, and of one made of the model, in the same words.

Servers keep conditions, defaults and types in a form of their own. Two texts of one server can be compared; its text
with the model's cannot.

- `picture`: what is compared.
- `postgresql`, `mysql`, `sqlite`: how each server is asked.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Table

from activerow.migrations.schema.pictures import mysql, postgresql, sqlite
from activerow.migrations.schema.pictures.picture import UNNAMED, ColumnPicture, NoPictureError, Picture, Rule

__all__ = ["UNNAMED", "ColumnPicture", "NoPictureError", "Picture", "Rule", "picture_there", "picture_wanted"]

Look = Callable[[Connection, Table], Picture]

_LOOKS: Final[dict[str, tuple[Look, Look]]] = {
    "sqlite": (sqlite.there, sqlite.wanted),
    "postgresql": (postgresql.there, postgresql.wanted),
    "mysql": (mysql.there, mysql.wanted),
    "mariadb": (mysql.there, mysql.wanted),
}


def picture_there(connection: Connection, table: Table) -> Picture:
    """The table that is there."""
    return _LOOKS[connection.dialect.name][0](connection, table)


def picture_wanted(connection: Connection, table: Table) -> Picture:
    """What a table of the model would be.

    Raises:
        NoPictureError: The server cannot say.
    """
    return _LOOKS[connection.dialect.name][1](connection, table)
