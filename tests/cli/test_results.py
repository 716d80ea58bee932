"""The rows of the final table about the classes."""

from __future__ import annotations

from neat_deep.cli.results import training_figures, training_numbers
from neat_deep.data import DataSpec
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import Evaluation
from neat_deep.training.trained_file import Trained

SPEC = DataSpec("words", 1, 3, ("bad", "fair", "good"), (5,), (), (), vocabulary=9)
ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "identity"),)),)), Skeleton(rank=1, channels=8, cells=1))


def trained(confusion: tuple[tuple[int, ...], ...], calibration_error: float) -> Trained:
    network = build_network(ARCHITECTURE, SPEC, seed=0)
    right, total = sum(row[place] for place, row in enumerate(confusion)), sum(map(sum, confusion))
    scored = Evaluation(0.5, right / total, total, 0.6, 0.7, calibration_error, confusion)
    return Trained(network, ARCHITECTURE, SPEC, scored, 10, 20, 1.0)


def test_the_table_names_the_classes_that_are_mistaken_most_often() -> None:
    results = [
        trained(((8, 2, 0), (1, 9, 0), (5, 0, 5)), 0.04),
        trained(((8, 1, 1), (1, 9, 0), (4, 0, 6)), 0.05),
    ]
    figures = training_figures(results)
    assert figures["  calibration error (ECE)"] == "4.50%"
    assert figures["  most often mistaken"].splitlines() == [
        "good taken for bad: 4.5",
        "bad taken for fair: 1.5",
        "fair taken for bad: 1",
    ]
    numbers = training_numbers(results)
    assert numbers["test_calibration_errors"] == [0.04, 0.05]
    assert numbers["test_confusions"][0] == ((8, 2, 0), (1, 9, 0), (5, 0, 5))


def test_without_a_mistake_none_is_named() -> None:
    assert "  most often mistaken" not in training_figures([trained(((9, 0, 0), (0, 9, 0), (0, 0, 9)), 0.0)])
