"""The figure of a search."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from matplotlib.axes import Axes

from neat_deep.base.errors import OutputError
from neat_deep.reports.pictures.plots import GenerationSummary, draw_history, plot_history


def summary(generation: int, **changes: float) -> GenerationSummary:
    facts = {
        "best": 0.5 + 0.01 * generation,
        "median": 0.4,
        "best_parameters": 2000,
        "median_parameters": 1500.0,
        "species": 3,
        "scored": 8,
        "reused": 3,
        "failed": 1,
        "seconds": 4.0,
    }
    return GenerationSummary(generation, **{**facts, **changes})  # type: ignore[arg-type]


def line(axes: Axes, label: str) -> list[float]:
    (found,) = (line for line in axes.get_lines() if line.get_label() == label)
    return [float(y) for y in found.get_ydata()]


@pytest.mark.parametrize("generations", [1, 2, 30])
def test_the_file_is_a_png_and_nothing_is_left_beside_it(tmp_path: Path, generations: int) -> None:
    path = tmp_path / "new folder" / "history.png"
    plot_history([summary(g + 1) for g in range(generations)], path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert list(path.parent.iterdir()) == [path]


def test_best_so_far_never_falls_and_passes_over_nan() -> None:
    fitness = draw_history([summary(g, best=b) for g, b in enumerate([0.3, 0.6, math.nan, 0.5, 0.7])]).axes[0]
    assert line(fitness, "best so far") == [0.3, 0.6, 0.6, 0.6, 0.7]
    assert line(fitness, "best of the generation")[3] == 0.5
    assert line(fitness, "median") == [0.4] * 5


@pytest.mark.parametrize(("largest", "scale"), [(4_000, "linear"), (4_000_000, "log")])
def test_network_size_is_logarithmic_where_it_spans_much(largest: int, scale: str) -> None:
    parameters = draw_history([summary(0), summary(1, best_parameters=largest)]).axes[1]
    assert parameters.get_yscale() == scale
    assert line(parameters, "best network") == [2000, largest]


def test_networks_without_parameters_can_be_shown(tmp_path: Path) -> None:
    history = [summary(0, best_parameters=0, median_parameters=0.0), summary(1, best_parameters=10**6)]
    assert draw_history(history).axes[1].get_yscale() == "linear"  # a logarithmic axis would hide the zeros
    plot_history(history, tmp_path / "history.png")


def test_bars_stack_scored_reused_and_failed_genomes() -> None:
    work = draw_history([summary(0, scored=5, reused=4, failed=3)]).axes[3]
    bars = {container.get_label(): container.patches[0] for container in work.containers}  # type: ignore[attr-defined]
    assert [(bars[k].get_y(), bars[k].get_height()) for k in ("scored", "reused", "failed")] == [(0, 5), (5, 4), (9, 3)]


@pytest.mark.parametrize("generations", [1, 3, 17])
def test_generations_and_species_have_whole_ticks_and_one_shared_axis(generations: int) -> None:
    figure = draw_history([summary(g) for g in range(7, 7 + generations)])
    low, high = figure.axes[0].get_xlim()
    assert low < 7 and high > 6 + generations
    assert {axes.get_xlim() for axes in figure.axes} == {(low, high)}
    for ticks in (figure.axes[3].get_xticks(), figure.axes[2].get_yticks()):
        assert all(tick == round(tick) for tick in ticks)
    assert list(figure.axes[2].get_lines()[0].get_ydata()) == [3] * generations


def test_an_empty_history_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no generation"):
        plot_history([], tmp_path / "history.png")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot"):
        plot_history([summary(0)], tmp_path / "file" / "history.png")
