"""Every command and every Python block of the README and the guide, run as a reader would: page by page, from above."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documentation import PAGES, README, ROOT, Block, blocks
from tests.support.workshop import Workshop, open_workshop

pytestmark = pytest.mark.slow

FILES = {"Your own op, and other parts": "my_op.py"}  # blocks that the guide tells to save, by their heading
# Run without doing what they say, since other tests do all of that: the tests, the site, the published experiment.
DRY = {r"(?m)^make (test|docs)\b": r"make --dry-run \1", r"(?m)^neat-deep reproduce$": "neat-deep reproduce --dry-run"}
NEEDS = {"ray": re.compile("--workers ray"), "onnxruntime": re.compile("(?m)^neat-deep export (?!.*--format torch)")}
WITH_BLOCKS = [page for page in PAGES if blocks(page, "sh", "python")]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One folder for all pages; each makes the runs that it needs."""
    yield open_workshop(tmp_path_factory.mktemp("workshop") / "neat-deep")


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_runs(page: Path, workshop: Workshop) -> None:
    missing = []
    for block in blocks(page, "sh", "python"):
        lacks = [name for name, needed in NEEDS.items() if needed.search(block.text) and not is_installed(name)]
        missing += lacks
        if block.language == "python" and block.heading in FILES:
            (workshop.folder / FILES[block.heading]).write_text(block.text, encoding="utf-8")
        elif not lacks:
            workshop.run(Block(block.heading, block.language, dry(block.text)), activated=page != README)
    if page == README:
        assert block.text.strip().splitlines()[-1].startswith("neat-deep classify runs/mine ")
        assert (workshop.folder / "runs" / "mine" / "trained.pt").is_file()
    if missing:
        pytest.skip(f"all but what needs {', '.join(missing)}, which is not installed")


def dry(text: str) -> str:
    """Commands with those of DRY as they are run here."""
    for command, instead in DRY.items():
        text = re.sub(command, instead, text)
    return text


def is_installed(name: str) -> bool:
    """Whether this interpreter, and so the workshop's, has a library."""
    return importlib.util.find_spec(name) is not None
