"""Commands that look at models and databases."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from sqlalchemy.orm import Mapper

from activerow.cli.drawing import mermaid, svg
from activerow.cli.output import out, say, show_table
from activerow.cli.settings import closing, migrations_of, settings_of
from activerow.database import Database
from activerow.mapping import against_direct, fields_of, mapper_of
from activerow.migrations import Check, Migrations, diagnose

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (models, erd, doctor):
        app.command()(command)


def models(context: typer.Context) -> None:
    """The models, their tables, columns and relations, and whether plain calls need no session.

    What stands against the driver's own call for a model's rows is named in the last column.
    """
    mapped = _mappers(settings_of(context).project().load())
    if not mapped:
        say("no models seen: name their modules in [tool.activerow] models")
    rows = [
        (
            mapper.class_.__name__,
            str(getattr(mapper.local_table, "name", "")),
            ", ".join(_column(mapper, name) for name in fields_of(mapper.class_).columns),
            ", ".join(_relation(mapper, name) for name in fields_of(mapper.class_).relations),
            _direct(mapper.class_),
        )
        for mapper in mapped
    ]
    show_table("", ("model", "table", "columns", "relations", "direct"), rows)


def _mappers(database: Database) -> list[Mapper[Any]]:
    found = {mapper for base in database.bases for mapper in getattr(base, "registry").mappers}  # noqa: B009
    return sorted(found, key=lambda mapper: mapper.class_.__name__)


def _column(mapper: Mapper[Any], name: str) -> str:
    column = mapper.column_attrs[name].columns[0]
    return f"{name}*" if column in mapper.primary_key else name


def _relation(mapper: Mapper[Any], name: str) -> str:
    relation = mapper_of(mapper.class_).relationships[name]
    target = relation.mapper.class_.__name__
    return f"{name}: list of {target}" if relation.uselist else f"{name}: {target}"


def _direct(model: type) -> str:
    reading, writing = against_direct(model)
    if reading:
        return f"no: {'; '.join(reading)}"
    return f"reads alone: {'; '.join(writing)}" if writing else "yes"


def erd(
    context: typer.Context,
    format: Annotated[  # noqa: A002
        Literal["svg", "mermaid"] | None,
        typer.Option(help="A picture, or text for Markdown; by default what the file's name says, else text."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; by default it is printed.")] = None,
) -> None:
    """Draw the tables and how they refer to each other.

    Examples: `activerow erd`, `activerow erd -o tables.svg`
    """
    metadata = settings_of(context).project().load().metadata
    tables = [table for known in metadata for table in known.sorted_tables]
    is_picture = format == "svg" or (format is None and output is not None and output.suffix.lower() == ".svg")
    drawn = svg(tables) if is_picture else mermaid(tables)
    if output is None:
        out.file.write(drawn)
    else:
        output.write_text(drawn, "utf-8")
        say(f"wrote {output}")


def doctor(context: typer.Context) -> None:
    """Look at the database and say what may be wrong; exit code 1 where something is."""
    migrations = migrations_of(context)
    checks = asyncio.run(closing(migrations.database, _shown(migrations)))
    if any(check.state == "failed" for check in checks):
        raise typer.Exit(1)


async def _shown(migrations: Migrations) -> list[Check]:
    checks: list[Check] = []
    async for check in diagnose(migrations):
        out.print(f"[{_COLOURS[check.state]}]{check.state:8}[/] {escape(check.name)}: {escape(check.detail)}")
        checks.append(check)
    return checks
