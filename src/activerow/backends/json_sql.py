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
        return dialect.type_descriptor(backend_of(dialect).json.path_type)

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> Any:
        """Write the path for `dialect`."""
        return backend_of(dialect).json.path(value or ())


class JsonNumeral(TypeDecorator[Any]):
    """A number to compare with one in a document, in the type that loses the least of it."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The driver's own way with numbers, except on PostgreSQL, where everything is NUMERIC."""
        return dialect.type_descriptor(backend_of(dialect).json.numeral_type)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Keep integers whole, and floats as short as they are written."""
        return backend_of(dialect).json.numeral(value)


class JsonKind(ServerElement[Any]):
    """What the value is, in the server's word; NULL for JSON's null and for nothing."""

    inherit_cache = True
    type = String()
    words = "json.kind"


class JsonIsList(ServerElement[Any]):
    """Whether the value is a list."""

    inherit_cache = True
    type = Boolean()
    words = "json.is_list"


class JsonPresent(ServerElement[Any]):
    """Whether there is a value, JSON's null included; never NULL."""

    inherit_cache = True
    type = Boolean()
    words = "json.present"


class JsonText(ServerElement[Any]):
    """The value, if it is a string."""

    inherit_cache = True
    type = String()
    words = "json.text"


class JsonNumber(ServerElement[Any]):
    """The value, if it is a number."""

    inherit_cache = True
    type = JsonNumeral()
    words = "json.number"


class JsonFloat(JsonNumber):
    """The same, where it is compared with a float: MySQL has to be told which arithmetic."""

    inherit_cache = True
    words = "json.double"


class JsonBoolean(ServerElement[Any]):
    """The value, if it is true or false."""

    inherit_cache = True
    type = Boolean()
    words = "json.boolean"


class JsonMember(ServerElement[Any]):
    """Whether the list at the path has a member; a third clause is the member, written as JSON.

    Of a member that is no boolean a fourth clause is the value itself.
    """

    inherit_cache = True
    type = Boolean()

    def place(self) -> str:
        """By the member's type: SQLite compares its value, which JSON's text may write in many ways."""
        _, _, _, *value = self.clauses
        if not value:
            return "json.member"
        return "json.text_member" if isinstance(value[0].type, String) else "json.number_member"
