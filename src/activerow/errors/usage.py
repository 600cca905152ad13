"""Wrong names and wrong calls: what a program says about its models that does not hold."""

import difflib
from collections.abc import Collection

from activerow.errors.root import UsageError

# A list longer than this hides the name somebody looks for.
_SHOWN_CHOICES = 12


def _nearest(name: str, choices: Collection[str]) -> str | None:
    """The choice that `name` was probably meant to be."""
    found = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return found[0] if found else None


def _hint(nearest: str | None, choices: Collection[str]) -> str:
    """The end of a message about an unknown name: what was meant, and what there is."""
    hint = f"; did you mean {nearest!r}?" if nearest else ""
    if 0 < len(choices) <= _SHOWN_CHOICES:
        hint += f"{'' if nearest else ';'} choices: {', '.join(choices)}"
    return hint


class UnknownFieldError(UsageError, KeyError):
    """A lookup or value names a field that the model does not map."""

    code = "unknown_field"

    def __init__(self, model: str, name: str, nearest: str | None = None, choices: Collection[str] = ()) -> None:
        nearest = nearest or _nearest(name, choices)
        super().__init__(model, name, nearest)
        self.model, self.name, self.nearest, self.choices = model, name, nearest, tuple(choices)

    def __str__(self) -> str:
        return f"{self.model}{self._at} has no field {self.name!r}{_hint(self.nearest, self.choices)}"


class ReadOnlyFieldError(UsageError):
    """A value is given for a field that cannot be set, like a primary key or a `viewonly` relation."""

    code = "read_only_field"

    def __init__(self, model: str, name: str, reason: str | None = None) -> None:
        super().__init__(model, name, reason)
        self.model, self.name, self.reason = model, name, reason

    def __str__(self) -> str:
        return f"{self.model}{self._at}.{self.name} cannot be set" + (f": {self.reason}" if self.reason else "")


class UnknownLookupError(UsageError):
    """A condition uses a lookup that does not exist, or that its field does not offer."""

    code = "unknown_lookup"

    def __init__(
        self, model: str, path: str, lookup: str, nearest: str | None = None, choices: Collection[str] = ()
    ) -> None:
        nearest = nearest or _nearest(lookup, choices)
        super().__init__(model, path, lookup, nearest)
        self.model, self.path, self.lookup, self.nearest, self.choices = model, path, lookup, nearest, tuple(choices)

    def __str__(self) -> str:
        return f"{self.model}.{self.path} has no lookup {self.lookup!r}{_hint(self.nearest, self.choices)}"


class ReservedNameError(UsageError):
    """A mapped attribute has the name of a method of the model, or of a keyword of those methods."""

    code = "reserved_name"

    def __init__(self, model: str, name: str) -> None:
        super().__init__(model, name)
        self.model, self.name = model, name

    def __str__(self) -> str:
        cure = f'{self.name}_: Mapped[...] = mapped_column("{self.name}")'
        return (
            f"{self.model}.{self.name} cannot be mapped: activerow uses the name {self.name!r}; "
            f"give the attribute another name and keep the column's: {cure}"
        )


class NotBoundError(UsageError):
    """A model, or an application, has no database to work with."""

    code = "not_bound"

    def __init__(self, subject: str, instead: str | None = None) -> None:
        instead = instead or "write Database(url, base=Base), or db.bind(Base), before the first call"
        super().__init__(subject, instead)
        self.subject, self.instead = subject, instead

    def __str__(self) -> str:
        return f"{self.subject} is not bound to a database; {self.instead}"


class InstanceMethodError(UsageError, NotImplementedError):
    """A method of a row was called on the class, or a method of the class on a row."""

    code = "instance_method"

    def __init__(self, model: str, method: str, instead: str) -> None:
        super().__init__(model, method, instead)
        self.model, self.method, self.instead = model, method, instead

    def __str__(self) -> str:
        return f"{self.model}.{self.method}() cannot be called like this; write {self.instead}"


class NotLoadedError(UsageError):
    """An attribute was read that is not in memory; reading never asks the database."""

    code = "not_loaded"

    def __init__(self, model: str, path: str, instead: str) -> None:
        super().__init__(model, path, instead)
        self.model, self.path, self.instead = model, path, instead

    def __str__(self) -> str:
        return f"{self.model}.{self.path} is not loaded; {self.instead}"


class InvalidCursorError(UsageError):
    """A page cursor is damaged, or was made for another query."""

    code = "invalid_cursor"

    def __init__(self, reason: str = "it is damaged or was made for another query") -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the page cursor is not valid: {self.reason}; start again without a cursor"


class InvalidPageError(UsageError):
    """The number or the size of a page, which often come from a client, is below 1."""

    code = "invalid_page"

    def __init__(self, call: str, argument: str) -> None:
        super().__init__(call, argument)
        self.call, self.argument = call, argument

    def __str__(self) -> str:
        return f"{self.call} takes {self.argument} as a whole number from 1 on"
