"""The page of a run that has a run store."""

from __future__ import annotations

import configparser
import io
from pathlib import Path

from neat_deep.config.experiment_file import settings_values
from neat_deep.reports.html.content import Figure, Page, RunReport
from neat_deep.reports.html.numbers import counted, duration
from neat_deep.reports.html.result_file import TRAINED, accuracies, number
from neat_deep.reports.html.result_sections import loading_section, network_section, result_figures
from neat_deep.reports.html.search_sections import (
    cost_section,
    family_section,
    finalists_section,
    networks_section,
    outcome_section,
    progress_section,
    species_section,
)
from neat_deep.reports.html.settings_section import settings_section
from neat_deep.reports.html.skeletons import skeleton_facts, skeleton_text
from neat_deep.reports.html.stored_run import StoredRun, load_stored_run
from neat_deep.scoring.scores import SCORED
from neat_deep.space.cell_graph import CellGraph

# What may differ between runs that differ by their seed alone.
OF_ONE_RUN = {("Run", "seed"), ("Run", "out"), ("Run", "workers"), ("Run", "threads"), ("Data", "root")}


def read_run(run: Path) -> RunReport:
    """Read a run with a store, finished or not; raises `StoreError` for what is none, and `ConfigError`."""
    stored = load_stored_run(run)
    result = stored.result
    validation = None if stored.winner is None else stored.winner.accuracy
    seconds = stored.seconds["search"] + stored.seconds["training"]
    return RunReport(
        name=stored.name,
        strategy=stored.strategy,
        group=_group(stored),
        seed=stored.experiment.run.seed,
        data={key: stored.data.get(key) for key in ("name", "shape", "num_classes", "class_names", "examples")},
        page=_page(stored, validation, seconds),
        validation_accuracy=validation,
        test_accuracies=accuracies(result),
        parameters=int(number(result, "parameters") or 0) or None,
        minutes=seconds / 60,
        samples=stored.saved[0],
        networks=sum(row.status == SCORED for row in stored.candidates),
        curve=stored.curve,
        best=None if stored.best is None else stored.best.cell,
        skeleton=_skeleton(stored),
    )


def _skeleton(stored: StoredRun) -> str:
    """That of the best network where the search chose it, in words."""
    if stored.best is None or not stored.chooses_skeletons:
        return ""
    return f"{stored.best.skeleton.channels:,} channels, {skeleton_text(stored.best.skeleton)}"


def _page(stored: StoredRun, validation: float | None, seconds: float) -> Page:
    result, spec = stored.result, stored.spec
    trained = sum(row.status == SCORED for row in stored.candidates)
    seen, reuse, rungs = stored.saved
    spared = 100 * (reuse + rungs) / max(1, seen + reuse + rungs)
    shown = stored.best.skeleton if stored.best is not None and stored.chooses_skeletons else None
    figures = (
        *result_figures(result, validation),
        *([] if shown is None else [Figure("skeleton", f"{shown.channels:,} channels", skeleton_text(shown))]),
        Figure("time", duration(seconds), f"{duration(stored.seconds['search'])} of it search"),
        Figure("networks trained", f"{trained:,}", f"{spared:.0f}% of the training examples spared"),
    )
    sections = [
        None if stored.best is None else network_section(stored.best, spec, result),
        finalists_section(stored),
        progress_section(stored),
        networks_section(stored),
        family_section(stored),
        species_section(stored),
        outcome_section(stored),
        cost_section(stored),
        settings_section(stored.meta["settings"]),
        loading_section(stored.folder, TRAINED, spec),
    ]
    done = counted(len(stored.generations), stored.step)
    return Page(
        title=stored.name,
        subtitle=f"{stored.strategy} on {spec.name}, {done}, seed {stored.experiment.run.seed}",
        figures=figures,
        sections=tuple(section for section in sections if section is not None),
        cells=_cells(stored),
        facts=_facts(stored),
        notice=_notice(stored),
    )


def _notice(stored: StoredRun) -> str:
    """What a reader must know first."""
    notes = [] if stored.result else ["This run has not come to its end: its best network is not trained in full yet."]
    if repeatable := stored.meta.get("repeatable"):
        notes.append(f"Repeatable: {repeatable}. Best so far counts the evaluations in the order in which they ended.")
    return " ".join(notes)


def _cells(stored: StoredRun) -> dict[str, CellGraph]:
    """The cells of all networks by digest, the winner's first, then by their accuracy."""
    known: dict[str, float] = {}
    for row in stored.candidates:
        if row.digest in stored.architectures:
            known[row.digest] = max(known.get(row.digest, 0.0), row.accuracy or 0.0)
    winner = "" if stored.winner is None else stored.winner.digest
    ordered = sorted(known, key=lambda digest: (digest != winner, -known[digest], digest))
    return {digest: stored.architectures[digest].cell for digest in ordered}


def _facts(stored: StoredRun) -> dict[str, dict[str, str]]:
    """The skeletons of all networks by digest, where they are not one."""
    if not stored.chooses_skeletons:
        return {}
    return {digest: skeleton_facts(one.skeleton) for digest, one in stored.architectures.items()}


def _group(stored: StoredRun) -> str:
    """The run's settings but for those that may differ among runs of one kind, as a text that is equal for them."""
    parser = configparser.RawConfigParser()
    for (section, key), value in settings_values(stored.meta["settings"]).items():
        if (section, key) not in OF_ONE_RUN:
            if not parser.has_section(section):
                parser.add_section(section)
            parser.set(section, key, value)
    text = io.StringIO()
    parser.write(text)
    return f"{stored.strategy}\n{text.getvalue()}"
