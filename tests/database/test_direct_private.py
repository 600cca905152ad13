"""What direct calls use of SQLAlchemy and the drivers without a promise is there, in the installed versions."""

import ast
from pathlib import Path
from typing import Any

from sqlalchemy import select

import activerow.database.direct
from activerow.database.direct.private import PRIVATE
from activerow.database.engine import collection
from tests.models.units import Base, User
from tests.tools.backends.active import MakeDatabase
from tests.tools.backends.backend import Backend
from tests.tools.direct import run


async def test_every_private_name_is_there(make_database: MakeDatabase, backend: Backend) -> None:
    """On the objects that a direct call meets."""
    db = await make_database(Base)
    await run(db, select(User.id))
    engine: Any = db.engine.sync_engine
    async with db.engine.connect() as connection:
        fairy: Any = await connection.get_raw_connection()
        line = engine.pool._pool
        record = fairy._connection_record
        objects = [engine, engine.dialect, engine.pool, line, line._queue, collection(engine, "begin")]
        objects += [fairy, record, fairy.dbapi_connection, fairy.driver_connection]

        met: set[str] = set()
        for found in objects:
            for kind in type(found).__mro__:
                name = f"{kind.__module__}.{kind.__qualname__}"
                met.update({name} & PRIVATE.keys())
                missing = [attribute for attribute in PRIVATE.get(name, ()) if not hasattr(found, attribute)]
                assert not missing, name

    others = {"aiosqlite", "asyncpg", "asyncmy", "aiomysql", "psycopg"} - {backend.driver}
    assert met == {name for name in PRIVATE if others.isdisjoint(name.split("."))}


def test_no_other_private_name_is_used() -> None:
    """Whatever has an underscore and belongs to nobody here stands in the list."""
    listed = {name for names in PRIVATE.values() for name in names}
    room = Path(activerow.database.direct.__file__).parent

    for file in room.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                ours = isinstance(node.value, ast.Name) and node.value.id == "self"
                assert ours or node.attr in listed, f"{file.name}: {node.attr}"
