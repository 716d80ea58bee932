"""Accuracy against size: the front, and a fitness that puts a price on size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.reports.pareto import pareto_front
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture
from neat_deep.store.records import CandidateRecord
from neat_deep.store.run_store import RunStore
from tests.support import toy_data
from tests.support.candidate_records import row
from tests.support.random_cells import genome_config
from tests.support.toy_genomes import genomes
from tests.support.toy_search import PLAIN, experiment, search


def front(*rows: CandidateRecord) -> str:
    return "".join(entry.key for entry in pareto_front(rows).front)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("a", 10, 0.5), row("b", 20, 0.7), row("c", 30, 0.6)], "ab"),
        ([row("a", 10, 0.5), row("b", 10, 0.7)], "b"),
        ([row("a", 20, 0.5), row("b", 10, 0.5)], "b"),
        ([row("a", 10, 0.5), row("a", 10, 0.5)], "a"),  # an elite, seen twice
        ([row("a", 10, 0.9, rung=0), row("b", 20, 0.7, rung=1)], "b"),  # trained less: not comparable
        ([row("a", 10, None)], ""),
        ([], ""),
    ],
)
def test_the_front(rows: list[CandidateRecord], expected: str) -> None:
    assert front(*rows) == expected


def test_a_search_keeps_and_draws_its_front(tmp_path: Path) -> None:
    search(tmp_path, experiment(PLAIN, generations=2))
    assert (tmp_path / "pareto.png").read_bytes().startswith(b"\x89PNG")
    entries = json.loads((tmp_path / "pareto.json").read_text())
    with RunStore.read(tmp_path) as store:
        best = max(r.accuracy or 0.0 for r in store.candidates())
        digests = {(r.generation + 1, r.candidate): r.digest for r in store.candidates()}
    assert entries[-1]["accuracy_in_search"] == best
    assert [e["parameters_in_search"] for e in entries] == sorted(e["parameters_in_search"] for e in entries)
    for entry in entries:
        architecture = Architecture.from_json(json.dumps(entry["architecture"]))
        assert architecture.cell.digest() == digests[entry["generation"], entry["candidate"]]


class Config:
    genome_config = genome_config()


@pytest.mark.parametrize(("parameter_price", "mac_price"), [(50.0, 0.0), (0.0, 2.0), (0.0, 0.0)])
def test_fitness_is_accuracy_less_the_price_of_size(parameter_price: float, mac_price: float) -> None:
    settings = FitnessSettings(epochs=1, batch_size=48, learning_rate=0.02)
    score = toy_data.evaluator(replace(settings, parameter_price=parameter_price, mac_price=mac_price))
    made = genomes(Config(), "sep_conv_5", "max_pool_3", "identity")  # type: ignore[arg-type]
    score(made, Config())
    for (_, genome), found in zip(made, score.generation, strict=True):
        assert found.accuracy is not None and found.metrics["macs"] > 0
        price = parameter_price * found.parameters / 1e6 + mac_price * found.metrics["macs"] / 1e6
        assert genome.fitness == pytest.approx(found.accuracy - price)
    assert score.best_genome is max((genome for _, genome in made), key=lambda genome: genome.fitness)


def test_fitness_is_accuracy_less_the_price_of_measured_latency(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    store = RunStore.create(path, {})
    settings = FitnessSettings(epochs=1, batch_size=48, learning_rate=0.02, latency_price=0.01)
    score = toy_data.evaluator(settings, journal=store)
    made = genomes(Config(), "sep_conv_5", "max_pool_3", "sep_conv_5")  # type: ignore[arg-type]
    score(made, Config())
    for (_, genome), found in zip(made, score.generation, strict=True):
        assert found.accuracy is not None and found.metrics["latency"] > 0
        assert genome.fitness == pytest.approx(found.accuracy - 0.01 * found.metrics["latency"])
    assert made[0][1].fitness == made[2][1].fitness  # twins share one measurement
    assert {row.key: row.metrics for row in store.evaluations()} == {s.key: s.metrics for s in score.generation}
    store.close()


@pytest.mark.parametrize("key", ["parameter_price", "mac_price", "latency_price"])
def test_prices_are_not_negative(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: got -1.0, allowed: 0 or more"):
        FitnessSettings(**{key: -1.0})  # type: ignore[arg-type]
