"""Comparing constraints and indexes: what the server says of those there are with what it says of the model's.

Names and definitions are compared; Alembic alone knows no checks, no exclusion constraints and no primary keys, and of
an index little more than its columns.
"""

from collections.abc import Iterator
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.util import PriorityDispatchResult
from sqlalchemy import CheckConstraint, Enum, Index, PrimaryKeyConstraint, String, Table

from activerow.migrations.schema.model_rules import condition_of, rules_of
from activerow.migrations.schema.pictures import UNNAMED, Picture, Rule
from activerow.migrations.schema.seen import seen_of
from activerow.migrations.schema.statements import SqlOp
from activerow.migrations.schema.there_rules import indexes_there, rule_there


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    _schema: str | None,
    _table: str,
    found: Table | None,
    wanted: Table | None,
) -> PriorityDispatchResult:
    """Propose to drop and create what is not as in the model; Alembic's own comparison is left out."""
    if found is None and wanted is not None:
        for index in sorted(wanted.indexes, key=lambda index: str(index.name)):
            _add(context, changes, index, None)
    elif found is not None and wanted is None:
        changes.ops += [ops.DropIndexOp.from_index(index) for index in indexes_there(context, found)]
    elif found is not None and wanted is not None:
        seen = seen_of(context, wanted)
        if seen is None:
            return PriorityDispatchResult.CONTINUE
        _differences(context, changes, found, wanted, *seen)
        _leave_enums_to_checks(changes)
    return PriorityDispatchResult.STOP


def _differences(
    context: AutogenContext, changes: ops.ModifyTableOps, found: Table, wanted: Table, there: Picture, ours: Picture
) -> None:
    _keep_collations(found, there)
    models = rules_of(context, wanted, ours)
    gone = {rule for rule in there.rules if rule not in ours.rules}
    new = {rule for rule in ours.rules if rule not in there.rules}
    _forgive_names(gone, new, there, ours)
    remade, by_sql = set(_remade(there, ours)), _need_sql(there, ours)
    for rule in sorted(there.rules.keys() & ours.rules.keys()):
        text = there.rules[rule]
        if not ours.has(rule, text) or any(column in _words(text) for column in remade):
            gone.add(rule)
            new.add(rule)
    for column in sorted(remade):
        changes.ops.append(ops.DropColumnOp.from_column_and_tablename(wanted.schema, wanted.name, found.c[column]))
        changes.ops.append(ops.AddColumnOp.from_column_and_tablename(wanted.schema, wanted.name, wanted.c[column]))
    for rule in sorted(gone):
        if rule in by_sql:
            changes.ops.append(_by_sql(context, wanted, rule, there.rules[rule]).reverse())
        elif not _is_of_a_key(context, rule, there, found, wanted):
            _drop(context, changes, rule_there(context, found, rule, there), models.get(rule))
    for rule in sorted(new):
        if rule in by_sql:
            changes.ops.append(_by_sql(context, wanted, rule, ours.rules[rule]))
        else:
            _add(context, changes, models[rule], rule)


def _keep_collations(found: Table, there: Picture) -> None:
    """Give the columns of SQLite their collations, which SQLAlchemy does not read, for the way back."""
    for column in found.columns:
        known = there.columns.get(column.name)
        collation = known.type.rpartition(" collate ")[2] if known is not None and " collate " in known.type else None
        if collation is not None and isinstance(column.type, String):
            column.type.collation = collation.strip('"')


def _need_sql(*pictures: Picture) -> set[Rule]:
    """Alembic loses the expressions of an exclusion constraint, and whatever a primary key has but columns."""
    rules = [(rule, text) for picture in pictures for rule, text in picture.rules.items()]
    keys = [(rule, text) for rule, text in rules if rule[0] == "primary key"]
    have_options = any(word in text for _, text in keys for word in ("DEFERRABLE", "INCLUDE"))
    return {rule for rule, _ in rules if rule[0] == "exclude"} | {rule for rule, _ in keys if have_options}


def _by_sql(context: AutogenContext, table: Table, rule: Rule, definition: str) -> SqlOp:
    """A new constraint, as only PostgreSQL has it."""
    dialect: Any = context.dialect
    preparer = dialect.identifier_preparer
    alter, name = f"ALTER TABLE {preparer.format_table(table)}", preparer.quote(rule[1])
    add, drop = f"{alter} ADD CONSTRAINT {name} {definition}", f"{alter} DROP CONSTRAINT {name}"
    words = "exclusion constraint" if rule[0] == "exclude" else rule[0]
    return SqlOp(add, drop, f"{words} {rule[1]} of {table.name}")


def _forgive_names(gone: set[Rule], new: set[Rule], there: Picture, ours: Picture) -> None:
    """Take a rule for the same when one of the two has no name: SQLite keeps such, and other servers name them."""
    for rule in sorted(new):
        same = [
            known
            for known in gone
            if known[0] == rule[0]
            and there.rules[known] == ours.rules[rule]
            and (known[1].startswith(UNNAMED) or rule[1].startswith(UNNAMED))
        ]
        if same:
            gone.discard(same[0])
            new.discard(rule)


def _remade(there: Picture, ours: Picture) -> Iterator[str]:
    """Columns that are computed in another way, which few servers can change: they are dropped and added."""
    for name, column in ours.columns.items():
        before = there.columns.get(name)
        if before is not None and before.generated != column.generated:
            yield name


def _words(definition: str) -> set[str]:
    return set("".join(letter if letter.isalnum() or letter == "_" else " " for letter in definition).split())


def _is_of_a_key(context: AutogenContext, rule: Rule, there: Picture, found: Table, wanted: Table) -> bool:
    """An index that MySQL has made for a foreign key, under the key's name or the column's."""
    dialect: Any = context.dialect
    if dialect.name not in {"mysql", "mariadb"} or rule[0] != "index" or there.rules[rule].startswith("UNIQUE"):
        return False
    keys = wanted.foreign_key_constraints | found.foreign_key_constraints
    names = {str(name) for key in keys for name in (key.name, key.columns[0].name)}
    return rule[1] in names


def _drop(context: AutogenContext, changes: ops.ModifyTableOps, old: Any, new: Any) -> None:
    if old is None or not _is_included(context, new if new is not None else old, old, reflected=new is None):
        return
    if isinstance(old, Index):
        changes.ops.append(ops.DropIndexOp.from_index(old))
    else:
        changes.ops.append(ops.DropConstraintOp.from_constraint(old))


def _add(context: AutogenContext, changes: ops.ModifyTableOps, item: Any, rule: Rule | None) -> None:
    if not _is_included(context, item, None, reflected=False):
        return
    if isinstance(item, Index):
        changes.ops.append(ops.CreateIndexOp.from_index(item))
    elif isinstance(item, CheckConstraint):
        text = condition_of(context, item)
        name: Any = item.name or (rule[1] if rule is not None and not rule[1].startswith(UNNAMED) else None)
        changes.ops.append(
            ops.CreateCheckConstraintOp(
                name, changes.table_name, item.sqltext if text is None else text, schema=changes.schema
            )
        )
    elif isinstance(item, PrimaryKeyConstraint):
        changes.ops.append(ops.CreatePrimaryKeyOp.from_constraint(item))
    else:
        changes.ops.append(ops.AddConstraintOp.from_constraint(item))


def _is_included(context: AutogenContext, item: Any, other: Any, *, reflected: bool) -> bool:
    """What the project's `include_object` says of indexes and unique constraints."""
    kinds = {"index": "index", "unique_constraint": "unique_constraint"}
    kind: Any = kinds.get(item.__visit_name__)
    return kind is None or context.run_object_filters(item, item.name, kind, reflected, other)


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
