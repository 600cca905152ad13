"""What a model maps, and what its columns take.

- `entity`: what calls ask of a model, asked once; whether a row can be read without a Session.
- `plain_table`: its table, for writing rows without a Session.
- `listeners`: whether somebody else listens to what happens to its rows.
- `instances`: rows of a driver into instances, without a Session.
- `inspection`: the attributes of a model, its keys, its tables.
- `keys`: what singles out a row.
- `column_kinds`: one record per kind of column: what it takes and offers, and the forms of its values.
- `value_checks`, `type_checks`: values of a row, and one value of a type, before anything is sent.
- `value_forms`: computed numbers, and values as text.
- `generated_keys`: keys that the database numbers.
- `hidden_rows`: rows that reads leave out, as `SoftDelete` does.
- `read_only`: why a name takes no value.
- `versions`: the next version of a row that nobody has read.
- `relation_guard`: reading what is not loaded raises `NotLoadedError`.
- `hooks`, `write_rules`: what a model does around its writes, one by one and many at once.
- `partly_loaded`: relations that show a part of their rows.
- `methods`: methods of the class or of a row alone.
"""

from activerow.mapping.column_kinds import (
    Type,
    bound_as,
    check_for,
    comparing_check,
    implementation,
    kind_named,
    kind_of,
    kind_of_value,
)
from activerow.mapping.entity import ENTITY, Entity, entity_of, set_shown
from activerow.mapping.evident import Evident, all_evident, are_evident, evident
from activerow.mapping.generated_keys import count_everywhere
from activerow.mapping.hidden_rows import Hiding, criteria_of, criterion_of, hide, hiding_of, is_hidden
from activerow.mapping.hooks import Change, Changes, Hook, Operation, are_in_use, hooks_of, subscribers
from activerow.mapping.inspection import (
    CREATED_AT,
    Fields,
    attribute_of,
    attributes_for_columns,
    discriminator_of,
    equated_columns,
    fields_of,
    has_versions,
    mapper_of,
    model_for_table,
    primary_key_names,
    remember_registry,
    says_own_class,
    table_for_name,
    tables_of,
    version_name,
)
from activerow.mapping.instances import COLUMN_AT, collector_paused, held_loader, row_loader, tuple_loader
from activerow.mapping.keys import UniqueKey, keys_of, unique_keys
from activerow.mapping.listeners import Listeners, own_listener
from activerow.mapping.methods import on_class, on_instance
from activerow.mapping.partly_loaded import forget_conditions, is_partial, mark_partial, mark_whole
from activerow.mapping.plain_table import PlainTable, against_direct, own_default
from activerow.mapping.read_only import refused_name
from activerow.mapping.relation_guard import install_guard
from activerow.mapping.type_checks import Check
from activerow.mapping.value_checks import (
    check_class,
    check_comparable,
    check_row,
    check_values,
    collect,
    is_expression,
    refusal,
)
from activerow.mapping.versions import next_version
from activerow.mapping.write_rules import SetOperation, SetWrite, Target, WriteRule, applied, check, rules_for

__all__ = [
    "COLUMN_AT",
    "CREATED_AT",
    "ENTITY",
    "Change",
    "Changes",
    "Check",
    "Entity",
    "Evident",
    "Fields",
    "Hiding",
    "Hook",
    "Listeners",
    "Operation",
    "PlainTable",
    "SetOperation",
    "SetWrite",
    "Target",
    "Type",
    "UniqueKey",
    "WriteRule",
    "against_direct",
    "all_evident",
    "applied",
    "are_evident",
    "are_in_use",
    "attribute_of",
    "attributes_for_columns",
    "bound_as",
    "check",
    "check_class",
    "check_comparable",
    "check_for",
    "check_row",
    "check_values",
    "collect",
    "collector_paused",
    "comparing_check",
    "count_everywhere",
    "criteria_of",
    "criterion_of",
    "discriminator_of",
    "entity_of",
    "equated_columns",
    "evident",
    "fields_of",
    "forget_conditions",
    "has_versions",
    "held_loader",
    "hide",
    "hiding_of",
    "hooks_of",
    "implementation",
    "install_guard",
    "is_expression",
    "is_hidden",
    "is_partial",
    "keys_of",
    "kind_named",
    "kind_of",
    "kind_of_value",
    "mapper_of",
    "mark_partial",
    "mark_whole",
    "model_for_table",
    "next_version",
    "on_class",
    "on_instance",
    "own_default",
    "own_listener",
    "primary_key_names",
    "refusal",
    "refused_name",
    "remember_registry",
    "row_loader",
    "rules_for",
    "says_own_class",
    "set_shown",
    "subscribers",
    "table_for_name",
    "tables_of",
    "tuple_loader",
    "unique_keys",
    "version_name",
]
