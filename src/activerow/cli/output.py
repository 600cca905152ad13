"""What commands print: colours on a terminal, plain lines in a pipe."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from activerow.migrations import Finding

out: Final = Console(soft_wrap=True, highlight=False)
err: Final = Console(stderr=True, soft_wrap=True, highlight=False)


def say(text: str, style: str | None = None) -> None:
    """One line, as it is."""
    out.print(escape(text), style=style)


def complain(text: str) -> None:
    """What went wrong, on stderr."""
    err.print(f"[bold red]error:[/] {escape(text)}")


def show_changes(changes: Sequence[str]) -> None:
    """The differences, one line each."""
    for change in changes:
        say(f"  {change}")


def show_findings(findings: Iterable[Finding]) -> None:
    """What is dangerous about the differences."""
    for finding in findings:
        out.print(f"[yellow]warning[/] ({finding.code}) {escape(str(finding))}")


def show_notes(notes: Iterable[str]) -> None:
    """What no revision changes, and what could not be compared."""
    for note in notes:
        say(f"not compared: {note}")


def show_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal, lines with tabs in a pipe."""
    if not out.is_terminal:
        for row in rows:
            out.file.write("\t".join(row) + "\n")  # Rich would make spaces of the tabs
        return
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*[escape(cell) for cell in row])
    out.print(table)
