"""What a training shows where the output is no terminal: the first epoch, the last, and some between, as they end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from neat_deep.cli.retraining import train_and_report
from neat_deep.reports import training_progress
from neat_deep.reports.training_progress import TrainingReporter
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import Progress
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def shown(
    monkeypatch: pytest.MonkeyPatch, seconds: float, *, epochs: int = 6, done: int = 6, terminal: bool = False
) -> list[str]:
    """The lines of a training of two steps an epoch, each of which takes `seconds`; it ends after `done` epochs."""
    clock, output = Clock(), io.StringIO()
    monkeypatch.setattr(training_progress, "time", clock)
    console = Console(file=output, width=40, force_terminal=terminal, color_system=None)
    with TrainingReporter(console, "retraining 1 of 1") as reporter:
        for step in range(1, 2 * done + 1):
            clock.now += seconds
            share = step / (2 * epochs)
            reporter.show(Progress((step + 1) // 2, epochs, share, 1 / step, work=share))
    return output.getvalue().splitlines()


def test_each_epoch_that_takes_long_has_a_line_with_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 10.0, epochs=6)
    assert [line.partition(":")[0] for line in lines] == [f"retraining 1 of 1, epoch {n} of 6" for n in range(1, 7)]
    assert lines[0] == "retraining 1 of 1, epoch 1 of 6: loss 0.500, 20 s; 1.7 minutes left"
    assert lines[-1] == "retraining 1 of 1, epoch 6 of 6: loss 0.083, 120 s; done"


def test_of_short_epochs_the_first_and_the_last_have_lines_and_a_few_between(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 0.5, epochs=25, done=25)
    assert [int(line.split(",")[1].split()[1]) for line in lines] == [1, 11, 21, 25]
    assert [int(line.split(",")[1].split()[1]) for line in shown(monkeypatch, 0.1)] == [1, 6]


def test_a_training_that_ends_early_has_its_last_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [line.split(":")[0] for line in shown(monkeypatch, 0.1, epochs=6, done=4)] == [
        "retraining 1 of 1, epoch 1 of 6",
        "retraining 1 of 1, epoch 4 of 6",
    ]
    assert len(shown(monkeypatch, 0.1, epochs=1, done=1)) == 1


def test_a_terminal_has_a_bar_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any("left" in line for line in shown(monkeypatch, 10.0, terminal=True))


def test_a_final_training_under_nohup_is_not_silent(tmp_path: Path) -> None:
    output = io.StringIO()
    train_and_report(
        Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=1)),
        toy_data.dataset(),
        TrainingSettings(epochs=3, batch_size=48),
        device=torch.device("cpu"),
        seed=1,
        repeats=2,
        folder=tmp_path,
        console=Console(file=output, width=60),
    )
    lines = output.getvalue().splitlines()
    starts = ["retraining 1 of 2, epoch 1", "retraining 1 of 2, epoch 3", "retrained with seed 1"]
    starts += ["retraining 2 of 2, epoch 1", "retraining 2 of 2, epoch 3", "retrained with seed 2"]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
