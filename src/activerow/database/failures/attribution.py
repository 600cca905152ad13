"""Which model, attributes and values a failure is about: told by the driver, the statement, the mapped tables."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Constraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.exc import NoReferenceError

from activerow.backends import Report, has_marker
from activerow.database.failures.statement_text import StatementText
from activerow.errors import CheckViolationError, Facts, NotNullViolationError, UniqueViolationError
from activerow.mapping import attributes_for_columns, model_for_table, table_for_name

# Longer names are cut by SQLAlchemy (and end in a hash of four digits) or by the server.
_LONGEST_UNCUT: Final = 54
_DOTS: Final = "..."


@dataclass(frozen=True, slots=True)
class Call:
    """What the caller of a failed statement knew: the operation, and the model and values it worked with."""

    operation: str
    model: type | None
    values: Mapping[str, object]
    autocommitted: bool = False
    """Whether the statement was its own COMMIT, and its answer is lost."""


@dataclass(frozen=True, slots=True)
class ForeignKeyFacts:
    """The two sides of a foreign key, as class names."""

    referenced_model: str | None = None
    referencing_model: str | None = None


def facts_of(report: Report, statement: StatementText, call: Call) -> Facts:
    """The attributes of the error, for everything but foreign keys."""
    report = _taken_apart(report, statement.table)
    table_name = report.table or statement.table
    table = table_for_name(table_name, near=call.model) if table_name else None
    columns = _columns(report, table)
    facts = _common(report, statement, call, table_name)
    facts["columns"] = _attributes(table_name, columns, table, call)
    facts["values"] = _values(report, statement, call, table, columns)
    return facts


def foreign_key_facts_of(report: Report, statement: StatementText, call: Call) -> tuple[Facts, ForeignKeyFacts]:
    """The attributes of a foreign key's error, and the models on both of its sides."""
    key = _foreign_key(report, statement, call)
    is_target = _is_target(report, statement, key)
    child = key.table.name if key is not None else report.table
    target = _target_name(key) or report.target
    failed = statement.table or (target if is_target else child)
    table = table_for_name(failed, near=call.model) if failed else None
    # A cascade can fail tables away from the row that was written: its columns have no part in it.
    own = table is None or failed == (target if is_target else child)
    columns = _key_columns(report, key, is_target=is_target) if own else ()
    facts = _common(report, statement, call, failed)
    facts["columns"] = _attributes(failed, columns, table, call)
    facts["values"] = _values(report, statement, call, table, columns)
    facts["constraint"] = report.constraint or _stored_name(key)
    sides = ForeignKeyFacts(
        referenced_model=_model_name(target, call) if target else None,
        referencing_model=_model_name(child, call) if is_target and child else None,
    )
    return facts, sides


def _common(report: Report, statement: StatementText, call: Call, table_name: str | None) -> Facts:
    fallback = call.model.__name__ if call.model is not None else None
    return Facts(
        model=_model_name(table_name, call, report.schema) if table_name else fallback,
        operation=statement.operation or call.operation,
        driver_code=report.code,
        sqlstate=report.sqlstate,
        table=table_name,
        constraint=report.constraint,
        reason=report.reason,
    )


def _model_name(table_name: str, call: Call, schema: str | None = None) -> str | None:
    model = model_for_table(table_name, schema, near=call.model)
    return model.__name__ if model is not None else None


def _attributes(
    table_name: str | None, columns: tuple[str, ...], table: Table[Any] | None, call: Call
) -> tuple[str, ...]:
    model = model_for_table(table_name, near=call.model) if table_name else call.model
    return attributes_for_columns(model, columns, table)


def _taken_apart(report: Report, table: str | None) -> Report:
    """The report with names that only the statement's table tells apart: a name may have a dot in it."""
    if table is None:
        return report
    prefix = f"{table}."
    if report.named is not None and report.named.startswith(prefix):
        columns = tuple(report.named.removeprefix(prefix).split(f", {prefix}"))
        return replace(report, table=table, columns=columns)
    constraint = report.constraint
    return replace(report, constraint=constraint.removeprefix(prefix)) if constraint is not None else report


# --- columns --------------------------------------------------------------------------------------------------------


def _columns(report: Report, table: Table[Any] | None) -> tuple[str, ...]:
    """Names of the columns concerned: from the constraint that is mapped, else as the driver says."""
    if table is None:
        return report.columns
    if report.constraint is not None and report.kind in {UniqueViolationError, CheckViolationError}:
        if (found := _named(report.constraint, table)) is not None:
            return found[1]
        report_columns = report.columns or _column_of_check(report.constraint)
    else:
        report_columns = report.columns
    return tuple(name for name in report_columns if _column(table, name) is not None)


def _named(name: str, table: Table[Any]) -> tuple[Constraint | Index, tuple[str, ...]] | None:
    """The constraint or index that the server calls by that name, and its columns."""
    candidates = _named_constraints(table)
    return next(((one, columns) for one, columns in candidates if _is_called(one, columns, name, table)), None)


def _named_constraints(table: Table[Any]) -> Iterator[tuple[Constraint | Index, tuple[str, ...]]]:
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield constraint, _checked(constraint, table)
        elif isinstance(constraint, ForeignKeyConstraint):
            continue
        else:
            yield constraint, tuple(column.name for column in getattr(constraint, "columns", ()))
    for index in table.indexes:
        yield index, tuple(column.name for column in index.columns) or _mentioned(map(str, index.expressions), table)


def _checked(constraint: CheckConstraint, table: Table[Any]) -> tuple[str, ...]:
    return tuple(column.name for column in constraint.columns) or _mentioned([str(constraint.sqltext)], table)


def _mentioned(expressions: Iterable[str], table: Table[Any]) -> tuple[str, ...]:
    """The columns whose names occur in SQL that was written as text."""
    words = {word for expression in expressions for word in re.findall(r"\w+", expression)}
    return tuple(column.name for column in table.c if column.name in words)


def _is_called(constraint: Constraint | Index, columns: tuple[str, ...], name: str, table: Table[Any]) -> bool:
    """The server speaks of this constraint: by its own name, or by the one the server gave it."""
    stored = _stored_name(constraint)
    if stored is not None:
        cut = len(name) > _LONGEST_UNCUT and stored.startswith(name[:-5])
        return stored == name or cut
    if constraint is table.primary_key:
        return name in {"PRIMARY", f"{table.name}_pkey"}
    if isinstance(constraint, CheckConstraint):
        return str(constraint.sqltext) == name
    return isinstance(constraint, UniqueConstraint) and name in _default_names(columns, table)


def _default_names(columns: tuple[str, ...], table: Table[Any]) -> set[str]:
    """What servers call a unique constraint without a name; MySQL calls it after its first column."""
    return {f"{table.name}_{'_'.join(columns)}_key", columns[0]} if columns else set()


def _stored_name(constraint: Constraint | Index | None) -> str | None:
    name = constraint.name if constraint is not None else None
    return str(name) if isinstance(name, str) else None


def _column_of_check(constraint: str) -> tuple[str, ...]:
    """MariaDB calls a check that was written beside a column `table.column`."""
    return (constraint.rpartition(".")[2],)


def _column(table: Table[Any], name: str) -> Column[Any] | None:
    return next((column for column in table.c if column.name.lower() == name.lower()), None)


# --- foreign keys ---------------------------------------------------------------------------------------------------


def _foreign_key(report: Report, statement: StatementText, call: Call) -> ForeignKeyConstraint | None:
    if report.table is None:
        return _only_candidate(statement, call)
    table = table_for_name(report.table, near=call.model)
    keys = table.foreign_key_constraints if table is not None else set[ForeignKeyConstraint]()
    return next((key for key in keys if _is_key(key, report)), None)


def _is_key(key: ForeignKeyConstraint, report: Report) -> bool:
    columns = tuple(column.name for column in key.columns)
    names = {_stored_name(key), f"{key.table.name}_{'_'.join(columns)}_fkey"}
    return report.constraint in names or (bool(columns) and columns == report.foreign_key)


def _only_candidate(statement: StatementText, call: Call) -> ForeignKeyConstraint | None:
    """The one foreign key that can have failed, where the driver does not say which (SQLite)."""
    table = table_for_name(statement.table, near=call.model) if statement.table else None
    if table is None:
        return None
    if statement.operation == "delete":
        found = [key for other in table.metadata.tables.values() for key in _keys_to(other, table)]
    else:
        written = {**_in_columns(call, table), **statement.bound}
        found = [key for key in table.foreign_key_constraints if _may_have_failed(key, written)]
    return found[0] if len(found) == 1 else None


def _keys_to(table: Table[Any], target: Table[Any]) -> list[ForeignKeyConstraint]:
    return [key for key in table.foreign_key_constraints if _target_name(key) == target.name]


def _may_have_failed(key: ForeignKeyConstraint, written: Mapping[str, object]) -> bool:
    """A key with a NULL in it refers to nothing, and one that was not written has not changed."""
    names = [column.name for column in key.columns]
    return not written or (
        all(written.get(name, name) is not None for name in names) and any(n in written for n in names)
    )


def _is_target(report: Report, statement: StatementText, key: ForeignKeyConstraint | None) -> bool:
    """Others refer to the row that failed; otherwise it is the one that refers."""
    if report.is_target is not None:
        return report.is_target
    if statement.operation == "delete":
        return True
    if statement.table is not None and report.table is not None and statement.table != report.table:
        return True
    if key is None or not report.columns:
        return False
    # As one text, since a name may hold the comma that separates them.
    return ", ".join(report.columns) != ", ".join(column.name for column in key.columns)


def _key_columns(report: Report, key: ForeignKeyConstraint | None, *, is_target: bool) -> tuple[str, ...]:
    if key is None:
        return report.columns
    if not is_target:
        return tuple(column.name for column in key.columns)
    return report.columns or tuple(element.target_fullname.rpartition(".")[2] for element in key.elements)


def _target_name(key: ForeignKeyConstraint | None) -> str | None:
    if key is None:
        return None
    try:
        return key.referred_table.name
    except NoReferenceError:
        return None


# --- values ---------------------------------------------------------------------------------------------------------


def _values(
    report: Report, statement: StatementText, call: Call, table: Table[Any] | None, columns: tuple[str, ...]
) -> dict[str, object]:
    """Attribute to refused value: what was sent, what the caller gave, or the text that the server repeats."""
    if report.kind is NotNullViolationError:
        known: Mapping[str, object] = dict.fromkeys(columns)
    else:
        said = _said(report, table, columns)
        given = {name: value for name, value in _in_columns(call, table).items() if _agree(value, said.get(name))}
        known = {**_whole(said), **given, **_plain(statement.bound, table)}
    attributes = _attributes(table.name if table is not None else None, columns, table, call)
    return {attribute: known[name] for attribute, name in zip(attributes, columns, strict=True) if name in known}


def _said(report: Report, table: Table[Any] | None, columns: tuple[str, ...]) -> dict[str, object]:
    if report.joined is not None:
        return {columns[0]: _first(report, report.joined, table)} if len(columns) == 1 else {}
    if len(report.values) != len(columns):
        return {}
    names = columns if set(report.columns) != set(columns) else report.columns
    return {name: _typed(text, table, name) for name, text in zip(names, report.values, strict=True)}


def _typed(text: str, table: Table[Any] | None, name: str) -> object:
    column = _column(table, name) if table is not None else None
    if column is not None and isinstance(column.type, Integer) and text.lstrip("-").isdecimal():
        return int(text)
    return text


def _first(report: Report, joined: str, table: Table[Any] | None) -> object:
    """The one value of a key, without that of the column beside it; `_Cut` where the text ends early."""
    found = _named(report.constraint, table) if report.constraint is not None and table is not None else None
    if found is not None and has_marker(found[0]):
        joined = joined.removesuffix("-1")
    if joined.endswith(_DOTS):
        return _Cut(joined.removesuffix(_DOTS))
    return _typed(joined, table, found[1][0]) if found is not None else joined


class _Cut(str):
    """The beginning of a value."""

    __slots__ = ()


def _whole(said: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in said.items() if not isinstance(value, _Cut)}


def _agree(given: object, said: object) -> bool:
    """The caller's value may belong to another row of the same flush than the one that failed."""
    if isinstance(said, _Cut):
        return str(given).startswith(said)
    return said is None or not isinstance(given, str | int) or given == said


def _plain(bound: Mapping[str, object], table: Table[Any] | None) -> dict[str, object]:
    """Parameters that the driver gets just as the program has them, without a conversion by the column's type."""
    plain: dict[str, object] = {}
    for name, value in bound.items():
        kind = column.type if table is not None and (column := _column(table, name)) is not None else None
        if value is None or (isinstance(kind, Integer | String) and not isinstance(kind, Enum)):
            plain[name] = value
    return plain


def _in_columns(call: Call, table: Table[Any] | None) -> dict[str, object]:
    """The caller's values by column; none when another model's row failed."""
    if table is None or call.model is None or not call.values:
        return {}
    attributes = attributes_for_columns(call.model, (column.name for column in table.c), table)
    by_attribute = dict(zip(attributes, (column.name for column in table.c), strict=True))
    return {by_attribute[name]: value for name, value in call.values.items() if name in by_attribute}
