"""`SessionDep`: the request's session of the database that `install` put on the application."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from activerow.database import Database
from activerow.errors import NotBoundError
from activerow.fastapi.installation import installation_of


async def installed_session(connection: HTTPConnection) -> AsyncSession:
    """The request's session, as `Depends(db.session)` gives it.

    Raises:
        NotBoundError: `install(app, db)` was not called.
        UsageError: Several databases are installed, or the endpoint cannot have a session.
    """
    installation = installation_of(connection.scope)
    if installation is None:
        raise NotBoundError("SessionDep", "call install(app, db) where the application is made")
    return await installation.only_database.session()


SessionDep = Annotated[AsyncSession, Depends(installed_session)]


def gives_session(call: object, database: Database) -> bool:
    """Tell whether a dependency is one of those that give the request's session of `database`."""
    return call in (database.session, installed_session)
