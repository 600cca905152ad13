"""Commands that write and apply revisions."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from activerow.cli.output import complain, out, say, show_changes, show_findings, show_notes, show_table
from activerow.cli.settings import closing, migrations_of
from activerow.migrations import Finding, Migrations, Step


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (revision, upgrade, history, current, check, merge, stamp, sql):
        app.command()(command)
    # `-1` is an argument here, not an option.
    app.command(context_settings={"ignore_unknown_options": True})(downgrade)


def revision(
    context: typer.Context,
    message: Annotated[str, typer.Option("--message", "-m", help="What it does, in a few words.")] = "",
    empty: Annotated[bool, typer.Option("--empty", help="Without looking: for a change of data.")] = False,
    drop_last: Annotated[bool, typer.Option("--drop-last", help="Delete the newest one, not applied yet.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask about dangerous changes.")] = False,
    allow_drop: Annotated[bool, typer.Option("--allow-drop", help="Do not ask about tables that go.")] = False,
) -> None:
    """Write what differs between models and database into a new revision.

    Examples: `activerow revision -m "users have a name"`, `activerow revision --empty -m "fill names"`
    """
    migrations = migrations_of(context)
    if drop_last:
        path = asyncio.run(closing(migrations.database, migrations.drop_last()))
        say(f"deleted {path}")
        return
    if not message:
        raise typer.BadParameter("say what it does: -m 'users have a name'", param_hint="--message")

    consent = _Consent(yes, allow_drop)
    written = asyncio.run(closing(migrations.database, migrations.revision(message, empty=empty, confirm=consent)))
    show_notes(written.notes)
    seen = f"models seen: {', '.join(written.models) or _NO_MODELS}"
    if written.path is not None:
        say(f"wrote {written.path}")
    elif not written.changes:
        say(f"no differences, nothing written; {seen}")
    elif consent.missing:
        complain(f"not written without {consent.missing}, where nobody can be asked; {seen}")
        raise typer.Exit(1)
    else:
        say("not written")


_NO_MODELS = "none: give the Database its base=, and name their modules in [tool.activerow] models"
_DESTROYING = frozenset({"drop_column", "narrower"})


class _Consent:
    """Asks on a terminal about changes that destroy something; elsewhere an option must have said so."""

    def __init__(self, yes: bool, allow_drop: bool) -> None:
        self.missing = ""
        self._yes, self._allow_drop = yes, allow_drop

    def __call__(self, changes: Sequence[str], findings: Sequence[Finding]) -> bool:
        show_changes(changes)
        show_findings(findings)
        codes = {finding.code for finding in findings}
        if "drop_table" in codes and not self._allow_drop:
            return self._ask("Tables are dropped, with all their rows. Write this revision?", "--allow-drop")
        if self._yes or not findings:
            return True
        return self._ask("Write this revision?", "--yes" if codes & _DESTROYING else "")

    def _ask(self, question: str, option: str) -> bool:
        if sys.stdin.isatty():
            return typer.confirm(question)
        self.missing = option
        return not option


def upgrade(
    context: typer.Context,
    revision: Annotated[str, typer.Argument(help="An identifier or its beginning, `heads`, `+1`.")] = "heads",
) -> None:
    """Apply revisions. Several processes that start at once migrate once.

    Examples: `activerow upgrade`, `activerow upgrade +1`
    """
    migrations = migrations_of(context)
    with _Shown("applied", "upgrading") as shown:
        asyncio.run(closing(migrations.database, migrations.upgrade(revision, on_step=shown.step)))
    if not shown.count:
        say("nothing to apply: the database is there already")


def downgrade(
    context: typer.Context,
    revision: Annotated[str, typer.Argument(help="`-1`, `-2`, an identifier, `base`.")],
) -> None:
    """Take revisions back.

    Examples: `activerow downgrade -1`, `activerow downgrade base`
    """
    migrations = migrations_of(context)
    with _Shown("took back", "downgrading") as shown:
        asyncio.run(closing(migrations.database, migrations.downgrade(revision, on_step=shown.step)))
    if not shown.count:
        say("nothing to take back")


class _Shown:
    """A line for each step, and on a terminal a bar below them."""

    def __init__(self, verb: str, title: str) -> None:
        self.count = 0
        self._verb, self._title = verb, title
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._progress.add_task(title, total=None)

    def __enter__(self) -> "_Shown":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, step: Step, number: int, total: int) -> None:
        """Tell of one step."""
        self.count = number
        self._progress.update(self._task, completed=number, total=total)
        say(f"{self._verb} {step.revision} {step.message}")


def history(context: typer.Context) -> None:
    """All revisions, newest first, and which the database has."""
    migrations = migrations_of(context)
    applied = asyncio.run(closing(migrations.database, _applied(migrations)))
    entries = migrations.history()
    rows = [
        ("x" if entry.revision in applied else " ", entry.revision, entry.message, entry.path.name) for entry in entries
    ]
    show_table("", ("applied", "revision", "message", "file"), rows)
    heads = [entry.revision for entry in entries if entry.is_head]
    if len(heads) > 1:
        complain(
            f"there are {len(heads)} newest revisions ({', '.join(heads)}): `activerow merge -m 'both'` joins them"
        )


async def _applied(migrations: Migrations) -> set[str]:
    pending = {entry.revision for entry in await migrations.pending()}
    return {entry.revision for entry in migrations.history()} - pending


def current(context: typer.Context) -> None:
    """The revision that the database is at."""
    migrations = migrations_of(context)
    heads = asyncio.run(closing(migrations.database, migrations.current()))
    known = {entry.revision: entry for entry in migrations.history()}
    for head in heads:
        entry = known.get(head)
        say(f"{head} {entry.message}{' (newest)' if entry.is_head else ''}" if entry else f"{head} (no such file)")
    if not heads:
        say("no revision yet")


def check(context: typer.Context) -> None:
    """Compare models and database; drift ends with exit code 1."""
    migrations = migrations_of(context)
    compared = asyncio.run(closing(migrations.database, migrations.compare()))
    show_notes(compared.notes)
    if not compared.changes:
        say("models and database agree" + (" in what was compared" if compared.notes else ""))
        return
    say("the models differ from the database:")
    show_changes(compared.changes)
    say("`activerow revision -m ...` writes a revision for it")
    raise typer.Exit(1)


def merge(
    context: typer.Context,
    message: Annotated[str, typer.Option("--message", "-m", help="Why, in a few words.")],
) -> None:
    """Join revisions that were written side by side, with one that stands on them.

    Examples: `activerow merge -m "names and ages"`
    """
    say(f"wrote {migrations_of(context).merge(message)}")


def stamp(
    context: typer.Context,
    revision: Annotated[str, typer.Argument(help="An identifier or its beginning, `heads`, `base`.")] = "heads",
) -> None:
    """Say that the database is at a revision, without running anything."""
    migrations = migrations_of(context)
    asyncio.run(closing(migrations.database, migrations.stamp(revision)))
    say(f"stamped {revision}")


def sql(
    context: typer.Context,
    revision: Annotated[str, typer.Argument(help="Where to.")] = "heads",
    start: Annotated[str | None, typer.Option(help="Where the database is; by default it is empty.")] = None,
    down: Annotated[bool, typer.Option("--down", help="Take back, from --start.")] = False,
) -> None:
    """Print the SQL of an upgrade, for somebody else to run.

    Examples: `activerow sql > upgrade.sql`, `activerow sql heads --start 4f2a`
    """
    if down and start is None:
        raise typer.BadParameter("say where the database is: --down --start REVISION", param_hint="--start")
    out.file.write(migrations_of(context).sql(revision, start=start, down=down))
