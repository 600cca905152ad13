"""Paths of relations to load along with a query, and the loader options they become."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ColumnElement
from sqlalchemy.orm import QueryableAttribute, RelationshipProperty, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from activerow.errors import UnknownFieldError, UsageError
from activerow.mapping import fields_of, hiding_of, mapper_of

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
    """A path whose last relation is loaded in part: the rows for which `where` holds."""

    where: ColumnElement[bool]


def chosen(model: type, path: Path, where: ColumnElement[bool]) -> Chosen:
    """The path, with the condition on the rows at its end.

    Raises:
        UsageError: Its end is one row: leaving that out would say there is none.
    """
    name, owner = path[-1], target_of(model, path[:-1])
    if not _relation_at(owner, name).uselist:
        raise UsageError(
            f"{owner.__name__}.{name} leads to one row, which cannot be left out; where= is for to-many relations"
        )
    found = Chosen(path)
    found.where = where
    return found


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
        if getattr(other, "where", None) is not getattr(path, "where", None):
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


def include_options(model: type, paths: tuple[Path, ...], *, joins: bool) -> tuple[ORMOption, ...]:
    """Loader options for `paths`: to-many by a second SELECT, to-one by JOIN where `joins` allows it."""
    # Conditions are compared by what they are, and no cache could tell them apart.
    wheres: dict[Path, ColumnElement[bool]] = {path: path.where for path in paths if isinstance(path, Chosen)}
    return tuple(_options(model, tree_of(paths), joins, (), wheres)) if wheres else _plain_options(model, paths, joins)


@lru_cache(maxsize=512)
def _plain_options(model: type, paths: tuple[Path, ...], joins: bool) -> tuple[ORMOption, ...]:
    return tuple(_options(model, tree_of(paths), joins, (), {}))


def _options(
    model: type, tree: Tree, joins: bool, before: Path, wheres: Mapping[Path, ColumnElement[bool]]
) -> Iterator[Any]:
    for name, branch in tree.items():
        relation, path = _relation_at(model, name), (*before, name)
        load = joinedload if joins and not relation.uselist else selectinload
        attribute = getattr(model, name)
        # A hidden row must not take along the rows that refer to it, whatever kind of JOIN is mapped.
        inner = {"innerjoin": False} if load is joinedload and hiding_of(relation.mapper.class_) else {}
        option = load(attribute.and_(wheres[path]) if path in wheres else attribute, **inner)
        yield option.options(*_options(relation.mapper.class_, branch, joins, path, wheres)) if branch else option
