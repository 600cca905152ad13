"""Paths of relations to load along with a query, and the loader options they become."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ColumnElement
from sqlalchemy.orm import QueryableAttribute, RelationshipProperty, defaultload, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.sql.base import ExecutableOption

from activerow.errors import UnknownFieldError, UsageError
from activerow.mapping import fields_of, hiding_of, mapper_of
from activerow.query.lookups import Column, sort_key

Path = tuple[str, ...]
Tree = Mapping[str, "Tree"]


# --- paths ----------------------------------------------------------------------------------------------------------


def path_of(model: type, path: str | QueryableAttribute[Any]) -> Path:
    """The names of the relations to cross: of `"posts.comments"`, or of the attribute `User.posts`.

    Raises:
        UnknownFieldError: A name is not a field of the model it stands on.
        UsageError: It is no relation, or one that cannot be loaded.
    """
    names = path.split(".") if isinstance(path, str) else [_name_of(model, path)]
    owner = model
    for name in names:
        owner = _relation_at(owner, name).mapper.class_
    return tuple(names)


def _name_of(model: type, attribute: QueryableAttribute[Any]) -> str:
    owner = cast("type | None", getattr(attribute, "class_", None))
    if owner is None:
        raise UsageError(f"a relation is named by a string or by an attribute like {model.__name__}.posts")
    if getattr(owner, attribute.key, None) is not attribute:
        named = f"include({attribute.key!r}, where=...)"
        raise UsageError(f"{attribute} is more than a relation: write {named} or options(selectinload(...))")
    if not issubclass(model, owner):
        raise UsageError(
            f"{attribute} is not a relation of {model.__name__}; write the whole path, like 'lines.product'"
        )
    return str(attribute.key)


def _relation_at(model: type, name: str) -> RelationshipProperty[Any]:
    relation = mapper_of(model).relationships.get(name)
    if relation is None:
        fields = fields_of(model)
        if name in fields.columns:
            raise UsageError(
                f"{model.__name__}.{name} is a column, not a relation; await row.refresh({name!r}) reads it"
            )
        raise UnknownFieldError(model.__name__, name, choices=fields.relations)
    if relation.lazy in {"dynamic", "write_only"}:
        raise UsageError(f"{model.__name__}.{name} is {relation.lazy}: it is queried, and cannot be loaded")
    return relation


class Chosen(Path):
    """A path whose last relation is loaded in part, or in an order of its own.

    Attributes:
        where: Which rows; None means all.
        order: In which order; empty leaves that to the relation.
        limit: How many of each row's; None means all.
    """

    where: ColumnElement[bool] | None
    order: tuple[Column, ...]
    limit: int | None

    @property
    def is_part(self) -> bool:
        """Whether rows may be missing."""
        return self.where is not None or self.limit is not None

    @property
    def is_ranked(self) -> bool:
        """Whether it takes a statement of its own."""
        return self.limit is not None or bool(self.order)


def chosen(
    model: type, path: Path, where: ColumnElement[bool] | None, order: Sequence[object] = (), limit: int | None = None
) -> Chosen:
    """The path, with the condition on the rows at its end, their order and their number.

    Raises:
        UnknownFieldError: A sort key is not a field of the related model.
        UsageError: Its end is one row: leaving that out would say there is none.
    """
    name, owner = path[-1], target_of(model, path[:-1])
    relation = _relation_at(owner, name)
    if not relation.uselist:
        raise UsageError(
            f"{owner.__name__}.{name} leads to one row, which cannot be left out; where=, order_by= and limit= are for"
            f" to-many relations"
        )
    found = Chosen(path)
    found.where, found.limit = where, limit
    found.order = tuple(sort_key(relation.mapper.class_, key) for key in order)
    if any(key.foreign for key in found.order):
        raise UsageError(f"include(order_by=...) of {owner.__name__}.{name} sorts by columns of the related rows alone")
    return found


def beyond(paths: Iterable[Path], path: Path) -> tuple[Path, ...]:
    """What is included of the rows at the end of a path, from there on."""
    return tuple(_shortened(each, len(path)) for each in paths if len(each) > len(path) and each[: len(path)] == path)


def _shortened(path: Path, by: int) -> Path:
    rest = path[by:]
    if not isinstance(path, Chosen):
        return rest
    found = Chosen(rest)
    found.where, found.order, found.limit = path.where, path.order, path.limit
    return found


def _by_options(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The paths that loader options can load: up to a relation that takes a statement of its own."""
    ranked = [path for path in paths if isinstance(path, Chosen) and path.is_ranked]
    if not ranked:
        return paths
    kept = [path for path in paths if not any(path[: len(each)] == each for each in ranked)]
    return (*kept, *[each[:-1] for each in ranked if each[:-1]])


def target_of(model: type, path: Path) -> type:
    """The model at the end of a path."""
    for name in path:
        model = _relation_at(model, name).mapper.class_
    return model


def merged(before: Iterable[Path], more: Iterable[Path]) -> tuple[Path, ...]:
    """Paths, each once.

    Raises:
        UsageError: A path is asked for in two ways.
    """
    paths: dict[Path, Path] = {}
    for path in (*before, *more):
        other = paths.setdefault(path, path)
        if other is not path and (isinstance(other, Chosen) or isinstance(path, Chosen)):
            raise UsageError(
                f"include() of {'.'.join(path)} is asked for twice, with another condition; combine them with &"
            )
    return tuple(paths)


def tree_of(paths: Iterable[Path]) -> Tree:
    """The paths as a tree of names."""
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
    return tree


# --- with the query -------------------------------------------------------------------------------------------------


def include_options(
    model: type, paths: tuple[Path, ...], *, joins: bool, others: Iterable[ExecutableOption] = ()
) -> tuple[ORMOption, ...]:
    """Loader options for `paths`: to-many by a second SELECT, to-one by JOIN where `joins` allows it.

    Raises:
        UsageError: A relation that is chosen in part is loaded by one of the `others`, too.
    """
    # Conditions are compared by what they are, and no cache could tell them apart.
    some = [path for path in paths if isinstance(path, Chosen)]
    wheres: dict[Path, ColumnElement[bool]] = {path: path.where for path in some if path.where is not None}
    decided = _decided(model, others)
    for path in {*some} & decided:
        raise UsageError(
            f"include() of a part of {'.'.join(path)} and an option both say how to load it: leave one out"
        )
    paths = _by_options(paths)
    if not wheres and not decided:
        return _plain_options(model, paths, joins)
    return tuple(_Writer(joins, wheres, decided).options(model, tree_of(paths), ()))


@lru_cache(maxsize=512)
def _plain_options(model: type, paths: tuple[Path, ...], joins: bool) -> tuple[ORMOption, ...]:
    return tuple(_Writer(joins, {}, frozenset()).options(model, tree_of(paths), ()))


def _decided(model: type, options: Iterable[Any]) -> frozenset[Path]:
    """The relations whose loading SQLAlchemy's own options decide."""
    found: set[Path] = set()
    for element in (element for option in options for element in getattr(option, "context", ())):
        root, *steps = element.path.path
        if element.strategy and element.strategy[0][0] == "lazy" and issubclass(model, root.class_):
            found.add(tuple(step.key for step in steps if isinstance(step, RelationshipProperty)))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes loader options.

    Attributes:
        joins: To-one relations are joined.
        wheres: Conditions on the rows at the end of paths.
        decided: What others say how to load, who would contradict another way.
    """

    joins: bool
    wheres: Mapping[Path, ColumnElement[bool]]
    decided: frozenset[Path]

    def options(self, model: type, tree: Tree, before: Path) -> Iterator[Any]:
        """The options for the branches of `tree`, which stands at the end of `before`."""
        for name, branch in tree.items():
            relation, path = _relation_at(model, name), (*before, name)
            option = self._option(getattr(model, name), relation, path)
            further = self.options(relation.mapper.class_, branch, path)
            yield option.options(*further) if branch else option

    def _option(self, attribute: Any, relation: RelationshipProperty[Any], path: Path) -> Any:
        if path in self.decided:
            return defaultload(attribute)
        if not self.joins or relation.uselist:
            return selectinload(attribute.and_(self.wheres[path]) if path in self.wheres else attribute)
        # A hidden row must not take along the rows that refer to it, whatever kind of JOIN is mapped.
        return joinedload(attribute, innerjoin=False) if hiding_of(relation.mapper.class_) else joinedload(attribute)
