"""The Markdown pages of the project: their code blocks, headings and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+|~~~+) *(?P<language>[\w+-]*)")


@dataclass(frozen=True)
class Block:
    """A fenced code block; `line` is that of its first line of code, counted from 1."""

    language: str
    line: int
    code: str


def pages(*, with_root: bool = False) -> list[Path]:
    """README and everything under docs; `with_root` adds the other pages beside README."""
    root = sorted(PROJECT.glob("*.md")) if with_root else [PROJECT / "README.md"]
    return [*root, *sorted((PROJECT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """The path inside the project, for those that are."""
    return page.relative_to(PROJECT).as_posix() if page.is_relative_to(PROJECT) else page.name


def blocks(page: Path) -> list[Block]:
    """The code blocks of `page`, in order.

    Raises:
        ValueError: A block is not closed.
    """
    return list(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    opened: re.Match[str] | None = None
    first, lines = 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, first, lines = fence, number + 1, []
        elif opened is not None and fence and fence["ticks"].startswith(opened["ticks"]) and not fence["language"]:
            yield Block(opened["language"], first, "\n".join(lines))
            opened = None
        elif opened is not None:
            lines.append(line.removeprefix(opened["indent"]))
    if opened is not None:
        raise ValueError(f"{name_of(page)}: the code block before line {first} is not closed")


def prose(page: Path) -> str:
    """The text of `page` without its code."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "``", text)


def links(page: Path) -> list[str]:
    """The targets of the links of `page`, without those to other hosts."""
    found: list[str] = re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", prose(page))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """What can stand after `#` in a link to `page`."""
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings: list[str] = re.findall(r"^#+ +(.+?) *#*$", text, flags=re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}
