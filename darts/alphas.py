"""The alphas: the architecture parameters that all cells of a supernet share, and the mixing weights they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darts.search_space import SearchSpace

INITIAL_SPREAD = 1e-3  # as published: near enough to equal weights, and not tied
RULED_OUT = -1e9  # a logit whose softmax weight and sigmoid are 0; of infinity, a softmax of none but such is no number


@dataclass(frozen=True)
class Mixing:
    """The weights of one forward pass, for every cell alike.

    `candidates` (aggregations, edges, candidates) sums to 1 over the candidates, unless they are independent. `edges`
    (aggregations, edges), if any, sums to 1 over each node's edges, and `aggregations` (nodes, aggregations), if any,
    over the aggregations. `chosen` holds for each aggregation and edge the one candidate that is computed, or is None
    when all are; `alive_rows` holds for each edge the candidates that are not ruled out, and is None when all are left.
    """

    candidates: Tensor
    edges: Tensor | None = None
    aggregations: Tensor | None = None
    chosen: list[list[int]] | None = None
    identity_dropout: float = 0.0
    alive_rows: list[list[int]] | None = None


class Alphas(nn.Module):
    """One logit for each candidate of each edge, for each aggregation that is searched.

    With `edge_normalisation` there is also a logit for each edge (PC-DARTS, arXiv 1907.05737, eq. 4), and with more
    than one aggregation a logit for each node and aggregation. An op's weight depends on the aggregation that it
    feeds, so every aggregation has its own set. Where candidates are `independent`, the weight of each is its logit's
    sigmoid, and no candidate takes weight from another (FairDARTS, arXiv 1911.12126, section 3.2).

    `alive` (aggregations, edges, candidates) says which candidates `restrict` has not ruled out.
    """

    alive: Tensor

    def __init__(
        self,
        space: SearchSpace,
        generator: torch.Generator,
        *,
        edge_normalisation: bool = False,
        independent: bool = False,
    ) -> None:
        super().__init__()
        self.space = space
        self.independent = independent
        kinds, edges = len(space.aggregations), len(space.edges)

        def near_zero(*shape: int) -> nn.Parameter:
            return nn.Parameter(INITIAL_SPREAD * torch.randn(*shape, generator=generator))

        self.candidates = near_zero(kinds, edges, len(space.candidates))
        self.edges = near_zero(kinds, edges) if edge_normalisation else None
        self.aggregations = near_zero(space.nodes, kinds) if kinds > 1 else None
        self.register_buffer("alive", torch.ones(self.candidates.shape, dtype=torch.bool))
        self.alive_rows: list[list[int]] | None = None  # what `alive` says, without a wait for the device in each pass
        self.register_load_state_dict_post_hook(lambda alphas, _: alphas._note_alive_rows())

    def restrict(self, alive: Tensor) -> None:
        """Rule out the candidates that are not `alive` (aggregations, edges, candidates), bring back those that are.

        What is ruled out has the weight 0 and is not computed; an edge without candidates is none.
        """
        self.alive.copy_(alive)
        self._note_alive_rows()

    def _note_alive_rows(self) -> None:
        alive = self.alive.any(0).tolist()
        rows = [[row for row, is_alive in enumerate(edge) if is_alive] for edge in alive]
        self.alive_rows = None if bool(self.alive.all()) else rows

    def forward(self, *, temperature: float | None = None, identity_dropout: float = 0.0) -> Mixing:
        """The weights of one pass; with a `temperature` one candidate an edge is drawn by the Gumbel-softmax trick.

        GDAS (arXiv 1910.04465, eq. 4 to 7): the forward pass takes the largest of the perturbed softmax with weight
        1, the backward pass the softmax's own gradient. The noise comes from torch's global generator.
        """
        if temperature is None:
            weights, chosen = self.candidate_weights(), None
        else:
            log_weights = F.log_softmax(self._logits(), dim=-1)
            noise = -torch.empty_like(log_weights).exponential_().log()
            soft = F.softmax((log_weights + noise) / temperature, dim=-1)
            largest = soft.argmax(-1, keepdim=True)
            hard = torch.zeros_like(soft).scatter_(-1, largest, 1.0)
            weights, chosen = hard - soft.detach() + soft, largest.squeeze(-1).tolist()
        return Mixing(
            weights,
            self.edge_weights(),
            self.aggregation_weights(),
            chosen,
            identity_dropout,
            alive_rows=self.alive_rows,
        )

    def candidate_weights(self) -> Tensor:
        """The weight of each candidate on its edge, (aggregations, edges, candidates)."""
        weights = self._logits().sigmoid() if self.independent else F.softmax(self._logits(), dim=-1)
        return (
            weights if self.alive_rows is None else weights * self.alive
        )  # the softmax of an edge that is none is even

    def _logits(self) -> Tensor:
        return self.candidates if self.alive_rows is None else self.candidates.masked_fill(~self.alive, RULED_OUT)

    def strongest(self) -> Mixing:
        """Each edge's strongest candidate alone, with weight 1: what sampling comes to, without the draw."""
        largest = self._logits().detach().argmax(-1, keepdim=True)
        weights = torch.zeros_like(self.candidates).scatter_(-1, largest, 1.0)
        chosen = largest.squeeze(-1).tolist()
        return Mixing(weights, self.edge_weights(), self.aggregation_weights(), chosen, alive_rows=self.alive_rows)

    def edge_weights(self) -> Tensor | None:
        """The softmax over each node's edges, (aggregations, edges), where edges are normalised."""
        if self.edges is None:
            return None
        logits = self.edges if self.alive_rows is None else self.edges.masked_fill(~self.alive.any(-1), RULED_OUT)
        ranges = [self.space.edges_into(node) for node in range(self.space.nodes)]
        return torch.cat([F.softmax(logits[:, part.start : part.stop], dim=1) for part in ranges], dim=1)

    def aggregation_weights(self) -> Tensor | None:
        """The softmax over the aggregations, (nodes, aggregations), where there are several."""
        return None if self.aggregations is None else F.softmax(self.aggregations, dim=1)
