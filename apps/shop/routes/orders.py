"""Orders."""

from fastapi import APIRouter, status

from activerow.fastapi import problem_responses
from activerow.paging import Page
from shop.deps import ChosenOrders
from shop.schemas import OrderBody, OrderOut
from shop.use_cases.orders import orders, place_order

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])


@router.post("", status_code=status.HTTP_201_CREATED, summary="Order products", responses=problem_responses(409))
async def add_order(body: OrderBody) -> OrderOut:
    """Buy products at their present prices: all of it or, with 409 or 422, nothing."""
    return OrderOut.model_validate(await place_order(body.lines, body.promocode))


@router.get("", summary="List orders")
async def list_orders(chosen: ChosenOrders) -> Page[OrderOut]:
    """A page of the orders that were asked for."""
    page = await chosen.page(orders().order_by("id"))
    return page.map(OrderOut.model_validate)


@router.get("/{order_id}", summary="Read an order", responses=problem_responses(404))
async def read_order(order_id: int) -> OrderOut:
    """An order, its lines, and what it costs."""
    return OrderOut.model_validate(await orders().get(order_id))
