"""`python -m notification.admin add ada@example.com`: make a user an admin."""

import asyncio
from typing import Annotated

import typer
from pydantic import ValidationError

from activerow.errors import ActiveRowError
from notification.models import Users, db
from notification.schema import configure
from notification.settings import Settings
from notification.use_cases.administration import appoint
from serving.settings import explain

commands = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@commands.callback()
def prepare() -> None:
    """Who runs the Notification API."""
    try:
        configure(Settings())
    except ValidationError as error:
        raise _refusal(*explain(error)) from error


@commands.command()
def add(email: Annotated[str, typer.Argument(help="The e-mail of a user who has registered.")]) -> None:
    """Make a user an admin. Nothing changes for one who is an admin already."""
    try:
        user = asyncio.run(_appoint(email))
    except (ActiveRowError, OSError) as error:
        raise _refusal(f"cannot reach the data: {error}") from error
    if user is None:
        raise _refusal("there is no user with this e-mail; register first")
    typer.echo(f"user {user.id} may now log in at /admin")


async def _appoint(email: str) -> Users | None:
    try:
        return await appoint(email)
    finally:
        await db.dispose()


def _refusal(*reasons: str) -> typer.Exit:
    for reason in reasons:
        typer.echo(f"Notification API: {reason}", err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    commands()
