"""What the shop refuses to do. No HTTP here: `problems.py` has the table that gives each its status.

```
ShopError
├── BodyTooLargeError     longer than bodies may be
├── BodyTooComplexError   more JSON than any request needs
├── UnknownProductError   an order names products that there are not
└── OutOfStockError       fewer are left than an order asks for
```
"""

from collections.abc import Sequence
from typing import ClassVar


class ShopError(Exception):
    """A request that the shop refuses; `code` is a word that never changes.

    Attributes:
        places: Where in the request's body the reasons are.
    """

    code: ClassVar[str]
    places: tuple[tuple[str | int, ...], ...] = ()


class BodyTooLargeError(ShopError):
    """The body is longer than `SHOP_MAX_BODY_BYTES`."""

    code = "body_too_large"

    def __str__(self) -> str:
        return "The request's body is too large."


class BodyTooComplexError(ShopError):
    """The body's JSON has more values, or is nested deeper, than any request needs."""

    code = "body_too_complex"

    def __str__(self) -> str:
        return "The request's JSON has too many values or is nested too deeply."


class UnknownProductError(ShopError):
    """Lines of an order, counted from 0, name products that there are not."""

    code = "unknown_product"

    def __init__(self, lines: Sequence[int]) -> None:
        super().__init__(tuple(lines))
        self.places = tuple(("lines", line, "product_id") for line in lines)

    def __str__(self) -> str:
        return "There is no such product."


class OutOfStockError(ShopError):
    """A line of an order, counted from 0, asks for more than is left of its product."""

    code = "out_of_stock"

    def __init__(self, line: int, left: int) -> None:
        super().__init__(line, left)
        self.left = left
        self.places = (("lines", line, "count"),)

    def __str__(self) -> str:
        return f"Only {self.left} are left." if self.left else "It is sold out."
