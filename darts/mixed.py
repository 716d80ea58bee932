"""The cell of the supernet: every node reads every earlier state through all candidates at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from darts.alphas import Mixing
from darts.mixing import Term, weighted_sums
from darts.search_space import SearchSpace
from neat_deep.base.errors import ConfigError
from neat_deep.networks.cell import Projection
from neat_deep.ops import FeatureSpec, get_activation, get_op
from neat_deep.ops.masking import drop_tokens
from neat_deep.ops.norm import ImageBatchNorm, NormalisedOp
from neat_deep.space.cell_graph import IDENTITY, NONE


class MixedCell(nn.Module):
    """All cells of a search space at once, called as `cell(inputs, mask, mixing)`; keeps the inputs' shape.

    Ops with weights belong to one edge of one cell. Ops without are computed once for each state, whichever edges
    read it: they would give every edge the same. With `partial_channels` K only the first of K parts of a state's
    channels goes through the ops, the rest passes by, and the channels are shuffled after each node (PC-DARTS,
    arXiv 1907.05737, section 3.2). Raises `ConfigError` when the channels do not divide into K parts.
    """

    def __init__(self, space: SearchSpace, spec: FeatureSpec, partial_channels: int = 1) -> None:
        super().__init__()
        if spec.channels % partial_channels:
            raise ConfigError(
                f"partial_channels: got {partial_channels}, allowed: a divisor of the channels ({spec.channels})"
            )
        self.space = space
        self.partial_channels = partial_channels
        self.part = spec.channels // partial_channels
        part_spec = FeatureSpec(spec.rank, self.part, spec.norm)
        free = [op for op in space.real_ops if not get_op(op).parametric]
        self.free_ops = nn.ModuleDict({op: get_op(op).factory(part_spec) for op in free})
        self.edges = nn.ModuleList(MixedEdge(space, part_spec) for _ in space.edges)
        self.projection: nn.Module | None = None
        if space.output == "concat":
            self.projection = Projection(spec, space.nodes * spec.channels)

    def forward(self, inputs: Sequence[Tensor], mask: Tensor | None, mixing: Mixing) -> Tensor:
        states = list(inputs)
        free = [FreeValues(self.free_ops, state[:, : self.part], mask) for state in states]
        for node in range(self.space.nodes):
            state = self._node(node, states, free, mask, mixing)
            states.append(state)
            free.append(FreeValues(self.free_ops, state[:, : self.part], mask))
        if self.projection is None:
            return states[-1]
        return self.projection(torch.cat(states[len(inputs) :], dim=1), mask)

    def _node(
        self, node: int, states: list[Tensor], free: list[FreeValues], mask: Tensor | None, mixing: Mixing
    ) -> Tensor:
        values: list[list[Tensor]] = [[] for _ in self.space.aggregations]  # of each aggregation's edges
        shares: list[Tensor | None] = [None] * len(values)
        alive = mixing.alive_rows
        numbers = [number for number in self.space.edges_into(node) if alive is None or alive[number]]
        for number in numbers:
            source = self.space.edges[number][1]
            mixed = self.edges[number](free[source], mask, mixing, number)
            for kind, value in enumerate(mixed):
                values[kind].append(self._beside_the_rest(value, states[source]))
        if mixing.edges is not None:
            # Views of single edges: an index of several would make a GPU wait in each pass.
            shares = [torch.stack([mixing.edges[kind, number] for number in numbers]) for kind in range(len(values))]
        combined = [
            combine(name, value, share)
            for name, value, share in zip(self.space.aggregations, values, shares, strict=True)
        ]
        if mixing.aggregations is None:
            (state,) = combined
        else:
            state = torch.stack([w * c for w, c in zip(mixing.aggregations[node], combined, strict=True)]).sum(0)
        return self._shuffle(state)

    def _beside_the_rest(self, mixed: Tensor, state: Tensor) -> Tensor:
        return mixed if self.partial_channels == 1 else torch.cat([mixed, state[:, self.part :]], dim=1)

    def _shuffle(self, state: Tensor) -> Tensor:
        """Deal the channels out anew, so that each part of them goes through the ops of some node."""
        if self.partial_channels == 1:
            return state
        return state.unflatten(1, (self.partial_channels, self.part)).transpose(1, 2).flatten(1, 2)


class FreeValues:
    """What the ops without weights make of one state, each computed when it is first asked for."""

    def __init__(self, ops: nn.ModuleDict, state: Tensor, mask: Tensor | None) -> None:
        self.state = state
        self._ops = ops
        self._mask = mask
        self._values: dict[str, Tensor] = {}

    def get(self, op: str) -> Tensor:
        """The value of one op."""
        if op not in self._values:
            self._values[op] = self._ops[op](self.state, self._mask)
        return self._values[op]


class MixedEdge(nn.Module):
    """One edge: the ops with weights, and the weighted sum of all candidates for each aggregation.

    `mix` is `mix_candidates`, or that compiled.
    """

    def __init__(self, space: SearchSpace, spec: FeatureSpec) -> None:
        super().__init__()
        self.space = space
        parametric = [op for op in space.real_ops if get_op(op).parametric]
        self.ops = nn.ModuleDict({op: get_op(op).factory(spec) for op in parametric})
        for activation in space.activations:
            get_activation(activation)  # imported now: a compiled step could not, and would fall into pieces
        self.mix: CandidateMixer = mix_candidates

    def forward(self, free: FreeValues, mask: Tensor | None, mixing: Mixing, number: int) -> list[Tensor]:
        """The mixed value for each aggregation, from edge `number`'s weights."""
        if mixing.chosen is not None:
            rows = [chosen[number] for chosen in mixing.chosen]
            drawn = [mixing.candidates[kind, number, row] for kind, row in enumerate(rows)]
            return [
                self._one(free, mask, mixing, weight, row, name)
                for weight, row, name in zip(drawn, rows, self.space.aggregations, strict=True)
            ]
        ops, first, activations = self.space.real_ops, self.space.first_real, len(self.space.activations)
        weights = mixing.candidates[:, number, first:].unflatten(1, (len(ops), activations))
        if mixing.alive_rows is not None:
            places = sorted({(row - first) // activations for row in mixing.alive_rows[number] if row >= first})
            ops = tuple(ops[place] for place in places)
            weights = torch.stack([weights[:, place] for place in places], dim=1) if places else weights[:, :0]
        values = [None if op in self.ops else self._free_value(op, free, mask, mixing) for op in ops]
        modules: list[nn.Module | None] = [self.ops[op] if op in self.ops else None for op in ops]  # noqa: SIM401 - a ModuleDict has no get
        if ops:
            sums = self.mix(modules, values, free.state, mask, weights, self.space.activations)
        else:  # `none` alone is left
            sums = [torch.zeros_like(free.state) for _ in self.space.aggregations]
        if NONE in self.space.ops:
            for kind, name in enumerate(self.space.aggregations):
                if name == "mul":  # there `none` is 1, which leaves the aggregation's other slot alone
                    sums[kind] = sums[kind] + mixing.candidates[kind, number, 0]
        return sums

    def _one(
        self, free: FreeValues, mask: Tensor | None, mixing: Mixing, weight: Tensor, chosen: int, aggregation: str
    ) -> Tensor:
        """Only the candidate that was drawn, with its straight-through weight."""
        candidate = self.space.candidates[chosen]
        if candidate.op == NONE:
            # The weight, though it is 1, or with `none` everywhere no alpha would have part.
            return weight * torch.full_like(free.state, 0.0 if aggregation == "add" else 1.0)
        if candidate.op in self.ops:
            value = self.ops[candidate.op](free.state, mask)
        else:
            value = self._free_value(candidate.op, free, mask, mixing)
        return weight * get_activation(candidate.activation)(value)

    def _free_value(self, op: str, free: FreeValues, mask: Tensor | None, mixing: Mixing) -> Tensor:
        value = free.get(op)
        if op == IDENTITY and mixing.identity_dropout:
            return drop_tokens(value, mask, mixing.identity_dropout, self.training)
        return value


CandidateMixer = Callable[
    [Sequence[nn.Module | None], Sequence[Tensor | None], Tensor, Tensor | None, Tensor, Sequence[str]], list[Tensor]
]


def mix_candidates(
    modules: Sequence[nn.Module | None],
    values: Sequence[Tensor | None],
    state: Tensor,
    mask: Tensor | None,
    weights: Tensor,
    activations: Sequence[str],
) -> list[Tensor]:
    """The weighted sums of an edge: for each op its module, or its value where that is known already."""
    terms = []
    for module, value in zip(modules, values, strict=True):
        if module is None:
            assert value is not None
            terms.append(Term(value))
        elif isinstance(module, NormalisedOp) and isinstance(module.norm, ImageBatchNorm):
            terms.append(Term(module.features(state, mask), module.norm))
        else:
            terms.append(Term(module(state, mask)))
    return weighted_sums(terms, weights, activations)


def combine(aggregation: str, values: Sequence[Tensor], shares: Tensor | None) -> Tensor:
    """The relaxation of a node that will aggregate two of its edges, over all of them; `shares` weigh the edges.

    `add`: the sum of all edges, as published. `mul`: the product of all would vanish, or explode, with their number,
    and the derived node multiplies two; so it is the mean product over all pairs of edges. A single edge is its own
    value for both.
    """
    if len(values) == 1:
        return values[0]
    if shares is not None:
        values = [share * value for share, value in zip(shares, values, strict=True)]
    if aggregation == "add":
        return functools.reduce(torch.add, values)
    weights = torch.ones(len(values)) if shares is None else shares
    return _sum_of_pairs(values) / _sum_of_pairs(list(weights))


def _sum_of_pairs(values: Sequence[Tensor]) -> Tensor:
    """sum_{i<j} v_i v_j, without the cancellation of ((sum v)^2 - sum v^2) / 2."""
    before, pairs = values[0], torch.zeros_like(values[0])
    for value in values[1:]:
        pairs = pairs + value * before
        before = before + value
    return pairs
