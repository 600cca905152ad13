"""Walking through all pages of a query, by cursor."""

from typing import Any

from activerow.paging import CursorPage
from activerow.query.query import Query

_MOST_PAGES = 1_000


async def forwards(query: Query[Any], size: int = 2, cursor: str | None = None) -> list[CursorPage[Any]]:
    """The pages from `cursor` on to the last one."""
    pages = [await query.after(cursor, size)]
    while pages[-1].next is not None:
        assert len(pages) < _MOST_PAGES, "the walk does not end"
        pages.append(await query.after(pages[-1].next, size))
    return pages


async def backwards(query: Query[Any], cursor: str | None, size: int = 2) -> list[CursorPage[Any]]:
    """The pages before `cursor`, the first one first."""
    pages: list[CursorPage[Any]] = []
    while cursor is not None:
        assert len(pages) < _MOST_PAGES, "the walk does not end"
        pages.insert(0, await query.after(cursor, size))
        cursor = pages[0].previous
    return pages


def keys(pages: list[CursorPage[Any]]) -> list[Any]:
    """The ids of the rows of some pages."""
    return [row.id for page in pages for row in page]


async def both_ways(query: Query[Any], size: int = 2) -> list[Any]:
    """The ids of all rows, once it is sure that the way back shows the same ones."""
    there = await forwards(query, size)
    back = await backwards(query, there[-1].previous, size)
    ids = keys(there)
    assert keys([*back, there[-1]]) == ids
    return ids
