"""From alphas to a cell: the two strongest edges of each node, the strongest candidate on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from darts.alphas import Alphas
from neat_deep.base.errors import ConfigError
from neat_deep.ops import get_op
from neat_deep.space.cell_graph import IDENTITY, NONE, CellGraph, CellNode, Edge

EDGES_KEPT = 2  # a node is dual-input


@dataclass(frozen=True)
class Derived:
    """A derived cell, and for each (node, slot) the strength in 0..1 by which it was chosen."""

    cell: CellGraph
    strengths: Mapping[tuple[int, int], float]

    def widths(self) -> dict[tuple[int, int], float]:
        """The strengths relative to the largest, for a picture: softmax weights over many candidates are all small."""
        largest = max(self.strengths.values())
        return {slot: strength / largest for slot, strength in self.strengths.items()}


@dataclass(frozen=True)
class _Pick:
    strength: float  # of the edge among its node's edges
    weight: float  # of the candidate on its edge
    number: int  # of the edge
    edge: Edge


def derive(alphas: Alphas, *, identity_cap: int = -1) -> CellGraph:
    """The cell that the alphas stand for now; see `derive_weighted`."""
    return derive_weighted(alphas, identity_cap=identity_cap).cell


def derive_weighted(alphas: Alphas, *, identity_cap: int = -1) -> Derived:
    """The cell, with weights: DARTS, arXiv 1806.09055, section 2.4.

    An edge's strength is the weight of its best candidate other than `none`, times the edge's own weight
    where edges are normalised; a node keeps its two strongest edges (one, where it has only one), the strongest
    first. Its aggregation is the strongest, and its edges are ranked by that one's alphas. With an `identity_cap`
    of 0 or more only so many edges keep `identity`, the strongest; the others are derived without it (P-DARTS,
    arXiv 1904.12760, section 3.3.2). Raises `ConfigError` when the cap leaves an edge nothing else.
    """
    banned: set[int] = set()
    while True:
        picks = [_pick_node(alphas, node, banned) for node in range(alphas.space.nodes)]
        live = _build(alphas, picks).used_nodes()  # a cap is not for edges that no network has
        identities = [pick for node in live for pick in picks[node][1] if pick.edge.op == IDENTITY]
        if identity_cap < 0 or len(identities) <= identity_cap:
            break
        banned.add(min(identities, key=lambda pick: (pick.weight, -pick.number)).number)
    strengths = {
        (node, slot): pick.strength for node, (_, chosen) in enumerate(picks) for slot, pick in enumerate(chosen)
    }
    return Derived(_build(alphas, picks), strengths)


def count_parameter_free(cell: CellGraph) -> int:
    """How many edges that the output uses hold an op without weights: when they take over, a search has collapsed."""
    return sum(not get_op(edge.op).parametric for node in cell.prune().nodes for edge in node.edges)


def count_identities(cell: CellGraph) -> int:
    """How many of them hold `identity`."""
    return sum(edge.op == IDENTITY for node in cell.prune().nodes for edge in node.edges)


def _build(alphas: Alphas, picks: Sequence[tuple[str, list[_Pick]]]) -> CellGraph:
    nodes = tuple(
        CellNode(tuple(pick.edge for pick in chosen), aggregation, key)
        for key, (aggregation, chosen) in enumerate(picks)
    )
    return CellGraph(alphas.space.num_inputs, nodes, alphas.space.output)


@torch.no_grad()
def _pick_node(alphas: Alphas, node: int, banned: set[int]) -> tuple[str, list[_Pick]]:
    space = alphas.space
    by_aggregation = alphas.aggregation_weights()
    kind = 0 if by_aggregation is None else int(by_aggregation[node].argmax())
    weights = alphas.candidate_weights()[kind].tolist()  # (edges, candidates); read one by one, so on the CPU
    alive = alphas.alive[kind].tolist()
    edge_weights = alphas.edge_weights()
    picks = []
    for number in space.edges_into(node):
        if not any(alive[number]):
            continue
        allowed = [
            row
            for row, candidate in enumerate(space.candidates)
            if alive[number][row] and candidate.op != NONE and not (candidate.op == IDENTITY and number in banned)
        ]
        if not allowed:
            raise ConfigError(
                f"identity_cap: edge {space.edges[number]} has no candidate but '{IDENTITY}'; allowed: -1, or more ops"
            )
        row = max(allowed, key=lambda r: (weights[number][r], -r))
        weight = weights[number][row]
        share = 1.0 if edge_weights is None else float(edge_weights[kind, number])
        candidate = space.candidates[row]
        edge = Edge(space.edges[number][1], candidate.op, candidate.activation)
        picks.append(_Pick(weight * share, weight, number, edge))
    picks.sort(key=lambda pick: (-pick.strength, pick.number))
    return space.aggregations[kind], picks[:EDGES_KEPT]
