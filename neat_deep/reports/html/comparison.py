"""Several runs on one page: what they reached, and how soon."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neat_deep.base.errors import ConfigError
from neat_deep.reports.html import charts
from neat_deep.reports.html.content import Chart, CurvePoint, Drawing, Figure, Page, RunReport, Section, Table, Text
from neat_deep.reports.html.numbers import UNKNOWN, counted, duration, mean_percent, percent
from neat_deep.reports.pictures.render import draw_cell
from neat_deep.space.cell_graph import CellGraph

STEPS = 80  # points of a mean curve


@dataclass(frozen=True)
class Group:
    """Runs that differ by their seed alone."""

    name: str
    runs: tuple[RunReport, ...]


def compare_runs(runs: Sequence[RunReport]) -> Page:
    """The page of several runs; raises `ConfigError` for runs on different data, or one that is given twice."""
    _check_comparable(runs)
    runs = _with_distinct_names(runs)
    groups = _groups(runs)
    best = max(runs, key=_worth)
    figures = []
    if best.test_accuracies:
        figures.append(Figure("test accuracy of the best run", mean_percent(best.test_accuracies), best.name))
    if best.validation_accuracy is not None:
        figures.append(Figure("its validation accuracy", percent(best.validation_accuracy), "by which it is the best"))
    searched = sum((run.minutes or 0.0) for run in runs)
    figures += [
        Figure("runs", str(len(runs)), f"of {counted(len(groups), 'kind')} of search"),
        Figure("time", duration(60 * searched), "of all runs together"),
    ]
    name = str(runs[0].data.get("name", ""))
    cells = {run.best.digest(): run.best for run in runs if run.best is not None}
    return Page(
        title=f"{len(groups)} searches compared"
        if len(groups) > 1
        else f"{groups[0].name}: {counted(len(runs), 'run')}",
        subtitle=f"{', '.join(group.name for group in groups)} on {name}",
        figures=tuple(figures),
        sections=(
            _summary_section(groups),
            *_curve_sections(groups),
            _points_section(groups),
            _runs_section(groups),
            _cells_section(groups),
        ),
        cells=cells,
    )


def _check_comparable(runs: Sequence[RunReport]) -> None:
    first = runs[0]
    for run in runs[1:]:
        for fact in first.data:
            if run.data.get(fact) is None or first.data[fact] is None:
                continue  # an older store did not know it
            if first.data[fact] != run.data[fact]:
                raise ConfigError(
                    f"the runs are on different data: {first.name} has {_fact(fact, first)}, {run.name} has "
                    f"{_fact(fact, run)}; allowed: runs on the same examples"
                )


def _with_distinct_names(runs: Sequence[RunReport]) -> list[RunReport]:
    """The runs with distinct names, which charts need: those whose folders have the same name are numbered."""
    names = [run.name for run in runs]
    return [
        run if names.count(run.name) == 1 else replace(run, name=f"{run.name} [{names[:place].count(run.name) + 1}]")
        for place, run in enumerate(runs)
    ]


def _fact(name: str, run: RunReport) -> str:
    what = {"name": "the data set", "examples": "training and validation examples with the digest"}.get(name, name)
    return f"{what} {run.data[name]}"


def _groups(runs: Sequence[RunReport]) -> list[Group]:
    """The runs by kind, in the order given; kinds of one strategy also have the name of their first run."""
    by_kind: dict[str, list[RunReport]] = {}
    for run in runs:
        by_kind.setdefault(run.group, []).append(run)
    strategies = [members[0].strategy for members in by_kind.values()]
    return [
        Group(
            members[0].strategy
            if strategies.count(members[0].strategy) == 1
            else f"{members[0].strategy} ({members[0].name})",
            tuple(members),
        )
        for members in by_kind.values()
    ]


def _worth(run: RunReport) -> tuple[float, float]:
    """Validation accuracy chooses, as in a search: to choose by the test set would be to train on it."""
    tests = run.test_accuracies
    return run.validation_accuracy or 0.0, statistics.mean(tests) if tests else 0.0


def _summary_section(groups: Sequence[Group]) -> Section:
    """A row a kind of search."""
    rows = []
    for group in groups:
        validation = [run.validation_accuracy for run in group.runs if run.validation_accuracy is not None]
        tests = [statistics.mean(run.test_accuracies) for run in group.runs if run.test_accuracies]
        rows.append(
            (
                group.name,
                str(len(group.runs)),
                mean_percent(validation),
                mean_percent(tests),
                _mean(group, lambda run: run.parameters, "{:,.0f}".format),
                _mean(group, lambda run: run.minutes, lambda minutes: duration(60 * minutes)),
                _mean(group, lambda run: run.samples, "{:,.0f}".format),
                _mean(group, lambda run: run.networks, "{:,.0f}".format),
            )
        )
    head = ("search", "runs", "validation", "test", "parameters", "time", "training examples", "networks")
    lead = "Means over the runs of a kind, which differ by their seed; \N{PLUS-MINUS SIGN} is their standard deviation."
    return Section("Results", (Table(head, tuple(rows), numbers=frozenset(range(1, 8))),), lead)


def _mean(group: Group, value: Callable[[RunReport], float | None], form: Callable[[float], str]) -> str:
    values = [figure for run in group.runs if (figure := value(run)) is not None]
    return form(statistics.mean(values)) if values else UNKNOWN


def _curve_sections(groups: Sequence[Group]) -> list[Section]:
    """The best validation accuracy so far, against training examples and against minutes."""
    with_curves = [Group(group.name, tuple(run for run in group.runs if run.curve)) for group in groups]
    with_curves = [group for group in with_curves if group.runs]
    without = [group.name for group in groups if not any(run.curve for run in group.runs)]
    blocks: list[Chart | Text] = []
    if with_curves:
        names = [group.name for group in groups]
        blocks += [
            _curves(with_curves, names, "samples", "training examples of the search", lambda point: point.samples),
            _curves(with_curves, names, "minutes", "minutes of search", lambda point: point.minutes),
        ]
    if without:
        blocks.append(Text(f"Without a curve, since they score no networks one by one: {', '.join(without)}."))
    lead = (
        "Thick: the mean over seeds, in a band from the worst to the best of them, as far as all of them searched. "
        "Thin: each run. Evaluations stand in the order of the proposals; where a search is asynchronous, in the order "
        "in which they ended."
    )
    return [Section("Best so far", tuple(blocks), lead)]


def _curves(
    groups: Sequence[Group], names: Sequence[str], field: str, title: str, place: Callable[[CurvePoint], float]
) -> Chart:
    single: list[dict[str, Any]] = []
    mean: list[dict[str, Any]] = []
    for group in groups:
        for run in group.runs:
            single += [
                {
                    field: round(place(point), 4),
                    "accuracy": round(point.accuracy, 5),
                    "search": group.name,
                    "run": run.name,
                }
                for point in run.curve
            ]
        mean += _mean_curve(group, field, place)
    x = charts.axis(field, title, axis={"format": "~s", "tickCount": charts.TICKS}, scale={"nice": False, "zero": True})
    y = charts.accuracy_axis(
        "accuracy", [*single, *({"accuracy": row["low"]} for row in mean)], "best validation accuracy so far"
    )
    step = {"type": "line", "interpolate": "step-after"}
    colour = charts.colours("search", names)
    dashes = {
        "field": "search",
        "type": "nominal",
        "scale": {"domain": list(names), "range": [charts.DASHES[n % len(charts.DASHES)] for n in range(len(names))]},
        "title": None,
    }
    spec = charts.layers(
        charts.marks(
            mean,
            {"type": "area", "interpolate": "step-after", "opacity": 0.14},
            x=x,
            y={**y, "field": "low"},
            y2={"field": "high"},
            color=colour,
        ),
        charts.marks(
            single, {**step, "strokeWidth": 1, "opacity": 0.45}, x=x, y=y, color=colour, detail={"field": "run"}
        ),
        charts.marks(
            mean,
            {**step, "strokeWidth": 2.8},
            x=x,
            y={**y, "field": "mean"},
            color=colour,
            strokeDash=dashes,
        ),
        charts.marks(
            mean,
            {"type": "point", "opacity": 0, "size": 120},
            x=x,
            y={**y, "field": "mean"},
            color=colour,
            tooltip=charts.tooltip(
                ("search", "search", ""),
                (field, title, ",.4~g"),
                ("mean", "mean of best so far", ".2%"),
                ("low", "worst seed", ".2%"),
                ("high", "best seed", ".2%"),
            ),
        ),
    )
    return Chart(spec, f"Best validation accuracy so far against {title}.", height=330, half=True)


def _mean_curve(group: Group, field: str, place: Callable[[CurvePoint], float]) -> list[dict[str, Any]]:
    """The mean over seeds, from where all have a network to where the first of them ends."""
    curves = [([place(point) for point in run.curve], [point.accuracy for point in run.curve]) for run in group.runs]
    start = max(places[0] for places, _ in curves)
    end = min(places[-1] for places, _ in curves)
    rows = []
    for number in range(STEPS + 1):
        x = start + (end - start) * number / STEPS
        values = [accuracies[max(0, bisect_right(places, x) - 1)] for places, accuracies in curves]
        row = {"mean": statistics.mean(values), "low": min(values), "high": max(values)}
        rows.append({field: round(x, 4), "search": group.name, **{name: round(v, 5) for name, v in row.items()}})
        if end <= start:
            break
    return rows


def _points_section(groups: Sequence[Group]) -> Section:
    """Each run's test accuracy and size."""
    names = [group.name for group in groups]
    rows = [
        {
            "search": group.name,
            "run": run.name,
            "seed": run.seed,
            "test": statistics.mean(run.test_accuracies),
            "parameters": run.parameters,
            "minutes": run.minutes or 0.0,
            "cell": run.best.digest() if run.best is not None else "",
            "skeleton": run.skeleton or UNKNOWN,
        }
        for group in groups
        for run in group.runs
        if run.test_accuracies and run.parameters
    ]
    if not rows:
        return Section("The trained networks", (Text("No run has trained its best network yet."),))
    shapes = {"domain": names, "range": [charts.SHAPES[n % len(charts.SHAPES)] for n in range(len(names))]}
    chosen = [("skeleton", "skeleton", "")] if any(run.skeleton for group in groups for run in group.runs) else []
    tooltip = charts.tooltip(
        ("run", "run", ""), ("seed", "seed", "d"), ("test", "test accuracy", ".2%"), ("parameters", "parameters", ",d"),
        ("minutes", "minutes in all", ".1f"), *chosen,
    )  # fmt: skip
    blocks = []
    for field, title in (("parameters", "parameters"), ("minutes", "minutes in all")):
        spec = charts.marks(
            rows,
            {"type": "point", "filled": True, "size": 110, "opacity": 0.9},
            x=charts.size_axis(field, title, rows),
            y=charts.accuracy_axis("test", rows, "test accuracy"),
            color=charts.colours("search", names),
            shape={"field": "search", "type": "nominal", "scale": shapes, "title": None},
            tooltip=tooltip,
        )
        blocks.append(Chart(spec, f"Test accuracy of each run's network against {title}.", half=True))
    return Section("The trained networks", tuple(blocks), "Each point is a run. Point at one to see its best cell.")


def _runs_section(groups: Sequence[Group]) -> Section:
    """A row a run."""
    rows = [
        (
            run.name,
            run.strategy,
            str(run.seed),
            percent(run.validation_accuracy),
            mean_percent(run.test_accuracies),
            UNKNOWN if run.parameters is None else f"{run.parameters:,}",
            duration(None if run.minutes is None else 60 * run.minutes),
        )
        for group in groups
        for run in group.runs
    ]
    head = ("run", "search", "seed", "validation", "test", "parameters", "time")
    return Section("Every run", (Table(head, tuple(rows), numbers=frozenset(range(2, 7))),))


def _cells_section(groups: Sequence[Group]) -> Section:
    """The best cell of each kind of search, side by side."""
    drawings = []
    for group in groups:
        run = max(group.runs, key=_worth)
        if isinstance(run.best, CellGraph):
            caption = f"{group.name}: {run.name}, validation accuracy {percent(run.validation_accuracy)}"
            drawings.append(Drawing(draw_cell(run.best).source, caption))
    return Section("Best cells", tuple(drawings), "Of each kind of search that of its best run by validation accuracy.")
