"""What a server says of a table: of the one that is there, and of one made of the model, in the same words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

RuleKind = Literal["primary key", "unique", "check", "exclude", "index"]
Rule = tuple[RuleKind, str]
"""What kind of rule, and its name; one without a name has its definition there."""

UNNAMED: Final = "\0"
"""Before the definition of a rule without a name."""


@dataclass(frozen=True, slots=True)
class ColumnPicture:
    """A column.

    Attributes:
        type: With its length, digits, time zone and collation.
        default: The server's default; None where it has none.
        generated: What the value is computed from; None where it is not.
    """

    type: str
    default: str | None = None
    generated: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A table.

    Attributes:
        columns: By their names.
        rules: The definitions of constraints and indexes; foreign keys are not among them.
        texts: The same, as SQL that could be run again, where that is another text.
        again: What becomes of a definition that is given to the server once more, as a downgrade and a backup do.
        options: What belongs to the table as a whole, such as its engine, by what it is.
    """

    columns: Mapping[str, ColumnPicture] = field(default_factory=dict[str, ColumnPicture])
    rules: Mapping[Rule, str] = field(default_factory=dict[Rule, str])
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    texts: Mapping[Rule, str] = field(default_factory=dict[Rule, str])

    again: Mapping[Rule, str] = field(default_factory=dict[Rule, str])

    def has(self, rule: Rule, definition: str) -> bool:
        """Whether a rule is so, in one of the forms that the server gives it."""
        return definition in (self.rules.get(rule), self.again.get(rule))

    def text(self, rule: Rule) -> str:
        """The definition of a rule, as it could be run again."""
        return self.texts.get(rule, self.rules[rule])


class NoPictureError(Exception):
    """The server cannot say what a table of the model would be like."""
