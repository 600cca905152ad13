"""Tables and what they refer to, as Mermaid's text for Markdown pages."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Table

from activerow.cli.drawing.references import Reference, references


def mermaid(tables: Iterable[Table]) -> str:
    """An `erDiagram`."""
    known = list(tables)
    lines = ["erDiagram"]
    for table in known:
        lines.append(f"    {table.name} {{")
        lines += [f"        {_attribute(column)}" for column in table.columns]
        lines.append("    }")
    for reference in references(known):
        label = ", ".join(reference.local)
        lines.append(f'    {reference.parent} {_cardinality(reference)} {reference.child} : "{label}"')
    return "\n".join(lines) + "\n"


def _attribute(column: Column[Any]) -> str:
    kind = re.sub(r"\W+", "_", str(column.type).partition("(")[0].strip()).lower() or "any"
    marks = [mark for mark, is_so in (("PK", column.primary_key), ("FK", bool(column.foreign_keys))) if is_so]
    return " ".join(filter(None, (kind, column.name, ", ".join(marks))))


def _cardinality(reference: Reference) -> str:
    return f"{'|o' if reference.optional else '||'}--{'o|' if reference.single else 'o{'}"
