"""Amounts of money: exact on every backend."""

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, Numeric
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from activerow.errors import InvalidDataError

DIGITS: Final = 10
DECIMAL_PLACES: Final = 2
_CENT: Final = Decimal(1).scaleb(-DECIMAL_PLACES)
_LIMIT: Final = Decimal(10) ** (DIGITS - DECIMAL_PLACES)


class Money(TypeDecorator[Decimal]):
    """A Decimal with two places: NUMERIC(10, 2) on servers, a whole number of cents on SQLite.

    SQLite has no decimal numbers: what looks like one there is a binary fraction, in which 0.10 + 0.20 is not 0.30.
    A value with more places is refused, never rounded.
    """

    impl = Numeric(DIGITS, DECIMAL_PLACES)
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(DIGITS, DECIMAL_PLACES)

    def __repr__(self) -> str:
        # A migration file repeats this text as a constructor call.
        return "Money()"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        numeric = Numeric(DIGITS, DECIMAL_PLACES)
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else numeric)

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        amount = _amount(value)
        return int(amount.scaleb(DECIMAL_PLACES)) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-DECIMAL_PLACES) if dialect.name == "sqlite" else Decimal(value)


def with_cents(amount: Decimal) -> Decimal:
    """The amount with two places: 3 as 3.00."""
    return amount.quantize(_CENT)


def _amount(value: object) -> Decimal:
    """The value as an amount.

    Raises:
        InvalidDataError: It is no decimal number, or has too many digits.
    """
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        raise InvalidDataError(reason=f"an amount of money is a Decimal, not {type(value).__name__}")
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount) >= _LIMIT or amount != with_cents(amount):
        raise InvalidDataError(reason=f"an amount of money has {DECIMAL_PLACES} decimal places and {DIGITS} digits")
    return amount
