"""What lists can be filtered by, beside the package's own filters: moments, and whose a row is."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute
from starlette_admin.contrib.sqla import ModelView
from starlette_admin.filters.base import BaseFilter, FilterApplyContext, FilterDataType, FilterValidationError
from typing_extensions import override

from notification.models import Users


class _MomentFilter(BaseFilter):
    data_type = FilterDataType.DATETIME

    @override
    def parse_value(self, raw: Any) -> datetime:
        """The moment; what has no time zone is UTC, as on the pages."""
        try:
            moment = datetime.fromisoformat(str(raw))
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise FilterValidationError("not a date and a time, such as 2026-11-22T09:30") from None


class After(_MomentFilter):
    """Later than a moment."""

    name = "after"
    label = "After (UTC)"

    @override
    def apply(self, ctx: FilterApplyContext) -> ColumnElement[bool]:
        """The condition."""
        condition: ColumnElement[bool] = _attribute(ctx) > ctx.value
        return condition


class Before(_MomentFilter):
    """Earlier than a moment."""

    name = "before"
    label = "Before (UTC)"

    @override
    def apply(self, ctx: FilterApplyContext) -> ColumnElement[bool]:
        """The condition."""
        condition: ColumnElement[bool] = _attribute(ctx) < ctx.value
        return condition


class OwnedBy(BaseFilter):
    """Of users whose e-mail contains a text."""

    name = "of"
    label = "E-mail contains"
    data_type = FilterDataType.STRING

    @override
    def apply(self, ctx: FilterApplyContext) -> ColumnElement[bool]:
        """The condition."""
        return _attribute(ctx).has(Users.email.icontains(ctx.value, autoescape=True))


def _attribute(ctx: FilterApplyContext) -> InstrumentedAttribute[Any]:
    if not isinstance(ctx.view, ModelView):
        raise TypeError("these filters are for views of mapped models")
    attribute: InstrumentedAttribute[Any] = getattr(ctx.view.model, ctx.field_name)
    return attribute
