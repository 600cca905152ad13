"""One thing that is dangerous about a change."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A change that may lose data, fail, or stop others.

    Attributes:
        code: A word that never changes: `drop_table`, `drop_column`, `rename`, `not_null`, `narrower`, `cast`, `lock`,
            `unfit`.
        where: The table, or table and column.
        problem: What may happen.
        remedy: The safer form.
    """

    code: str
    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}. {self.remedy}"
