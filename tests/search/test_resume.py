"""A run that was stopped and resumed ends as the one that never was, wherever it was stopped."""

from __future__ import annotations

import functools
import io
import json
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import neat
import pytest
import torch
from rich.console import Console

from neat_deep.base.errors import ConfigError, SearchError, StoreError
from neat_deep.base.registry import registration_scope
from neat_deep.config.experiment_file import Experiment, read_settings_text
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.reproduction import CellReproduction
from neat_deep.ops import register_op
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.search.evolve import evolve
from neat_deep.search.neat_journal import RunJournal, resume_run
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.run_store import RunStore
from tests.support import toy_data, worker_tasks
from tests.support.older_runs import without_key
from tests.support.random_cells import DIGITS_INI
from tests.support.stopped import StoppedError, stop_at
from tests.support.stored_rows import Rows, rows
from tests.support.toy_search import ALL_ON, DATA, HYPERBAND, PLAIN, PRICED, experiment, search


@pytest.fixture(scope="module", autouse=True)
def no_pictures() -> Iterator[None]:
    """Drawing takes most of such a small run's time, and has its own tests."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("neat_deep.reports.recorder.try_picture", "neat_deep.search.evolve.try_picture"):
            patch.setattr(place, lambda drawing, path: None)
        patch.setattr("neat_deep.reports.recorder.plot_history", lambda history, path: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def faulty_ops() -> Iterator[None]:
    with registration_scope():
        for name in ("raises", "gives_nan"):
            register_op(name, parametric=False)(getattr(worker_tasks, name))
        yield


@pytest.fixture(
    scope="module",
    params=[(PLAIN, False), (ALL_ON, False), (HYPERBAND, False), (PRICED, True)],
    ids=["plain", "all on", "hyperband", "faulty"],
)
def unbroken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Callable[..., Experiment]]:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("unbroken")
    fitness, faulty = request.param
    asked = functools.partial(experiment, fitness, faulty=faulty)
    search(folder, asked())
    return folder, asked


def traces(folder: Path) -> list[object]:
    """What stands beside the store, but for times."""
    log = [{**json.loads(line), "seconds": 0} for line in (folder / "candidates.jsonl").read_text().splitlines()]
    history = [{**entry, "seconds": 0} for entry in json.loads((folder / "history.json").read_text())]
    return [log, history, (folder / "best.json").read_text()]


@pytest.mark.parametrize("committed", [True, False], ids=["after", "instead of"])
def test_stopped_at_any_write_a_run_ends_the_same(
    unbroken: tuple[Path, Callable[..., Experiment]], tmp_path: Path, committed: bool
) -> None:
    """Stops often, at ever other writes, until the run is through."""
    folder, asked = unbroken
    stops = 0
    for step in range(1, 200):
        random.seed(step)
        torch.manual_seed(step)
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 3 + 5 * step % 8, committed=committed)
            try:
                search(tmp_path, asked(), resume=step > 1)
                break
            except StoppedError:
                stops += 1
    assert stops >= 3
    assert rows(tmp_path) == rows(folder)
    assert traces(tmp_path) == traces(folder)


def test_results_of_a_finished_run_are_read_again(unbroken: tuple[Path, Callable[..., Experiment]]) -> None:
    folder, asked = unbroken
    before = rows(folder)
    again = search(folder, asked(), resume=True)
    assert rows(folder) == before
    with RunStore.read(folder) as store:
        assert (again.best.candidate, again.best.key) == (store.best()[-1].candidate, store.best()[-1].key)
    assert len(again.history) == 4
    assert again.trained + again.reused + again.failed == 24


def test_a_run_that_was_extended_goes_on_to_its_new_end(
    unbroken: tuple[Path, Callable[..., Experiment]], tmp_path: Path
) -> None:
    """Stopped once more and resumed with what its store says, it is not finished after the generations first asked."""
    _, asked = unbroken
    search(tmp_path / "two", asked(generations=2))
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 4, committed=True)
        with pytest.raises(StoppedError):
            search(tmp_path / "two", asked(generations=4), resume=True)
    with RunStore.read(tmp_path / "two") as store:
        kept = read_settings_text(store.meta()["settings"])
    assert kept.run.generations == 4


def test_a_run_in_which_everything_raised_can_go_on_when_that_is_mended(
    unbroken: tuple[Path, Callable[..., Experiment]], tmp_path: Path
) -> None:
    folder, asked = unbroken

    def out_of_memory(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has none left")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neat_deep.scoring.job.fit", out_of_memory)
        says = (
            "every candidate of the generation failed; the first: the memory ran out when 2.50 GiB more were asked for"
        )
        with pytest.raises(SearchError, match=f"{says}; less is needed with a lower batch_size"):
            search(tmp_path, asked())
    search(tmp_path, asked(), resume=True)
    assert rows(tmp_path) == rows(folder)


def test_more_generations_may_follow(unbroken: tuple[Path, Callable[..., Experiment]], tmp_path: Path) -> None:
    _, asked = unbroken
    search(tmp_path / "two", asked(generations=2))
    search(tmp_path / "two", asked(generations=4), resume=True)
    search(tmp_path / "four", asked(generations=4))
    assert without_settings(rows(tmp_path / "two")) == without_settings(rows(tmp_path / "four"))


def without_settings(found: Rows) -> Rows:
    return {**found, "meta": [row for row in found["meta"] if row[0] != "settings"]}


CELL = CellGraph(
    1, (CellNode((Edge(0, "sep_conv_3", "relu"),)), CellNode((Edge(1, "max_pool_3"), Edge(0, "identity"))))
)


def test_a_run_that_starts_from_a_cell_remembers_it(tmp_path: Path) -> None:
    """Also when it stops before its first population is stored."""
    console = Console(file=io.StringIO(), width=200)
    evolve(experiment(PLAIN, generations=2), DATA, tmp_path / "whole", console, start=CELL)
    for count, committed in ((1, False), (4, True)):
        folder = tmp_path / f"stopped at {count}"
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, count, committed=committed)
            with pytest.raises(StoppedError):
                evolve(experiment(PLAIN, generations=2), DATA, folder, console, start=CELL)
        search(folder, experiment(PLAIN, generations=2), resume=True)
        assert rows(folder) == rows(tmp_path / "whole")
    first = next(row for row in rows(tmp_path / "whole")["candidates"] if row[:2] == (0, 1))
    assert CELL.digest() in first
    with pytest.raises(SearchError, match="start: got one, allowed: None with resume"):
        evolve(experiment(PLAIN), DATA, tmp_path / "whole", console, start=CELL, resume=True)


# --- stock neat-python -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reproduction", [CellReproduction, neat.DefaultReproduction])
def test_stock_population_with_a_journal_resumes(reproduction: Any, tmp_path: Path) -> None:
    """Only `neat.Population`, its reporters and ours, with neat-python's own reproduction too: no `evolve`."""
    asked = experiment(ALL_ON)
    ini = tmp_path / "stock.ini"
    ini.write_text(DIGITS_INI.read_text().replace("[CellReproduction]", f"[{reproduction.__name__}]"))

    def evaluator(store: RunStore) -> FitnessEvaluator:
        return FitnessEvaluator(
            DATA, asked.network, asked.training, asked.fitness, device=torch.device("cpu"), seed=1, journal=store
        )

    def run(folder: Path, generations: int) -> None:
        config = neat.Config(CellGenome, reproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(ini))
        config.pop_size = 6
        if (folder / "run.sqlite").exists():
            store = RunStore.resume(folder)
        else:
            store = RunStore.create(folder / "run.sqlite", {})
        with store:
            score = evaluator(store)
            resumed = resume_run(store, config, score)
            population = neat.Population(config, seed=3) if resumed is None else resumed.population
            population.add_reporter(neat.StatisticsReporter())
            population.add_reporter(RunJournal(store, population, score))
            population.run(score, generations)

    run(tmp_path / "whole", 3)
    run(tmp_path / "parts", 1)
    run(tmp_path / "parts", 2)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_stock_checkpoints_stand_beside_a_journal(tmp_path: Path) -> None:
    asked = experiment(PLAIN)
    with RunStore.create(tmp_path / "run.sqlite", {}) as store:
        score = FitnessEvaluator(
            DATA, asked.network, asked.training, asked.fitness, device=torch.device("cpu"), seed=1, journal=store
        )
        population = neat.Population(asked.neat, seed=3)
        population.add_reporter(neat.Checkpointer(1, filename_prefix=str(tmp_path / "stock-")))
        population.add_reporter(RunJournal(store, population, score))
        population.run(score, 2)
        assert len(store.generations()) == 2
    restored = neat.Checkpointer.restore_checkpoint(str(tmp_path / "stock-1"))
    restored.run(lambda genomes, config: [setattr(genome, "fitness", 0.5) for _, genome in genomes], 1)


def test_fewer_generations_than_are_done_are_refused(tmp_path: Path) -> None:
    search(tmp_path, experiment(PLAIN, generations=2))
    with pytest.raises(StoreError, match="generations: got 1, allowed: 2, which the run has done, or more"):
        search(tmp_path, experiment(PLAIN, generations=1), resume=True)


# --- what may not change ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("short")
    search(folder, experiment(PLAIN, generations=1))
    return folder


def changed(section: str, key: str, value: object) -> Callable[[Experiment], Experiment]:
    def change(asked: Experiment) -> Experiment:
        part = getattr(asked, section)
        return replace(asked, **{section: replace(part, **{key: value})})

    return change


LATER = (
    *(("Fitness", "latency_price"), ("Fitness", "hyperband"), ("Network", "positions"), ("Training", "warmup")),
    *(("Run", "reproduction"), ("Data", "train_limit"), ("CellGenome", "weight_init_type"), ("NEAT", "seed")),
)


@pytest.mark.parametrize("later", [LATER, *((place,) for place in LATER[:2])], ids=lambda places: places[-1][1])
def test_a_run_that_an_older_program_stopped_ends_the_same(later: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    """Its settings lack keys, and its data a fact, that came later."""
    search(tmp_path / "whole", experiment(PLAIN, generations=2))
    search(tmp_path / "older", experiment(PLAIN, generations=1))
    with RunStore.resume(tmp_path / "older") as store:
        text = store.fact("settings")
        for section, key in later:
            text = without_key(text, section, key)
        store.set_meta("settings", text.replace("generations = 1\n", "generations = 2\n"))
        facts = json.loads(store.fact("data"))
        store.set_meta("data", json.dumps({name: facts[name] for name in facts if name != "vector_size"}))
    with RunStore.read(tmp_path / "older") as store:
        asked = read_settings_text(store.fact("settings"))
    search(tmp_path / "older", asked, resume=True)
    assert rows(tmp_path / "older", without=("ini", "data")) == rows(tmp_path / "whole", without=("ini", "data"))


def other_population(asked: Experiment) -> Experiment:
    asked.neat.pop_size = 7
    return asked


def other_rate(asked: Experiment) -> Experiment:
    asked.neat.genome_config.op_mutate_rate = 0.25
    return asked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("fitness", "epochs", 2), r"\[Fitness\] epochs: the run has '1', got '2'"),
        (changed("fitness", "inherit", True), r"\[Fitness\] inherit: the run has 'False', got 'True'"),
        (changed("run", "seed", 9), r"\[Run\] seed: the run has '1', got '9'"),
        (changed("network", "channels", 5), r"\[Network\] channels: the run has '4', got '5'"),
        (changed("data", "dataset", "mnist"), r"\[Data\] dataset: the run has 'digits', got 'mnist'"),
        (other_population, r"\[NEAT\] pop_size: the run has '6', got '7'"),
        (other_rate, r"\[CellGenome\] op_mutate_rate: the run has '0.2', got '0.25'"),
    ],
)
def test_other_settings_are_refused_by_name(
    short: Path, change: Callable[[Experiment], Experiment], message: str
) -> None:
    before = rows(short)
    with pytest.raises(StoreError, match=message + r"; allowed to change when a run is resumed: \[Run\] generations"):
        search(short, change(experiment(PLAIN)), resume=True)
    assert rows(short) == before


def test_other_data_are_refused(short: Path) -> None:
    with pytest.raises(StoreError, match="the data are not those that the run was started with"):
        search(short, experiment(PLAIN), resume=True, data=toy_data.dataset(train=94))


def test_a_run_is_not_started_over_another(short: Path) -> None:
    with pytest.raises(StoreError, match=r"run.sqlite is there already"):
        search(short, experiment(PLAIN))


def test_another_device_ends_the_promise_and_says_so(
    short: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(tmp_path, experiment(PLAIN, generations=1))
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    with caplog.at_level(logging.WARNING):
        search(tmp_path, experiment(PLAIN, generations=2), resume=True)
    assert "this run was started with other roundings (versions: " in caplog.text
    with RunStore.read(tmp_path) as store:
        (change,) = json.loads(store.meta()["changes"])
    assert "9.9.9" in change


def test_the_number_of_threads_may_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Scores are computed on one thread, whatever the rest of the process computes with."""
    search(tmp_path / "one", experiment(PLAIN, generations=2, threads=1))
    search(tmp_path / "two", experiment(PLAIN, generations=1, threads=1))
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        search(tmp_path / "two", experiment(PLAIN, generations=2, threads=2), resume=True)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert without_settings(rows(tmp_path / "one")) == without_settings(rows(tmp_path / "two"))


def test_the_stored_settings_make_the_same_experiment(short: Path) -> None:
    with RunStore.read(short) as store:
        again = read_settings_text(store.meta()["settings"])
        assert store.meta()["ini"] == DIGITS_INI.read_text()
    search(short, again, resume=True)


@pytest.mark.parametrize(
    ("fitness", "message"),
    [
        ({"rungs": (2, 1)}, "rungs: got 2 1, allowed: rising, from 1 to below epochs"),
        ({"rungs": (1, 4), "epochs": 4}, r"rungs: got 1 4, allowed: rising, from 1 to below epochs \(4\)"),
        ({"rungs": (0,), "epochs": 4}, "rungs: got 0, allowed"),
        ({"rung_share": 0.0}, "rung_share: got 0.0, allowed: more than 0 and at most 1"),
        ({"weights_megabytes": 0}, "weights_megabytes: got 0, allowed: 1 or more"),
    ],
)
def test_bad_settings(fitness: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FitnessSettings(**fitness)
