"""The architect's gradients against exact autograd, and all that it must leave as it was."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from darts import Architect, SearchSpace, Supernet
from darts.architect import EPSILON
from neat_deep.base.randomness import seeded
from neat_deep.data import Batch
from neat_deep.space.architecture import Skeleton
from neat_deep.training.optimizer import make_optimizer
from neat_deep.training.settings import TrainingSettings
from tests.support.toy_supernet import SKELETON, SPACE, batch, relative_error, supernet

MOMENTUM, DECAY, RATE, SEED = 0.9, 0.2, 0.1, 11
TRAIN, VALIDATION = batch(1), batch(2)

VARIANTS: dict[str, dict[str, Any]] = {
    "as published": {},
    "add and mul": {"space": SearchSpace(SPACE.ops, SPACE.activations, ("add", "mul"), nodes=2)},
    "concatenated": {"space": SearchSpace(SPACE.ops, SPACE.activations, nodes=2, output="concat")},
    "one input": {"space": SearchSpace(SPACE.ops, ("identity", "tanh", "sigmoid"), nodes=2, num_inputs=1)},
    "partial channels": {"partial_channels": 2, "edge_normalisation": True},
    "layer norm": {"skeleton": Skeleton(channels=8, cells=1, norm="layer")},
    "dropout": {"skeleton": Skeleton(channels=8, cells=1, dropout=0.5)},
}


def sgd(net: Supernet, steps: int = 3) -> torch.optim.Optimizer:
    """The optimizer that the search makes, after a few steps: its momentum buffers are not zero."""
    settings = TrainingSettings(optimizer="sgd", learning_rate=0.05, momentum=MOMENTUM, weight_decay=DECAY)
    optimizer = make_optimizer(net.network, settings)
    for step in range(steps):
        optimizer.zero_grad()
        some = batch(100 + step)
        F.cross_entropy(net(some.inputs), some.labels).backward()
        optimizer.step()
    net.zero_grad()
    return optimizer


class Exact(NamedTuple):
    """What double backward gives: the gradient, its part at the virtual weights, and the length of dL_val / dw'."""

    gradient: list[Tensor]
    direct: list[Tensor]
    length: float


def exact(net: Supernet, optimizer: torch.optim.Optimizer, train: Batch, validation: Batch) -> Exact:
    """The gradient of L_val(w - xi (momentum b + dL_train / dw + decay w), alpha) by alpha, differentiated twice."""
    weights = {f"network.{name}": w for name, w in net.network.named_parameters()}
    alphas = list(net.alphas.parameters())

    def loss(values: dict[str, Tensor], data: Batch) -> Tensor:
        with seeded(SEED):
            buffers = {name: b.clone() for name, b in net.named_buffers()}
            return F.cross_entropy(functional_call(net, {**values, **buffers}, (data.inputs,)), data.labels)

    slopes = torch.autograd.grad(loss(weights, train), list(weights.values()), create_graph=True)
    virtual = {}
    for (name, w), slope in zip(weights.items(), slopes, strict=True):
        buffer = optimizer.state[w]["momentum_buffer"] if optimizer.state else torch.zeros_like(w)
        decay = DECAY if w.ndim > 1 else 0.0  # norms and biases have none
        virtual[name] = w.detach() - RATE * (MOMENTUM * buffer + slope + decay * w.detach())
    gradient = torch.autograd.grad(loss(virtual, validation), alphas)
    still = {name: w.detach().requires_grad_() for name, w in virtual.items()}
    direct = torch.autograd.grad(loss(still, validation), [*alphas, *still.values()])
    length = torch.cat([d.flatten() for d in direct[len(alphas) :]]).norm()
    return Exact(list(gradient), list(direct[: len(alphas)]), float(length))


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_second_order_is_the_exact_gradient(options: dict[str, Any]) -> None:
    net = supernet(**options)
    optimizer = sgd(net)
    wanted = exact(net, optimizer, TRAIN, VALIDATION)
    found = Architect(net).second_order(TRAIN, VALIDATION, optimizer, RATE, seed=SEED)
    assert relative_error(found.gradients, wanted.gradient) < 1e-3
    # The second-order term by itself, which is the smaller part of the gradient.
    terms = [[g - d for g, d in zip(whole, wanted.direct, strict=True)] for whole in (found.gradients, wanted.gradient)]
    assert relative_error(*terms) < 0.01


@pytest.mark.parametrize("wrong", ["half", "double", "times the step", "over the direction's length"])
def test_a_difference_divided_wrongly_would_show(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published pitfalls: `/ 2 * eps` for `/ (2 * eps)`, a step that is not scaled back, and a factor of two."""
    net = supernet()
    optimizer = sgd(net)
    wanted = exact(net, optimizer, TRAIN, VALIDATION)
    step = EPSILON / wanted.length
    factor = {"half": 0.5, "double": 2.0, "times the step": step**2, "over the direction's length": 1 / wanted.length}
    right = Architect._mixed_product

    def divided_wrongly(self: Architect, *arguments: Any) -> Any:
        return [factor[wrong] * term for term in right(self, *arguments)]

    monkeypatch.setattr(Architect, "_mixed_product", divided_wrongly)
    found = Architect(net).second_order(TRAIN, VALIDATION, optimizer, RATE, seed=SEED)
    assert relative_error(found.gradients, wanted.gradient) > 1e-3


def test_second_order_without_a_step_before() -> None:
    """The optimizer has no momentum buffers then."""
    net = supernet()
    optimizer = sgd(net, steps=0)
    found = Architect(net).second_order(TRAIN, VALIDATION, optimizer, RATE, seed=SEED)
    assert relative_error(found.gradients, exact(net, optimizer, TRAIN, VALIDATION).gradient) < 1e-3


def test_the_virtual_step_is_the_one_that_the_optimizer_takes() -> None:
    """Taken for real, it gives the loss that the architect saw: momentum, decay by group and all."""
    net = supernet()
    optimizer = sgd(net)
    found = Architect(net).second_order(TRAIN, VALIDATION, optimizer, RATE, seed=SEED)
    for group in optimizer.param_groups:
        group["lr"] = RATE
    F.cross_entropy(net(TRAIN.inputs), TRAIN.labels).backward()
    optimizer.step()
    taken = F.cross_entropy(net(VALIDATION.inputs), VALIDATION.labels)
    torch.testing.assert_close(found.loss, taken.detach())


def test_no_learning_rate_no_second_order() -> None:
    net = supernet()
    architect, optimizer = Architect(net), sgd(net)
    first = architect.first_order(VALIDATION, seed=SEED)
    second = architect.second_order(TRAIN, VALIDATION, optimizer, 0.0, seed=SEED)
    torch.testing.assert_close(second.gradients, first.gradients)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_first_order_is_the_plain_gradient(options: dict[str, Any], weighted: bool) -> None:
    net = supernet(**options)
    with seeded(SEED):
        logits = net(VALIDATION.inputs)
    weights = torch.linspace(0.5, 2.0, logits.shape[1], dtype=logits.dtype) if weighted else None
    found = Architect(net, loss_weights=weights).first_order(VALIDATION, seed=SEED)
    loss = F.cross_entropy(logits, VALIDATION.labels, weights)
    wanted = torch.autograd.grad(loss, list(net.alphas.parameters()))
    torch.testing.assert_close(found.gradients, list(wanted))
    torch.testing.assert_close(found.loss, loss.detach())
    assert float(found.accuracy) == pytest.approx(float((logits.argmax(1) == VALIDATION.labels).float().mean()))


def everything(net: Supernet, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Weights, alphas, buffers of norms, momentum buffers, random state: what an architect could disturb."""
    buffers = [optimizer.state[w]["momentum_buffer"] for w in net.weights()]
    return [t.clone() for t in (*net.state_dict().values(), *buffers, torch.get_rng_state())]


@pytest.mark.parametrize("order", ["first", "second"])
def test_nothing_is_disturbed(order: str) -> None:
    net = supernet(skeleton=Skeleton(channels=8, cells=2, dropout=0.3))
    optimizer = sgd(net)
    net.identity_dropout = 0.4
    before, settings = everything(net, optimizer), copy.deepcopy(optimizer.state_dict()["param_groups"])
    architect_step(net, optimizer, order)
    assert all(torch.equal(a, b) for a, b in zip(before, everything(net, optimizer), strict=True))
    assert optimizer.state_dict()["param_groups"] == settings
    assert all(p.grad is None for p in net.parameters())
    assert all(p.requires_grad for p in net.parameters())
    assert net.training


def architect_step(net: Supernet, optimizer: torch.optim.Optimizer, order: str) -> list[Tensor]:
    architect = Architect(net)
    if order == "first":
        return architect.first_order(VALIDATION, seed=SEED).gradients
    return architect.second_order(TRAIN, VALIDATION, optimizer, RATE, seed=SEED).gradients


@pytest.mark.parametrize("order", ["none", "first", "second"])
def test_the_weights_draw_the_same_dropout_with_an_architect_and_without(order: str) -> None:
    net = supernet(skeleton=Skeleton(channels=8, cells=1, dropout=0.5))
    optimizer = sgd(net)
    net.identity_dropout = 0.5
    with seeded(5):
        alone = net(TRAIN.inputs)
    with seeded(5):
        if order != "none":
            architect_step(net, optimizer, order)
        beside = net(TRAIN.inputs)
    assert torch.equal(alone, beside)


def test_the_seed_decides_what_an_architect_draws() -> None:
    net = supernet(skeleton=Skeleton(channels=8, cells=1, dropout=0.5))
    architect = Architect(net)
    found = [architect.first_order(VALIDATION, seed=seed).gradients[0] for seed in (1, 1, 2)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_an_alpha_that_nothing_depends_on_has_a_gradient_of_zero() -> None:
    """A single edge's weight among its node's edges is 1, whatever its alpha."""
    space = SearchSpace(SPACE.ops, SPACE.activations, nodes=1, num_inputs=1)
    net = supernet(space=space, edge_normalisation=True)
    optimizer = sgd(net)
    candidates, edges = architect_step(net, optimizer, "first")
    assert candidates.abs().sum() > 0
    assert edges.abs().sum() == 0
    second = architect_step(net, optimizer, "second")
    wanted = exact_without_edges(net, optimizer)
    assert relative_error(second[:1], wanted) < 1e-3
    assert second[1].abs().sum() == 0


def exact_without_edges(net: Supernet, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    net.alphas.edges = None
    return exact(net, optimizer, TRAIN, VALIDATION).gradient


def test_a_sampled_pass_in_which_every_edge_is_switched_off() -> None:
    """`none` everywhere: the logits do not depend on the images, and no alpha can be blamed for anything."""
    net = supernet(space=SearchSpace(("none", "sep_conv_3"), nodes=1), skeleton=SKELETON)
    with torch.no_grad():
        net.alphas.candidates[..., 0] = 100.0
    net.temperature = 1.0
    found = Architect(net).first_order(VALIDATION, seed=SEED)
    assert found.loss.isfinite()
    assert found.gradients[0].abs().sum() == 0
