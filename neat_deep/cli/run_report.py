"""What happened in a run of an evolution, from its store alone, while it goes on or later."""

from __future__ import annotations

from pathlib import Path

from neat_deep.base.errors import OutputError
from neat_deep.base.files import check_writable, make_folder
from neat_deep.base.screen import screen
from neat_deep.cli.running import naming, writable_folder
from neat_deep.config.stored_settings import read_settings_text
from neat_deep.reports.finalists import finalist_table, rank_finalists
from neat_deep.reports.lineage import FamilyTree, draw_family_tree, family_tree
from neat_deep.reports.pictures.render import try_picture
from neat_deep.reports.run_tables import cost_table, failure_table, generation_table
from neat_deep.reports.so_far import with_unfinished
from neat_deep.store.run_store import RunStore


def report_run(run: Path, out: Path | None) -> None:
    """Print the generations, the failures and the cost; draw the winner's family tree into the folder `out`.

    None is the run's folder. Raises `StoreError` for what is no run.
    """
    console = screen()
    with naming(run), RunStore.read(run) as store:
        evaluations, best = store.evaluations(), store.best()
        generations, genomes = with_unfinished(store.generations(), store.candidates(), evaluations)
        seconds = sum(figures.seconds for figures in generations)
        if not all(figures.finished for figures in generations):  # the time of one that is not, only the clock knows
            seconds = max(seconds, store.seconds("search"))
        folder = out or store.path.parent
        changes = store.meta().get("changes")
        repeatable = store.meta().get("repeatable")
        screened_out = store.screened_out()
        finalists = rank_finalists(store, read_settings_text(store.fact("settings")))
    if out is not None:
        writable_folder(out)  # now, not after the tables
    if not generations:
        console.print("the first generation is unfinished, and no evaluation of it is stored yet", soft_wrap=True)
        return
    console.print(generation_table(generations, genomes))
    for figures in generations:
        if not figures.finished:
            count = sum(evaluation.generation == figures.generation for evaluation in evaluations)
            console.print(
                f"generation {figures.generation + 1} is unfinished: {count} evaluations of it are stored",
                highlight=False,
                soft_wrap=True,
            )
    failures = failure_table(genomes)
    if failures.row_count:
        console.print(failures)
    console.print(cost_table(generations, seconds))
    screened = sum(screened_out.get(figures.generation, 0) for figures in generations)
    if screened:
        console.print(f"{screened:,} proposals were screened out before any training", highlight=False)
    if finalists:
        console.print(finalist_table(finalists))
    if repeatable:
        console.print(f"repeatable: {repeatable}", highlight=False, soft_wrap=True)
    if changes:
        console.print(f"resumed with other roundings: {changes}", highlight=False)
    if best:
        place = best[-1].generation, best[-1].candidate
        winner = next(row for row in genomes if (row.generation, row.candidate) == place)
        tree = family_tree(genomes, winner.candidate)
        console.print(
            f"best: network {winner.candidate} of generation {winner.generation + 1}, "
            f"{100 * (winner.accuracy or 0.0):.2f}%, "
            f"{len(tree.candidates) - 1} ancestors; {_draw(tree, folder)}",
            highlight=False,
            soft_wrap=True,
        )


def _draw(tree: FamilyTree, folder: Path) -> str:
    """Draw a family tree; returns where it is, or why it is nowhere."""
    try:
        check_writable(make_folder(folder))
    except OutputError as error:
        return f"no family tree: {error}; --out names another"
    try_picture(draw_family_tree(tree), folder / "family")
    return f"family tree in {folder}"
