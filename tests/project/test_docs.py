"""The pages of the project lead where they say."""

from pathlib import Path

import pytest

from tests.tools.pages import anchors, links, name_of, pages

PAGES = pages(with_root=True)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    """A link inside the project names a file that is there, and a heading in it."""
    broken: list[str] = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert not broken


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    """Links in prose are found, with their headings; those in code and to other hosts are not ours."""
    page = tmp_path / "page.md"
    page.write_text("# One *two* `three`\n[a](b.md#c) [d](https://e.org) `[f](g)`\n```\n# four\n[h](i)\n```\n")

    assert links(page) == ["b.md#c"]
    assert anchors(page) == {"one-two-three"}
