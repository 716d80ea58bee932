"""The way back: alphas that stand for a given cell, and a derived network with the supernet's weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from darts.alphas import Alphas
from darts.derivation import EDGES_KEPT
from darts.history import EpochSummary
from darts.mixed import MixedCell, MixedEdge
from darts.search_space import Candidate, SearchSpace
from darts.supernet import Supernet
from neat_deep.base.errors import GraphError, SearchError
from neat_deep.base.randomness import seeded
from neat_deep.data import DataSpec
from neat_deep.networks.cell import Cell
from neat_deep.networks.network import Network, wants_positions
from neat_deep.ops import get_op
from neat_deep.space.architecture import Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode

SMALLEST = 1e-12  # a weight whose logarithm is a number, for those that are 0
LEAD = 2.0  # of a chosen candidate's logit over the others: a quarter of the weight among 21, so far from certain


def warm_start(alphas: Alphas, cell: CellGraph, *, lead: float = LEAD) -> Alphas:
    """Set `alphas` in place so that they favour `cell`, and return them: `derive(warm_start(alphas, cell)) == cell`.

    An op of `cell` that has two names may have either; what is derived has its plain one.

    `lead` is how far the chosen candidates' logits are above the others, which are 0. Raises `GraphError` for a
    cell that the search space cannot hold: another number of nodes or inputs, another output, a node without
    two distinct sources (one, where only one state comes before it), an op, activation or aggregation that is no
    option.
    """
    space = alphas.space
    check_holdable(space, cell)
    cell = cell.with_plain_names()
    with torch.no_grad():
        for parameter in alphas.parameters():
            parameter.zero_()
        for index, node in enumerate(cell.nodes):
            if alphas.aggregations is not None:
                alphas.aggregations[index, space.aggregations.index(node.aggregation)] = lead
            for slot, edge in enumerate(node.edges):
                number = space.edges_into(index)[edge.source]
                row = space.candidates.index(Candidate(edge.op, edge.activation))
                alphas.candidates[:, number, row] = lead * (1 - 0.1 * slot)  # slot 1 is the stronger
                if alphas.edges is not None:
                    alphas.edges[:, number] = lead
    return alphas


def alphas_of(space: SearchSpace, epoch: EpochSummary, *, independent: bool = False) -> Alphas:
    """Alphas with the weights that those of a search had after an epoch.

    Raises `SearchError` for weights of another space.
    """
    edge_normalisation = epoch.edge_weights is not None
    alphas = Alphas(space, torch.Generator(), edge_normalisation=edge_normalisation, independent=independent)
    known = (
        (alphas.candidates, epoch.probabilities),
        (alphas.edges, epoch.edge_weights),
        (alphas.aggregations, epoch.aggregation_weights),
    )
    with torch.no_grad():
        for parameter, weights in known:
            if parameter is not None and weights is not None:
                try:
                    values = torch.tensor(weights).reshape(parameter.shape)
                except (RuntimeError, ValueError, TypeError):
                    raise SearchError(
                        f"epoch {epoch.epoch}: got other weights than the settings ask for, allowed: "
                        f"{' x '.join(map(str, parameter.shape))} numbers"
                    ) from None
                # The logarithm of a softmax has that softmax.
                is_sigmoid = independent and parameter is alphas.candidates
                parameter.copy_(values.logit(SMALLEST) if is_sigmoid else values.clamp_min(SMALLEST).log())
    return alphas


def inherit_network(supernet: Supernet, cell: CellGraph, skeleton: Skeleton, data: DataSpec) -> Network:
    """The network of a derived cell with the supernet's own weights, as it stands before any retraining.

    `skeleton` is the supernet's. Raises `GraphError` for a supernet of partial channels, whose ops are narrower
    than the network's.
    """
    cell = cell.with_plain_names()
    with seeded(0):
        positions = wants_positions(skeleton, supernet.alphas.space.real_ops)  # as the supernet has them
        network = Network(
            skeleton,
            data,
            lambda spec: Cell(cell, spec),
            cell.num_inputs,
            used_inputs=cell.used_inputs(),
            positions=positions,
        )
    trained = supernet.network.state_dict()
    outside = {name: trained[name] for name in network.state_dict() if not name.startswith("cells.")}
    network.load_state_dict(outside, strict=False)
    for number, derived in network.cells.items():
        mixed = supernet.network.cells[number]
        assert isinstance(mixed, MixedCell) and isinstance(derived, Cell)
        if mixed.partial_channels > 1:
            raise GraphError("a supernet of partial channels has no weights that fit the derived network")
        _copy_cell(mixed, derived, cell)
    return network


def _copy_cell(mixed: MixedCell, derived: Cell, cell: CellGraph) -> None:
    ops = iter(derived.ops)
    for index, node in enumerate(cell.nodes):
        for edge in node.edges:
            op = next(ops)
            if get_op(edge.op).parametric:
                mixed_edge = mixed.edges[mixed.space.edges_into(index)[edge.source]]
                assert isinstance(mixed_edge, MixedEdge)
                op.load_state_dict(mixed_edge.ops[edge.op].state_dict())
    if derived.projection is not None and mixed.projection is not None:
        derived.projection.load_state_dict(mixed.projection.state_dict())


def check_holdable(space: SearchSpace, cell: CellGraph) -> None:
    """Raise `GraphError` for a cell that is not in the search space, as `warm_start` does."""
    if cell.num_inputs != space.num_inputs:
        raise GraphError(f"the cell has {cell.num_inputs} inputs, the search space {space.num_inputs}")
    if cell.output != space.output:
        raise GraphError(f"the cell's output is '{cell.output}', the search space's '{space.output}'")
    if len(cell.nodes) != space.nodes:
        raise GraphError(f"the cell has {len(cell.nodes)} nodes, the search space {space.nodes}")
    for index, node in enumerate(cell.with_plain_names().nodes):
        _check_node(space, index, node)


def _check_node(space: SearchSpace, index: int, node: CellNode) -> None:
    expected = min(EDGES_KEPT, space.num_inputs + index)
    sources: Sequence[int] = [edge.source for edge in node.edges]
    if len(set(sources)) != expected or len(sources) != expected:
        raise GraphError(f"node {index} reads the states {sources}, a derived node reads {expected} distinct ones")
    if node.aggregation not in space.aggregations:
        raise GraphError(f"node {index}: aggregation '{node.aggregation}' is not among {' '.join(space.aggregations)}")
    for edge in node.edges:
        if edge.gated:
            raise GraphError(f"node {index}: got a gated edge, allowed: edges without gates, as supernets have")
        if Candidate(edge.op, edge.activation) not in space.candidates:
            raise GraphError(f"node {index}: '{Candidate(edge.op, edge.activation)}' is not among the candidates")
