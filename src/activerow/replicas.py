"""What a replica policy is asked about: `Database(replica_policy=...)`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger("activerow")


@dataclass(frozen=True, slots=True)
class Read:
    """What is known of a read outside any unit when a `replica_policy` is asked about it.

    Attributes:
        model: The model whose rows are read.
        operation: `"select"`, or `"stream"`.
    """

    model: type
    operation: str


ReplicaPolicy = Callable[[Read], bool]
