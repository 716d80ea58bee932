"""Fitness: real scores, reuse by digest, and failures that cost only their own genome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from neat_deep.base.errors import SearchError
from neat_deep.base.randomness import derive_seed
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.ops import FeatureSpec, register_op
from neat_deep.scoring.scores import DISCONNECTED, DIVERGED, RAISED, REUSED, SCORED, Counts
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.settings import TrainingSettings
from tests.support import toy_data
from tests.support.random_cells import genome_config
from tests.support.toy_genomes import genomes

OPS = "identity sep_conv_3 max_pool_3 fails_in_forward gives_nan none"


class Broken(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.act(x)


def no_memory(x: Tensor) -> Tensor:
    raise MemoryError("not enough memory")


@pytest.fixture(autouse=True)
def broken_ops(registrations: None) -> None:
    """Two ops that fail, for this file's tests alone: every other file tests all ops that are registered."""

    @register_op("fails_in_forward", parametric=False)
    def fails_in_forward(spec: FeatureSpec) -> nn.Module:
        return Broken(no_memory)

    @register_op("gives_nan", parametric=False)
    def gives_nan(spec: FeatureSpec) -> nn.Module:
        return Broken(lambda x: x * float("nan"))


class Config:
    def __init__(self) -> None:
        self.genome_config = genome_config(op_options=OPS)


def evaluator(**fitness: Any) -> FitnessEvaluator:
    settings = FitnessSettings(**{"epochs": 1, "batch_size": 32, "learning_rate": 0.02, **fitness})
    return toy_data.evaluator(settings, channels=8)


def test_fitness_is_the_validation_accuracy_of_a_trained_network() -> None:
    config, score = Config(), evaluator(epochs=3, channels=4)
    made = genomes(config, "sep_conv_3")
    score(made, config)
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"),)),))
    digest = cell.digest()
    data = toy_data.dataset()
    model = build_network(
        Architecture(cell, Skeleton(channels=4, cells=1)), data.spec, seed=derive_seed(3, digest, "weights")
    )
    training = FitnessSettings(epochs=3, batch_size=32, learning_rate=0.02).training(TrainingSettings())
    device = torch.device("cpu")
    fit(model, data.train, training, device=device, seed=derive_seed(3, digest, "training"))
    assert made[0][1].fitness == evaluate(model, data.validation, device=device).accuracy
    assert score.best is not None
    assert score.best.parameters == count_parameters(model)
    assert score.best.architecture == Architecture(cell, Skeleton(channels=8, cells=1))  # to be retrained at full width


def test_equal_networks_are_trained_once() -> None:
    config, score = Config(), evaluator()
    made = genomes(config, "sep_conv_3", "sep_conv_3")
    made[1][1].mutate_add_node(config.genome_config)  # a neutral mutant
    score(made, config)
    assert [s.status for s in score.generation] == [SCORED, REUSED]
    assert made[0][1].fitness == made[1][1].fitness
    score(made, config)
    assert [s.status for s in score.generation] == [REUSED, REUSED]
    assert score.scorer.counts == Counts(trained=1, reused=3, failed=0)


def test_scores_do_not_depend_on_order_or_company() -> None:
    config = Config()
    alone, together = evaluator(), evaluator()
    one = genomes(config, "sep_conv_3")
    alone(one, config)
    many = genomes(config, "max_pool_3", "identity", "sep_conv_3")
    together(many, config)
    assert many[2][1].fitness == one[0][1].fitness


def test_a_failing_genome_is_never_as_fit_as_a_valid_one() -> None:
    """Or elites and parents of a generation whose valid genomes are all alike would be drawn among the failed."""
    config, score = Config(), evaluator()
    made = genomes(config, "none", "sep_conv_3", "fails_in_forward", "sep_conv_3")
    score(made, config)
    fitness = [genome.fitness for _, genome in made]
    assert fitness[1] == fitness[3]
    assert max(fitness[0], fitness[2]) < fitness[1]


def test_a_failing_genome_costs_its_own_fitness_only() -> None:
    config, score = Config(), evaluator()
    made = genomes(config, "fails_in_forward", "sep_conv_3", "gives_nan", "none", "max_pool_3")
    score(made, config)
    sound = evaluator()
    reference = genomes(config, "sep_conv_3", "max_pool_3")
    sound(reference, config)
    assert [s.status for s in score.generation] == [RAISED, SCORED, DIVERGED, DISCONNECTED, SCORED]
    assert [made[1][1].fitness, made[4][1].fitness] == [g.fitness for _, g in reference]
    lowest = min(g.fitness for _, g in reference)
    assert [made[i][1].fitness for i in (0, 2, 3)] == [pytest.approx(lowest, abs=1e-12)] * 3
    reasons = [s.reason for s in score.generation]
    assert reasons[0].startswith("the memory ran out; less is needed with a lower batch_size")
    assert "loss became nan" in reasons[2]
    assert "nothing connects" in reasons[3]
    assert score.scorer.counts.failed == 3


def test_a_generation_without_a_single_network_goes_on() -> None:
    config, score = Config(), evaluator()
    made = genomes(config, "none", "none")
    score(made, config)
    assert [g.fitness for _, g in made] == [0.0, 0.0]
    assert score.best is None


def test_a_generation_in_which_everything_raises_is_an_error() -> None:
    config, score = Config(), evaluator()
    with pytest.raises(SearchError, match="every candidate .* failed; the first: the memory ran out"):
        score(genomes(config, "fails_in_forward"), config)


def test_the_best_is_never_a_failed_genome_and_divergence_is_remembered() -> None:
    config, score = Config(), evaluator()
    made = genomes(config, "none", "gives_nan", "sep_conv_3")
    score(made, config)
    assert score.best_genome is made[2][1]
    first = score.generation[1]
    score(made, config)
    again = score.generation[1]
    assert (again.status, again.digest, again.reason) == (DIVERGED, first.digest, first.reason)
    assert again.seconds == 0.0


def test_listeners_hear_everything() -> None:
    events: list[str] = []

    class Listener:
        def generation_started(self, generation: int, candidates: int) -> None:
            events.append(f"started {generation} {candidates}")

        def training_progressed(self, progress: Any) -> None:
            events.append("step")

        def candidate_scored(self, score: Any, is_best: bool) -> None:
            events.append(f"{score.status} {is_best}")

    config = Config()
    score = FitnessEvaluator(
        toy_data.dataset(),
        Skeleton(channels=8, cells=1),
        TrainingSettings(),
        FitnessSettings(epochs=1, batch_size=48),
        device=torch.device("cpu"),
        seed=0,
        listeners=[Listener()],
    )
    score(genomes(config, "sep_conv_3", "none"), config)
    assert events == ["started 0 2", "step", "step", "scored True", "disconnected False"]


def test_subsets_are_what_the_settings_say() -> None:
    config, score = Config(), evaluator(train_subset=32, validation_subset=10)
    made = genomes(config, "sep_conv_3")
    score(made, config)
    accuracy = made[0][1].fitness
    assert 10 * accuracy == pytest.approx(round(10 * accuracy))  # a share of ten examples, not of forty
