"""Words into SQL: `posts__title__icontains="async"`.

- `paths`: relations to cross, a field at the end, what is asked of it.
- `operands`: a lookup whose names are resolved, and the forms of its value.
- `simple`: lookups that are data: a statement is made once for their shape.
- `conditions`: groups of lookups, with EXISTS where they cross relations.
- `comparison`, `text`, `documents`: one comparison; of texts; of JSON documents.
- `columns`, `keys`: what is sorted by or read; what singles out a row.
- `aggregation`: `Count`, `Sum` and the rest.
"""

from activerow.query.lookups.aggregation import applied, over_group, over_related
from activerow.query.lookups.columns import (
    Column,
    Hops,
    bare,
    by_primary_key,
    column_at,
    joined,
    name_of,
    reverse,
    sort_key,
)
from activerow.query.lookups.comparison import compare, is_expression
from activerow.query.lookups.conditions import condition_of
from activerow.query.lookups.keys import Key, among, check_unique, is_wide, primary_key
from activerow.query.lookups.operands import Lookup
from activerow.query.lookups.paths import (
    INSENSITIVE,
    SENSITIVE,
    Field,
    field_at,
    implementation,
    lookup_at,
    related_alias,
)
from activerow.query.lookups.simple import Simple, simple_lookups

__all__ = [
    "INSENSITIVE",
    "SENSITIVE",
    "Column",
    "Field",
    "Hops",
    "Key",
    "Lookup",
    "Simple",
    "among",
    "applied",
    "bare",
    "by_primary_key",
    "check_unique",
    "column_at",
    "compare",
    "condition_of",
    "field_at",
    "implementation",
    "is_expression",
    "is_wide",
    "joined",
    "lookup_at",
    "name_of",
    "over_group",
    "over_related",
    "primary_key",
    "related_alias",
    "reverse",
    "simple_lookups",
    "sort_key",
]
