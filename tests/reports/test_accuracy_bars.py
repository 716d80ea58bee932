"""The bar chart of an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from neat_deep.base.errors import OutputError
from neat_deep.reports.pictures.accuracy_bars import Bar, Panel, draw_bars, plot_bars

MNIST = Panel("MNIST", (Bar("by hand", (0.98, 0.99), 0.9894), Bar("NEAT", (0.995,))))
TEXTS = Panel("SST-2", (Bar("by hand", (0.8,)), Bar("NEAT", ()), Bar("DARTS", (0.81, 0.83, 0.82), 0.78)))


def test_each_data_set_has_its_axis_and_each_architecture_its_colour() -> None:
    figure = draw_bars([MNIST, TEXTS], marks="published")
    first, second = figure.axes
    assert [axes.get_title("left") for axes in (first, second)] == ["MNIST", "SST-2"]
    tops = [[round(bar.get_y() + bar.get_height(), 4) for bar in axes.patches] for axes in (first, second)]
    assert tops == [[0.985, 0.995], [0.8, 0.82]]  # a bar without values is left out
    assert first.patches[0].get_facecolor() == second.patches[0].get_facecolor()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["by hand", "NEAT", "DARTS", "seeds, standard deviation", "published"]


def test_all_that_is_marked_lies_within_the_axis() -> None:
    (axes,) = draw_bars([TEXTS], marks="published").axes
    low, high = axes.get_ylim()
    assert low < 0.78 and high > 0.83


def test_equal_accuracies_and_a_single_one_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "new" / "chart.png"
    plot_bars([Panel("digits", (Bar("by hand", (1.0, 1.0)), Bar("NEAT", (1.0,))))], path, marks="published")
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert list(path.parent.iterdir()) == [path]


def test_nothing_to_show_is_told() -> None:
    with pytest.raises(OutputError, match="there is none yet"):
        draw_bars([Panel("MNIST", (Bar("NEAT", ()),))], marks="published")
