"""Alembic's operations, applied to the text of a SQLite table."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Column, DefaultClause, FetchedValue, Integer, MetaData, PrimaryKeyConstraint, Table

from activerow.migrations.errors import MigrationError
from activerow.migrations.schema.conversions import Conversion, on_sqlite
from activerow.migrations.schema.sql_tokens import plain, quoted
from activerow.migrations.schema.sqlite_table import Clause, ColumnText, TableText, conventional_name


@dataclass(slots=True)
class TableEdits:
    """A table's text while it is changed, and what that means for the rows.

    Attributes:
        name: The table.
        dialect: SQLite's.
        text: As it will be.
        conversions: How columns whose type changes get their values, by name.
        needed: Columns that must have a value from now on.
        added: Columns that are new, though there may have been others of their names.
    """

    name: str
    dialect: Any
    text: TableText
    conversions: dict[str, Conversion] = field(default_factory=dict[str, Conversion])
    needed: list[str] = field(default_factory=list[str])
    added: set[str] = field(default_factory=set[str])

    def add_column(self, column: Column[Any], before: str | None = None, after: str | None = None) -> None:
        """Add a column, at the end or beside another one."""
        place = len(self.text.columns)
        if before is not None or after is not None:
            place = self.text.columns.index(self._column(before or after or "")) + (before is None)
        self.text.columns.insert(place, self.specification(column))
        self.added.add(column.name)

    def drop_column(self, name: str) -> None:
        """Remove a column, and the keys and unique constraints that it is part of."""
        self.text.columns.remove(self._column(name))
        keys = ("PRIMARY KEY", "UNIQUE", "FOREIGN KEY")
        self.text.clauses = [c for c in self.text.clauses if c.kind not in keys or name not in c.columns]

    def alter_column(self, name: str, options: dict[str, Any]) -> None:
        """Change a column's type, default, or whether it takes NULL; its other clauses stay."""
        column, kind = self._column(name), options.get("type_")
        default, nullable = options.get("server_default", False), options.get("nullable")
        defaults = () if default is False or default is None else (default,)
        wanted = self.specification(
            Column(name, kind or Integer(), *_elements(defaults), nullable=nullable is not False)
        )
        if kind is not None:
            before = options.get("existing_type") or self._declared(column)
            self.conversions[column.name] = on_sqlite(quoted(column.name), before, kind, self.dialect)
            column = replace(column.like(wanted, "COLLATE"), type=wanted.type)
        if default is not False:
            column = column.like(wanted, "DEFAULT", "GENERATED")
        if nullable is not None:
            column = column.like(wanted, "NOT NULL", "NULL")
            if not nullable:
                self.needed.append(column.name)
        self.text.put(column)

    def add_constraint(self, constraint: Any, *, unless_there: bool = False) -> None:
        """Add a rule of the table; a primary key takes the place of the one before."""
        compiler = self.dialect.ddl_compiler(self.dialect, None)
        if constraint._create_rule is not None and not constraint._create_rule(compiler):
            return
        rule = compiler.process(constraint)
        [clause] = TableText.parse(f"CREATE TABLE x (y, {rule})").clauses
        if isinstance(constraint, PrimaryKeyConstraint):
            self._remove(lambda known, _: known.kind == "PRIMARY KEY")
        if not unless_there or all(plain(known.body) != plain(clause.body) for known in self.text.clauses):
            self.text.clauses.append(clause)

    def drop_constraint(self, constraint: Any) -> None:
        """Remove a rule by its name; one without a name has the one that the naming convention gives it.

        Raises:
            MigrationError: There is no such rule.
        """
        name = str(constraint.name)
        removed = self._remove(lambda clause, _: clause.name == name)
        removed = removed or self._remove(lambda clause, column: conventional_name(self.name, clause, column) == name)
        if not removed and isinstance(constraint, PrimaryKeyConstraint):
            removed = self._remove(lambda clause, _: clause.kind == "PRIMARY KEY")
        if not removed and not getattr(constraint, "_type_bound", False):
            raise MigrationError(f"table {self.name!r} has no constraint {name!r}")

    def specification(self, column: Column[Any]) -> ColumnText:
        """A column as SQLAlchemy writes it."""
        if getattr(column, "table", None) is None:
            Table(self.name, MetaData(), column)
        compiler = self.dialect.ddl_compiler(self.dialect, None)
        text = compiler.get_column_specification(column)
        checks = [compiler.process(rule) for rule in column.constraints]
        return ColumnText.parse(" ".join([text, *filter(None, checks)]))

    def _column(self, name: str) -> ColumnText:
        try:
            return self.text.column(name)
        except KeyError:
            raise MigrationError(f"table {self.name!r} has no column {name!r}") from None

    def _declared(self, column: ColumnText) -> Any:
        return self.dialect._resolve_type_affinity(column.type)

    def _remove(self, is_meant: Callable[[Clause, ColumnText | None], bool]) -> bool:
        """Remove the rules that are meant, of the table and of its columns; whether there were any."""
        before = str(self.text)
        self.text.clauses = [clause for clause in self.text.clauses if not is_meant(clause, None)]
        for column in list(self.text.columns):
            kept = tuple(clause for clause in column.clauses if not is_meant(clause, column))
            self.text.put(replace(column, clauses=kept))
        return str(self.text) != before


def _elements(defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a `Column` takes: the default as a clause, or what stands in its place."""
    return tuple(value if isinstance(value, FetchedValue) else DefaultClause(value) for value in defaults)
