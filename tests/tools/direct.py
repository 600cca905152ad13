"""Statements of SQLAlchemy, run on the channel of a database."""

from typing import Any, cast

from sqlalchemy import Executable
from sqlalchemy.sql.dml import UpdateBase

from activerow import Database
from activerow.database.direct import Channel, Command, channel_of
from activerow.database.direct.command import Answer, Parameters


def channel(db: Database) -> Channel:
    """The channel of the primary."""
    found = channel_of(db.engine)
    assert found is not None
    return found


def prepared(db: Database, statement: Executable, model: type | None = None) -> tuple[Command, Parameters]:
    """The statement as the dialect writes it, and its values in its order."""
    compiled: Any = cast("Any", statement).compile(dialect=db.engine.dialect)
    values = compiled.construct_params()
    for name, process in compiled._bind_processors.items():
        values[name] = process(values[name])
    parameters = tuple(values[name] for name in compiled.positiontup) if compiled.positional else values
    writes = isinstance(statement, UpdateBase)
    return Command(str(compiled), model, writes=writes, returns=not writes or bool(compiled.returning)), parameters


async def run(db: Database, statement: Executable, model: type | None = None) -> Answer:
    """What the statement gives on the channel."""
    return await channel(db).run(*prepared(db, statement, model))
