"""The mixed cell against the formula written out, and each cheaper variant against what its paper says."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darts import Alphas, SearchSpace
from darts.alphas import Mixing
from darts.mixed import MixedCell, combine
from neat_deep.base.errors import ConfigError
from neat_deep.ops import FeatureSpec, get_activation, get_op, list_ops, register_op

CHANNELS = 8
EVERY_OP = [(op, rank, masked) for rank, masked in ((1, False), (1, True), (2, False)) for op in list_ops(rank)]


def make_cell(space: SearchSpace, rank: int = 2, norm: str = "batch", partial_channels: int = 1) -> MixedCell:
    torch.manual_seed(0)
    return MixedCell(space, FeatureSpec(rank, CHANNELS, norm), partial_channels).double()


def make_alphas(space: SearchSpace, *, edge_normalisation: bool = False, seed: int = 1) -> Alphas:
    """Alphas that differ by about 1."""
    alphas = Alphas(space, torch.Generator().manual_seed(seed), edge_normalisation=edge_normalisation).double()
    with torch.no_grad():
        for alpha in alphas.parameters():
            alpha.mul_(1000)
    return alphas


def states(
    count: int, rank: int = 2, batch: int = 3, layout: torch.memory_format = torch.channels_last
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    shape = (batch, CHANNELS, 6, 5) if rank == 2 else (batch, CHANNELS, 7)
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(count)]
    return [x.contiguous(memory_format=layout) if rank == 2 else x for x in drawn]


def some_mask() -> Tensor:
    return torch.arange(7) < torch.tensor([7, 4, 1])[:, None]


# --- the formula, written out ------------------------------------------------------------------------------------


def literal_cell(cell: MixedCell, inputs: Sequence[Tensor], mask: Tensor | None, mixing: Mixing) -> Tensor:
    """Every candidate a call of its own, sums in Python, products pair by pair."""
    space, all_states = cell.space, list(inputs)
    for node in range(space.nodes):
        combined = []
        for kind, aggregation in enumerate(space.aggregations):
            values, shares = [], []
            for number in space.edges_into(node):
                x = all_states[space.edges[number][1]]
                values.append(literal_edge(cell, number, x, mask, mixing.candidates[kind, number], aggregation))
                shares.append(1.0 if mixing.edges is None else mixing.edges[kind, number])
            combined.append(literal_combine(aggregation, values, shares))
        weights = [1.0] if mixing.aggregations is None else mixing.aggregations[node]
        all_states.append(sum(w * c for w, c in zip(weights, combined, strict=True)))
    if cell.projection is None:
        return all_states[-1]
    return cell.projection(torch.cat(all_states[len(inputs) :], dim=1), mask)


def literal_edge(
    cell: MixedCell, number: int, x: Tensor, mask: Tensor | None, weights: Tensor, aggregation: str
) -> Tensor:
    total = torch.zeros_like(x)
    for weight, candidate in zip(weights, cell.space.candidates, strict=True):
        if candidate.op == "none":  # leaves the aggregation's other slot alone
            total = total + weight * (1.0 if aggregation == "mul" else 0.0)
            continue
        ops = cell.edges[number].ops if get_op(candidate.op).parametric else cell.free_ops
        total = total + weight * get_activation(candidate.activation)(ops[candidate.op](x, mask))
    return total


def literal_combine(aggregation: str, values: Sequence[Tensor], shares: Sequence[float | Tensor]) -> Tensor:
    if len(values) == 1:
        return values[0]
    if aggregation == "add":
        return sum(s * v for s, v in zip(shares, values, strict=True))
    pairs = list(combinations(range(len(values)), 2))
    total = sum(shares[i] * values[i] * shares[j] * values[j] for i, j in pairs)
    return total / sum(shares[i] * shares[j] for i, j in pairs)


def check_against_literal(
    space: SearchSpace,
    rank: int = 2,
    *,
    norm: str = "batch",
    masked: bool = False,
    edge_normalisation: bool = False,
    training: bool = True,
    layout: torch.memory_format = torch.channels_last,
) -> None:
    """Value, and the gradients of alphas, weights and inputs."""
    results = []
    for literal in (False, True):
        cell = make_cell(space, rank, norm).train(training)
        alphas = make_alphas(space, edge_normalisation=edge_normalisation)
        inputs = [x.requires_grad_() for x in states(space.num_inputs, rank, layout=layout)]
        mask = some_mask() if masked else None
        out = literal_cell(cell, inputs, mask, alphas()) if literal else cell(inputs, mask, alphas())
        assert out.shape == inputs[0].shape
        slopes = torch.linspace(0, 1, out.numel(), dtype=out.dtype).view(out.shape)
        if mask is not None:
            slopes = slopes * mask.unsqueeze(1)
        wanted = [*alphas.parameters(), *cell.parameters(), *inputs]
        results.append((out, torch.autograd.grad((slopes * out).sum(), wanted, allow_unused=True)))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize(("op", "rank", "masked"), EVERY_OP)
def test_every_op(op: str, rank: int, masked: bool, norm: str) -> None:
    check_against_literal(SearchSpace(("none", op), ("identity", "tanh"), nodes=1), rank, norm=norm, masked=masked)


@pytest.mark.parametrize("num_inputs", [1, 2])
@pytest.mark.parametrize("output", ["last", "concat"])
@pytest.mark.parametrize("rank", [1, 2])
def test_all_ops_at_once(rank: int, output: str, num_inputs: int) -> None:
    ops = ("none", *list_ops(rank))
    space = SearchSpace(ops, ("relu", "identity"), nodes=2, num_inputs=num_inputs, output=output)
    check_against_literal(space, rank, masked=rank == 1)


@pytest.mark.parametrize("edge_normalisation", [False, True])
@pytest.mark.parametrize("aggregations", [("add",), ("mul",), ("add", "mul"), ("mul", "add")], ids="-".join)
def test_aggregations(aggregations: tuple[str, ...], edge_normalisation: bool) -> None:
    """`mul` of many edges is the mean product over the pairs of edges, weighted by both edges' shares."""
    space = SearchSpace(("none", "identity", "sep_conv_3", "max_pool_3"), ("identity", "sigmoid"), aggregations, 3)
    check_against_literal(space, edge_normalisation=edge_normalisation)


@pytest.mark.parametrize("lead", [0.0, 8.0, 20.0, 60.0])
def test_products_stay_exact_when_one_edge_has_nearly_all_the_weight(lead: float) -> None:
    values = [torch.tensor([2.0]), torch.tensor([3.0]), torch.tensor([5.0])]
    logits = torch.tensor([lead, 0.0, 0.0], requires_grad=True)
    mixed = combine("mul", values, logits.softmax(0))
    exact = logits.detach().double().softmax(0)
    pairs = list(combinations(range(3), 2))
    total = sum(exact[i] * exact[j] * values[i].double() * values[j].double() for i, j in pairs)
    expected = total / sum(exact[i] * exact[j] for i, j in pairs)
    torch.testing.assert_close(mixed.detach().double(), expected, rtol=1e-5, atol=0)
    (gradient,) = torch.autograd.grad(mixed.sum(), logits)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("training", [True, False])
def test_modes_and_layouts(training: bool, layout: torch.memory_format) -> None:
    space = SearchSpace(("none", "max_pool_3", "sep_conv_1", "identity", "dil_conv_3"), ("relu", "sigmoid"), nodes=2)
    check_against_literal(space, training=training, layout=layout)


def test_padding_changes_nothing() -> None:
    space = SearchSpace(("none", *list_ops(1)), ("identity", "relu"), nodes=2)
    cell, mixing, mask = make_cell(space, rank=1), make_alphas(space)(), some_mask()
    inputs = states(2, rank=1)
    out = cell(inputs, mask, mixing)
    junk = cell([torch.where(mask.unsqueeze(1), x, x * 1e6 + 1e6) for x in inputs], mask, mixing)
    torch.testing.assert_close(out.transpose(1, 2)[mask], junk.transpose(1, 2)[mask])


@pytest.mark.parametrize("temperature", [None, 1.0])
def test_more_padding_draws_the_same_dropout_on_identity(temperature: float | None) -> None:
    space = SearchSpace(("identity", "avg_pool_3"), ("identity", "relu"), nodes=2)
    cell, mask = make_cell(space, rank=1), some_mask()
    alphas, inputs, found = make_alphas(space), states(2, rank=1), []
    for extra in (0, 3):
        torch.manual_seed(0)
        drawn = alphas(identity_dropout=0.5, temperature=temperature)
        wide = [F.pad(x, (0, extra), value=7.0) for x in inputs]
        found.append(cell(wide, F.pad(mask, (0, extra)), drawn)[:, :, : mask.shape[1]].transpose(1, 2)[mask])
    torch.testing.assert_close(found[1], found[0])


def test_running_statistics_move_once_a_pass() -> None:
    """As in the derived network, whose edge has one activation: or the two would normalise differently."""
    space = SearchSpace(("sep_conv_3",), ("identity", "relu", "tanh"), nodes=1, num_inputs=1)
    cell = make_cell(space)
    alone = copy.deepcopy(cell.edges[0].ops["sep_conv_3"])
    (x,) = states(1)
    cell([x], None, make_alphas(space)())
    alone(x)
    torch.testing.assert_close(cell.edges[0].ops["sep_conv_3"].state_dict(), alone.state_dict())


# --- how often an op is called -----------------------------------------------------------------------------------


class Counted(nn.Module):
    """Passes on and counts."""

    def __init__(self, name: str, spec: FeatureSpec, parametric: bool) -> None:
        super().__init__()
        self.name = name
        self.gain = nn.Parameter(torch.full((spec.channels, 1, 1), 2.0)) if parametric else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        CALLS.append((self.name, x.shape[1]))
        return x if self.gain is None else x * self.gain


CALLS: list[tuple[str, int]] = []  # the op's name and the channels that it got


@pytest.fixture
def counted(registrations: None) -> Iterator[list[tuple[str, int]]]:
    """A user's own ops, `counted_free` and two with a weight, for one test alone; gives their calls."""
    for name, parametric in (("counted_free", False), ("counted_a", True), ("counted_b", True)):

        def factory(spec: FeatureSpec, name: str = name, parametric: bool = parametric) -> nn.Module:
            return Counted(name, spec, parametric)

        register_op(name, parametric=parametric)(factory)
    CALLS.clear()
    yield CALLS
    CALLS.clear()


@pytest.mark.parametrize("aggregations", [("add",), ("add", "mul")], ids="-".join)
def test_ops_are_shared_as_far_as_they_can_be(counted: list[tuple[str, int]], aggregations: tuple[str, ...]) -> None:
    """An op without weights is computed once a state, one with weights once an edge, whatever the activations."""
    space = SearchSpace(("none", "counted_free", "counted_a"), ("identity", "relu", "tanh"), aggregations, nodes=3)
    make_cell(space)(states(2), None, make_alphas(space)())
    names = [name for name, _ in counted]
    assert names.count("counted_free") == 2 + 2  # two inputs, and two nodes that later nodes read
    assert names.count("counted_a") == len(space.edges)


def test_a_users_op_is_mixed_like_ours(counted: list[tuple[str, int]]) -> None:
    check_against_literal(SearchSpace(("none", "counted_free", "counted_a", "sep_conv_3"), nodes=2))


# --- Gumbel-softmax sampling (GDAS) ------------------------------------------------------------------------------


def test_one_candidate_an_edge_is_computed(counted: list[tuple[str, int]]) -> None:
    space = SearchSpace(("counted_a", "counted_b"), ("identity", "relu", "tanh"), nodes=3)
    cell, alphas = make_cell(space), make_alphas(space)
    torch.manual_seed(0)
    for _ in range(5):
        counted.clear()
        mixing = alphas(temperature=1.0)
        out = cell(states(2), None, mixing)
        assert len(counted) == len(space.edges)
        assert mixing.chosen is not None
        one_hot = nn.functional.one_hot(torch.tensor(mixing.chosen), len(space.candidates)).double()
        torch.testing.assert_close(mixing.candidates.detach(), one_hot)
        torch.testing.assert_close(out, literal_cell(cell, states(2), None, Mixing(one_hot)))


def test_two_aggregations_draw_for_themselves(counted: list[tuple[str, int]]) -> None:
    space = SearchSpace(("counted_a", "counted_b"), aggregations=("add", "mul"), nodes=2)
    cell, alphas = make_cell(space), make_alphas(space)
    torch.manual_seed(0)
    mixing = alphas(temperature=1.0)
    out = cell(states(2), None, mixing)
    assert len(counted) == 2 * len(space.edges)
    assert mixing.chosen is not None and mixing.chosen[0] != mixing.chosen[1]
    torch.testing.assert_close(out, literal_cell(cell, states(2), None, mixing))


def test_none_drawn_computes_nothing(counted: list[tuple[str, int]]) -> None:
    space = SearchSpace(("none", "counted_a", "counted_free"), nodes=2)
    cell, alphas = make_cell(space), make_alphas(space)
    with torch.no_grad():
        alphas.candidates[..., 0] = 100.0
    out = cell(states(2), None, alphas(temperature=1.0))
    assert counted == []
    assert out.abs().sum() == 0


def test_the_gradient_reaches_every_logit_of_an_edge() -> None:
    space = SearchSpace(("identity", "sep_conv_3"), ("identity", "tanh"), nodes=2)
    cell, alphas = make_cell(space), make_alphas(space)
    torch.manual_seed(0)
    out = cell(states(2), None, alphas(temperature=2.0))
    (gradient,) = torch.autograd.grad((out * torch.linspace(0, 1, out.shape[-1])).sum(), [alphas.candidates])
    assert (gradient.abs() > 1e-9).all()
    # A softmax does not depend on what all its logits share.
    torch.testing.assert_close(gradient.sum(-1), torch.zeros_like(gradient.sum(-1)), atol=1e-9, rtol=0)


def test_the_backward_pass_takes_the_gradient_of_the_soft_sample() -> None:
    """GDAS, eq. 7: with one edge and values v, d out / d logits = v_chosen times a row of the softmax's Jacobian."""
    space = SearchSpace(("none", "identity"), ("identity", "relu", "tanh"), nodes=1, num_inputs=1)
    alphas, temperature = make_alphas(space), 3.0
    torch.manual_seed(4)
    mixing = alphas(temperature=temperature)
    assert mixing.chosen is not None
    chosen = mixing.chosen[0][0]
    (gradient,) = torch.autograd.grad(mixing.candidates[0, 0, chosen], [alphas.candidates])
    torch.manual_seed(4)
    gumbel = -torch.empty_like(alphas.candidates).exponential_().log()
    soft = ((alphas.candidates.detach() + gumbel) / temperature).softmax(-1)[0, 0]
    assert int(soft.argmax()) == chosen
    expected = soft[chosen] * (nn.functional.one_hot(torch.tensor(chosen), len(soft)) - soft) / temperature
    torch.testing.assert_close(gradient[0, 0], expected)


@pytest.mark.parametrize("temperature", [0.1, 10.0])
def test_draws_follow_the_softmax_at_every_temperature(temperature: float) -> None:
    space = SearchSpace(("none", "identity", "max_pool_3"), nodes=32)
    alphas = make_alphas(space)
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    with torch.no_grad():
        alphas.candidates.copy_(logits.expand_as(alphas.candidates))
    torch.manual_seed(0)
    drawn = torch.tensor([alphas(temperature=temperature).chosen for _ in range(20)]).flatten()
    expected = logits.softmax(0)
    frequencies = torch.bincount(drawn, minlength=len(logits)) / len(drawn)
    assert len(drawn) > 10_000
    assert ((frequencies - expected).abs() < 4 * (expected * (1 - expected) / len(drawn)).sqrt()).all()


# --- partial channels (PC-DARTS) ---------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [2, 4])
def test_the_other_channels_arrive_untouched_and_dealt_out(counted: list[tuple[str, int]], parts: int) -> None:
    space = SearchSpace(("counted_a", "counted_free", "sep_conv_3"), nodes=1, num_inputs=1)
    cell, mixing = make_cell(space, partial_channels=parts), make_alphas(space)()
    (x,) = states(1)
    out = cell([x], None, mixing)
    assert {channels for _, channels in counted} == {CHANNELS // parts}
    part = CHANNELS // parts
    narrow = copy.deepcopy(cell)
    narrow.partial_channels = 1
    mixed = literal_edge(narrow, 0, x[:, :part], None, mixing.candidates[0, 0], "add")
    for place in range(CHANNELS):
        group, within = place % parts, place // parts  # where the shuffle took this channel from
        expected = mixed[:, within] if group == 0 else x[:, group * part + within]
        torch.testing.assert_close(out[:, place], expected)
        if group:
            assert torch.equal(out[:, place], x[:, group * part + within])


def test_alpha_gradients_of_partial_channels() -> None:
    """Slices lie in memory differently from what ops make of them."""
    space = SearchSpace(("none", "identity", "max_pool_3", "sep_conv_3"), ("identity", "tanh"), nodes=2)
    cell, alphas = make_cell(space, partial_channels=2).float(), make_alphas(space, edge_normalisation=True).float()
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn(2, CHANNELS, 4, 4, generator=generator) for _ in range(2)]
    gradients = []
    for layout in (torch.contiguous_format, torch.channels_last):
        cell = cell.to(memory_format=layout)
        out = cell([x.contiguous(memory_format=layout) for x in inputs], None, alphas())
        loss = (out * torch.linspace(0, 1, 4)).square().sum()
        gradients.append(torch.autograd.grad(loss, list(alphas.parameters())))
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


def test_channels_must_divide() -> None:
    with pytest.raises(ConfigError, match=r"partial_channels: got 3, allowed: a divisor of the channels \(8\)"):
        make_cell(SearchSpace(("identity",)), partial_channels=3)


@pytest.mark.parametrize("aggregations", [("add",), ("add", "mul")], ids="-".join)
def test_edge_weights_sum_to_one_at_every_node(aggregations: tuple[str, ...]) -> None:
    space = SearchSpace(("identity",), aggregations=aggregations, nodes=4)
    alphas = make_alphas(space, edge_normalisation=True)
    weights = alphas().edges
    assert weights is not None and weights.shape == (len(aggregations), len(space.edges))
    for node in range(space.nodes):
        into = space.edges_into(node)
        torch.testing.assert_close(weights[:, into].sum(1), torch.ones(len(aggregations), dtype=torch.float64))
    assert make_alphas(space)().edges is None


# --- dropout on identity (P-DARTS) -------------------------------------------------------------------------------


def test_identity_alone_is_dropped_and_in_training_only() -> None:
    space = SearchSpace(("avg_pool_3", "identity"), ("identity",), nodes=1, num_inputs=1)
    cell, alphas = make_cell(space), make_alphas(space)
    (x,) = states(1, batch=40)
    plain = cell([x], None, alphas())
    pool, identity = alphas().candidates[0, 0]
    torch.manual_seed(0)
    dropped = (cell([x], None, alphas(identity_dropout=0.25)) - pool * cell.free_ops["avg_pool_3"](x)) / (identity * x)
    kept = dropped.abs() > 1e-6
    torch.testing.assert_close(dropped, kept.double() / 0.75, atol=1e-6, rtol=0)
    assert kept.double().mean() == pytest.approx(0.75, abs=0.02)
    cell.eval()
    assert torch.equal(cell([x], None, alphas(identity_dropout=0.25)), plain)


def test_edges_that_read_one_state_drop_different_values() -> None:
    space = SearchSpace(("identity",), ("identity",), nodes=2, num_inputs=1, output="last")
    cell = make_cell(space)
    x = torch.ones(2, CHANNELS, 6, 5, dtype=torch.float64)
    torch.manual_seed(0)
    out = cell([x], None, make_alphas(space)(identity_dropout=0.5))
    assert set(out.unique().tolist()) == {0.0, 2.0, 4.0, 6.0}  # 2 from the input, and 2 times 2 from the first node


def test_a_sampled_identity_is_dropped_too() -> None:
    space = SearchSpace(("identity",), ("identity",), nodes=1, num_inputs=1)
    cell, alphas = make_cell(space), make_alphas(space)
    x = torch.ones(2, CHANNELS, 6, 5, dtype=torch.float64)
    torch.manual_seed(0)
    out = cell([x], None, alphas(temperature=1.0, identity_dropout=0.5))
    assert set(out.unique().tolist()) == {0.0, 2.0}
