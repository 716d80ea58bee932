"""The benchmarks run and report plausible figures; no figure here depends on how fast the machine is."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from benchmarks import equal_size, random_genomes, search_comparison, supernet_step
from benchmarks.search_curves import Curve, KeptCurves, draw
from neat_deep.base.errors import ConfigError, SearchError
from neat_deep.config.experiment_file import load_experiment
from neat_deep.data import DataSpec, load_dataset
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.search.evolve import evolve
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.strategies.registry import STRATEGIES
from tests.support.random_cells import DIGITS_INI
from tests.support.small_experiments import small_darts_ini, small_text_ini
from tests.support.text_files import write_sst2

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_benchmark(name: str, *options: str) -> dict[str, Any]:
    """The JSON that `benchmarks/<name>.py` prints last, after a table for people; run in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        importlib.import_module(name).main(["--json", *options])
    return read_figures(printed.getvalue())


def read_figures(printed: str) -> dict[str, Any]:
    *table, line = printed.splitlines()
    assert len(table) > 4
    figures: dict[str, Any] = json.loads(line)
    assert figures["threads"] == 1
    assert figures["torch"] == torch.__version__
    return figures


def test_a_benchmark_is_a_script_too() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "default_workers.py"), "--help"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": str(Path(sys.executable).parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout


@pytest.mark.slow
def test_train_throughput() -> None:
    figures = run_benchmark("train_throughput", "--rounds", "1", "--steps", "1")
    rates = figures["images_per_second"]
    assert set(rates) == {"neat_deep", "textbook", "same_math"}
    assert all(rate > 0 for rate in rates.values())
    # of one round, so the medians are the figures themselves
    assert figures["ratio"] == pytest.approx(rates["neat_deep"] / rates["textbook"])
    assert figures["ratio_same_math"] == pytest.approx(rates["neat_deep"] / rates["same_math"])


@pytest.mark.slow
def test_text_throughput() -> None:
    figures = run_benchmark("text_throughput", "--rounds", "1", "--steps", "2")
    rates = figures["sequences_per_second"]
    assert set(rates) == {"neat_deep", "textbook", "padded", "ngrams"}
    assert all(rate > 0 for rate in rates.values())
    assert figures["ratio"] == pytest.approx(rates["neat_deep"] / rates["textbook"])
    assert figures["ratio_padded"] == pytest.approx(rates["neat_deep"] / rates["padded"])


def test_linear_texts(tmp_path: Path) -> None:
    figures = run_benchmark("linear_texts", "--data", "sst2", "--data-root", str(write_sst2(tmp_path)))
    assert figures["test"] > 0.8  # the sentences are made of words that tell the label
    assert figures["strength"] in (1, 3, 10, 30) and figures["weights"] > 5


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


@pytest.mark.slow
def test_search_overhead_scaling() -> None:
    figures = run_benchmark("search_overhead", "--scaling", "--sizes", "4", "8", "--generations", "2")
    for size in (4, 8):
        assert 0 < figures[f"breeding_seconds_{size}"] < figures[f"seconds_{size}"]
        assert figures[f"peak_mb_{size}"] > 0
    assert figures["growth_of_genomes"] == 2
    assert figures["growth_of_seconds"] == pytest.approx(figures["seconds_8"] / figures["seconds_4"])


@pytest.mark.slow
def test_skeletons(tmp_path: Path) -> None:
    small = ["--images", "300", "--evaluations", "6", "--finalists", "2", "--seeds", "1", "2"]
    choices = ["--channels", "4", "8", "16", "--reductions", "1", "2", "--stage-cells", "0", "1", "2"]
    figures = run_benchmark("skeletons", "--config", str(few_epochs(tmp_path)), *small, *choices)
    rows = figures["rows"]
    shipped, winner = rows["shipped"], rows[figures["winner"]]
    assert all(row["macs"] <= shipped["macs"] for row in rows.values())
    assert len(shipped["test"]) == len(winner["test"]) == 2
    assert all(0 < value <= 1 for row in rows.values() for value in row["validation"])


def few_epochs(folder: Path) -> Path:
    """The digits' INI file with short trainings."""
    path = folder / "few_epochs.ini"
    path.write_text(re.sub(r"(?m)^epochs = .*$", "epochs = 2", DIGITS_INI.read_text()))
    return path


@pytest.mark.slow
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


def test_search_comparison_repeats_no_search_that_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ["--config", str(few_epochs(tmp_path)), "--budget", "300", "--genomes", "2", "--seeds", "1"]
    kept = tmp_path / "curves.jsonl"
    asked = ["strategies", *small, "--keep", str(kept), "--set", "Fitness.train_subset=100", "Run.workers=0"]
    first = run_benchmark("search_comparison", *asked, "--contenders", "random")
    (curve,) = first["curves"]
    assert curve["samples"] == [200, 400] and curve["best"] == sorted(curve["best"])  # a point an evaluation
    monkeypatch.setattr("search_comparison.search_by_strategy", None)  # would be called for another search
    assert run_benchmark("search_comparison", *asked, "--contenders", "random") == first
    with pytest.raises(TypeError):
        run_benchmark("search_comparison", *asked, "--contenders", "random", "--budget", "301")
    with kept.open("a") as file:
        file.write("half a li")
    with pytest.raises(ConfigError, match=r"--keep: .*curves.jsonl:2: not a kept curve"):
        run_benchmark("search_comparison", *asked, "--contenders", "random", "--seed", "2")


def test_a_curve_of_a_strategy_has_a_point_for_each_evaluation() -> None:
    def made(generation: int, candidate: int, accuracy: float | None, rung: int = 0) -> EvaluationRecord:
        status, metrics = ("raised", {}) if accuracy is None else ("scored", {"accuracy": accuracy})
        place = {"generation": generation, "candidate": candidate, "rung": rung}
        key = f"{candidate}"
        return EvaluationRecord(**place, key=key, digest=key, status=status, metrics=metrics, samples=100)

    records = [made(1, 3, 0.9), made(0, 1, 0.4), made(0, 0, 0.5), made(0, 2, None), made(1, 4, 0.7)]
    curve = search_comparison.by_evaluation("random", 1, records, 0)
    assert (curve.samples, curve.best) == ((100, 200, 300, 400, 500), (0.5, 0.5, 0.5, 0.9, 0.9))
    assert curve.by(300) == 0.5 and curve.by(400) == 0.9
    further = [made(0, 0, 0.9), made(0, 1, 0.8), made(0, 1, 0.85, rung=1)]
    assert search_comparison.by_evaluation("random", 1, further, 1).best == (0.0, 0.0, 0.85)  # of those in full


def test_curves_that_an_earlier_program_kept_are_read_and_drawn(tmp_path: Path) -> None:
    kept = KeptCurves(tmp_path / "kept.jsonl", {"budget": 400})
    by_generation = Curve("random", 1, (200, 400), (0.5, 0.6))
    kept.add("random", 1, [by_generation])
    found = KeptCurves(tmp_path / "kept.jsonl", {"budget": 400}).find("random", 1)
    assert found == [by_generation]
    draw([*found, Curve("neat", 1, (100, 200, 300, 400), (0.3, 0.4, 0.4, 0.7))], 400, tmp_path / "both.png")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_search_comparison_of_strategies(tmp_path: Path) -> None:
    """Every installed strategy but `grid`, in one picture: each ends with the evaluation that reaches the budget."""
    small = ["--config", str(few_epochs(tmp_path)), "--budget", "400", "--genomes", "3", "--seeds", "1"]
    genome = ["Fitness.train_subset=100", "Fitness.epochs=2", "Fitness.channels=4", "Run.workers=0"]
    cell = ["Darts.train_subset=100", "Darts.epochs=2", "Darts.weight_epochs=1", "Darts.nodes=1", "Darts.channels=4"]
    picture = tmp_path / "strategies.png"
    asked = ["--set", *genome, *cell, "--picture", str(picture)]
    figures = run_benchmark("search_comparison", "strategies", *small, *asked)
    left_out = {"grid"} if importlib.util.find_spec("optuna") else {"grid", "optuna"}  # Optuna is an extra
    assert {*STRATEGIES, "neat", "darts", "darts restarts"} - left_out == set(figures["rows"])
    for curve in figures["curves"]:
        assert curve["samples"][-1] >= 400 or curve["contender"] == "darts", curve
        assert curve["samples"] == sorted(curve["samples"]) and curve["best"] == sorted(curve["best"])
        if not curve["contender"].startswith("darts"):
            assert len(curve["samples"]) > 1
        assert 0 < curve["best"][-1] <= 1
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_rank_correlation(tmp_path: Path) -> None:
    small = ["--networks", "3", "--generations", "5", "--rungs", "1"]  # the first has one network: it starts small
    figures = run_benchmark("rank_correlation", "--config", str(few_epochs(tmp_path)), *small)
    assert -1 <= figures["rho"] <= 1
    fitness = [network["fitness"] for network in figures["networks"]]
    assert fitness == sorted(fitness) and len(fitness) == 3


@pytest.mark.slow
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


@pytest.mark.slow
def test_cells_are_compared_at_one_size_and_none_is_trained_twice(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_5", "relu"), Edge(0, "max_pool_3"))),))
    Architecture(cell, Skeleton()).save(other)
    given = ("--config", str(DIGITS_INI), "--channels", "8", "--epochs", "2", "--random", "1", "--seeds", "2")
    asked = (str(RESNET_BLOCK), str(other), *given, "--keep", str(tmp_path / "kept.json"))
    figures = run_benchmark("equal_size", *asked, "--processes", "2")
    rows = {(row["name"], row["seed"]): row for row in figures["rows"]}
    assert rows.keys() == {("resnet_block", 1), ("resnet_block", 2), ("other", 1), ("other", 2), ("random 1", 1)}
    assert rows["resnet_block", 1]["channels"] == 8 and rows["resnet_block", 1]["parameters"] == figures["parameters"]
    for row in figures["rows"]:
        assert abs(row["parameters"] - figures["parameters"]) <= 0.1 * figures["parameters"]
        assert 0.2 < row["accuracy"] <= 1
    assert run_benchmark("equal_size", *asked) == figures


def test_a_file_that_is_called_random_is_no_random_cell(tmp_path: Path) -> None:
    """As the benchmark of random genomes calls its files; and nobody must ask for random cells."""
    named = tmp_path / "random_1.json"
    Architecture.load(RESNET_BLOCK).save(named)
    given = ("--config", str(DIGITS_INI), "--channels", "4", "--epochs", "1", "--seeds", "1")
    (row,) = run_benchmark("equal_size", str(named), *given)["rows"]
    assert (row["name"], row["is_random"]) == ("random_1", False)


def test_the_channels_that_make_a_network_as_large_are_found() -> None:
    like = Architecture.load(RESNET_BLOCK)
    size = count_parameters(build_network(like, DIGITS, seed=0))
    small = Architecture(CellGraph(1, (CellNode((Edge(0, "sep_conv_1"),)),)), Skeleton())
    found = equal_size.of_size(small, like, size, DIGITS)
    assert found.cell == small.cell
    channels = found.skeleton.channels
    assert found.skeleton == replace(like.skeleton, channels=channels)

    def distance(count: int) -> int:
        other = replace(found, skeleton=replace(found.skeleton, channels=count))
        return abs(count_parameters(build_network(other, DIGITS, seed=0)) - size)

    assert channels == min(range(1, 100), key=distance)
    with pytest.raises(SearchError, match="no number of channels gives it 30 parameters, within 10% of that"):
        equal_size.of_size(small, like, 30, DIGITS)


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_searches_with_and_without_a_screen_have_the_same_seconds(tmp_path: Path) -> None:
    smaller = "--set", "Fitness.epochs=1", "Fitness.train_subset=200", "--screens", "none", "parameters"
    kept = str(tmp_path / "kept.json")
    figures = run_benchmark("screening", "--seconds", "6", "--seeds", "1", *smaller, "--keep", kept)
    plain, screened = figures["rows"]
    assert plain["screened_out"] == 0 < screened["screened_out"]
    for row in (plain, screened):
        assert 5 < row["seconds"] < 12
        assert row["trained"] > 1 and 0.5 < row["mean_of_best"] <= row["best"]
    assert run_benchmark("screening", "--seconds", "6", "--seeds", "1", *smaller, "--keep", kept) == figures
