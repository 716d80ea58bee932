"""The page of a search by gradient descent, from its folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from darts.derivation import Derived, derive_weighted
from darts.history import EpochSummary, history_from_json
from darts.run_clock import RunClock
from darts.run_files import BEGUN
from darts.search_space import SearchSpace
from darts.searches import HISTORY, shown_folder
from darts.settings import SIGMOID, DartsExperiment, darts_settings_text, load_darts_experiment
from darts.warm_starts import alphas_of
from neat_deep.base.errors import SearchError
from neat_deep.base.files import read_text
from neat_deep.data import DataSpec
from neat_deep.reports.html import charts
from neat_deep.reports.html.content import Chart, Figure, Frames, Page, RunReport, Section, Shares
from neat_deep.reports.html.numbers import counted, duration, percent
from neat_deep.reports.html.result_file import TRAINED, accuracies, number, read_result
from neat_deep.reports.html.result_sections import loading_section, network_section, result_figures
from neat_deep.reports.html.settings_section import settings_section
from neat_deep.reports.pictures.drawing import input_label
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.training.trained_file import load_data_facts

BEST = "best.json"
MOST_FRAMES = 60  # of a longer search every second epoch, or third, is shown, or the page would grow too large
HALVES = ("weights' half", "alphas' half")


def read_run(run: Path) -> RunReport:
    """Read a search, finished or not; raises `SearchError` for one without a finished epoch, and `ConfigError`."""
    folder = run if run.is_dir() else run.parent
    history = _history(folder)
    experiment = load_darts_experiment(_settings_file(folder), stored=(folder / BEGUN).is_file(), trusted=False)
    result = read_result(folder)
    spec = load_data_facts(folder / TRAINED) if (folder / TRAINED).is_file() else None
    best = Architecture.load(folder / BEST) if (folder / BEST).is_file() else None
    validation = number(result, "inherited_accuracy")
    minutes = RunClock(folder, 0.0).spent / 60 or None
    data: dict[str, Any] = {"name": experiment.data.dataset}
    if spec is not None:
        data = {"name": spec.name, "shape": list(spec.shape), "num_classes": spec.num_classes}
        data["class_names"] = list(spec.class_names)
    return RunReport(
        name=folder.resolve().name,
        strategy="darts",
        group=darts_settings_text(_of_any_seed(experiment)),
        seed=experiment.run.seed,
        data=data,
        page=_page(folder, history, experiment, result, spec, best),
        validation_accuracy=validation,
        test_accuracies=accuracies(result),
        parameters=int(number(result, "parameters") or 0) or None,
        minutes=minutes,
        samples=history[-1].samples,
        best=None if best is None else best.cell,
    )


def _history(folder: Path) -> list[EpochSummary]:
    path = shown_folder(folder) / HISTORY
    if not path.is_file():
        raise SearchError(f"{folder}: nothing to show: no epoch of this search is done yet; wait for the first")
    try:
        history = history_from_json(read_text(path, "history", SearchError))
    except (ValueError, TypeError) as error:
        raise SearchError(f"{path}: not the history of a search: {error}") from None
    if not history:
        raise SearchError(f"{folder}: nothing to show: no epoch of this search is done yet; wait for the first")
    return history


def _settings_file(folder: Path) -> Path:
    complete = folder / BEGUN
    return complete if complete.is_file() else folder / "experiment.ini"  # older searches kept only this


def _of_any_seed(experiment: DartsExperiment) -> DartsExperiment:
    """The settings without what may differ between runs that differ by their seed alone."""
    run = replace(experiment.run, seed=0, out="runs", threads=0)
    return replace(experiment, run=run, data=replace(experiment.data, root="data"))


def _page(
    folder: Path,
    history: Sequence[EpochSummary],
    experiment: DartsExperiment,
    result: Any,
    spec: DataSpec | None,
    best: Architecture | None,
) -> Page:
    space = experiment.darts.space()
    independent = experiment.darts.sampling == SIGMOID
    derived = [
        derive_weighted(alphas_of(space, epoch, independent=independent), identity_cap=experiment.darts.identity_cap)
        for epoch in history
    ]
    cells: dict[str, CellGraph] = {}
    for one in derived:
        cells.setdefault(one.cell.digest(), one.cell)
    last = history[-1]
    seconds = RunClock(folder, 0.0).spent
    search = sum(epoch.seconds for epoch in history)
    accuracy = number(result, "validation_accuracy")
    figures = (
        *result_figures(result, None),
        *(() if accuracy is None else (Figure("supernet", percent(accuracy), "its validation accuracy"),)),
        Figure("time", duration(seconds), f"{duration(search)} of it search"),
        Figure("epochs of search", f"{last.epoch}", f"{last.samples:,} training examples"),
    )
    sections = [
        None if best is None or spec is None else network_section(best, spec, result),
        _alphas_section(space, history, derived),
        _curves_section(history),
        _collapse_section(history),
        _cost_section(search, seconds),
        settings_section(read_text(_settings_file(folder), "settings", SearchError)),
        None if spec is None else loading_section(folder, TRAINED, spec),
    ]
    return Page(
        title=folder.resolve().name,
        subtitle=f"DARTS on {experiment.data.dataset}, {counted(last.epoch, 'epoch')}, seed {experiment.run.seed}",
        figures=figures,
        sections=tuple(section for section in sections if section is not None),
        cells=cells,
        notice="" if result else "This search has not come to its end: no network is derived and trained yet.",
    )


def _alphas_section(space: SearchSpace, history: Sequence[EpochSummary], derived: Sequence[Derived]) -> Section:
    """Every edge's weights and the cell that they stand for, epoch by epoch."""
    step = -(-len(history) // MOST_FRAMES)
    chosen = [place for place in range(len(history)) if (len(history) - 1 - place) % step == 0]
    heatmaps = tuple(
        _heatmap(space, [history[place] for place in chosen], kind, name)
        for kind, name in enumerate(space.aggregations)
    )
    frames = Frames(
        "The cell that the alphas stand for, and each edge's softmax weights",
        tuple(f"epoch {history[place].epoch} of {history[-1].epoch}" for place in chosen),
        tuple(derived[place].cell.digest() for place in chosen),
        heatmaps,
    )
    lead = "Move the slider: a row is an edge, a column what may stand on it. A node keeps its two strongest edges."
    return Section("Alphas and cells over the epochs", (frames,), lead)


def _heatmap(space: SearchSpace, epochs: Sequence[EpochSummary], kind: int, name: str) -> Chart:
    edges = [f"{_state(space, source)} \N{RIGHTWARDS ARROW} node {node}" for node, source in space.edges]
    candidates = [str(candidate) for candidate in space.candidates]
    rows: list[dict[str, Any]] = [
        {"f": frame, "e": edges[edge], "c": candidates[candidate], "w": round(weight, 4)}
        for frame, epoch in enumerate(epochs, start=1)
        for edge, weights in enumerate(epoch.probabilities[kind])
        for candidate, weight in enumerate(weights)
    ]
    most = max(float(row["w"]) for row in rows)
    spec = charts.marks(
        rows,
        {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1},
        x=charts.axis(
            "c", "", kind="nominal", sort=candidates, axis={"labelAngle": -50, "labelOverlap": False, "title": None}
        ),
        y=charts.axis("e", "", kind="nominal", sort=edges, axis={"title": None, "labelLimit": 220}),
        color={
            "field": "w",
            "type": "quantitative",
            "scale": {"scheme": "cividis", "domain": [0, most]},
            "legend": {"title": "softmax weight", "format": ".0%", "gradientLength": 240, "tickCount": 3},
        },
        tooltip=charts.tooltip(("e", "edge", ""), ("c", "candidate", ""), ("w", "weight", ".1%")),
    )
    spec |= {
        "params": [{"name": "frame", "value": len(epochs)}],
        "transform": [{"filter": "datum.f === frame"}],
    }
    aggregation = f" Where the node takes '{name}'." if len(space.aggregations) > 1 else ""
    return Chart(spec, f"Softmax weight of each candidate on each edge.{aggregation}", height=150 + 26 * len(edges))


def _curves_section(history: Sequence[EpochSummary]) -> Section:
    """Loss and accuracy on both halves of the training examples."""
    rows: list[dict[str, Any]] = []
    for epoch in history:
        pairs = ((epoch.weight_loss, epoch.weight_accuracy), (epoch.alpha_loss, epoch.alpha_accuracy))
        for half, (loss, accuracy) in zip(HALVES, pairs, strict=True):
            if loss is not None and accuracy is not None:
                rows.append({"epoch": epoch.epoch, "half": half, "loss": loss, "accuracy": accuracy})
    across = charts.axis("epoch", "epoch", axis={"format": "d", "tickMinStep": 1}, scale={"nice": False, "zero": False})
    line = {"type": "line", "point": {"size": 36, "filled": True}}
    tooltip = charts.tooltip(
        ("epoch", "epoch", "d"), ("half", "on", ""), ("loss", "loss", ".3f"), ("accuracy", "accuracy", ".2%")
    )
    options = {"x": across, "color": charts.colours("half", HALVES), "tooltip": tooltip}
    losses = charts.marks(rows, line, y=charts.size_axis("loss", "loss", rows, "~g"), **options)
    steps = charts.marks(rows, line, y=charts.accuracy_axis("accuracy", rows, "accuracy of the supernet"), **options)
    return Section(
        "The supernet over the epochs",
        (
            Chart(
                steps,
                "Accuracy of training steps, on the half of the examples that trains weights or alphas.",
                half=True,
            ),
            Chart(losses, "Loss of the same steps.", half=True),
        ),
    )


def _collapse_section(history: Sequence[EpochSummary]) -> Section:
    """How many ops without weights the derived cell has: a search that collapses has ever more."""
    names = ("identity", "pooling and others without weights")
    rows = []
    for epoch in history:
        counts = (epoch.identities, epoch.parameter_free - epoch.identities)
        rows += [
            {"generation": epoch.epoch, "kind": name, "count": count, "order": place}
            for place, (name, count) in enumerate(zip(names, counts, strict=True))
        ]
    chart = charts.stacked_bars(
        rows,
        last=history[-1].epoch,
        x_title="epoch",
        y_title="edges of the derived cell",
        kind="kind",
        names=names,
        caption="Edges of the derived cell whose op has no weights, by epoch.",
    )
    lead = "A search that collapses derives cells of ever more such ops."
    return Section("Ops without weights", (chart,), lead)


def _cost_section(search: float, seconds: float) -> Section:
    rest = max(0.0, seconds - search)
    parts = (("search", search, duration(search)), ("final training and the rest", rest, duration(rest)))
    return Section("Time spent", (Shares("Time", parts),))


def _state(space: SearchSpace, state: int) -> str:
    """What the picture of the cell calls it."""
    if state >= space.num_inputs:
        return f"node {state - space.num_inputs}"
    return input_label(state, space.num_inputs)
