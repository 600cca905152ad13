"""The first of the admin pages: what waits, and what needs somebody's attention."""

from starlette.requests import Request
from starlette_admin.views import CustomView
from starlette_admin.widgets import BaseWidget, Breakpoints, GridWidget, StatWidget

from notification.use_cases.administration import waiting_and_dead


class Overview(CustomView):
    """Counts that lead to the rows they count."""

    def __init__(self) -> None:
        super().__init__(menu_label="Overview", icon="fa-solid fa-gauge", route_name="index", widget=_counts)


async def _counts(request: Request) -> BaseWidget:
    waiting, dead = await waiting_and_dead()
    return GridWidget(
        children=[
            _card(request, "Waiting for delivery", waiting, "status__in=queued,failed"),
            _card(request, "Could not be delivered", dead, "status__eq=dead"),
        ],
        breakpoints=Breakpoints(default=1, md=2),
    )


def _card(request: Request, title: str, count: int, chosen: str) -> BaseWidget:
    async def value(_: Request) -> int:
        return count

    rows = request.url_for("admin:list", key="notifications").include_query_params(filter=chosen)
    return StatWidget(title=title, value_callback=value, link=str(rows), description="Look at them", color="primary")
