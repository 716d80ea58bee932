"""The site builds strictly: every page, every part that the program tells, every link."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from website.build import GENERATOR, SITE, build

pytestmark = pytest.mark.slow


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    if importlib.util.find_spec(GENERATOR) is None:
        pytest.skip(f"{GENERATOR} is not installed: pip install -e '.[docs]', with Python 3.11 or newer")
    assert build(tmp_path / "docs") == []
    site = tmp_path / "docs" / SITE
    assert 'class="doc doc-object' in (site / "api" / "scoring.html").read_text(encoding="utf-8")
    assert "rung_share" in (site / "settings.html").read_text(encoding="utf-8")
    space = (site / "search-space.html").read_text(encoding="utf-8")
    assert "pictures/ops/dil_conv_5-images.svg" in space
    for page in site.rglob("*.html"):
        assert "<!-- made:" not in page.read_text(encoding="utf-8"), page
