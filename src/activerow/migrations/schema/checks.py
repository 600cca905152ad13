"""Comparing CHECK constraints, which Alembic alone does not: those of `Enum(create_constraint=True)` among them.

A server keeps a condition in a form of its own, so conditions are not compared letter by letter: constraints are
matched by their names, and two of one name are the same when the same texts and numbers are in them. With
`NAMING_CONVENTION` a check that was given no name has a digest of its condition in it, so that every change is seen.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import CheckConstraint, Enum, String, Table, inspect
from sqlalchemy.exc import CompileError

from activerow.migrations.schema.rendering import single_percents

_LITERAL: Final = re.compile(r"'((?:[^'\\]|''|\\.)*)'")
_CAST: Final = re.compile(r"::[\w\" ]+(?:\(\d+(?:,\s*\d+)?\))?")
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    table_name: str,
    found: Table | None,
    wanted: Table | None,
) -> PriorityDispatchResult:
    """Propose to drop and create the checks that are not as in the model."""
    if found is not None and wanted is not None:
        there = _in_database(context, table_name, schema)
        ours = _in_model(context, wanted)
        named = {name: check for name, check in ours.items() if name is not None}
        for name, condition in sorted(there.items()):
            if name in named:
                changed = literals(condition) != literals(_condition(context, named[name]))
            else:
                # A server gives its own name to a check that has none; which one cannot be told.
                changed = None not in ours
            if changed:
                changes.ops.append(_dropping(name, condition, table_name, schema))
        for name, check in sorted(named.items()):
            if name not in there or literals(there[name]) != literals(_condition(context, check)):
                changes.ops.append(_adding(context, name, check, table_name, schema))
        _leave_enums_to_checks(changes)
    return PriorityDispatchResult.CONTINUE


def literals(condition: str | None) -> frozenset[str] | None:
    """The texts and numbers of a condition, which no server rewrites."""
    if condition is None:
        return None
    texts = _LITERAL.findall(condition)
    numbers = _NUMBER.findall(_CAST.sub("", _LITERAL.sub(" ", condition)))
    return frozenset(_normal(value) for value in (*texts, *numbers))


def _normal(literal: str) -> str:
    plain = re.sub(r"''|\\(.)", lambda found: found[1] or "'", literal)
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", plain) is not None
    return str(abs(Decimal(plain)).normalize()) if is_number else plain


def _in_database(context: AutogenContext, table_name: str, schema: str | None) -> dict[str, str]:
    connection: Any = context.connection
    found = inspect(connection).get_check_constraints(table_name, schema=schema)
    return {
        str(check["name"]): check["sqltext"]
        for check in found
        # MariaDB has a check of its own on each JSON column.
        if check["name"] is not None and not re.fullmatch(r"\(*json_valid\([^()]+\)\)*", check["sqltext"])
    }


def _in_model(context: AutogenContext, table: Table) -> Mapping[str | None, CheckConstraint]:
    """The checks that the server at hand has, by the name they have there."""
    checks = (*table.constraints, *(rule for column in table.columns for rule in column.constraints))
    return {
        _name(context, check): check
        for check in checks
        if isinstance(check, CheckConstraint) and _is_made(context, check)
    }


def _name(context: AutogenContext, check: CheckConstraint) -> str | None:
    dialect: Any = context.dialect
    return dialect.identifier_preparer.format_constraint(check, _alembic_quote=False) if check.name else None


def _is_made(context: AutogenContext, check: CheckConstraint) -> bool:
    """A check of `Enum` or `Boolean` is only made where there is no such type; another may be for one dialect."""
    dialect: Any = context.dialect
    compiler = dialect.ddl_compiler(dialect, None)
    internals: Any = check
    if internals._create_rule is not None and not internals._create_rule(compiler):
        return False
    rule = internals._ddl_if
    return rule is None or bool(rule._should_execute(check, check, None, compiler=compiler))


def _condition(context: AutogenContext, check: CheckConstraint) -> str | None:
    options = {"literal_binds": True, "include_table": False}
    with suppress(CompileError), single_percents(context.dialect):
        return str(check.sqltext.compile(dialect=context.dialect, compile_kwargs=options))
    return None


def _adding(
    context: AutogenContext, name: str, check: CheckConstraint, table_name: str, schema: str | None
) -> ops.CreateCheckConstraintOp:
    condition = _condition(context, check)
    text = check.sqltext if condition is None else _escaped(condition)
    return ops.CreateCheckConstraintOp(name, table_name, text, schema=schema)


def _escaped(condition: str) -> str:
    """Alembic compiles the condition when it writes the file, and again when it runs it; a `:b` is no parameter."""
    return condition.replace(":", r"\\:")


def _dropping(name: str, condition: str, table_name: str, schema: str | None) -> ops.DropConstraintOp:
    before = ops.CreateCheckConstraintOp(name, table_name, _escaped(condition), schema=schema)
    return ops.DropConstraintOp(name, table_name, "check", schema=schema, _reverse=before)


def _leave_enums_to_checks(changes: ops.ModifyTableOps) -> None:
    """Write columns of `Enum(create_constraint=True)` as texts: their checks are operations of their own."""
    for op in changes.ops:
        if isinstance(op, ops.AlterColumnOp) and _has_check(op.modify_type):
            op.modify_type = _text_of(op.modify_type)
        elif isinstance(op, ops.AddColumnOp) and _has_check(op.column.type):
            plain: Any = op.column
            op.column = plain._copy()
            op.column.type = _text_of(op.column.type)


def _has_check(kind: object) -> bool:
    return isinstance(kind, Enum) and not kind.native_enum and kind.create_constraint


def _text_of(kind: Any) -> String:
    return String(kind.length)
