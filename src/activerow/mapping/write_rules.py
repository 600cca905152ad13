"""What a model says about set-based writes: the one place where mixins act on them.

`Query.update`, `Query.delete`, `create_many`, `upsert_many` and `update_many` never see the rows they write. A mixin
that keeps a promise about every write (a history without gaps) states it as a rule:

```py
class Audited:
    __write_rules__ = (RecordsSetWrites(),)
```

The rules of a model are those of all classes it inherits from, base classes first. Whoever runs a set-based write

1. calls `check(model, operation)` before anything is sent, where a rule may refuse it;
2. runs the statements, one for each of `SetWrite.targets`, inside `async with applied(session, write):`, and sets
   `write.count` before the block ends.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.base import ExecutableOption

SetOperation = Literal["update", "delete", "create_many", "upsert_many", "update_many"]
Target = tuple[ColumnElement[bool], ...]
"""The conditions of one statement."""

_ATTRIBUTE: Final = "__write_rules__"


@dataclass(slots=True)
class SetWrite:
    """A set-based write that is about to run.

    Attributes:
        operation: What it does.
        model: Whose rows are meant.
        values: Attribute to value or expression, for an UPDATE.
        targets: The conditions of each statement. A rule may replace them: by keys it has locked, in batches.
        options: Statement options that change which rows `targets` select.
        count: How many rows there were; set when the statements have run.
    """

    operation: SetOperation
    model: type
    values: Mapping[str, Any]
    targets: tuple[Target, ...] = ()
    options: tuple[ExecutableOption, ...] = ()
    count: int = 0


class WriteRule:
    """What one mixin has to say; every method may be left as it is."""

    def check(self, model: type, operation: SetOperation) -> None:
        """Raise where the operation is refused for `model`; nothing has been sent."""

    @asynccontextmanager
    async def around(self, session: AsyncSession, write: SetWrite) -> AsyncGenerator[None, None]:
        """Run statements of its own before and after those of `write`, in the same transaction."""
        del session, write
        yield


_rules: WeakKeyDictionary[type, tuple[WriteRule, ...]] = WeakKeyDictionary()


def rules_for(model: type) -> tuple[WriteRule, ...]:
    """The rules of a model, base classes first; answered from memory after the first time."""
    rules = _rules.get(model)
    if rules is None:
        found = [rule for cls in reversed(model.__mro__) for rule in vars(cls).get(_ATTRIBUTE, ())]
        rules = _rules[model] = tuple(dict.fromkeys(found))
    return rules


def check(model: type, operation: SetOperation) -> None:
    """Let every rule of the model refuse the operation."""
    for rule in rules_for(model):
        rule.check(model, operation)


@asynccontextmanager
async def applied(session: AsyncSession, write: SetWrite) -> AsyncGenerator[None, None]:
    """Run the statements of the block inside what the model's rules do around them."""
    async with AsyncExitStack() as stack:
        for rule in rules_for(write.model):
            await stack.enter_async_context(rule.around(session, write))
        yield
