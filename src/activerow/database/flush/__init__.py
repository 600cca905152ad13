"""What happens around a flush.

- `around`: the steps of a flush: hooks before, the flush, hooks after.
- `pending`: the rows that wait to be written, and what is about to change.
- `mapper_events`: the listeners that a mapper of a model gets.
- `hook_runs`: a life-cycle hook while it runs.
- `committed_changes`: what is told to subscribers once it is committed.
- `rewind`: what rows show again after a rollback; `shown`: what a row shows, taken down and shown again.
- `refusal`: what rows show again when a change was refused before anything was sent.
- `kept_rows`: rows that `session.delete` marks as deleted.
- `unsaved`: what the program has changed and not saved, kept for the case that a lone call fails.
- `inserted`: rows that were inserted past the flush.
- `in_place`: values that changed in place, like the keys of a dict in a JSON column.
- `outsiders`: rows outside the session that a flush meets through relations.
"""

from activerow.database.flush.around import refuse_waiting, refused, take_back
from activerow.database.flush.committed_changes import News
from activerow.database.flush.hook_runs import RUNNING, refuse_inside_flush, running_in
from activerow.database.flush.in_place import in_place_columns, keep_contents
from activerow.database.flush.inserted import take_in
from activerow.database.flush.kept_rows import delete_for_good, mark_deleted
from activerow.database.flush.mapper_events import watch
from activerow.database.flush.outsiders import (
    AS_FLUSHED,
    attach,
    brings_along,
    forget_back_reference,
    leave,
    queried_relations,
    reordered,
)
from activerow.database.flush.pending import take_written
from activerow.database.flush.refusal import as_before
from activerow.database.flush.rewind import RewindingSession

__all__ = [
    "AS_FLUSHED",
    "RUNNING",
    "News",
    "RewindingSession",
    "as_before",
    "attach",
    "brings_along",
    "delete_for_good",
    "forget_back_reference",
    "in_place_columns",
    "keep_contents",
    "leave",
    "mark_deleted",
    "queried_relations",
    "refuse_inside_flush",
    "refuse_waiting",
    "refused",
    "reordered",
    "running_in",
    "take_back",
    "take_in",
    "take_written",
    "watch",
]
