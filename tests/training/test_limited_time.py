"""Trainings that end in time: `fit` and `retrain` with `seconds`, and how seconds and threads are measured."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from neat_deep.base.devices import cores
from neat_deep.networks.network import Network, build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training import fit as fit_module
from neat_deep.training.fit import Progress, fit
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.timing import ExampleSeconds, fastest_threads, seconds_per_example
from tests.support import toy_data
from tests.support.clocks import Clock, skip_if_busy
from tests.support.toy_data import SPEC, stripes

CPU = torch.device("cpu")
ARCHITECTURE = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_3"),)),)), Skeleton(channels=4, cells=1))
SETTINGS = TrainingSettings(epochs=10, batch_size=24)  # 96 examples: four steps an epoch


def network() -> Network:
    return build_network(ARCHITECTURE, SPEC, seed=0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What `fit` reads the time from."""
    made = Clock()
    monkeypatch.setattr(fit_module, "time", made)
    return made


def passed(
    clock: Clock, seconds: float | None, step_seconds: float, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[list[Progress], list[tuple[float, float]]]:
    """The steps of a training whose steps take so long, and where in the schedule each began and ended."""
    steps: list[Progress] = []
    places: list[tuple[float, float]] = []

    def note(progress: Progress) -> None:
        steps.append(progress)
        clock.pass_by(step_seconds)

    monkeypatch.setattr(fit_module, "set_learning_rate", lambda _, __, before, after: places.append((before, after)))
    fit(network(), stripes(96, 0), SETTINGS, device=CPU, seed=0, on_step=note, seconds=seconds, **options)
    return steps, places


def test_a_training_with_time_enough_is_the_one_without_a_limit(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    free = passed(clock, None, 1.0, monkeypatch)
    limited = passed(clock, 41.0, 1.0, monkeypatch)
    assert len(free[0]) == len(limited[0]) == 40
    assert [place for step in limited[1] for place in step] == pytest.approx(
        [place for step in free[1] for place in step]
    )


def test_a_late_training_ends_in_time_and_its_schedule_with_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, places = passed(clock, 10.0, 1.0, monkeypatch)
    assert len(steps) == 10  # in the middle of the third epoch
    assert [before for before, _ in places] == pytest.approx([index / 10 for index in range(10)])
    assert places[-1][1] >= 0.9
    assert all(before <= after <= 1 for before, after in places)


def test_a_training_whose_machine_gets_slow_never_goes_back(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Progress] = []
    places: list[tuple[float, float]] = []

    def note(progress: Progress) -> None:
        steps.append(progress)
        clock.pass_by(0.1 if len(steps) <= 20 else 2.0)

    monkeypatch.setattr(fit_module, "set_learning_rate", lambda _, __, before, after: places.append((before, after)))
    fit(network(), stripes(96, 0), SETTINGS, device=CPU, seed=0, on_step=note, seconds=10.0)
    assert len(steps) == 24
    begins = [before for before, _ in places]
    assert begins == sorted(begins)


@pytest.mark.parametrize("early_stopping", [0, 2])
def test_one_step_at_least(clock: Clock, early_stopping: int) -> None:
    settings = replace(SETTINGS, early_stopping=early_stopping)
    report = fit(
        network(),
        stripes(96, 0),
        settings,
        device=CPU,
        seed=0,
        validation=stripes(24, 1),
        on_step=lambda _: clock.pass_by(5.0),
        seconds=0.5,
    )
    assert (report.samples, report.epochs, report.best_epoch) == (24, 1, 1)
    assert report.loss > 0


# --- retraining ------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # by the clock: beside other work a training may get too little of the time to keep the schedule
def test_a_retraining_ends_in_time_by_the_clock() -> None:
    settings = replace(SETTINGS, epochs=100_000)
    started = time.perf_counter()
    steps: list[Progress] = []
    trained = retrain(
        ARCHITECTURE, toy_data.dataset(), settings, device=CPU, seed=0, seconds=2.0, on_step=steps.append, threads=1
    )
    seconds = time.perf_counter() - started
    assert 1 <= steps[-1].epochs < 100_000
    assert trained.test.examples == 60
    skip_if_busy()
    assert seconds < 2.5
    assert steps[-1].epoch >= 0.5 * steps[-1].epochs  # the schedule is shaped for about as many as there were


def test_a_retraining_with_time_enough_has_all_its_epochs() -> None:
    steps: list[Progress] = []
    data = toy_data.dataset()
    limited = retrain(ARCHITECTURE, data, SETTINGS, device=CPU, seed=0, seconds=600.0, on_step=steps.append, threads=1)
    free = retrain(ARCHITECTURE, data, SETTINGS, device=CPU, seed=0, threads=1)
    assert steps[-1].epochs == 10
    assert limited.test == free.test
    weights = zip(limited.network.state_dict().values(), free.network.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)


def test_a_retraining_that_is_late_already_has_one_epoch_of_one_step_or_more() -> None:
    steps: list[Progress] = []
    retrain(ARCHITECTURE, toy_data.dataset(), SETTINGS, device=CPU, seed=0, seconds=0.001, on_step=steps.append)
    assert steps
    assert steps[-1].epochs == 1


@pytest.mark.parametrize("fails", [False, True])
def test_the_threads_of_the_caller_are_as_before(fails: bool) -> None:
    before, seen = torch.get_num_threads(), []

    def note(_: Progress) -> None:
        seen.append(torch.get_num_threads())
        if fails:
            raise KeyboardInterrupt

    try:
        retrain(ARCHITECTURE, toy_data.dataset(), SETTINGS, device=CPU, seed=0, threads=before + 1, on_step=note)
    except KeyboardInterrupt:
        assert fails
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before
    retrain(
        ARCHITECTURE,
        toy_data.dataset(),
        replace(SETTINGS, epochs=1),
        device=CPU,
        seed=0,
        on_step=lambda _: seen.append(torch.get_num_threads()),
    )
    assert seen[-1] == before  # 0 leaves them


# --- measuring -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("examples", [96, 10, 2])
@pytest.mark.parametrize("stopping", [0, 1])
def test_seconds_of_an_example(examples: int, stopping: int) -> None:
    """Also of fewer examples than a batch or than the steps that are timed; nothing global is drawn from."""
    torch.manual_seed(4)
    expected = torch.rand(1, generator=torch.Generator().manual_seed(4))
    settings = replace(SETTINGS, early_stopping=stopping, ema=0.9)
    measured = seconds_per_example(ARCHITECTURE, SPEC, stripes(examples, 0), settings, CPU)
    assert 0 < measured.scoring < measured.training < 1
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(("one", "several", "expected"), [(2.0, 1.0, 3), (1.0, 1.0, 1), (1.04, 1.0, 1), (1.0, 2.0, 1)])
def test_all_cores_where_they_are_faster(
    one: float, several: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> ExampleSeconds:
        return ExampleSeconds(one if torch.get_num_threads() == 1 else several, 0.1)

    monkeypatch.setattr("neat_deep.training.timing.cores", lambda: 3)
    monkeypatch.setattr("neat_deep.training.timing.seconds_per_example", measure)
    before = torch.get_num_threads()
    assert fastest_threads(ARCHITECTURE, SPEC, stripes(24, 0), SETTINGS, CPU) == expected
    assert torch.get_num_threads() == before


def test_one_core_or_an_accelerator_needs_no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_: object) -> ExampleSeconds:
        raise AssertionError("measured")

    monkeypatch.setattr("neat_deep.training.timing.seconds_per_example", measure)
    assert cores() >= 1
    assert fastest_threads(ARCHITECTURE, SPEC, stripes(24, 0), SETTINGS, torch.device("cuda")) == 1
    monkeypatch.setattr("neat_deep.training.timing.cores", lambda: 1)
    assert fastest_threads(ARCHITECTURE, SPEC, stripes(24, 0), SETTINGS, CPU) == 1
