"""Another number of rows than the one that was asked for."""

from collections.abc import Collection, Mapping

from activerow.errors.root import ActiveRowError


class RecordNotFoundError(ActiveRowError):
    """No row matches; `criteria` holds what was asked for and `missing` the keys that have no row."""

    code = "record_not_found"

    def __init__(
        self, model: str, criteria: Mapping[str, object] | None = None, missing: Collection[object] = ()
    ) -> None:
        super().__init__(model, *(criteria or ()))
        self.model, self.criteria, self.missing = model, dict(criteria or {}), tuple(missing)

    def __str__(self) -> str:
        by = f" with this {_listed(self.criteria)}" if self.criteria else " that matches"
        several = f" for {len(self.missing)} of the keys asked for" if len(self.missing) > 1 else ""
        return f"there is no {self.model}{by}{several}"


class MultipleRecordsError(ActiveRowError):
    """Several rows match where one was asked for; `criteria` holds what was asked for."""

    code = "multiple_records"

    def __init__(self, model: str, criteria: Mapping[str, object] | None = None) -> None:
        super().__init__(model, *(criteria or ()))
        self.model, self.criteria = model, dict(criteria or {})

    def __str__(self) -> str:
        by = f"has this {_listed(self.criteria)}" if self.criteria else "matches"
        return f"more than one {self.model} {by}; use first() with an order, or conditions that single one out"


def _listed(names: Collection[str]) -> str:
    return " and ".join(names)
