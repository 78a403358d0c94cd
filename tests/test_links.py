"""Links in the documentation point at files and headings that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/*.md")])
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s+(\S+)|(?:src|href)=\"([^\"]+)\"", re.MULTILINE
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def prose(page: Path) -> str:
    """Return the text of a page without its code, in which brackets are no links and `#` is no heading."""
    text = re.sub(r"^(\s*)(```+|~~~+).*?^\s*\2", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!`)`[^`\n]*`(?!`)", lambda code: code.group().replace("](", "] ("), text)


def targets(text: str) -> Iterator[str]:
    """Give what the links of a text point at, except what lies outside the project."""
    found = (next(filter(None, match.groups())) for match in LINK.finditer(text))
    return (target for target in found if not ELSEWHERE.match(target) and not target.startswith("//"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    seen: dict[str, int] = {}
    result = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = seen[slug] = seen.get(slug, -1) + 1
        result.add(f"{slug}-{number}" if number else slug)
    return result | set(re.findall(r"(?:id|name)=\"([^\"]+)\"", page.read_text(encoding="utf-8")))


def broken_links(page: Path) -> list[str]:
    broken = []
    for target in targets(prose(page)):
        name, _, anchor = unquote(target).partition("#")
        goal = page.parent / name if name else page
        missing_anchor = anchor and goal.suffix == ".md" and goal.is_file() and anchor not in anchors(goal)
        if not goal.exists() or missing_anchor:
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    """Every relative link and every anchor on the page exists."""
    assert broken_links(page) == []


def test_every_page_can_be_reached_from_the_index():
    """Who begins at docs/index.md, and follows links, comes to every page of the documentation."""
    reached: set[Path] = set()
    ahead = [ROOT / "docs/index.md"]
    while ahead:
        page = ahead.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            ahead += [(page.parent / unquote(target).partition("#")[0]).resolve() for target in targets(prose(page))]

    assert sorted(set(PAGES) - reached) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path):
    """The check above is not blind, and does not read code."""
    (tmp_path / "other.md").write_text("# A `heading`, twice\n## A heading, twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](other.md#a-heading-twice-1) [b](other.md#nowhere) ![c](gone.png) [d](#here) [e](x://far)\n"
        "```python\nitems[0](missing)\n```\n"
    )

    assert broken_links(page) == ["other.md#nowhere", "gone.png"]
