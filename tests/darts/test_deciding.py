"""What makes alphas decide, or does without them: candidates that are ruled out, prices, curvature, perturbation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from darts import Alphas, Architect, DartsSettings, SearchSpace, Supernet, derive
from darts.alpha_price import entropy, price_gradients, undecided
from darts.curvature import WINDOW, has_grown, largest_eigenvalue
from darts.epoch import EpochTrainer
from darts.history import EpochSummary
from darts.perturbation import PerturbationSelection
from darts.shrinking import candidates_left, shrink
from darts.warm_starts import alphas_of, inherit_network, warm_start
from neat_deep.data import Augmentation
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from tests.support.toy_data import SPEC, stripes
from tests.support.toy_supernet import SKELETON, SPACE, batch, spread_alphas, supernet

CPU = torch.device("cpu")


def only(alphas: Alphas, cell: CellGraph) -> Tensor:
    """The mask that leaves the edges of a cell, each with its candidate."""
    space = alphas.space
    alive = torch.zeros_like(alphas.alive)
    for index, node in enumerate(cell.nodes):
        for edge in node.edges:
            row = [str(c) for c in space.candidates].index(
                edge.op if edge.activation == "identity" else f"{edge.op} {edge.activation}"
            )
            alive[:, space.edges_into(index)[edge.source], row] = True
    return alive


# --- candidates that are ruled out -------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), concat=st.booleans(), multiply=st.booleans())
@settings(max_examples=10, deadline=None)
def test_a_supernet_with_one_cell_left_is_the_network_of_that_cell(seed: int, concat: bool, multiply: bool) -> None:
    aggregations = ("mul",) if multiply else ("add",)
    output: Any = "concat" if concat else "last"
    space = SearchSpace(SPACE.ops, SPACE.activations, aggregations, nodes=3, output=output)
    made = supernet(space)
    spread_alphas(made, seed=seed)
    cell = derive(made.alphas)
    made.alphas.restrict(only(made.alphas, cell))
    assert derive(made.alphas).digest() == cell.digest()
    network = inherit_network(made, cell, SKELETON, SPEC).double().eval()
    images = batch(seed).inputs
    assert torch.allclose(made.eval()(images), network(images), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"independent": True}, {"edge_normalisation": True}], ids=str)
def test_what_is_ruled_out_has_no_weight_and_comes_back(options: dict[str, Any]) -> None:
    made = supernet(**options)
    before = made(batch(1).inputs)
    all_of_them = made.alphas.alive.clone()
    some = all_of_them.clone()
    some[:, 0, 1:] = False  # `none` alone
    some[:, 2] = False  # no edge any more
    some[:, 3, 2:5] = False
    made.alphas.restrict(some)
    weights = made.alphas.candidate_weights()
    assert bool((weights[~some] == 0).all())
    assert bool((weights[some] > 0).all())
    if not options.get("independent"):
        assert torch.allclose(weights.sum(-1), torch.tensor([[1.0, 1.0, 0.0, 1.0, 1.0]]).double())
    if (edges := made.alphas.edge_weights()) is not None:
        assert torch.allclose(edges, edges * torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0]).double())
        assert torch.allclose(edges.sum(-1), torch.tensor([2.0]).double())
    loss = made(batch(1).inputs).square().mean()
    (slope,) = torch.autograd.grad(loss, [made.alphas.candidates])
    assert bool((slope[~some] == 0).all())
    assert bool(torch.isfinite(slope).all())
    made.alphas.restrict(all_of_them)
    assert torch.equal(made(batch(1).inputs), before)


def test_a_sample_is_drawn_from_what_is_left() -> None:
    made = supernet()
    alive = torch.zeros_like(made.alphas.alive)
    alive[:, :, [1, 4]] = True
    made.alphas.restrict(alive)
    for _ in range(20):
        chosen = made.alphas(temperature=1.0).chosen
        assert chosen is not None
        assert {row for edges in chosen for row in edges} <= {1, 4}
    strongest = made.alphas.strongest().chosen
    assert strongest is not None
    assert {row for edges in strongest for row in edges} <= {1, 4}


def test_independent_weights_are_sigmoids_and_derive_as_such() -> None:
    made = supernet(independent=True)
    assert torch.equal(made.alphas().candidates, made.alphas.candidates.sigmoid())
    with torch.no_grad():
        made.alphas.candidates.fill_(-1.0)
        made.alphas.candidates[0, 0, 1] = 0.1
        made.alphas.candidates[0, 1, 3] = 0.2
    first = derive(made.alphas).nodes[0]
    assert [edge.op for edge in first.edges] == ["sep_conv_3", "identity"]


# --- prices ------------------------------------------------------------------------------------------------------


def test_the_entropy_is_that_of_the_edges() -> None:
    alphas = supernet(edge_normalisation=True).alphas
    rows = [[-sum(p * math.log(p) for p in edge) for edge in kind] for kind in alphas.candidate_weights().tolist()]
    shares = alphas.edge_weights()
    assert shares is not None
    (own,) = shares.tolist()
    of_nodes = [-sum(p * math.log(p) for p in part) for part in (own[:2], own[2:])]
    assert entropy(alphas).item() == pytest.approx(sum(rows[0]) / len(rows[0]) + sum(of_nodes) / 2)
    one_node = replace(SPACE, nodes=1)
    decided = warm_start(supernet(one_node).alphas, CellGraph(2, (TWO,)), lead=1e4)
    assert entropy(decided).item() == pytest.approx(0, abs=1e-9)
    assert all(g is None or bool(torch.isfinite(g).all()) for g in price_gradients(decided, 1.0, 0.0))


TWO = CellNode((Edge(0, "sep_conv_3", "tanh"), Edge(1, "identity", "identity")), "add", 0)


def test_undecided_weights_cost_more() -> None:
    alphas = supernet(independent=True).alphas
    values = [(p - 0.5) ** 2 for edges in alphas.candidate_weights().tolist() for row in edges for p in row]
    assert undecided(alphas).item() == pytest.approx(-sum(values) / len(values))
    (slope,) = price_gradients(alphas, 0.0, 2.0)
    assert slope is not None
    with torch.no_grad():
        away_from_the_middle = torch.sign(alphas.candidates)
    assert bool((torch.sign(-slope) == away_from_the_middle).all())  # a step against the slope


def test_without_prices_there_is_nothing_to_add() -> None:
    assert price_gradients(supernet().alphas, 0.0, 0.0) == [None]


# --- shrinking ---------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), count=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_the_strongest_stay_and_a_real_op_among_them(seed: int, count: int) -> None:
    made = supernet()
    spread_alphas(made, seed=seed)
    weights = made.alphas.candidate_weights().detach()
    shrink(made.alphas, count)
    real = torch.tensor([c.op not in ("none", "identity") for c in SPACE.candidates])
    for row, alive in zip(weights[0], made.alphas.alive[0], strict=True):
        assert int(alive.sum()) == count
        assert bool((alive & real).any())
        wanted = set(row.topk(count).indices.tolist())
        kept = set(alive.nonzero().flatten().tolist())
        if any(bool(real[place]) for place in wanted):
            assert kept == wanted
        else:
            assert kept - wanted == {int(row.masked_fill(~real, -1.0).argmax())}


@pytest.mark.parametrize(
    ("numbers", "left"),
    [
        ((), [None] * 8),
        ((5,), [None] * 5 + [5, 5, 5]),
        ((5, 3), [None] * 4 + [5, 5, 3, 3]),
    ],
)
def test_stages_are_equal_parts_of_the_epochs_that_train_alphas(
    numbers: tuple[int, ...], left: list[int | None]
) -> None:
    wanted = DartsSettings(epochs=8, weight_epochs=2, shrink=numbers)
    assert [candidates_left(wanted, index) for index in range(8)] == left


@pytest.mark.parametrize("options", [{}, {"independent": True}, {"edge_normalisation": True}], ids=str)
def test_the_alphas_of_an_epoch_have_its_weights_again(options: dict[str, Any]) -> None:
    made = supernet(**options)
    shrink(made.alphas, 4)
    edges = made.alphas.edge_weights()
    weights = made.alphas.candidate_weights().tolist()
    epoch = EpochSummary(1, 0, 0, 0, 0, 0, 0, "", 0, 0, weights, None if edges is None else edges.tolist())
    again = alphas_of(SPACE, epoch, independent=bool(options.get("independent")))
    assert torch.allclose(again.candidate_weights().double(), made.alphas.candidate_weights(), atol=1e-6)
    assert derive(again).digest() == derive(made.alphas).digest()


# --- curvature ---------------------------------------------------------------------------------------------------


def test_the_largest_eigenvalue_is_that_of_the_exact_second_derivative() -> None:
    space = SearchSpace(("identity", "sep_conv_3"), ("identity", "tanh"), nodes=1)
    made = supernet(space)
    some = batch(3)
    names = [f"alphas.{name}" for name, _ in made.alphas.named_parameters()]
    shape = made.alphas.candidates.shape

    def loss(flat: Tensor) -> Tensor:
        buffers = {name: value.clone() for name, value in made.named_buffers()}
        weights = {name: w.detach() for name, w in made.named_parameters() if name not in names}
        return F.cross_entropy(
            functional_call(made, {**weights, **buffers, names[0]: flat.view(shape)}, (some.inputs,)), some.labels
        )

    exact = torch.autograd.functional.hessian(loss, made.alphas.candidates.detach().flatten())
    eigenvalues = torch.linalg.eigvalsh(exact)
    largest = float(eigenvalues[eigenvalues.abs().argmax()])
    before = made.alphas.candidates.detach().clone()
    found = largest_eigenvalue(made.alphas, Architect(made), some, seed=0)
    assert found == pytest.approx(largest, rel=0.1)
    assert torch.equal(made.alphas.candidates, before)


@pytest.mark.parametrize(
    ("eigenvalues", "expected"),
    [
        ([1.0] * (2 * WINDOW), False),
        ([1.0] * WINDOW + [1.3] * WINDOW, False),
        ([1.0] * WINDOW + [1.4] * WINDOW, True),  # 1 / 0.75 is 1.33
        ([1.0] * (2 * WINDOW - 1), False),
        ([9.0] + [1.0] * WINDOW + [1.4] * WINDOW, True),  # what is older does not count
        ([1.0] * WINDOW + [-1.4] * WINDOW, False),
    ],
)
def test_when_curvature_has_grown(eigenvalues: list[float], expected: bool) -> None:
    assert has_grown(eigenvalues, 0.75) is expected


# --- perturbation ------------------------------------------------------------------------------------------------

SETTINGS = DartsSettings(
    op_options=SPACE.ops, activation_options=("identity",), nodes=1, batch_size=16, selection_steps=0,
    selection="perturbation", selection_examples=0,
)  # fmt: skip


def trained(settings: DartsSettings) -> tuple[Supernet, EpochTrainer]:
    made = supernet(settings.space()).float()
    data = stripes(32, 0)
    trainer = EpochTrainer(
        made, settings, data, data, device=CPU, seed=1, augmentation=Augmentation(), loss_weights=None, listeners=()
    )
    trainer.train_weights("first", [0.1] * 6)
    return made, trainer


class Told(PerturbationSelection):
    """A selection that is told what would be missed, by edge and candidate (None: the whole edge)."""

    missed: Mapping[tuple[int, int | None], float] = {}

    def _without(self, alive: Tensor, edge: int, row: int | None = None) -> Any:
        return self.missed.get((edge, row), 0.0), 0.0


def test_what_would_be_missed_most_stays() -> None:
    settings = replace(SETTINGS, nodes=2)
    made, trainer = trained(settings)
    selection = Told(made, trainer, stripes(32, 0), settings, 1)
    selection.missed = {(0, 3): 0.4, (1, 2): 0.1, (2, 1): 0.9, (3, 1): 0.2, (4, 2): 0.3, (2, None): 0.5, (4, None): 0.7}
    derived = selection.run()
    assert made.alphas.alive[0].nonzero().tolist() == [[0, 3], [1, 2], [2, 1], [4, 2]]
    ops = [[(edge.source, edge.op) for edge in node.edges] for node in derived.cell.nodes]
    names = [candidate.op for candidate in settings.space().candidates]
    assert ops == [[(0, names[3]), (1, names[2])], [(0, names[1]), (2, names[2])]]


def test_what_is_missed_is_measured_without_it() -> None:
    made, trainer = trained(SETTINGS)
    data = stripes(32, 0)
    selection = PerturbationSelection(made, trainer, data, replace(SETTINGS, batch_size=32), 1)
    alive = made.alphas.alive.clone()
    without = alive.clone()
    without[:, 1, 2] = False
    made.alphas.restrict(without)
    (whole,) = data.train_batches(32, torch.Generator().manual_seed(0))
    logits = made.train()(whole.inputs)
    made.alphas.restrict(alive)
    found = selection._without(alive, 1, 2)
    assert found.wrong == pytest.approx(float((logits.argmax(1) != whole.labels).float().mean()))
    assert found.loss == pytest.approx(F.cross_entropy(logits, whole.labels).item(), rel=1e-5)
    assert bool(made.alphas.alive.all())


def test_each_node_keeps_two_edges_of_one_candidate() -> None:
    settings = replace(SETTINGS, nodes=3, selection_steps=2, selection_examples=16)
    made, trainer = trained(settings)
    selection = PerturbationSelection(made, trainer, stripes(32, 0), settings, 1)
    derived = selection.run()
    assert selection.samples == (9 + 2) * 2 * 16  # nine edges, and two nodes with more than two
    assert all(len(node.edges) == 2 for node in derived.cell.nodes)
    assert int(made.alphas.alive.sum()) == 6
    assert bool((made.alphas.candidate_weights()[made.alphas.alive] == 1).all())


def test_a_step_of_the_alphas_goes_down_the_loss_and_a_price_that_rises() -> None:
    settings = replace(SETTINGS, epochs=5, weight_epochs=1, entropy_price=0.8, selection="alphas", nodes=2)
    made = supernet(settings.space()).float()
    data = stripes(32, 0)
    trainer = EpochTrainer(
        made, settings, data, data, device=CPU, seed=1, augmentation=Augmentation(), loss_weights=None, listeners=()
    )
    (some,) = data.train_batches(32, torch.Generator().manual_seed(0))
    for index, price in ((1, 0.0), (3, 0.8 * 2 / 3), (4, 0.8)):
        before = made.alphas.candidates.detach().clone()
        step = trainer._alpha_step(some, some, 0.1, index, 0)
        assert made.alphas.candidates.grad is not None
        added = made.alphas.candidates.grad - step.gradients[0]
        assert not torch.equal(made.alphas.candidates, before)
        with torch.no_grad():
            made.alphas.candidates.copy_(before)
        (of_price,) = price_gradients(made.alphas, price, 0.0)
        assert torch.allclose(added, torch.zeros_like(added) if of_price is None else of_price, atol=1e-7)
