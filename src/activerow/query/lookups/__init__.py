"""Words into SQL: `posts__title__icontains="async"`.

- `paths`: relations to cross, a field at the end.
- `operands`: the left side of a comparison, and the forms of its value.
- `resolving`: names into comparisons; `comparison`, `relations`, `documents`: of a column, a relation, a JSON document.
- `simple`: lookups that are data: a statement is made once for their shape.
- `words`: the lookups there are, as classes; the program's own join them by `activerow.lookups`.
- `conditions`: groups of lookups, with EXISTS where they cross relations.
- `columns`, `keys`: what is sorted by or read; what singles out a row.
- `aggregation`: `Count`, `Sum` and the rest; `computed`: what `annotate` computes for each row.
"""

from activerow.query.lookups.aggregation import applied, over_group, over_related
from activerow.query.lookups.columns import (
    Column,
    Hops,
    Named,
    bare,
    by_primary_key,
    column_at,
    directed,
    joined,
    name_of,
    reverse,
    sort_key,
    speaks_of_others,
    tables_in,
)
from activerow.query.lookups.comparison import Comparison
from activerow.query.lookups.computed import by_instance, check_windows, computed_at, put_on, sorted_by, with_computed
from activerow.query.lookups.conditions import condition_of, on_computed
from activerow.query.lookups.keys import Key, among, check_unique, is_wide, primary_key
from activerow.query.lookups.operands import CUT, SHOWS_HIDDEN, kind_name
from activerow.query.lookups.paths import Field, field_at, related_alias
from activerow.query.lookups.resolving import comparison_of, lookup_at
from activerow.query.lookups.simple import Simple, remember_key, simple_lookups

__all__ = [
    "CUT",
    "SHOWS_HIDDEN",
    "Column",
    "Comparison",
    "Field",
    "Hops",
    "Key",
    "Named",
    "Simple",
    "among",
    "applied",
    "bare",
    "by_instance",
    "by_primary_key",
    "check_unique",
    "check_windows",
    "column_at",
    "comparison_of",
    "computed_at",
    "condition_of",
    "directed",
    "field_at",
    "is_wide",
    "joined",
    "kind_name",
    "lookup_at",
    "name_of",
    "on_computed",
    "over_group",
    "over_related",
    "primary_key",
    "put_on",
    "related_alias",
    "remember_key",
    "reverse",
    "simple_lookups",
    "sort_key",
    "sorted_by",
    "speaks_of_others",
    "tables_in",
    "with_computed",
]
