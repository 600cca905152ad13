"""Rows as objects of a schema: only what the schema names is read, and no instance of the model is made.

To-one relations are joined, each to-many relation is one more statement for up to 500 rows. Where the query has loader
criteria, to-one relations take a statement, too: a row that the criteria exclude is then no related row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Select, select
from sqlalchemy.orm import LoaderCriteriaOption, RelationshipProperty

from activerow.errors import UsageError
from activerow.mapping import criteria_of, mapper_of, primary_key_names
from activerow.query.lookups import Column, Hops, joined, related_alias
from activerow.query.plan import Plan
from activerow.query.related import KEYS_PER_STATEMENT, statement_to
from activerow.query.results.evident_json import plain_fields
from activerow.query.results.schema_tree import Shape, collection_of
from activerow.query.steps import Step, Steps

Key = tuple[Any, ...]


class Projected:
    """What was read of one row, as attributes: the input that a schema validates in place of an instance."""

    def __getattr__(self, name: str) -> Any:
        # Only for what is missing. Pydantic asks for fields that the model lacks, and then takes their default.
        known = ", ".join(self.__dict__)
        raise AttributeError(f"{name!r} was not read: a projection has what its schema names ({known})", name=name)

    def __repr__(self) -> str:
        return f"<projection of {', '.join(self.__dict__)}>"


def check_projection(model: type, plan: Plan, terminal: str) -> None:
    """Accept a query whose links mean something where no instance is made.

    Raises:
        UsageError: It loads something, or locks.
    """
    refused = plan.loading_links()
    if refused:
        raise UsageError(
            f"{terminal}() of a {model.__name__} query with {', '.join(refused)}: leave that out, the schema says what"
            f" is read (of options, with_loader_criteria() applies)"
        )


def single_layout(plan: Plan, shape: Shape) -> "Layout | None":
    """What stands where in the rows, if one statement reads all that is asked for, the same at all times."""
    if plan.options or plan.computed or not _is_fixed(shape):
        return None
    layout = _layout_of(shape, joins=True)
    return layout if layout.part.is_alone() else None


def projected(model: type, plan: Plan, shape: Shape) -> Steps[list[Projected]]:
    """The rows of a query in the given shape, with what they are related to."""
    layout = _layout_of(shape, joins=not plan.options)
    computed = [column.expression for name, column in plan.computed if name in shape.computed]
    result = yield Step(layout.narrowed(model, plan).add_columns(*computed))
    part, width = layout.part, len(layout.columns)
    rows: dict[Any, Projected] = {}
    for key, row in layout.by_key(result).items():
        rows[key] = part.build(row)
        rows[key].__dict__.update(zip(shape.computed, row[width:], strict=True))
    given = cast("tuple[LoaderCriteriaOption, ...]", plan.options)
    options = (*[option for option in given if option.propagate_to_loaders], *criteria_of(model, plan.shown))
    found = list(rows.values())
    yield from _follow(part, found, options)
    return found


# --- what stands where in a row -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One entity among the columns of a statement: its attributes are at `start` to `stop`."""

    names: tuple[str, ...]
    start: int
    stop: int
    key: Callable[[Any], Any]
    constants: Mapping[str, object]
    joined: "tuple[tuple[str, _Part], ...]"
    fetched: "tuple[_Fetched, ...]"

    def is_alone(self) -> bool:
        """Whether no other statement is needed."""
        return not self.fetched and all(part.is_alone() for _, part in self.joined)

    def build(self, row: Sequence[Any]) -> Projected:
        """The entity of a row, and those that are joined to it."""
        values = dict(zip(self.names, row[self.start : self.stop], strict=True))
        if self.constants:
            values.update(self.constants)
        for name, part in self.joined:
            values[name] = part.build(row) if row[part.start] is not None else None
        projected = Projected.__new__(Projected)
        projected.__dict__ = values
        return projected


@dataclass(frozen=True, slots=True, eq=False)
class _Fetched:
    """A relation that is read by a statement of its own, whose rows begin with the values of `keys`."""

    name: str
    keys: tuple[str, ...]
    statement: Select[Any]
    part: _Part
    collection: type[list[Any]] | type[set[Any]] | None


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The columns of a query's own statement, and what is made of them."""

    columns: tuple[Column, ...]
    statement: Select[Any]
    part: _Part

    def narrowed(self, model: type, plan: Plan) -> Select[Any]:
        """The statement for the rows of `plan`."""
        return plan.but(distinct=False).onto(self.statement, model, self.columns)

    def by_key(self, cells: Iterable[Sequence[Any]]) -> dict[Any, Sequence[Any]]:
        """Each row once, as all() does it: a condition that brings in another table may repeat a row."""
        key, rows = self.part.key, dict[Any, Sequence[Any]]()
        for row in cells:
            rows.setdefault(key(row), row)
        return rows

    def built(self, cells: Iterable[Sequence[Any]]) -> list[Projected]:
        """The rows, and those that are joined to them."""
        return [self.part.build(row) for row in self.by_key(cells).values()]

    def plain_json(self, schema: type, cells: Sequence[Sequence[Any]], *, once: bool) -> bytes | None:
        """The rows as the JSON of a schema; None where that needs the schema's objects.

        Args:
            schema: Whose JSON it is.
            cells: The rows.
            once: No row is repeated.
        """
        part, fields = self.part, plain_fields(schema)
        if fields is None or part.joined or part.constants:
            return None
        return fields.json(part.names, cells if once else list(self.by_key(cells).values()))


_layouts: "WeakKeyDictionary[Shape, dict[bool, Layout]]" = WeakKeyDictionary()


def _layout_of(shape: Shape, *, joins: bool) -> Layout:
    known = _layouts.setdefault(shape, {})
    layout = known.get(joins)
    if layout is None:
        writer = _Writer(shape.model, joins=joins)
        part = writer.part(shape, ())
        statement = select(*[column.expression for column in writer.columns])
        layout = Layout(tuple(writer.columns), cast("Select[Any]", statement), part)
        if _is_fixed(shape):
            known[joins] = layout
    return layout


def _is_fixed(shape: Shape) -> bool:
    """Its SQL is the same at all times: what a hybrid's code answers may depend on the moment, or on the request."""
    fixed = mapper_of(shape.model).attrs
    return all(name in fixed for name in shape.columns) and all(_is_fixed(of) for _, of in shape.relations.values())


@dataclass(slots=True)
class _Writer:
    """Collects the columns of one statement, which starts from `entity`."""

    entity: Any
    joins: bool
    start: int = 0
    columns: list[Column] = field(default_factory=list[Column])

    def part(self, shape: Shape, hops: Hops) -> _Part:
        """Add the columns of the entity at the end of `hops`."""
        entity = related_alias(self.entity, hops, "join") if hops else self.entity
        near = {name: edge for name, edge in shape.relations.items() if self._is_joined(edge[0])}
        far = {name: edge for name, edge in shape.relations.items() if name not in near}
        fetched = tuple(_fetched(name, *edge, joins=self.joins) for name, edge in far.items())
        key_names = primary_key_names(shape.model)
        names = tuple(dict.fromkeys((*key_names, *shape.columns, *[key for each in fetched for key in each.keys])))
        start = self.start + len(self.columns)
        self.columns += [Column(getattr(entity, name), hops) for name in names]
        joined_parts = tuple((name, self.part(of, (*hops, relation.key))) for name, (relation, of) in near.items())
        key = itemgetter(*range(start, start + len(key_names)))
        return _Part(names, start, start + len(names), key, shape.constants, joined_parts, fetched)

    def _is_joined(self, relation: RelationshipProperty[Any]) -> bool:
        # A relation to an alias that the mapping spells out is joined to nothing but that alias.
        plain = not relation.entity.is_aliased_class and isinstance(self.entity, type)
        return self.joins and plain and not relation.uselist


def _fetched(name: str, relation: RelationshipProperty[Any], shape: Shape, *, joins: bool) -> _Fetched:
    keys, rows = statement_to(relation)
    entity = relation.entity.entity
    writer = _Writer(entity, joins, start=len(keys))
    part = writer.part(shape, ())
    found_by = list(rows.selected_columns)[: len(keys)]
    selected = rows.with_only_columns(*found_by, *[column.expression for column in writer.columns])
    statement = joined(cast("Select[Any]", selected), cast("type", entity), writer.columns)
    return _Fetched(name, keys, statement, part, collection_of(relation) if relation.uselist else None)


# --- related rows ---------------------------------------------------------------------------------------------------


def _follow(part: _Part, rows: Sequence[Projected], options: tuple[LoaderCriteriaOption, ...]) -> Steps[None]:
    """Read what is related to `rows`, and to what is joined to them."""
    for fetched in part.fetched if rows else ():
        related = yield from _fetch(fetched, rows, options)
        yield from _follow(fetched.part, related, options)
    for name, joined_part in part.joined:
        related = [row.__dict__[name] for row in rows if row.__dict__[name] is not None]
        yield from _follow(joined_part, related, options)


def _fetch(
    fetched: _Fetched, rows: Iterable[Projected], options: tuple[LoaderCriteriaOption, ...]
) -> Steps[list[Projected]]:
    """Give each row its related ones."""
    owners: dict[Key, list[dict[str, Any]]] = {}
    for row in rows:
        values = row.__dict__
        owners.setdefault(tuple([values[key] for key in fetched.keys]), []).append(values)
    found: dict[Key, dict[Any, Projected]] = {}
    statement = fetched.statement.options(*options) if options else fetched.statement
    width, part = len(fetched.keys), fetched.part
    for chunk in _chunks([key for key in owners if None not in key]):
        keys = [key[0] for key in chunk] if width == 1 else chunk
        result = yield Step(statement, {"keys": keys})
        for row in result:
            related = found.setdefault(tuple(row[:width]), {})
            if part.key(row) not in related:
                related[part.key(row)] = part.build(row)
    for key, same in owners.items():
        for owner in same:
            owner[fetched.name] = _collected(fetched, found.get(key, {}).values())
    return [row for related in found.values() for row in related.values()]


def _collected(fetched: _Fetched, related: Iterable[Projected]) -> object:
    return next(iter(related), None) if fetched.collection is None else fetched.collection(related)


def _chunks(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        yield keys[start : start + KEYS_PER_STATEMENT]
