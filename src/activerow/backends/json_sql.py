"""SQL that looks into a JSON document: what stands at a path, by its type.

Each element takes a column and a path, and is NULL where the value is of another type: a number is no text, and what is
missing is nothing. So comparisons mean the same on every server, whatever its own rules for mixed types are.
"""

from typing import Any

from sqlalchemy import Boolean, Numeric, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.backends.element import ServerElement
from activerow.backends.known import backend_of


class JsonPath(TypeDecorator[tuple[str, ...]]):
    """Keys and list indexes, sent in the server's notation: `{tags,0}` or `$."tags"[0]`."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An array on PostgreSQL, text elsewhere."""
        return dialect.type_descriptor(backend_of(dialect).json_path_type)

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> Any:
        """Write the path for `dialect`."""
        return backend_of(dialect).json_path(value or ())


class JsonNumeral(TypeDecorator[Any]):
    """A number to compare with one in a document, in the type that loses the least of it."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The driver's own way with numbers, except on PostgreSQL, where everything is NUMERIC."""
        return dialect.type_descriptor(backend_of(dialect).json_number_type)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Keep integers whole, and floats as short as they are written."""
        return backend_of(dialect).json_number(value)


class JsonKind(ServerElement[Any]):
    """What the value is, in the server's word; NULL for JSON's null and for nothing."""

    type = String()


class JsonIsList(ServerElement[Any]):
    """Whether the value is a list."""

    type = Boolean()


class JsonPresent(ServerElement[Any]):
    """Whether there is a value, JSON's null included; never NULL."""

    type = Boolean()


class JsonText(ServerElement[Any]):
    """The value, if it is a string."""

    type = String()


class JsonNumber(ServerElement[Any]):
    """The value, if it is a number."""

    type = JsonNumeral()


class JsonFloat(JsonNumber):
    """The same, where it is compared with a float: MySQL has to be told which arithmetic."""


class JsonBoolean(ServerElement[Any]):
    """The value, if it is true or false."""

    type = Boolean()


class JsonMember(ServerElement[Any]):
    """Whether the list at the path has a member. A third clause is the member written as JSON, a fourth its value."""

    type = Boolean()


class JsonTextMember(JsonMember):
    """The same for a string: SQLite compares its value, which may be written as JSON in many ways."""


class JsonNumberMember(JsonMember):
    """The same for a number."""
