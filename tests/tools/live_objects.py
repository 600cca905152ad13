"""What is alive: whether something is kept that nobody needs any more."""

import gc
from collections import Counter
from collections.abc import Awaitable, Callable
from weakref import ReferenceType


def live_objects() -> Counter[str]:
    """How many objects of each class there are; without garbage, and without the references to it."""
    for _ in range(3):  # what a finalizer lets go of is found by the next round
        gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects() if not _dead(each))


def _dead(each: object) -> bool:
    """sqlite3 keeps references to up to 200 cursors that are gone."""
    return type(each) is ReferenceType and each() is None


async def kept_by(work: Callable[[], Awaitable[object]], least: int) -> dict[str, int]:
    """The classes of which `work` leaves `least` or more objects behind, and as many again when it runs once more."""
    counts = [live_objects()]
    for _ in range(2):
        await work()
        counts.append(live_objects())
    before, between, after = counts
    growth = {name: min(between[name] - before[name], after[name] - between[name]) for name in after}
    return {name: count for name, count in growth.items() if count >= least}
