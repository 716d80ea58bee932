"""The README and the pages of `docs/` as a reader meets them: blocks of commands and of Python under headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"(?ms)^(#{1,4} [^\n]*)$|^```(\w*)[^\n]*\n(.*?)^```$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, and the heading that it stands under."""

    heading: str
    language: str
    text: str


def blocks(page: Path, *languages: str) -> list[Block]:
    """The blocks of a page in these languages, in their order."""
    heading, found = "", []
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        if match[1]:
            heading = match[1].lstrip("# ")
        elif match[2] in languages:
            found.append(Block(heading, match[2], match[3]))
    return found


def snippet(page: str, heading: str) -> str:
    """The one Python block of a page of `docs/` under a heading; '' is that of the page itself."""
    (block,) = (block for block in blocks(ROOT / "docs" / page, "python") if block.heading == heading)
    return block.text
