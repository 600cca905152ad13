"""SQL that looks into a JSON document: what stands at a path, by its type.

Each element takes a column and a path, and is NULL where the value is of another type: a number is no text, and what is
missing is nothing. So comparisons mean the same on every server, whatever its own rules for mixed types are.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ARRAY, Boolean, Numeric, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

_BEYOND: Final = 1 << 63
_MYSQL: Final = ("mysql", "mariadb")
_MYSQL_NUMBERS: Final = "('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL')"


class JsonPath(TypeDecorator[tuple[str, ...]]):
    """Keys and list indexes, sent in the server's notation: `{tags,0}` or `$."tags"[0]`."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An array on PostgreSQL, text elsewhere."""
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> Any:
        """Write the path for `dialect`."""
        keys = value or ()
        if dialect.name == "postgresql":
            return list(keys)
        return "$" + "".join(f"[{key}]" if is_index(key) else f".{_quoted(key)}" for key in keys)


class JsonNumeral(TypeDecorator[Any]):
    """A number to compare with one in a document, in the type that loses the least of it."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The driver's own way with numbers, except on PostgreSQL, where everything is NUMERIC."""
        return dialect.type_descriptor(Numeric() if dialect.name == "postgresql" else NullType())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Keep integers whole, and floats as short as they are written."""
        if dialect.name == "postgresql":
            return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        fits = isinstance(value, int) and -_BEYOND <= value < _BEYOND
        return value if fits or dialect.name != "sqlite" else float(value)


def _quoted(key: str) -> str:
    # SQLite before 3.45 and MariaDB find a key by the letters it is stored in: those of SQLAlchemy's JSON are ASCII.
    return json.dumps(key)


def is_index(key: str) -> bool:
    """A key of digits means a place in a list."""
    return key.isascii() and key.isdigit()


class _AtPath(FunctionElement[Any]):
    """Two clauses: a column that holds a document, and a `JsonPath`."""

    inherit_cache = True

    def both(self, compiler: SQLCompiler, **options: Any) -> tuple[str, str]:
        """The SQL of the column and of the path."""
        column, path, *_ = self.clauses
        return compiler.process(column, **options), compiler.process(path, **options)


class JsonKind(_AtPath):
    """What the value is, in the server's word; NULL for JSON's null and for nothing."""

    inherit_cache = True
    type = String()


class JsonIsList(_AtPath):
    """Whether the value is a list."""

    inherit_cache = True
    type = Boolean()


class JsonPresent(_AtPath):
    """Whether there is a value, JSON's null included; never NULL."""

    inherit_cache = True
    type = Boolean()


class JsonText(_AtPath):
    """The value, if it is a string."""

    inherit_cache = True
    type = String()


class JsonNumber(_AtPath):
    """The value, if it is a number."""

    inherit_cache = True
    type = JsonNumeral()


class JsonFloat(JsonNumber):
    """The same, where it is compared with a float: MySQL has to be told which arithmetic."""

    inherit_cache = True


class JsonBoolean(_AtPath):
    """The value, if it is true or false."""

    inherit_cache = True
    type = Boolean()


class JsonMember(_AtPath):
    """Whether the list at the path has a member; a third clause is the member, written as JSON.

    Of a member that is no boolean a fourth clause is the value itself.
    """

    inherit_cache = True
    type = Boolean()


class CodePoints(FunctionElement[str]):
    """Text that sorts by its characters' numbers, as SQLite and a binary collation do."""

    inherit_cache = True
    type = String()


# --- SQLite -------------------------------------------------------------------------------------------------------

_SQLITE: Final = {
    JsonKind: "NULLIF(json_type({0}, {1}), 'null')",
    JsonIsList: "(json_type({0}, {1}) = 'array')",
    JsonPresent: "(json_type({0}, {1}) IS NOT NULL)",
    JsonText: "(CASE WHEN json_type({0}, {1}) = 'text' THEN json_extract({0}, {1}) END)",
    JsonNumber: "(CASE WHEN json_type({0}, {1}) IN ('integer', 'real') THEN json_extract({0}, {1}) END)",
    JsonBoolean: "(CASE json_type({0}, {1}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)",
}
_SQLITE_MEMBER: Final = (
    "(CASE WHEN json_type({0}, {1}) = 'array' THEN EXISTS"
    " (SELECT 1 FROM json_each({0}, {1}) AS member WHERE member.type {2}) END)"
)

# --- PostgreSQL ---------------------------------------------------------------------------------------------------

_HERE: Final = "(CAST({0} AS JSONB) #> CAST({1} AS TEXT[]))"
_POSTGRESQL: Final = {
    JsonKind: f"NULLIF(jsonb_typeof({_HERE}), 'null')",
    JsonIsList: f"(jsonb_typeof({_HERE}) = 'array')",
    JsonPresent: f"({_HERE} IS NOT NULL)",
    JsonText: f"(CASE WHEN jsonb_typeof({_HERE}) = 'string' THEN {_HERE} #>> '{{{{}}}}' END)",
    JsonNumber: f"(CASE WHEN jsonb_typeof({_HERE}) = 'number' THEN CAST({_HERE} AS NUMERIC) END)",
    JsonBoolean: f"(CASE WHEN jsonb_typeof({_HERE}) = 'boolean' THEN CAST({_HERE} AS BOOLEAN) END)",
    JsonMember: f"(CASE WHEN jsonb_typeof({_HERE}) = 'array' THEN {_HERE} @> CAST({{2}} AS JSONB) END)",
}

# --- MySQL and MariaDB --------------------------------------------------------------------------------------------

_THERE: Final = "JSON_EXTRACT({0}, {1})"
_MYSQL_SQL: Final = {
    JsonKind: f"NULLIF(JSON_TYPE({_THERE}), 'NULL')",
    JsonIsList: f"(JSON_TYPE({_THERE}) = 'ARRAY')",
    JsonPresent: f"({_THERE} IS NOT NULL)",
    JsonText: f"(CASE WHEN JSON_TYPE({_THERE}) = 'STRING' THEN JSON_UNQUOTE({_THERE}) END COLLATE utf8mb4_bin)",
    JsonNumber: (
        f"(CASE WHEN JSON_TYPE({_THERE}) IN {_MYSQL_NUMBERS} THEN CAST(JSON_UNQUOTE({_THERE}) AS DECIMAL(65, 20)) END)"
    ),
    JsonFloat: (f"(CASE WHEN JSON_TYPE({_THERE}) IN {_MYSQL_NUMBERS} THEN CAST(JSON_UNQUOTE({_THERE}) AS DOUBLE) END)"),
    JsonBoolean: f"(CASE WHEN JSON_TYPE({_THERE}) = 'BOOLEAN' THEN JSON_UNQUOTE({_THERE}) = 'true' END)",
    JsonMember: f"(CASE WHEN JSON_TYPE({_THERE}) = 'ARRAY' THEN JSON_CONTAINS({_THERE}, {{2}}) END)",
}


# The value itself, which JsonMember has too, is for SQLite alone: a server refuses parameters that stand nowhere.
_USED: Final = 3


def _written(forms: dict[type[Any], str]) -> Callable[..., str]:
    def write(element: Any, compiler: SQLCompiler, **options: Any) -> str:
        form = next(forms[kind] for kind in type(element).__mro__ if kind in forms)
        parts = [compiler.process(clause, **options) for clause in tuple(element.clauses)[:_USED]]
        return form.format(*parts)

    return write


def _sqlite_member(element: JsonMember, compiler: SQLCompiler, **options: Any) -> str:
    column, path = element.both(compiler, **options)
    _, _, member, *rest = element.clauses
    if not rest:
        return _SQLITE_MEMBER.format(column, path, f"= {compiler.process(member, **options)}")
    (value,) = rest
    kinds = "= 'text'" if isinstance(value.type, String) else "IN ('integer', 'real')"
    return _SQLITE_MEMBER.format(column, path, f"{kinds} AND member.value = {compiler.process(value, **options)}")


for _kind in (JsonKind, JsonIsList, JsonPresent, JsonText, JsonNumber, JsonFloat, JsonBoolean, JsonMember):
    compiles(_kind, "postgresql")(_written(_POSTGRESQL))
    compiles(_kind, *_MYSQL)(_written(_MYSQL_SQL))
    compiles(_kind, "sqlite")(_sqlite_member if _kind is JsonMember else _written(_SQLITE))


@compiles(CodePoints)
def _code_points(element: CodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(CodePoints, "postgresql")
def _code_points_postgresql(element: CodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'
