"""The sections of a page about the network that a search ends with, whatever searched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neat_deep.data import DataSpec
from neat_deep.reports.html.content import Block, Code, Drawing, Figure, Section, Table
from neat_deep.reports.html.numbers import counted, mean_percent, percent, short
from neat_deep.reports.html.result_file import accuracies, number
from neat_deep.reports.html.skeletons import skeleton_facts
from neat_deep.reports.pictures.render import draw_cell, draw_network
from neat_deep.space.architecture import Architecture

IMAGES = """from neat_deep import load_image_classifier

classify = load_image_classifier({path!r})
for prediction in classify(["my_image.png"]):
    print(prediction.class_name, prediction.probability)"""

TEXTS = """from neat_deep import load_text_classifier

classify = load_text_classifier({path!r})
for prediction in classify(["a text of your own"]):
    print(prediction.class_name, prediction.probability)"""

TENSORS = """from neat_deep import load_network

network = load_network({path!r})  # a torch.nn.Module in evaluation mode"""


def result_figures(result: Mapping[str, Any], validation: float | None) -> tuple[Figure, ...]:
    """The headline of a run that came to its end, or of one that has only validated yet."""
    figures = []
    tests = accuracies(result)
    if tests:
        seeds = counted(len(tests), "seed") if len(tests) > 1 else "read once, at the end"
        figures.append(Figure("test accuracy", mean_percent(tests), seeds))
    if validation is not None:
        figures.append(Figure("validation accuracy", percent(validation), "of the best network, in the search"))
    parameters, macs = number(result, "parameters"), number(result, "macs")
    if parameters is not None:
        note = f"{short(macs)} multiply-accumulates an example" if macs is not None else ""
        figures.append(Figure("parameters", f"{parameters:,.0f}", note))
    return tuple(figures)


def network_section(architecture: Architecture, spec: DataSpec, result: Mapping[str, Any]) -> Section:
    """The best network: its cell, the whole, and what is known of it."""
    skeleton = architecture.skeleton
    cell = architecture.cell.canonical()
    rows = [
        ("cells", str(skeleton.cells)),
        *skeleton_facts(skeleton).items(),
        ("nodes in the cell", str(len(cell.nodes))),
    ]
    for name, key, form in (
        ("parameters", "parameters", "{:,.0f}"),
        ("multiply-accumulates an example", "macs", "{:,.0f}"),
    ):
        value = number(result, key)
        if value is not None:
            rows.append((name, form.format(value)))
    for name, key in (
        ("test accuracy", "test_accuracies"),
        ("test accuracy, balanced over the classes", "test_balanced_accuracies"),
        ("test macro F1", "test_macro_f1"),
        ("test calibration error (ECE)", "test_calibration_errors"),
    ):
        values = accuracies(result, key)
        if values:
            rows.append((name, mean_percent(values)))
    blocks: tuple[Block, ...] = (
        Drawing(draw_cell(architecture.cell).source, "The cell. Each node reads one or two earlier ones."),
        Drawing(
            draw_network(architecture, spec.shape, spec.num_classes).source,
            "The whole network, with the shape that leaves each part.",
        ),
        Table(("", ""), tuple(rows), numbers=frozenset({1})),
    )
    return Section("Best network", blocks)


def loading_section(folder: Path, trained: str, spec: DataSpec) -> Section | None:
    """How to use the trained network; None where the run has none."""
    path = folder / trained
    if not path.is_file():
        return None
    place = path.as_posix()
    example = IMAGES if spec.rank == 2 else TEXTS
    shell = f"neat-deep classify {folder.as_posix()} " + ("my_image.png" if spec.rank == 2 else '"a text of your own"')
    return Section(
        "Use the trained network",
        (
            Code(example.format(path=place), "From Python:"),
            Code(TENSORS.format(path=place), "As a torch module, for tensors:"),
            Code(shell, "From the command line:"),
        ),
        "The file holds weights and facts alone: reading it runs no code in it.",
    )
