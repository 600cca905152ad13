"""Relations that a row shows a part of only: those that `include(..., where=...)` chose rows for.

The mark stays with the row, also in a pickle or after a rollback, until all of the relation is loaded.
"""

from typing import Any, Final

from sqlalchemy.orm import InstanceState, Load, LoaderCriteriaOption

State = InstanceState[Any]

_MARK: Final = "activerow_partial"


def mark_partial(state: State, name: str) -> None:
    """Remember that the collection `name` of the row is not all there is."""
    state.info[_MARK] = {*state.info.get(_MARK, ()), name}


def is_partial(state: State, name: str) -> bool:
    """Whether the row shows only a part of the relation."""
    return name in state.dict and name in state.info.get(_MARK, ())


def mark_whole(state: State, name: str) -> None:
    """Remember that the collection, once it is there, is all there is."""
    if _MARK in state.info:
        state.info[_MARK] = state.info[_MARK] - {name}


def forget_conditions(state: State) -> None:
    """Keep no loader options of the query on the row: conditions in them cannot be pickled."""
    kept = (option for option in state.load_options if not isinstance(option, Load | LoaderCriteriaOption))
    state.load_options = tuple(kept)
