"""The signals of untrained networks, against what the papers' formulas give for networks small enough to see."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.data import Batch, DataSpec, TextSplit
from neat_deep.networks.network import build_network
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.job import untrained_batch
from neat_deep.scoring.metrics import METRICS, Untrained, measure_untrained
from neat_deep.scoring.objectives import OBJECTIVES
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.zero_cost import gradient_norm, jacov, nwot, synflow, zico
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support import toy_data

SIGNALS = [info.name for info in METRICS.values() if info.untrained]


class Tiny(nn.Module):
    """A stem, one hidden layer of ReLUs and a head, as matrices that a test can multiply itself."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        self.stem = nn.Linear(3, 4, bias=False)
        self.hidden = nn.Linear(4, 5, bias=False)
        self.head = nn.Linear(5, 2, bias=False)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(F.relu(self.hidden(self.stem(x))))
        return out


def untrained(examples: int = 8) -> Untrained:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(examples, 3, generator=generator)
    return Untrained(Tiny(), toy_data.SPEC, Batch(inputs, torch.arange(examples) % 2))


def matrices(of: Untrained) -> tuple[np.ndarray, ...]:
    net = of.network
    assert isinstance(net, Tiny)
    return tuple(m.weight.detach().double().numpy() for m in (net.stem, net.hidden, net.head))


def test_nwot_counts_units_that_switch_alike() -> None:
    of = untrained()
    stem, hidden, _ = matrices(of)
    codes = of.batch.inputs.double().numpy() @ stem.T @ hidden.T > 0
    kernel = np.array([[np.sum(one == other) for other in codes] for one in codes], dtype=float)
    assert nwot(of) == pytest.approx(np.linalg.slogdet(kernel + np.eye(8))[1])


def test_synflow_is_the_sum_over_all_paths() -> None:
    """R is linear in each layer's absolute weights, so the sum of |w dR/dw| over a layer is R itself."""
    of = untrained()
    _, hidden, head = matrices(of)
    total = np.ones(2) @ abs(head) @ abs(hidden) @ np.ones(4)
    assert synflow(of) == pytest.approx(math.log(2 * total))  # two layers after the stem


def test_jacov_is_the_papers_formula() -> None:
    of = untrained(examples=3)  # fewer than features: no eigenvalue is 0, whose reciprocal would be all that is seen
    stem, hidden, head = matrices(of)
    on = of.batch.inputs.double().numpy() @ stem.T @ hidden.T > 0
    jacobian = (np.ones(2) @ head * on) @ hidden  # of the summed logits, by the stem's output
    values = np.linalg.eigvalsh(np.corrcoef(jacobian)).clip(0) + 1e-5
    assert jacov(of) == pytest.approx(-np.sum(np.log(values) + 1 / values), rel=1e-4)


def test_gradient_norm_is_the_slope_of_the_loss() -> None:
    """A small step along the gradient changes the loss by its length times the step."""
    of = untrained()
    before, net = gradient_norm(of), copy.deepcopy(of.network).double()
    inputs, labels = of.batch.inputs.double(), of.batch.labels
    weights = list(net.parameters())
    gradients = torch.autograd.grad(F.cross_entropy(net(inputs), labels), weights)
    step = 1e-6
    with torch.no_grad():
        start = F.cross_entropy(net(inputs), labels)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight += step * gradient / before
        assert (F.cross_entropy(net(inputs), labels) - start) / step == pytest.approx(before, rel=1e-4)


def test_zico_is_the_papers_formula() -> None:
    of = untrained()
    parts = []
    for start in range(0, 8, 2):
        logits = of.network(of.batch.inputs[start : start + 2])
        loss = F.cross_entropy(logits, of.batch.labels[start : start + 2])
        parts.append(torch.autograd.grad(loss, list(of.network.parameters())))
    total = 0.0
    for layer in zip(*parts, strict=True):
        gradients = np.stack([gradient.double().numpy() for gradient in layer])
        spread = gradients.std(0)
        total += math.log(np.sum(abs(gradients).mean(0)[spread > 0] / spread[spread > 0]))
    assert zico(of) == pytest.approx(total, rel=1e-5)


def cell(activation: str, op: str = "sep_conv_3") -> CellGraph:
    return CellGraph(1, (CellNode((Edge(0, op, activation), Edge(0, "identity"))),))


TEXTS = DataSpec("texts", 1, 2, ("bad", "good"), (9,), (), (), vocabulary=30)


def batch_of(rank: int) -> tuple[DataSpec, Batch]:
    """Sixteen images, or texts of 3 to 8 tokens."""
    if rank == 2:
        return toy_data.SPEC, next(toy_data.stripes(16, 0).eval_batches(16))
    generator = torch.Generator().manual_seed(2)
    lengths = torch.arange(16) % 6 + 3
    tokens = torch.randint(2, 30, (int(lengths.sum()),), generator=generator, dtype=torch.int32)
    return TEXTS, next(TextSplit(tokens, lengths, torch.arange(16) % 2, TEXTS).eval_batches(16))


@pytest.mark.parametrize("activation", ["relu", "identity", "tanh"])
@pytest.mark.parametrize("rank", [1, 2])
def test_every_signal_is_a_number_for_images_and_texts_and_changes_nothing(rank: int, activation: str) -> None:
    """Without a ReLU, too, and for texts of several lengths."""
    spec, batch = batch_of(rank)
    network = build_network(Architecture(cell(activation), Skeleton(rank=rank, channels=4, cells=1)), spec, seed=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = measure_untrained(SIGNALS, network, spec, batch)
    assert set(found) == set(SIGNALS) and all(map(math.isfinite, found.values()))
    assert found == measure_untrained(SIGNALS, network, spec, batch)
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", [*SIGNALS, "training_speed", "balanced_accuracy", "macro_f1"])
def test_each_can_be_what_a_network_is_worth(name: str) -> None:
    evaluator = toy_data.evaluator(FitnessSettings(epochs=2, objective=name))
    scores = evaluator.scorer.score(
        [Candidate(n, Architecture(cell("relu", op), evaluator.scorer.skeleton)) for n, op in enumerate(OPS)]
    )
    for score in scores:
        assert score.objective == pytest.approx(OBJECTIVES.load(name)(score.metrics))
    assert len({score.objective for score in scores}) == len(OPS)


OPS = ("sep_conv_3", "max_pool_3")


def test_a_metric_of_an_untrained_network_does_not_change_its_training() -> None:
    plain = toy_data.evaluator(FitnessSettings(epochs=1))
    measured = toy_data.evaluator(FitnessSettings(epochs=1, metrics=tuple(SIGNALS)))
    candidate = Candidate(0, Architecture(cell("relu"), plain.scorer.skeleton))
    one, other = (evaluator.scorer.score([candidate])[0] for evaluator in (plain, measured))
    assert (one.accuracy, one.metrics["loss"]) == (other.accuracy, other.metrics["loss"])


def test_more_classes_than_the_papers_batches_have_examples() -> None:
    many = replace(toy_data.SPEC, num_classes=70, class_names=tuple(f"class {n}" for n in range(70)))
    split = toy_data.stripes(140, 0)
    assert len(untrained_batch(replace(split, spec=many, labels=torch.arange(140) % 70), many).labels) == 70
    assert len(untrained_batch(split, toy_data.SPEC).labels) == 64
    assert len(untrained_batch(toy_data.stripes(20, 0), toy_data.SPEC).labels) == 20


def test_texts_that_are_too_long_for_one_batch_of_a_training_are_measured_together() -> None:
    spec = DataSpec("texts", 1, 2, ("a", "b"), (1500,), (), (), vocabulary=9)
    lengths = torch.tensor([1500, 3] * 40)
    texts = TextSplit(torch.randint(1, 9, (int(lengths.sum()),)), lengths, torch.arange(80) // 2 % 2, spec)
    assert len(list(texts.eval_batches(64))) > 1
    batch = untrained_batch(texts, spec)
    assert batch.inputs.shape == (64, 1500) and batch.mask is not None
    assert set(batch.mask.sum(1).tolist()) == {3, 1500}
    assert batch.labels.bincount().tolist() == [32, 32]
    assert batch.inputs[~batch.mask].eq(0).all() and batch.inputs[batch.mask].ge(1).all()


def test_a_signal_is_the_same_whatever_else_is_measured_and_has_no_dropout() -> None:
    skeleton = Skeleton(channels=4, cells=1, dropout=0.5)
    network = build_network(Architecture(cell("relu"), skeleton), toy_data.SPEC, seed=1)
    _, batch = batch_of(2)
    together = measure_untrained(SIGNALS, network, toy_data.SPEC, batch)
    for name in reversed(SIGNALS):
        assert measure_untrained([name], network, toy_data.SPEC, batch) == {name: together[name]}


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_synflow_leaves_norms_out(norm: str) -> None:
    """Twice the weights of one layer are twice the flow through all of them, which a norm would take back."""
    skeleton = Skeleton(channels=4, cells=1, norm=norm)
    flows = []
    for factor in (1, 2):
        network = build_network(Architecture(cell("identity"), skeleton), toy_data.SPEC, seed=1)
        with torch.no_grad():
            network.head.linear.weight *= factor  # type: ignore[union-attr, operator]
            network.head.linear.bias.zero_()  # type: ignore[union-attr, operator]
        flows.append(measure_untrained(["synflow"], network, *batch_of(2))["synflow"])
    assert flows[1] - flows[0] == pytest.approx(math.log(2))


def test_the_training_losses_are_summed_by_epoch() -> None:
    """With a learning rate next to nothing every epoch's mean loss is the same."""
    sums = []
    for epochs in (1, 3):
        settings = FitnessSettings(epochs=epochs, metrics=("loss_sum",), learning_rate=1e-12)
        evaluator = toy_data.evaluator(settings)
        candidate = Candidate(0, Architecture(cell("relu"), evaluator.scorer.skeleton))
        sums.append(evaluator.scorer.score([candidate])[0].metrics["loss_sum"])
    assert sums[1] == pytest.approx(3 * sums[0], rel=0.02)
