"""Changing what is for sale."""

from collections.abc import Mapping

from shop.models import Product, db


@db.transactional(retries=3)
async def change_product(product_id: int, values: Mapping[str, object]) -> Product:
    """Set `values` on a product.

    It is locked from the look to the change: an order in between would see its stock come back.

    Raises:
        RecordNotFoundError: There is no such product.
    """
    product = await Product.get(product_id, lock=True)
    await product.update(values)
    return product


async def remove_product(product_id: int) -> None:
    """Delete a product that nobody has ordered.

    Raises:
        RecordNotFoundError: There is no such product.
        ForeignKeyViolationError: Somebody has.
    """
    product = await Product.get(product_id)
    await product.delete()
