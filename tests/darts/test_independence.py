"""`neat_deep` knows nothing of this package: what it offers arrives by the entry point, as any plugin's."""

from __future__ import annotations

import re
from pathlib import Path

import neat_deep

ROOT = Path(neat_deep.__file__).parent
PUBLISHED = ROOT / "cli" / "published"  # an experiment that compares strategies by name
SOURCES = sorted(path for path in ROOT.rglob("*.py") if PUBLISHED not in path.parents)


def test_neat_deep_never_names_darts() -> None:
    assert len(SOURCES) > 50
    assert [path.name for path in SOURCES if re.search(r"\bdarts\b", path.read_text(encoding="utf-8"))] == []
