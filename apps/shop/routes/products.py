"""Products."""

from fastapi import APIRouter, status

from activerow.fastapi import problem_responses
from activerow.paging import Page
from shop.deps import ChosenProducts
from shop.models import Product
from shop.schemas import ProductBody, ProductChange, ProductOut
from shop.use_cases.products import change_product, remove_product

router = APIRouter(prefix="/api/v1/products", tags=["products"])


@router.get("", summary="List products")
async def list_products(chosen: ChosenProducts) -> Page[ProductOut]:
    """A page of the products that were asked for."""
    page = await chosen.page(Product.order_by("id"))
    return page.map(ProductOut.model_validate)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Add a product")
async def add_product(body: ProductBody) -> ProductOut:
    """A new product."""
    return ProductOut.model_validate(await Product.create(body.model_dump()))


@router.get("/{product_id}", summary="Read a product", responses=problem_responses(404))
async def read_product(product_id: int) -> ProductOut:
    """One product."""
    return ProductOut.model_validate(await Product.get(product_id))


@router.put("/{product_id}", summary="Replace a product", responses=problem_responses(404))
async def replace_product(product_id: int, body: ProductBody) -> ProductOut:
    """Set all fields; what is not sent gets its default."""
    return ProductOut.model_validate(await change_product(product_id, body.model_dump()))


@router.patch("/{product_id}", summary="Change a product", responses=problem_responses(404))
async def patch_product(product_id: int, body: ProductChange) -> ProductOut:
    """Set what is sent."""
    return ProductOut.model_validate(await change_product(product_id, body.model_dump(exclude_unset=True)))


@router.delete(
    "/{product_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a product",
    responses=problem_responses(404, 409),
)
async def delete_product(product_id: int) -> None:
    """Remove a product; one that was ordered stays, and the answer is 409."""
    await remove_product(product_id)
