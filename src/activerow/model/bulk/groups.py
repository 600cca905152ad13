"""The rows of a batch, put together by layout: what can be sent in one go."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from activerow.errors import ActiveRowError, InvalidDataError
from activerow.mapping import is_expression
from activerow.model.bulk.layout import Layout, Row
from activerow.model.bulk.rows import RowReader
from activerow.model.bulk.values import Misfit, Record, Taken, take

Key = tuple[Any, ...]


class Group:
    """Rows of one layout that are sent together, with their positions among all rows of the call."""

    __slots__ = ("_taken", "again", "keys", "layout", "operation", "positions", "reserved", "rows")

    def __init__(self, layout: Layout, operation: str) -> None:
        self.layout, self.operation = layout, operation
        self.rows: list[Row] = []
        self.keys: list[Key] = []
        self.positions: list[int] = []
        self.reserved: str | None = None  # the key that the database has made for them
        self.again = 0  # rows that came once more, and are in their first place
        self._taken: Taken | None = None

    def add(self, row: Row, key: Key | None, position: int) -> None:
        """Put one more row in."""
        self.rows.append(row)
        self.positions.append(position)
        if key is not None:
            self.keys.append(key)

    def with_keys(self, layout: Layout, name: str, keys: list[Any]) -> "Group":
        """The same rows, giving the keys that the database has made for them as well."""
        other = Group(layout, self.operation)
        other.rows, other.positions, other.reserved = self.rows, self.positions, name
        if self._taken is not None:
            columns = dict(zip(self.layout.columns, self._taken.columns, strict=True)) | {name: keys}
            values = [columns[source.name] for source in layout.sources]
            other._taken = Taken(layout, values, self._taken.with_sql, self._taken.count)
        return other

    def sort(self) -> None:
        """Put the rows in the order of their keys, so that two writers meet them in the same order."""
        order = list(range(len(self.rows)))
        try:
            order.sort(key=self.keys.__getitem__)
        except TypeError:  # values of several types, or that have no order
            order.sort(key=lambda index: tuple(map(repr, self.keys[index])))
        self.rows = [self.rows[index] for index in order]
        self.keys = [self.keys[index] for index in order]
        self.positions = [self.positions[index] for index in order]

    def take(self, dialect: str) -> Taken:
        """The values of the rows, checked.

        Raises:
            InvalidDataError: A value does not fit its column; its `position` is the row's.
        """
        try:
            self._taken = self._taken or take(self.layout, self.rows, dialect)
        except Misfit as misfit:
            raise self._misfit(misfit) from misfit.__cause__
        return self._taken

    @property
    def taken(self) -> Taken:
        """The same, once they are taken."""
        return cast("Taken", self._taken)

    def records(self, taken: Taken, start: int, stop: int) -> list[Record]:
        """Rows `start` to `stop` as the driver takes them.

        Raises:
            InvalidDataError: A column's type cannot convert a value.
        """
        try:
            return taken.records(start, stop)
        except Misfit as misfit:
            raise self._misfit(misfit) from misfit.__cause__

    def _misfit(self, misfit: Misfit) -> InvalidDataError:
        error = InvalidDataError(
            model=self.layout.model.__name__,
            operation=self.operation,
            table=self.layout.table.name,
            columns=(misfit.source.name,),
            values={misfit.source.name: misfit.value},
            reason=misfit.reason,
        )
        error.position = self.positions[misfit.index]
        return error


class Grouping:
    """Puts rows together by layout. Rows that meet the same stored row keep their order: a later one is sent later.

    Args:
        reader: Tells what each row gives.
        operation: `insert` or `update`, for errors.
        key: What rows that meet the same stored row have in common; None for rows that meet none.
        merged: The names that a later row of the same layout sets on the earlier one, which then stands for both; None
            where both are sent.
    """

    def __init__(
        self,
        reader: RowReader,
        operation: str,
        key: Callable[[Layout, Row], Key] | None = None,
        merged: Callable[[Layout], tuple[str, ...] | None] | None = None,
    ) -> None:
        self._reader, self._operation, self._key = reader, operation, key
        self._merged = merged

    def __call__(self, rows: Sequence[object], first: int) -> list[Group]:
        """The groups of a batch, in the order in which they are sent; `first` is the position of its first row.

        Raises:
            UsageError: A row cannot be written; its `position` is told.
        """
        groups: list[Group] = []
        open_groups: dict[Layout, Group] = {}
        seen: dict[Key, tuple[Group, int]] = {}
        read, key_of = self._reader.read, self._key
        for position, given in enumerate(rows, start=first):
            try:
                placed = read(given)
                if placed is None:
                    continue
                layout, row = placed
                key = key_of(layout, row) if key_of is not None else None
            except ActiveRowError as error:
                error.position = position
                raise
            if key is not None and key in seen:
                if self._merge(*seen[key], layout, row):
                    continue
                open_groups, seen = {}, {}
            if groups and layout.refers_to_itself and groups[-1].layout is not layout:
                open_groups = {}  # a row may refer to the one before it
            group = open_groups.get(layout)
            if group is None:
                group = open_groups[layout] = Group(layout, self._operation)
                groups.append(group)
            if key is not None:
                seen[key] = group, len(group.rows)
            group.add(row, key, position)
        return _sorted(groups)

    def _merge(self, group: Group, index: int, layout: Layout, row: Row) -> bool:
        """Let an earlier row stand for a later one with the same key, where nothing but its values matters."""
        names = self._merged(layout) if self._merged is not None else None
        if names is None or group.layout is not layout:
            return False
        before = group.rows[index]
        if any(is_expression(each[name]) for each in (before, row) for name in names):
            return False
        group.rows[index] = {**before, **{name: row[name] for name in names}}
        group.again += 1
        return True


def _sorted(groups: list[Group]) -> list[Group]:
    """The groups, the rows of each in the order of their keys, unless they may refer to each other."""
    for group in groups:
        if group.keys and not group.layout.refers_to_itself:
            group.sort()
    return groups
