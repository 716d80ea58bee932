"""A run, or several compared, as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neat_deep.base.errors import ConfigError
from neat_deep.base.files import check_writable
from neat_deep.base.registry import resolve
from neat_deep.cli.result_page import RUN_PAGE, write_and_tell
from neat_deep.cli.running import naming, writable_folder
from neat_deep.cli.searching import kind_of
from neat_deep.reports.html.comparison import compare_runs
from neat_deep.reports.html.content import RunReport

COMPARISON = "comparison.html"


def write_report(runs: Sequence[Path], out: Path | None) -> None:
    """Write the page of a run, or of several compared, and say where it is.

    It goes to the folder `out`; None is the run's own, or where the command was given for several. Raises
    `StoreError` for what is no run or holds nothing yet, `ConfigError` for runs that cannot be compared, and
    `OutputError`.
    """
    folder = out or (_folder_of(runs[0]) if len(runs) == 1 else Path())
    if folder.is_dir():
        check_writable(folder)  # now, not after all is read
    reports = [_read(run) for run in runs]
    if out is not None:
        writable_folder(out)
    if len(reports) == 1:
        page, path = reports[0].page, folder / RUN_PAGE
    else:
        _check_different(runs)
        page, path = compare_runs(reports), folder / COMPARISON
    write_and_tell(page, path)


def _read(run: Path) -> RunReport:
    kind = kind_of(run)
    if not kind.page:
        raise ConfigError(f"{run}: runs of this kind have no page; allowed: neat-deep report without --html")
    with naming(run):
        report: RunReport = resolve(kind.page)(run)
    return report


def _check_different(runs: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for run in runs:
        place = _folder_of(run).resolve()
        if place in seen:
            raise ConfigError(f"{run} is given twice, allowed: different runs")
        seen.add(place)


def _folder_of(run: Path) -> Path:
    return run if run.is_dir() else run.parent
