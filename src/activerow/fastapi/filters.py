"""`filters`: a documented query string for a list: which rows, in which order, how many at a time."""

import difflib
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from fastapi import Query as QueryParameter
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.requests import Request

from activerow.errors import UsageError
from activerow.fastapi.endpoint import query_names
from activerow.fastapi.parameters import COMMA_SEPARATED, Parameter, parameters_of
from activerow.paging import CursorPage, Page
from activerow.query import Query
from activerow.query.lookups import field_at, sort_key

M = TypeVar("M")

Paging = Literal["number", "cursor"]

_PAGE, _CURSOR, _SIZE, _SORT = "page", "cursor", "size", "sort"
_MOST_NUMBER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Chosen(Generic[M]):
    """What a client asked of a list.

    Attributes:
        lookups: Conditions, as `filter_by` takes them.
        sort: Sort keys, as `order_by` takes them; empty leaves the order to the query.
        number: The number of the page, from 1 on.
        size: How many rows a page has at most.
        cursor: Where the page begins, if it is no numbered one; None at the beginning.
    """

    lookups: Mapping[str, object]
    sort: tuple[str, ...]
    number: int
    size: int
    cursor: str | None

    def apply(self, query: Query[M]) -> Query[M]:
        """The rows of `query` that were asked for, in the order that was asked for; of all pages."""
        narrowed = query.filter_by(self.lookups) if self.lookups else query
        return narrowed.order_by(None).order_by(*self.sort) if self.sort else narrowed

    async def page(self, query: Query[M]) -> Page[M]:
        """The numbered page that was asked for, in two statements."""
        return await self.apply(query).page(self.number, self.size)

    async def after(self, query: Query[M]) -> CursorPage[M]:
        """The page behind the cursor that was sent, in one statement.

        Raises:
            InvalidCursorError: The cursor is damaged, or was made for another order.
        """
        return await self.apply(query).after(self.cursor, self.size)


def filters(
    model: type[M],
    *,
    fields: Sequence[str] | Mapping[str, Sequence[str] | None],
    sort: Sequence[str] | None = None,
    paging: Paging | None = "number",
    size: int = 50,
    most: int = 100,
) -> Callable[..., Awaitable[Chosen[M]]]:
    """A dependency that reads a list's query string: `Depends(filters(User, fields=["name", "age"]))`.

    It gives a `Chosen[User]`. There is `name=`, `name__icontains=`, `age__gte=` and so on, for each field what its type
    suggests; `sort=-age,name`; `page` or `cursor`, and `size`. Wrong values, and names that look like a filter and are
    none, are answered with 422.

    Args:
        model: Whose rows are listed.
        fields: What may be asked for: columns, paths such as `author__name`, relations (`isnull`). A mapping gives the
            lookups too: `{"price": ["gte", "lte"], "name": None}`; `eq` is the plain name, None what the type suggests.
        sort: What may be sorted by; by default all fields that have one value per row.
        paging: `page` counts from 1, or `cursor` names the page; None offers neither, nor a `size`.
        size: How many rows a page has when nothing is said.
        most: How many rows a page may have.

    Raises:
        UnknownFieldError, UnknownLookupError: A name does not exist.
        UsageError: A field's values have no form in a URL, a name is taken, or a size is below 1.
    """
    if not 1 <= size <= most:
        raise UsageError(f"filters: size={size} must be from 1 to most={most}")
    sortable = tuple(_checked_sort(model, fields if sort is None else sort, given=sort is not None))
    offer = _Offer(tuple(_offered(model, fields)), sortable, paging, size, most)
    guard = offer.guard(tuple(fields))

    async def choose(request: Request, **given: Any) -> Chosen[M]:
        guard.check(request)
        lookups = {each.lookup: given[name] for name, each in offer.arguments() if given[name] is not None}
        keys = tuple(given.get(_SORT) or ())
        return Chosen(lookups, keys, given.get(_PAGE, 1), given.get(_SIZE, size), given.get(_CURSOR))

    choose.__signature__ = offer.signature()  # type: ignore[attr-defined]  # what FastAPI reads
    return choose


# --- what is offered --------------------------------------------------------------------------------------------------


def _offered(model: type, fields: Sequence[str] | Mapping[str, Sequence[str] | None]) -> Iterator[Parameter]:
    for path in fields:
        field = field_at(model, path)
        if field.rest:
            raise UsageError(
                f"filters: {model.__name__}.{path} is more than a field; give its lookups as"
                f" fields={{{field.path!r}: [{'__'.join(field.rest)!r}]}}"
            )
        yield from parameters_of(model, field, fields[path] if isinstance(fields, Mapping) else None)


def _checked_sort(model: type, paths: Iterable[str], *, given: bool) -> Iterator[str]:
    """The paths that have one value per row; when they were `given`, every one must."""
    for path in paths:
        try:
            sort_key(model, path)
        except UsageError:
            if given:
                raise
        else:
            yield path


@dataclass(frozen=True, slots=True)
class _Offer:
    """Everything that a query string may say."""

    lookups: tuple[Parameter, ...]
    sortable: tuple[str, ...]
    paging: Paging | None
    size: int
    most: int

    def arguments(self) -> Iterator[tuple[str, Parameter]]:
        """The lookups, under the names of their Python arguments."""
        # Their own names could be `request` or `size`.
        return ((f"lookup_{number}", each) for number, each in enumerate(self.lookups))

    def guard(self, fields: tuple[str, ...]) -> "_Guard":
        """What refuses other names.

        Raises:
            UsageError: A name stands for two things.
        """
        known = [*[each.name for each in self.lookups], *[each.name for each in self._others()]]
        if twice := sorted({name for name in known if known.count(name) > 1}):
            raise UsageError(f"filters: {twice[0]!r} stands for two things in the query string; leave out that field")
        shown = tuple(each.name for each in self.lookups if each.is_shown)
        lists = [each.name for each in self.lookups if each.is_list]
        return _Guard(fields, tuple(known), shown, frozenset([*lists, _SORT]))

    def signature(self) -> inspect.Signature:
        """What FastAPI is to read, check and document."""
        request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
        lookups = [_argument(name, each.annotation, None, _query_of(each)) for name, each in self.arguments()]
        return inspect.Signature([request, *lookups, *self._others()])

    def _others(self) -> Iterator[inspect.Parameter]:
        if self.sortable:
            yield _sorting(self.sortable)
        if self.paging == "number":
            number = Annotated[int, Field(ge=1, le=_MOST_NUMBER)]
            yield _argument(_PAGE, number, 1, QueryParameter(description="The page's number, from 1 on."))
        elif self.paging == "cursor":
            text = "Where the page begins: `next` or `previous` of another one; leave it out for the first page."
            yield _argument(_CURSOR, str, None, QueryParameter(description=text))
        if self.paging is not None:
            text = f"How many a page holds at most, up to {self.most}."
            limited = Annotated[int, Field(ge=1, le=self.most)]
            yield _argument(_SIZE, limited, self.size, QueryParameter(description=text))


def _sorting(sortable: Sequence[str]) -> inspect.Parameter:
    choices = tuple(key for path in sortable for key in (path, f"-{path}"))
    key: Any = Literal[choices]
    keys: Any = list[key]
    example = ",".join([f"-{sortable[0]}", *sortable[1:2]])
    text = f"What to sort by, separated by commas; `-` before a name is descending. For example `{example}`."
    limited = Annotated[keys, COMMA_SEPARATED, Field(max_length=len(sortable))]
    return _argument(_SORT, limited, None, QueryParameter(description=text))


def _query_of(each: Parameter) -> Any:
    return QueryParameter(
        alias=each.name, title=each.name, description=each.description, include_in_schema=each.is_shown
    )


def _argument(name: str, annotation: Any, default: object, query: Any) -> inspect.Parameter:
    annotated = Annotated[annotation, query]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotated)


# --- what is refused --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Guard:
    """Refuses names that look like a filter and are none: left out silently, they would show all rows."""

    fields: tuple[str, ...]
    known: tuple[str, ...]
    shown: tuple[str, ...]
    repeatable: frozenset[str]

    def check(self, request: Request) -> None:
        """Pass when every name is one of ours, or plainly somebody else's.

        Raises:
            RequestValidationError: For each other name.
        """
        names = [name for name, _ in request.query_params.multi_items()]
        others = [name for name in dict.fromkeys(names) if name not in self.known]
        if others:
            declared = query_names(request.scope)
            others = [name for name in others if name not in declared]
        faults = [fault for name in others if (fault := self._unknown(name)) is not None]
        faults += [
            _fault("repeated_filter", name, "Given several times, and only one value counts")
            for name in self.known
            if name not in self.repeatable and names.count(name) > 1
        ]
        if faults:
            raise RequestValidationError(faults)

    def _unknown(self, name: str) -> dict[str, Any] | None:
        fields = [path for path in self.fields if name == path or name.startswith(f"{path}__")]
        if fields:
            field = max(fields, key=len)
            choices = [shown for shown in self.shown if shown == field or shown.startswith(f"{field}__")]
            return _fault("unknown_filter", name, f"There is no such filter; choices: {', '.join(choices)}")
        meant = difflib.get_close_matches(name, self.known, n=1, cutoff=0.7)
        if meant:
            return _fault("unknown_filter", name, f"There is no such filter; did you mean {meant[0]}?")
        return _fault("unknown_filter", name, "There is no such filter") if "__" in name else None


def _fault(kind: str, name: str, message: str) -> dict[str, Any]:
    return {"type": kind, "loc": ("query", name), "msg": message, "input": None}
