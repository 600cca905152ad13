"""Revisions as data: of the history, applied, or just written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.script import Script

from activerow.migrations.schema import Finding


@dataclass(frozen=True, slots=True)
class Step:
    """A revision that was applied or taken back.

    Attributes:
        revision: Its identifier.
        message: What it does.
        up: Applied, rather than taken back.
    """

    revision: str
    message: str
    up: bool


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of the history.

    Attributes:
        revision: Its identifier.
        message: What it does.
        down: The revisions it stands on.
        path: Its file.
        is_head: Nothing stands on it.
        applied: The database has it; None where the database was not asked.
    """

    revision: str
    message: str
    down: tuple[str, ...]
    path: Path
    is_head: bool
    applied: bool | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What `revision` found and wrote.

    Attributes:
        path: The file; None when there was nothing to write.
        changes: The differences, one line each.
        findings: What is dangerous about them.
        models: The models that were compared, by name and module.
        notes: What differs and no revision changes, and what could not be compared.
    """

    path: Path | None
    changes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    models: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def revision_of(script: Script) -> Revision:
    """A revision as Alembic has read it."""
    down = script.down_revision or ()
    return Revision(
        script.revision,
        script.doc,
        (down,) if isinstance(down, str) else tuple(down),
        Path(script.path),
        script.is_head,
    )


def step_of(step: Any) -> Step:
    """A step as Alembic tells of it."""
    identifier = step.up_revision_id
    script = step.revision_map.get_revision(identifier) if identifier is not None else None
    return Step(identifier or "base", str(getattr(script, "doc", "")), step.is_upgrade)
