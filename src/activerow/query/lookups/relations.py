"""Lookups on relations, whose values are rows: `author=ada`, `posts__in=rows`, `author__isnull=True`."""

from collections.abc import Hashable
from typing import Any, Final, cast

from sqlalchemy import Integer, literal_column, not_, select, tuple_
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty, aliased
from sqlalchemy.orm.base import instance_state
from sqlalchemy.orm.exc import UnmappedColumnError

from activerow.mapping import bound_as, equated_columns, hiding_of, primary_key_names
from activerow.q import Condition
from activerow.query.lookups.comparison import Given, ShapedComparison, all_bound
from activerow.query.lookups.operands import flag_of, items_of, kind_name, subquery_of

_ONE: Final = literal_column("1", Integer())
_NEGATIVE: Final = frozenset({"ne", "not_in"})


class RelationComparison(ShapedComparison):
    """Of a relation with rows, by their primary keys."""

    __slots__ = ()

    @property
    def relation(self) -> RelationshipProperty[Any]:
        """The relation."""
        return cast("RelationshipProperty[Any]", self.operand.field.relation)

    def given(self, value: Any) -> Given:
        word = self.lookup.word
        if word == "isnull" or (value is None and word in {"exact", "ne"}):
            absent = flag_of(self.operand, self.lookup, value) if word == "isnull" else word == "exact"
            return Given("absent" if absent else "present", None, of_null=absent)
        form = "not among" if word in _NEGATIVE else "among"
        if word not in {"in", "not_in"}:
            return Given(form, [self._key(value)])
        subquery = self._subquery(value)
        if subquery is not None:
            return Given(form, subquery)
        return Given(form, [self._key(row) for row in items_of(self.operand, self.lookup, value)])

    def _subquery(self, value: Any) -> Any:
        """The keys of a query of the related model; None where the value is no query."""
        subquery = subquery_of(self.operand, self.lookup, value)
        model: type = self.relation.mapper.class_
        if subquery is None:
            return None
        if not issubclass(getattr(value, "model", object), model):
            raise self.operand.refused(self.lookup, f"takes rows of {model.__name__}, or a query of them")
        return subquery

    def _key(self, row: object) -> tuple[Any, ...]:
        """The primary key of a row that is given as the value."""
        mapper: Mapper[Any] = self.relation.mapper
        name = mapper.class_.__name__
        if not isinstance(row, mapper.class_):
            remedy = f"to compare its key, write {self.operand.path}__{primary_key_names(mapper.class_)[0]}=..."
            raise self.operand.refused(self.lookup, f"takes a {name} row, not {kind_name(row)}; {remedy}")
        state = instance_state(row)
        key = tuple(mapper.primary_key_from_instance(row)) if state.key is None else state.key[1]
        if None in key:
            raise self.operand.refused(self.lookup, f"was given a {name} that is not stored: save() it first")
        return key

    def bound(self, given: Given) -> Any:
        keys: Any = given.value
        if not isinstance(given.value, list):
            return keys
        columns = self.relation.mapper.primary_key
        types = [bound_as(column.type, None) for column in columns]
        return all_bound(types, [key[0] for key in keys] if len(columns) == 1 else keys)

    def sql(self, entity: Any, form: Hashable, bound: Any) -> Condition:
        column = getattr(entity, self.operand.field.name)
        if form in {"absent", "present"}:
            present = self._is_present(column)
            return not_(present) if form == "absent" else present
        direct = self._foreign_key(entity)
        if direct is not None:
            return cast("Condition", direct.not_in(bound) if form == "not among" else direct.in_(bound))
        if form == "not among" and not self.relation.uselist:
            # As of a foreign key: what refers to nothing does not refer to another row either.
            return self._refers(column, bound, negated=True)
        found = self._refers(column, bound)
        return not_(found) if form == "not among" else found

    def _is_present(self, column: Any) -> Condition:
        relation = self.relation
        # Of a key of several columns SQLAlchemy asks whether any is set; half a key refers to nothing.
        asked = relation.uselist or len(relation.local_columns) > 1 or hiding_of(relation.mapper.class_) is not None
        return self._refers(column) if asked else cast("Condition", column != None)  # noqa: E711

    def _foreign_key(self, entity: Any) -> Any:
        """The columns that hold the primary key of the related row; None where the relation is found otherwise."""
        relation = self.relation
        pairs = equated_columns(relation)
        if relation.direction is not RelationshipDirection.MANYTOONE or pairs is None or relation.secondary is not None:
            return None
        by_remote = {remote: local for local, remote in pairs.items()}
        if set(by_remote) != set(relation.mapper.primary_key):
            return None
        parent: Mapper[Any] = relation.parent
        try:
            names = [parent.get_property_by_column(by_remote[part]).key for part in relation.mapper.primary_key]
        except UnmappedColumnError:
            return None
        columns = [getattr(entity, name) for name in names]
        return columns[0] if len(columns) == 1 else tuple_(*columns)

    def _refers(self, column: Any, keys: Any = None, *, negated: bool = False) -> Condition:
        """The relation leads to some row, or to one with one of these primary keys, or with another one."""
        model: Any = self.relation.mapper.class_
        target: Any = aliased(model)
        rows = select(_ONE).select_from(target).where(column.of_type(target))
        if keys is not None:
            columns = [getattr(target, name) for name in primary_key_names(model)]
            key = columns[0] if len(columns) == 1 else tuple_(*columns)
            rows = rows.where(key.not_in(keys) if negated else key.in_(keys))
        return rows.exists()
