"""What happened in a run of an evolution, from its store alone, while it goes on or later."""

from __future__ import annotations

from pathlib import Path

from neat_deep.base.files import make_folder
from neat_deep.base.screen import screen
from neat_deep.cli.running import naming
from neat_deep.reports.lineage import draw_family_tree, family_tree
from neat_deep.reports.pictures.render import try_picture
from neat_deep.reports.run_tables import cost_table, failure_table, generation_table
from neat_deep.store.run_store import RunStore


def report_run(run: Path, out: Path | None) -> None:
    """Print the generations, the failures and the cost; draw the winner's family tree into the folder `out`.

    None is the run's folder. Raises `StoreError` for what is no run.
    """
    console = screen()
    with naming(run), RunStore.read(run) as store:
        generations, genomes, best = store.generations(), store.candidates(), store.best()
        folder = out or store.path.parent
        changes = store.meta().get("changes")
    console.print(generation_table(generations, genomes))
    failures = failure_table(genomes)
    if failures.row_count:
        console.print(failures)
    console.print(cost_table(generations))
    if changes:
        console.print(f"resumed with other roundings: {changes}", highlight=False)
    if best:
        place = best[-1].generation, best[-1].candidate
        winner = next(row for row in genomes if (row.generation, row.candidate) == place)
        tree = family_tree(genomes, winner.candidate)
        console.print(
            f"best: network {winner.candidate} of generation {winner.generation + 1}, "
            f"{100 * (winner.accuracy or 0.0):.2f}%, "
            f"{len(tree.candidates) - 1} ancestors; family tree in {folder}",
            highlight=False,
            soft_wrap=True,
        )
        try_picture(draw_family_tree(tree), make_folder(folder) / "family")
