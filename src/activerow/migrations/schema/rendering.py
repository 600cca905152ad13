"""How types and server defaults are written into a revision, which every backend is to run."""

import ast
import copy
import inspect
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Literal, cast

from alembic.autogenerate import render as alembic_render
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.operations import ops
from sqlalchemy import CheckConstraint, DefaultClause, Enum, Identity
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import functions
from sqlalchemy.sql.elements import False_, True_, conv
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import EMPTY_DICT

from activerow.migrations.schema.kinds import actual
from activerow.types import utcnow


def render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write what Alembic alone writes for one backend only, or without the import it needs; False leaves it to it."""
    if kind == "type":
        return _type(item, context)
    if kind == "server_default" and isinstance(item, DefaultClause):
        return _default(item.arg, context)
    if kind == "check" and not item._type_bound:
        return _check(item, context)
    if kind == "primary_key":
        return _key_of_table(item)
    return False


@contextmanager
def single_percents(dialect: Any) -> Generator[None]:
    """Compile no `%` as `%%`: a revision holds what is meant, and the driver's form is made of it when it runs."""
    preparer = dialect.identifier_preparer
    before, preparer._double_percents = preparer._double_percents, False
    try:
        yield
    finally:
        preparer._double_percents = before


@renderers.dispatch_for(ops.CreatePrimaryKeyOp, replace=True)
def _primary_key(_context: AutogenContext, op: ops.CreatePrimaryKeyOp) -> str:
    """What Alembic has no words for; only tables that are there get another key, and they are changed in a batch."""
    key: Any = op.to_constraint()
    name = f"op.f({str(key.name)!r})" if isinstance(key.name, conv) else repr(key.name)
    columns = ", ".join(repr(str(column.name)) for column in key.columns)
    return f"batch_op.create_primary_key({name}, [{columns}])"


@renderers.dispatch_for(ops.AlterColumnOp, replace=True)
def _altered(context: AutogenContext, op: ops.AlterColumnOp) -> str:
    """With what Alembic leaves out: how PostgreSQL converts the values, and what an identity was before."""
    untyped: Any = alembic_render
    text: str = untyped._alter_column(context, op)
    more: list[str] = []
    if isinstance(op.existing_server_default, Identity) and op.modify_server_default is not False:
        more.append(f"existing_server_default={untyped._render_server_default(op.existing_server_default, context)}")
    if "postgresql_using" in op.kw:
        more.append(f"postgresql_using={op.kw['postgresql_using']!r}")
    return "".join([text[:-1], *(f",\n{' ' * 11}{option}" for option in more), ")"])


def _type(kind: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    internals: Any = kind
    if internals._variant_mapping:
        return _variants(kind, context)
    if not type(kind).__module__.startswith("sqlalchemy."):
        return _own(kind, context)
    if isinstance(kind, Enum) and kind.native_enum:
        return _enum(kind) if _dialect_of(context).name == "postgresql" else False
    if isinstance(kind, postgresql.JSON | postgresql.ARRAY | postgresql.HSTORE):
        # Alembic writes the types within these types only while it is connected to PostgreSQL.
        context.imports.add("from sqlalchemy.dialects import postgresql")
        implementation: Any = object.__new__(PostgresqlImpl)
        return cast("str | Literal[False]", implementation.render_type(kind, context))
    return False


def _own(kind: TypeEngine[Any], context: AutogenContext) -> str:
    """A type of the project or of a library, as the call that makes it; the plain SQL type where there is none."""
    made, arguments = type(kind), repr(kind).removeprefix(type(kind).__name__)
    if isinstance(kind, TypeDecorator) and ("<locals>" in made.__qualname__ or not _takes(made, arguments)):
        internals: Any = alembic_render
        plain: str = internals._repr_type(actual(kind, _dialect_of(context)), context)
        return plain
    context.imports.add(f"import {made.__module__}")
    return f"{made.__module__}.{made.__qualname__}{arguments}"


def _takes(made: type[Any], arguments: str) -> bool:
    """Whether a type can be made with what its `repr` shows, which is what the type below it takes."""
    try:
        call: Any = ast.parse(f"made{arguments}", mode="eval").body
        inspect.signature(made).bind(*call.args, **{keyword.arg: keyword.value for keyword in call.keywords})
    except (SyntaxError, TypeError, AttributeError):
        return False
    return True


def _dialect_of(context: AutogenContext) -> Any:
    return context.dialect


def _enum(kind: Any) -> str:
    """An enum whose type is made by an operation of its own."""
    values = ", ".join(repr(value) for value in kind.enums)
    schema = f", schema={str(kind.schema)!r}" if kind.schema else ""
    return f"sa.Enum({values}, name={str(kind.name)!r}{schema}, create_type=False)"


def _variants(kind: TypeEngine[Any], context: AutogenContext) -> str:
    plain: Any = copy.copy(kind)
    variants = plain._variant_mapping
    plain._variant_mapping = EMPTY_DICT
    internals: Any = alembic_render
    text: str = internals._repr_type(plain, context)
    for dialect in sorted(variants):
        text += f".with_variant({internals._repr_type(variants[dialect], context)}, {dialect!r})"
    return text


def _key_of_table(key: Any) -> str | Literal[False]:
    """A primary key with more than its columns and a name."""
    given = {"deferrable": key.deferrable, "initially": key.initially, **key.dialect_kwargs}
    options = {name: value for name, value in given.items() if value is not None}
    if not options:
        return False
    name = {"name": key.name} if key.name else {}
    columns = (repr(str(column.name)) for column in key.columns)
    return f"sa.PrimaryKeyConstraint({', '.join([*columns, *(f'{k}={v!r}' for k, v in (name | options).items())])})"


def _check(check: CheckConstraint, context: AutogenContext) -> str | Literal[False]:
    """A condition with a colon in it, which would be taken for a parameter when the revision runs."""
    options = {"literal_binds": True, "include_table": False}
    condition = str(check.sqltext.compile(dialect=context.dialect, compile_kwargs=options))
    if ":" not in condition:
        return False
    name = f"op.f({str(check.name)!r})" if isinstance(check.name, conv) else repr(check.name)
    return f"sa.CheckConstraint({condition.replace(':', chr(92) + ':')!r}, name={name})"


def _default(default: object, context: AutogenContext) -> str | Literal[False]:
    """A server default that every backend spells in its own way, as the expression it was made from."""
    if isinstance(default, utcnow):
        context.imports.add(f"import {utcnow.__module__}")
        return f"{utcnow.__module__}.utcnow()"
    for known, text in _EXPRESSIONS:
        if isinstance(default, known):
            return text
    return False


_EXPRESSIONS: Final[tuple[tuple[type[Any], str], ...]] = (
    (True_, "sa.true()"),
    (False_, "sa.false()"),
    (functions.now, "sa.func.now()"),
    (functions.current_timestamp, "sa.func.current_timestamp()"),
)
