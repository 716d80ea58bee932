"""Training: repeatable, weighted by batch, schedules as published, and loud about what is not finite."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from neat_deep.base.errors import ConfigError, DivergedError
from neat_deep.data import Augmentation
from neat_deep.networks.network import Network, build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.fit import Progress, evaluate, fit
from neat_deep.training.settings import OPTIMIZERS, TrainingSettings
from tests.support.toy_data import SPEC, stripes

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(epochs=3, batch_size=32, learning_rate=0.02, augmentation=Augmentation(shift=1))


def network(seed: int = 0, dropout: float = 0.2) -> Network:
    cell = CellGraph(1, (CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "dil_conv_3"))),))
    return build_network(Architecture(cell, Skeleton(channels=8, cells=2, dropout=dropout)), SPEC, seed=seed)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant"])
def test_it_learns(optimizer: str, schedule: str) -> None:
    settings = TrainingSettings(epochs=20, batch_size=16, optimizer=optimizer, schedule=schedule, learning_rate=0.01)
    model = network(dropout=0.0)
    report = fit(model, stripes(96, 0), settings, device=CPU, seed=1)
    assert report.samples == 20 * 96
    assert evaluate(model, stripes(60, 2), device=CPU).accuracy > 0.9


class Wavering(nn.Module):
    """Other logits at each call, as dropout would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.bias + torch.tensor([[0.5, 0.1], [0.2, 0.9]][self.calls % 2]).expand(len(x), 2)


def test_r_drop_adds_how_far_two_passes_are_apart() -> None:
    train = stripes(16, 0)
    settings = TrainingSettings(epochs=1, batch_size=16, r_drop=2.0)
    losses: list[float] = []
    fit(Wavering(), train, settings, device=CPU, seed=0, on_step=lambda progress: losses.append(progress.loss))
    one, two = (torch.tensor(logits).log_softmax(0) for logits in ([0.2, 0.9], [0.5, 0.1]))
    entropy = -(one[train.labels] + two[train.labels]).mean() / 2
    divergences = (one.exp() * (one - two)).sum() + (two.exp() * (two - one)).sum()
    assert losses == [pytest.approx(float(entropy + 2.0 / 4 * divergences), rel=1e-5)]


def test_r_drop_changes_nothing_where_both_passes_agree() -> None:
    found = []
    for r_drop in (0.0, 3.0):
        model = network(dropout=0.0)
        fit(model, stripes(32, 0), TrainingSettings(epochs=1, batch_size=16, r_drop=r_drop), device=CPU, seed=1)
        found.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant"])
def test_the_first_step_and_the_last_move_the_weights(schedule: str) -> None:
    model = network(dropout=0.0)
    trail = [weights(model)]
    settings = TrainingSettings(epochs=2, batch_size=16, schedule=schedule, weight_decay=0.0)
    fit(model, stripes(96, 0), settings, device=CPU, seed=1, on_step=lambda _: trail.append(weights(model)))
    kernels = [index for index, (name, _) in enumerate(model.state_dict().items()) if name.endswith("conv.weight")]
    for before, after in (trail[:2], trail[-2:]):
        assert all(not torch.equal(before[index], after[index]) for index in kernels)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def test_the_same_seed_repeats_bit_for_bit_whatever_the_global_state() -> None:
    found = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        model = network()
        fit(model, stripes(96, 0), SETTINGS, device=CPU, seed=7)
        found.append(weights(model))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    other = network()
    fit(other, stripes(96, 0), SETTINGS, device=CPU, seed=8)
    assert not all(torch.equal(a, b) for a, b in zip(found[0], weights(other), strict=True))


def test_global_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    fit(network(), stripes(32, 0), SETTINGS, device=CPU, seed=7)
    assert torch.equal(torch.rand(2), expected)


def test_evaluation_counts_every_example_once() -> None:
    model, split = network(), stripes(23, 3)
    whole = evaluate(model, split, device=CPU, batch_size=23)
    parts = evaluate(model, split, device=CPU, batch_size=5)
    assert parts.examples == whole.examples == 23
    assert parts.accuracy == whole.accuracy
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert model.training


def test_non_finite_loss_is_detected_at_once() -> None:
    steps: list[Progress] = []
    settings = replace(SETTINGS, learning_rate=100.0, optimizer="sgd", schedule="constant", momentum=0.0)
    model = nn.Sequential(nn.Flatten(), Exploding())
    with pytest.raises(DivergedError, match="the loss became nan in epoch 1 of 3"):
        fit(model, stripes(96, 0), settings, device=CPU, seed=0, on_step=steps.append)
    assert len(steps) == 1


def test_a_last_step_that_breaks_the_weights_is_detected() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    model[1].weight.register_hook(lambda grad: grad * math.nan)
    with pytest.raises(DivergedError, match="weights were not finite after the last of 1 epochs"):
        fit(model, stripes(32, 0), replace(SETTINGS, epochs=1), device=CPU, seed=0)


class Exploding(nn.Module):
    """Gives a sound result once, then NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(36, 2)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.linear(x) * (math.nan if self.calls > 1 else 1.0)


def test_gradient_clipping_bounds_the_step() -> None:
    settings = TrainingSettings(
        epochs=1, batch_size=96, optimizer="sgd", learning_rate=1.0, momentum=0, schedule="constant",
        weight_decay=0, gradient_clip=1e-3,
    )  # fmt: skip
    model = network(dropout=0.0)
    before = [p.detach().clone() for p in model.parameters()]
    fit(model, stripes(96, 0), settings, device=CPU, seed=0)
    moved = math.sqrt(sum((p - b).square().sum().item() for p, b in zip(model.parameters(), before, strict=True)))
    assert moved == pytest.approx(1e-3, rel=0.01)


def test_averaged_weights_are_the_moving_average() -> None:
    settings = TrainingSettings(epochs=1, batch_size=48, optimizer="sgd", schedule="constant", ema=0.75)
    model, plain = network(dropout=0.0), network(dropout=0.0)
    trail: list[list[torch.Tensor]] = []
    fit(plain, stripes(96, 0), replace(settings, ema=0.0), device=CPU, seed=0,
        on_step=lambda _: trail.append([p.detach().clone() for p in plain.parameters()]))  # fmt: skip
    fit(model, stripes(96, 0), settings, device=CPU, seed=0)
    assert len(trail) == 2
    for got, first, second in zip(model.parameters(), *trail, strict=True):
        torch.testing.assert_close(got, 2 / 11 * first + 9 / 11 * second, rtol=1e-4, atol=1e-6)


class WithPlaces(Wavering):
    """A user's module with whole numbers, as places of a table are."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("places", torch.arange(-1, 5000))


def test_an_average_leaves_whole_numbers_as_they_are() -> None:
    """Also where a part of one and a part of the same, each cut off behind the point, would be one less."""
    model = WithPlaces()
    fit(model, stripes(96, 0), TrainingSettings(epochs=6, batch_size=16, ema=0.99), device=CPU, seed=0)
    assert model.places.tolist() == list(range(-1, 5000))


def test_a_high_decay_does_not_spoil_a_short_training() -> None:
    model = network(dropout=0.0)
    settings = TrainingSettings(epochs=20, batch_size=16, learning_rate=0.01, ema=0.999)
    fit(model, stripes(96, 0), settings, device=CPU, seed=1)
    assert evaluate(model, stripes(60, 2), device=CPU).accuracy > 0.9


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_early_stopping_keeps_the_best_epoch(ema: float) -> None:
    """The weights are those of the epoch that scored best; nothing better came for as long as asked."""
    settings = replace(SETTINGS, epochs=30, batch_size=16, ema=ema, early_stopping=3, schedule="constant")
    model, validation = network(), stripes(40, 1)
    report = fit(model, stripes(96, 0), settings, device=CPU, seed=1, validation=validation)
    assert report.best_epoch + 3 == report.epochs < 30
    assert report.samples == report.epochs * 96
    again = network()  # the schedule is constant, so a training of as many epochs goes the same way
    fit(again, stripes(96, 0), replace(settings, epochs=report.best_epoch, early_stopping=0), device=CPU, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(weights(model), weights(again), strict=True))
    assert evaluate(model, validation, device=CPU) == evaluate(again, validation, device=CPU)


def test_without_early_stopping_the_last_epoch_counts() -> None:
    report = fit(network(), stripes(32, 0), SETTINGS, device=CPU, seed=1, validation=stripes(40, 1))
    assert report.epochs == report.best_epoch == 3


def test_early_stopping_needs_what_to_stop_by() -> None:
    with pytest.raises(ConfigError, match="early_stopping: got 2, allowed: 0, or a validation part to stop by"):
        fit(network(), stripes(32, 0), replace(SETTINGS, early_stopping=2), device=CPU, seed=1)


def test_autocast_keeps_weights_in_float32() -> None:
    model = network()
    fit(model, stripes(64, 0), replace(SETTINGS, precision="bfloat16", epochs=1), device=CPU, seed=0)
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in model.parameters())


def test_progress_reaches_the_end() -> None:
    steps: list[Progress] = []
    fit(network(), stripes(70, 0), SETTINGS, device=CPU, seed=0, on_step=steps.append)
    assert [s.epoch for s in steps] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert steps[-1].share == 1.0
