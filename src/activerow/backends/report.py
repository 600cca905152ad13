"""The form in which the dialects describe a failure."""

from dataclasses import dataclass

from activerow.errors import DatabaseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a driver says about one failure, in the names of the database.

    Attributes:
        kind: The class of error that its code stands for.
        code: The driver's code; None for errors that the driver found by itself and gave none.
        table: The table whose constraint it is; for a foreign key the one that refers to another.
        named: Table and columns in one text, `seats.row, seats.number`, which who knows the tables can take apart.
        columns, values: Of the row that failed: the columns concerned, and the texts of the refused values.
        joined: The values in one text instead, `eve@example.com-1`: hyphens between them, that of an invisible column
            beside them, and dots where it was too long.
        foreign_key: Columns of `table` that refer to `target`.
        is_target: For a foreign key: the row that failed is the one referred to; None when the driver does not say.
        fatal: The server has ended the whole transaction; no savepoint is left to go back to.
        pattern: A regular expression, if the statement has one, is none that this server knows.
        outdated: Tables or types were changed since the statement was prepared: sent anew, it works.
    """

    kind: type[DatabaseError] = DatabaseError
    code: str | int | None = None
    sqlstate: str | None = None
    reason: str | None = None
    schema: str | None = None
    table: str | None = None
    constraint: str | None = None
    named: str | None = None
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    joined: str | None = None
    foreign_key: tuple[str, ...] = ()
    target: str | None = None
    is_target: bool | None = None
    fatal: bool = False
    pattern: bool = False
    outdated: bool = False
