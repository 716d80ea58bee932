"""The table at the end of a command, and the same figures for programs in `result.json`."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from neat_deep.base.files import write_text
from neat_deep.data import Dataset
from neat_deep.training.fit import Evaluation
from neat_deep.training.trained_file import Trained

RESULT = "result.json"
PAIRS = 3  # of classes that are mistaken for each other, in the table


def data_figures(dataset: Dataset) -> dict[str, str]:
    """The row of the result table that says what is unusual about the data's parts, if anything is."""
    return {"data": dataset.note} if dataset.note else {}


def data_numbers(dataset: Dataset) -> dict[str, Any]:
    """The data set's name and what is unusual about its parts."""
    return {"dataset": dataset.spec.name, "dataset_note": dataset.note}


def training_figures(results: Sequence[Trained]) -> dict[str, str]:
    """The rows of the result table that come from retraining; none without one."""
    if not results:
        return {}
    first = results[0]
    example = "an image" if first.data.rank == 2 else f"a text of {first.data.shape[0]} tokens"
    return {
        "test accuracy after retraining": _mean_accuracy(results),
        **_class_figures(results),
        "parameters": f"{first.parameters:,}",
        f"multiply-accumulates {example}": f"{first.macs:,}",
        "cells": str(first.architecture.skeleton.cells),
        "nodes in the cell": str(len(first.architecture.cell.canonical().nodes)),
        "seconds of retraining": f"{statistics.mean(trained.seconds for trained in results):.0f}",
    }


def _mean_accuracy(results: Sequence[Trained]) -> str:
    accuracies = [100 * trained.scored.accuracy for trained in results if trained.scored is not None]
    if not accuracies:
        return "the data have no test part"
    spread = f" ± {statistics.stdev(accuracies):.2f} ({len(accuracies)} seeds)" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.2f}%{spread}"


def _class_figures(results: Sequence[Trained]) -> dict[str, str]:
    """What a rare class counts as much in as a frequent one: no row where there is no test part."""
    scores = [trained.scored for trained in results if trained.scored is not None]
    if not scores:
        return {}
    return {
        "  balanced over the classes": f"{100 * statistics.mean(score.balanced_accuracy for score in scores):.2f}%",
        "  macro F1": f"{100 * statistics.mean(score.macro_f1 for score in scores):.2f}%",
        "  calibration error (ECE)": f"{100 * statistics.mean(score.calibration_error for score in scores):.2f}%",
        **_confusion_figures(scores, results[0].data.class_names),
    }


def _confusion_figures(scores: Sequence[Evaluation], names: Sequence[str]) -> dict[str, str]:
    """The pairs of classes that are mistaken most often, with how many examples, a mean over the trainings."""
    count = torch.tensor([score.confusion for score in scores], dtype=torch.double).mean(0)  # (classes, classes)
    wrong = count - count.diag().diag()
    numbers, places = wrong.flatten().sort(descending=True, stable=True)
    pairs = [
        f"{names[place // len(names)]} taken for {names[place % len(names)]}: {number:.4g}"
        for number, place in zip(numbers[:PAIRS].tolist(), places[:PAIRS].tolist(), strict=True)
        if number > 0
    ]
    return {"  most often mistaken": "\n".join(pairs)} if pairs else {}


def threads_figures(threads: int, device: torch.device) -> dict[str, str]:
    """The row of the result table that says on how many threads of the CPU the final training ran."""
    return {"threads of retraining": str(threads)} if device.type == "cpu" and threads else {}


def training_numbers(results: Sequence[Trained]) -> dict[str, Any]:
    """The same figures for programs: accuracies are shares (0..1), one for each seed, None without a test part.

    A confusion counts the examples of each class (rows) by what they were taken for (columns).
    """
    sizes = {"parameters": results[0].parameters, "macs": results[0].macs} if results else {}
    return {
        "test_accuracies": _of_scores(results, "accuracy"),
        "test_balanced_accuracies": _of_scores(results, "balanced_accuracy"),
        "test_macro_f1": _of_scores(results, "macro_f1"),
        "test_calibration_errors": _of_scores(results, "calibration_error"),
        "test_confusions": _of_scores(results, "confusion"),
        **sizes,
        "retraining_seconds": [trained.seconds for trained in results],
    }


def _of_scores(results: Sequence[Trained], name: str) -> list[Any]:
    return [None if trained.scored is None else getattr(trained.scored, name) for trained in results]


def show_results(
    title: str, figures: Mapping[str, str], numbers: Mapping[str, Any], folder: Path, console: Console
) -> None:
    """Print the one table of a run, `figures`, and keep `numbers`, the same for programs, as `result.json`.

    The command line stands there too, since its options go before the INI file.
    """
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in figures.items():
        table.add_row(name, value)
    console.print(table)
    content = {"command": sys.argv, **numbers}
    write_text(folder / RESULT, json.dumps(content, indent=2) + "\n")
    console.print(f"written to {folder}", highlight=False, soft_wrap=True)
