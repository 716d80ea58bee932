"""The HTML page that a search leaves in its folder when it has come to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from neat_deep.base.screen import screen
from neat_deep.reports.html.content import Page, RunReport
from neat_deep.reports.html.page import write_page

RUN_PAGE = "report.html"

log = logging.getLogger(__name__)


def write_page_after_search(folder: Path, read: Callable[[Path], RunReport]) -> None:
    """Write the page of a run that `read` reads; whatever goes wrong is a warning, since the results are written."""
    try:
        write_and_tell(read(folder).page, folder / RUN_PAGE)
    except Exception as error:  # noqa: BLE001 - a fault in a page must not end a search that has succeeded
        log.warning(
            "no page of this run: %s; its results are written, and `neat-deep report --html %s` tries again",
            str(error) or type(error).__name__,
            folder,
        )


def write_and_tell(page: Page, path: Path) -> None:
    """Write a page and say where it is; raises `OutputError`."""
    write_page(page, path)
    screen().print(f"page: {path} ({path.stat().st_size / 1e6:.1f} MB)", highlight=False, soft_wrap=True)
