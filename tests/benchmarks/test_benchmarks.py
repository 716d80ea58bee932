"""The benchmarks run and report plausible figures; no figure here depends on how fast the machine is."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from benchmarks import random_genomes, search_comparison, supernet_step
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.config.experiment_file import load_experiment
from neat_deep.data import DataSpec, load_dataset
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.search.evolve import evolve
from neat_deep.space.architecture import Architecture
from tests.support.random_cells import DIGITS_INI
from tests.support.small_experiments import small_darts_ini, small_text_ini
from tests.support.text_files import write_sst2

ROOT = Path(__file__).resolve().parents[2]


def run_benchmark(name: str, *options: str) -> dict[str, Any]:
    """The JSON that `benchmarks/<name>.py` prints last, after a table for people."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--json", *options]
    environment = {"PYTHONPATH": str(ROOT), "PATH": str(Path(sys.executable).parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    *table, line = done.stdout.splitlines()
    assert len(table) > 4
    figures: dict[str, Any] = json.loads(line)
    assert figures["threads"] == 1
    assert figures["torch"] == torch.__version__
    return figures


def test_train_throughput() -> None:
    figures = run_benchmark("train_throughput", "--rounds", "1", "--steps", "1")
    rates = figures["images_per_second"]
    assert set(rates) == {"neat_deep", "textbook", "same_math"}
    assert all(rate > 0 for rate in rates.values())
    # of one round, so the medians are the figures themselves
    assert figures["ratio"] == pytest.approx(rates["neat_deep"] / rates["textbook"])
    assert figures["ratio_same_math"] == pytest.approx(rates["neat_deep"] / rates["same_math"])


def test_text_throughput() -> None:
    figures = run_benchmark("text_throughput", "--rounds", "1", "--steps", "2")
    rates = figures["sequences_per_second"]
    assert set(rates) == {"neat_deep", "textbook", "padded"}
    assert all(rate > 0 for rate in rates.values())
    assert figures["ratio"] == pytest.approx(rates["neat_deep"] / rates["textbook"])
    assert figures["ratio_padded"] == pytest.approx(rates["neat_deep"] / rates["padded"])


def test_search_overhead() -> None:
    figures = run_benchmark("search_overhead", "--genomes", "4", "--epochs", "1", "--warmup", "0")
    parts = figures["parts"]
    wall = figures["generation_seconds"]
    assert figures["genomes"] == 4
    assert figures["trained"] + figures["reused"] + figures["failed"] == 4
    assert figures["trained"] > 0
    assert parts["training (fit)"] > 0
    assert parts["scoring (evaluate)"] > 0
    assert 0 <= figures["overhead_share"] <= 1
    assert figures["overhead_seconds_per_genome"] == pytest.approx(figures["overhead_share"] * wall / 4)
    background = parts.pop("progress bars, own thread", 0.0)
    assert sum(parts.values()) == pytest.approx(wall)  # every second of the generation has its part
    assert 0 <= background < wall


def test_search_overhead_scaling() -> None:
    figures = run_benchmark("search_overhead", "--scaling", "--sizes", "4", "8", "--generations", "2")
    for size in (4, 8):
        assert 0 < figures[f"breeding_seconds_{size}"] < figures[f"seconds_{size}"]
        assert figures[f"peak_mb_{size}"] > 0
    assert figures["growth_of_genomes"] == 2
    assert figures["growth_of_seconds"] == pytest.approx(figures["seconds_8"] / figures["seconds_4"])


def few_epochs(folder: Path) -> Path:
    """The digits' INI file with short trainings."""
    path = folder / "few_epochs.ini"
    path.write_text(re.sub(r"(?m)^epochs = .*$", "epochs = 2", DIGITS_INI.read_text()))
    return path


def test_search_comparison(tmp_path: Path) -> None:
    small = ["--config", str(few_epochs(tmp_path)), "--budget", "900", "--genomes", "4", "--seeds", "1", "--rungs", "1"]
    picture = tmp_path / "parts.png"
    smaller = ["--set", "Fitness.train_subset=100", "Fitness.channels=4", "Run.workers=0"]
    figures = run_benchmark("search_comparison", "parts", *small, *smaller, "--picture", str(picture))
    rows = figures["rows"]
    assert list(rows) == ["off", "cache", "rungs", "inheritance", "all"]
    assert rows["off"]["share_of_samples"] == [1.0]
    assert rows["cache"]["best"] == rows["off"]["best"]  # the same search
    assert rows["cache"]["share_of_samples"][0] <= 1
    assert all(0 < row["best"][0] <= 1 for row in rows.values())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_search_comparison_by_gradient_descent(tmp_path: Path) -> None:
    """One search as long as the budget lasts, and short ones until it is spent: 200 samples train a genome here."""
    small = ["--config", str(few_epochs(tmp_path)), "--budget", "1000", "--seeds", "1"]
    genome = ["Fitness.train_subset=100", "Fitness.epochs=2", "Fitness.channels=4"]
    cell = ["Darts.train_subset=100", "Darts.epochs=3", "Darts.weight_epochs=1", "Darts.nodes=1", "Darts.channels=4"]
    contenders = ["--contenders", "darts", "darts restarts"]
    figures = run_benchmark("search_comparison", "schemes", *small, "--set", *genome, *cell, *contenders)
    long, restarts = figures["curves"]
    assert long["samples"] == [50 + 7 * 100 + 200]  # an eighth epoch of weights and alphas would be too many
    assert restarts["samples"] == [50 + 2 * 100 + 200, 2 * (50 + 2 * 100 + 200), 3 * (50 + 2 * 100 + 200)]
    with pytest.raises(ConfigError, match=r"--budget: got 50 training samples .* allowed: 150 or more"):
        search_comparison.main(["schemes", *small, "--budget", "250", "--set", *genome, *cell, "--contenders", "darts"])
    assert restarts["best"] == sorted(restarts["best"]) and restarts["best"][0] > 0


def test_cross_validation(tmp_path: Path) -> None:
    """A run's best network of each size beside a file's, on texts."""
    write_sst2(tmp_path / "data")
    config = small_text_ini(tmp_path)
    experiment = load_experiment(config)
    dataset = load_dataset(replace(experiment.data, root=str(tmp_path / "data")))
    evolve(experiment, dataset, tmp_path / "run", Console(quiet=True))
    block = str(ROOT / "configs" / "architectures" / "transformer_block.json")
    common = ["--config", str(config), "--data-root", str(tmp_path / "data"), "--channels", "8"]
    figures = run_benchmark("cross_validation", str(tmp_path / "run"), block, block, *common)
    rows = figures["rows"]
    assert rows[0]["name"].startswith("run, best of ") and rows[0]["difference"] == 0
    assert [row["name"] for row in rows[-2:]] == [block, block]
    assert rows[-1]["accuracies"] == rows[-2]["accuracies"]
    assert all(len(row["accuracies"]) == 4 for row in rows)


def test_rank_correlation(tmp_path: Path) -> None:
    small = ["--networks", "3", "--generations", "1", "--rungs", "1"]
    figures = run_benchmark("rank_correlation", "--config", str(few_epochs(tmp_path)), *small)
    assert -1 <= figures["rho"] <= 1
    fitness = [network["fitness"] for network in figures["networks"]]
    assert fitness == sorted(fitness) and len(fitness) == 3


def test_parallel_scaling() -> None:
    figures = run_benchmark("parallel_scaling", "--workers", "2", "--tasks", "8", "--seconds", "0.05")
    pool = figures["evaluations_per_second"]["pool"]
    assert figures["speedup_2_pool"] == pytest.approx(pool["2"] / pool["1"])
    if "ray" in figures["evaluations_per_second"]:
        assert figures["speedup_2"] > 0
    else:
        assert figures["speedup_2"] is None  # Ray is an extra


DIGITS = DataSpec("digits", 2, 10, tuple("0123456789"), (1, 8, 8), (0.3,), (0.4,))
RESNET_BLOCK = DIGITS_INI.parent / "architectures" / "resnet_block.json"


def test_random_genomes_have_cells_as_large_as_the_winners() -> None:
    winner, genomes = Architecture.load(RESNET_BLOCK), load_experiment(DIGITS_INI).neat.genome_config
    found = random_genomes.sample(winner, genomes, DIGITS, 4, seed=3)
    assert len({architecture.cell.digest() for architecture in [winner, *found]}) == 5
    assert {architecture.skeleton for architecture in found} == {winner.skeleton}
    wanted, *sizes = (count_parameters(build_network(a, DIGITS, seed=0).cells) for a in [winner, *found])
    assert all(abs(size - wanted) <= 0.1 * wanted for size in sizes)
    random.seed(8)
    assert random_genomes.sample(winner, genomes, DIGITS, 4, seed=3) == found


def test_too_few_random_genomes_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_genomes, "MOST_TRIES", 3)
    winner, genomes = Architecture.load(RESNET_BLOCK), load_experiment(DIGITS_INI).neat.genome_config
    with pytest.raises(SearchError, match=r"of 50 random genomes with 22,800 parameters in their cells, within 10%"):
        random_genomes.sample(winner, genomes, DIGITS, 50, seed=0)


def test_random_genomes_are_trained_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "quick.ini"
    config.write_text(DIGITS_INI.read_text().replace("epochs = 40", "epochs = 1"))
    options = ["--config", str(config), "--out", str(tmp_path / "out"), "--device", "cpu", "--count", "2", "--json"]
    random_genomes.main([str(RESNET_BLOCK), *options])
    *table, line = capsys.readouterr().out.splitlines()
    assert "the winner's cells have 22,800 parameters; random genomes: within 10% of that" in table
    figures = json.loads(line)
    assert len(figures["accuracies"]) == 2
    for number, size in enumerate(figures["cell_parameters"], 1):
        saved = Architecture.load(tmp_path / "out" / f"random_{number}.json")
        assert count_parameters(build_network(saved, DIGITS, seed=0).cells) == size
        assert any(f"{size:,}" in row for row in table)


def test_supernet_step() -> None:
    figures = run_benchmark(
        "supernet_step", "--cells", "1", "--channels", "8", "--batch", "2", "--steps", "1", "--threads", "1",
        "--skip-compiled",
    )  # fmt: skip
    seconds, memory = figures["seconds"], figures["memory_mib"]
    assert set(seconds) == set(memory) == {"neat_deep", "second_order", "textbook"}
    assert all(value > 0 for value in [*seconds.values(), *memory.values()])
    assert figures["candidates"] == 21  # none, and 10 ops with 2 activations each
    # of one round, so the medians are the figures themselves
    assert figures["speedup_eager"] == pytest.approx(seconds["textbook"] / seconds["neat_deep"])
    assert figures["second_order_cost"] == pytest.approx(seconds["second_order"] / seconds["neat_deep"])
    assert figures["memory_ratio"] == pytest.approx(memory["neat_deep"] / memory["textbook"])
    assert figures["speedup_compiled"] is figures["memory_ratio_compiled"] is figures["compile_seconds"] is None


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--steps", "0", "got 0, allowed: 1 or more"),
        ("--cells", "0", "got 0, allowed: 1 or more"),
        ("--channels", "0", "got 0, allowed: 1 or more"),
        ("--batch", "1", "got 1, allowed: 2 or more"),
        ("--threads", "-1", "got -1, allowed: 1 or more"),
    ],
)
def test_supernet_step_names_a_bad_option(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        supernet_step.main([option, value])
    assert f"argument {option}: {message}" in capsys.readouterr().err


def test_darts_variants(tmp_path: Path) -> None:
    ini = small_darts_ini(tmp_path, epochs="1", weight_epochs="0")
    variants = ("first order", "DARTS+ (stop at 4 free)", "random")
    figures = run_benchmark("darts_variants", "--config", str(ini), "--seeds", "1", "--variants", *variants)
    rows = {row["variant"]: row for row in figures["rows"]}
    assert list(rows) == list(variants)
    assert all(0 <= row["test_accuracy"] <= 1 for row in rows.values())
    assert rows["first order"]["search_seconds"] > 0
    assert rows["first order"]["peak_mebibytes"] > 0
    assert rows["random"]["supernet_accuracy"] is None  # it was derived from alphas that nothing trained
