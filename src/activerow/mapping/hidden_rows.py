"""Rows that reads pass over unless they are asked for, as mixins such as `SoftDelete` say.

A mixin names a column, its mark: a row whose mark is set is hidden. The condition goes along as an option of the
statement, so that it holds wherever the model stands in it: in WHERE, in the ON of a JOIN, in subqueries, in the second
SELECT of an eager load. Statements on bases without such models get no option.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, event
from sqlalchemy.orm import LoaderCriteriaOption, Mapper, registry
from sqlalchemy.orm.base import instance_state

from activerow.mapping.inspection import mapper_of

Criterion = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True, eq=False)
class Hiding:
    """What a mixin hides.

    Attributes:
        mixin: The models that inherit from it have the mark.
        mark: The attribute that hides a row once it is set.
        criterion: The condition that a row of a model, or of an alias of it, is not hidden.
        value: What to set the mark to, to hide a row now.
    """

    mixin: type
    mark: str
    criterion: Criterion
    value: Callable[[], object]


class _Everywhere(LoaderCriteriaOption):
    """The condition for every appearance of an entity in a statement, eager loads included, and for no lazy load.

    A flush that looks for what goes along with a deleted row must find all of it, so rows do not carry the option. To
    SQLAlchemy's joined loads an option that rows do not carry says nothing: they are shown one that rows would.
    """

    __slots__ = ("shown_to_loads",)

    _traverse_internals = LoaderCriteriaOption._traverse_internals

    def __init__(self, entity: type, criterion: Criterion) -> None:
        super().__init__(entity, criterion, include_aliases=True, propagate_to_loaders=False)
        self.shown_to_loads = LoaderCriteriaOption(entity, criterion, include_aliases=True)

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        self.shown_to_loads.get_global_criteria(attributes)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What is hidden among the models of one base: options for all of them, and one for each hierarchy of models."""

    everything: dict[Hiding, LoaderCriteriaOption] = field(default_factory=dict[Hiding, LoaderCriteriaOption])
    by_root: dict[type, LoaderCriteriaOption] = field(default_factory=dict[type, LoaderCriteriaOption])


_hidings: Final[list[Hiding]] = []
_hidden: "WeakKeyDictionary[registry, _Hidden]" = WeakKeyDictionary()


def hide(hiding: Hiding) -> None:
    """Have reads pass over the marked rows of the mixin's models from now on."""
    _hidings.append(hiding)

    @event.listens_for(hiding.mixin, "after_mapper_constructed", propagate=True)
    def remember(mapper: Mapper[Any], model: type) -> None:
        hidden = _hidden.setdefault(mapper.registry, _Hidden())
        hidden.everything.setdefault(hiding, _Everywhere(hiding.mixin, hiding.criterion))
        if _root(model, hiding) is model:
            hidden.by_root[model] = _Everywhere(model, hiding.criterion)


def criteria_of(model: type, shown: Iterable[type] = ()) -> tuple[LoaderCriteriaOption, ...]:
    """The options for a statement on `model` that hide rows, other than those of the models in `shown`."""
    if not _hidings:
        return ()
    hidden = _hidden.get(mapper_of(model).registry)
    if hidden is None:
        return ()
    if not shown:
        return tuple(hidden.everything.values())
    lifted = {_root(each, hiding) for each in shown if (hiding := hiding_of(each)) is not None}
    return tuple(option for root, option in hidden.by_root.items() if root not in lifted)


def hiding_of(model: type) -> Hiding | None:
    """What hides rows of `model`; None where nothing does."""
    return next((hiding for hiding in _hidings if issubclass(model, hiding.mixin)), None)


def criterion_of(model: type, shown: Iterable[type] = ()) -> ColumnElement[bool] | None:
    """The condition that a row of `model` is not hidden; None where nothing hides it, or it is among `shown`."""
    hiding = hiding_of(model)
    if hiding is None or any(_root(model, hiding) is _root(each, hiding) for each in shown):
        return None
    return hiding.criterion(model)


def is_hidden(row: object) -> bool | None:
    """Whether a row is hidden, as far as memory knows; None when its mark is not loaded."""
    hiding = hiding_of(type(row))
    if hiding is None:
        return False
    shown = instance_state(row).dict
    return shown[hiding.mark] is not None if hiding.mark in shown else None


def _root(model: type, hiding: Hiding) -> type:
    """The first model of its hierarchy that has the mark."""
    mapper = mapper_of(model)
    while mapper.inherits is not None and issubclass(mapper.inherits.class_, hiding.mixin):
        mapper = mapper.inherits
    return cast("type", mapper.class_)
