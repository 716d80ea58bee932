"""What happened in a search by gradient descent, from its folder alone."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from darts.history import history_from_json
from darts.plots import plot_curves
from darts.searches import HISTORY, shown_folder
from neat_deep.base.errors import SearchError
from neat_deep.base.files import read_text
from neat_deep.base.screen import screen
from neat_deep.cli.running import writable_folder


def report_run(run: Path, out: Path | None) -> None:
    """Print a row an epoch, and draw the curves into the folder `out` if it is given; raises `SearchError`."""
    path = shown_folder(run if run.is_dir() else run.parent) / HISTORY
    try:
        epochs = history_from_json(read_text(path, "history", SearchError))
    except (ValueError, TypeError) as error:
        raise SearchError(f"{path}: not the history of a search: {error}") from None
    if out is not None:
        writable_folder(out)  # now, not after the table
    table = Table(title="epochs")
    for heading in ("no.", "loss", "accuracy", "loss of alphas", "parameter-free", "cell", "examples", "s"):
        table.add_column(heading, justify="right")
    for epoch in epochs:
        table.add_row(
            str(epoch.epoch),
            f"{epoch.weight_loss:.3f}",
            f"{100 * epoch.weight_accuracy:.2f}%",
            "-" if epoch.alpha_loss is None else f"{epoch.alpha_loss:.3f}",
            str(epoch.parameter_free),
            epoch.cell_digest[:8],
            f"{epoch.samples:,}",
            f"{epoch.seconds:.1f}",
        )
    console = screen()
    console.print(table)
    if out is not None:
        plot_curves(epochs, out / "history.png")
        console.print(f"curves in {out}", highlight=False, soft_wrap=True)
