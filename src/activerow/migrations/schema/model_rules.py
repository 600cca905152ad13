"""The constraints and indexes of a model, by what a server calls them."""

from contextlib import suppress
from typing import Any

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import CheckConstraint, Constraint, ForeignKeyConstraint, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import PrimaryKeyConstraint

from activerow.migrations.schema.pictures import Picture, Rule
from activerow.migrations.schema.rendering import single_percents


def rules_of(context: AutogenContext, table: Table, picture: Picture) -> dict[Rule, Any]:
    """The model's rules that the server at hand has; one without a name has the server's, which the picture shows."""
    dialect: Any = context.dialect
    is_mysql = dialect.name in {"mysql", "mariadb"}
    found: dict[Rule, Any] = {}
    unnamed: list[tuple[str, Any]] = []
    for constraint in _constraints(table):
        kind = _kind(constraint)
        if kind is None or not _is_made(context, constraint):
            continue
        if is_mysql and kind == "primary key":
            found["primary key", "PRIMARY"] = constraint
        elif constraint.name:
            name = dialect.identifier_preparer.format_constraint(constraint, _alembic_quote=False)
            found["index" if is_mysql and kind == "unique" else kind, name] = constraint  # type: ignore[index]  # of Rule
        else:
            unnamed.append(("index" if is_mysql and kind == "unique" else kind, constraint))
    for index in table.indexes:
        found["index", dialect.identifier_preparer.format_index(index).strip('"`')] = index
    for rule in picture.rules:
        if rule not in found:
            text = picture.rules[rule]
            same = next((entry for entry in unnamed if entry[0] == rule[0] and _fits(entry[1], text)), None)
            if same is not None:
                unnamed.remove(same)
                found[rule] = same[1]
    return found


def _constraints(table: Table) -> list[Constraint]:
    inner: Any = table
    checks = [rule for column in table.columns for rule in column.constraints if isinstance(rule, CheckConstraint)]
    return [*checks, *inner._sorted_constraints]


def _kind(constraint: Constraint) -> str | None:
    kinds = (
        (PrimaryKeyConstraint, "primary key"),
        (UniqueConstraint, "unique"),
        (CheckConstraint, "check"),
        (ExcludeConstraint, "exclude"),
    )
    if isinstance(constraint, PrimaryKeyConstraint) and not len(constraint.columns):
        return None
    return next((kind for known, kind in kinds if isinstance(constraint, known)), None)


def _fits(constraint: Constraint, definition: str) -> bool:
    """The definition has the columns of a constraint in it."""
    columns: Any = getattr(constraint, "columns", ())
    return isinstance(constraint, ForeignKeyConstraint) or all(
        column.name.lower() in definition.lower() for column in columns
    )


def _is_made(context: AutogenContext, constraint: Constraint) -> bool:
    """A check of `Enum` or `Boolean` is only made where there is no such type; another may be for one dialect."""
    dialect: Any = context.dialect
    compiler = dialect.ddl_compiler(dialect, None)
    internals: Any = constraint
    if internals._create_rule is not None and not internals._create_rule(compiler):
        return False
    rule = internals._ddl_if
    return rule is None or bool(rule._should_execute(constraint, constraint, None, compiler=compiler))


def condition_of(context: AutogenContext, check: CheckConstraint) -> str | None:
    """The condition as a revision holds it; None where it cannot be written as a text.

    Alembic compiles it when it writes the file, and again when it runs it; a `:b` is no parameter.
    """
    options = {"literal_binds": True, "include_table": False}
    with suppress(CompileError), single_percents(context.dialect):
        text = str(check.sqltext.compile(dialect=context.dialect, compile_kwargs=options))
        return text.replace(":", r"\\:")
    return None
