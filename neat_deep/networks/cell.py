"""The module of a cell: its ops, and the loop that computes one node after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neat_deep.base.errors import ArchitectureError
from neat_deep.ops import FeatureSpec, get_activation, get_aggregation, get_op
from neat_deep.ops.norm import ImageBatchNorm, NormalisedOp, make_norm
from neat_deep.ops.pointwise import Aggregation, add_to_first, add_to_second, get_overwriting_activation
from neat_deep.ops.registry import Activation
from neat_deep.space.aggregations import AGGREGATIONS, neutral_value
from neat_deep.space.architecture import RANK_NAMES
from neat_deep.space.cell_graph import IDENTITY, CellGraph, CellNode, Edge


@dataclass(frozen=True)
class _Slot:
    """One edge, compiled: where it reads, which module it calls, what follows."""

    source: int
    op: int
    activation: Activation
    gate: str | None = None  # its name among the cell's gates
    neutral: float = 0.0

    def value(self, cell: Cell, states: Sequence[Tensor], mask: Tensor | None) -> Tensor:
        """What the edge hands to its node."""
        value: Tensor = self.activation(cell.ops[self.op](states[self.source], mask))
        if self.gate is None:
            return value
        gate = cell.gates[self.gate]
        return gate * (value - self.neutral) + self.neutral if self.neutral else gate * value


@dataclass(frozen=True)
class _Step:
    """One node, compiled."""

    slots: tuple[_Slot, ...]
    aggregate: Aggregation


class Cell(nn.Module):
    """The module of a `CellGraph`: out_K = aggregate(act_1(op_1(out_I)), act_2(op_2(out_J))).

    Reads `graph.num_inputs` tensors of (B, C, H, W) or (B, C, L) and returns one of that shape; with output
    `concat` the nodes' channels are projected back to C. All decisions are made here, `forward` only loops.

    `gates` holds the gate of each gated edge, a scalar, under the number of its op; they start at zero.

    What nothing reads again is overwritten (`_Spare`), as in torchvision's networks: a hook on one of `ops` that keeps
    its output must copy it.
    """

    def __init__(self, graph: CellGraph, spec: FeatureSpec) -> None:
        super().__init__()
        self.ops = nn.ModuleList()
        self.gates = nn.ParameterDict()
        self.steps: list[_Step] = []
        spare = _Spare(graph)
        for node in graph.nodes:
            slots, spare_values = [], []
            for edge in node.edges:
                op = _make_op(edge.op, spec)
                activation, is_spare = spare.after_edge(edge, op)
                slots.append(self._slot(edge, node, activation))
                spare_values.append(is_spare)
                self.ops.append(op)
            self.steps.append(_Step(tuple(slots), spare.after_node(node, spare_values)))
        self.projection: nn.Module | None = None
        if graph.output == "concat":
            self.projection = Projection(spec, len(graph.nodes) * spec.channels)

    def forward(self, inputs: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        states = list(inputs)
        for step in self.steps:
            values = [slot.value(self, states, mask) for slot in step.slots]
            states.append(values[0] if len(values) == 1 else step.aggregate(*values))
        if self.projection is None:
            return states[-1]
        return self.projection(torch.cat(states[len(inputs) :], dim=1), mask)

    def _slot(self, edge: Edge, node: CellNode, activation: Activation) -> _Slot:
        """The slot of the op that is added next, and the gate that it needs."""
        number = len(self.ops)
        if not edge.gated:
            return _Slot(edge.source, number, activation)
        neutral = neutral_value(node.aggregation)
        if neutral is None:
            names = ", ".join(info.name for info in AGGREGATIONS.values() if info.neutral is not None)
            raise ArchitectureError(
                f"aggregation '{node.aggregation}' has no neutral value, which a gated edge needs; allowed: {names}"
            )
        self.gates[str(number)] = make_gate()
        return _Slot(edge.source, number, activation, str(number), neutral)


def make_gate() -> nn.Parameter:
    """A gate that lets nothing through yet."""
    return nn.Parameter(torch.zeros(()))


class Projection(nn.Module):
    """A pointwise convolution and a normalisation that take `channels_in` features to `spec.channels`."""

    def __init__(self, spec: FeatureSpec, channels_in: int) -> None:
        super().__init__()
        conv = nn.Conv2d if spec.rank == 2 else nn.Conv1d
        self.conv = conv(channels_in, spec.channels, 1, bias=False)
        self.norm = make_norm(spec)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm(self.conv(x), mask)


class _Spare:
    """Which tensors of a cell may be overwritten: nothing reads them again, not even a backward pass.

    Overwriting saves passes over memory, which bound the training of small networks. Spare are

    - what an op returns that ends in an `ImageBatchNorm`, whose backward pass reads its input. Those of sequences are
      left out: they return a view;
    - a sum, whose backward pass reads nothing;
    - what an identity edge passes on, if its source is spare and this edge is all that reads it;
    - what a gate returns, whose backward pass reads what it was given.

    Behind an activation other than identity nothing is, since its backward pass reads what it returned.
    """

    def __init__(self, graph: CellGraph) -> None:
        self._readers = Counter(edge.source for node in graph.nodes for edge in node.edges)
        if graph.output == "concat":
            self._readers.update(range(graph.num_inputs, graph.num_inputs + len(graph.nodes)))
        # With `last` the output needs no reader: no node comes after it.
        self._states = [False] * graph.num_inputs  # a cell's inputs belong to other cells

    def after_edge(self, edge: Edge, op: nn.Module) -> tuple[Activation, bool]:
        """The activation to call behind `op`, and whether what it returns is spare."""
        if edge.op == IDENTITY:
            is_spare = self._states[edge.source] and self._readers[edge.source] == 1
        else:
            is_spare = _ends_in_batch_norm(op)
        activation = get_overwriting_activation(edge.activation) if is_spare else get_activation(edge.activation)
        return activation, edge.gated or (is_spare and edge.activation == IDENTITY)

    def after_node(self, node: CellNode, spare_values: Sequence[bool]) -> Aggregation:
        """The aggregation of a node whose slots' values are spare or not; notes what the node's own value is."""
        aggregate = get_aggregation(node.aggregation)
        if len(spare_values) == 1:
            self._states.append(spare_values[0])
            return aggregate
        is_sum = node.aggregation == "add"
        self._states.append(is_sum)
        if is_sum and any(spare_values):
            return add_to_first if spare_values[0] else add_to_second
        return aggregate


def _ends_in_batch_norm(op: nn.Module) -> bool:
    # A subclass with a `forward` of its own may return anything, its input included.
    return (
        isinstance(op, NormalisedOp)
        and type(op).forward is NormalisedOp.forward
        and isinstance(op.norm, ImageBatchNorm)
        and type(op.norm).forward is ImageBatchNorm.forward
    )


def _make_op(name: str, spec: FeatureSpec) -> nn.Module:
    info = get_op(name)
    if spec.rank not in info.ranks:
        raise ArchitectureError(f"op '{name}' does not support {RANK_NAMES[spec.rank]}")
    return info.factory(spec)
