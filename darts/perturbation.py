"""Which candidates and edges a supernet would miss most: a selection that does not trust the size of the alphas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from darts.derivation import EDGES_KEPT, Derived, derive_weighted
from darts.epoch import EpochTrainer
from darts.settings import DartsSettings
from darts.supernet import Supernet
from neat_deep.base.randomness import derive_seed
from neat_deep.data import Batch, Split, part_of
from neat_deep.space.cell_graph import NONE

CERTAIN = 20.0  # a logit whose sigmoid is 1


class _Loss(NamedTuple):
    """What the supernet comes to without a part of it: the worse, the more the part is missed."""

    wrong: float  # the share of wrong answers
    loss: float


class PerturbationSelection:
    """Decides one edge after the other, as DARTS-PT does (arXiv 2108.04392, algorithm 1).

    First the candidate of each edge, in an order drawn from the seed: the one without which the supernet gives the most
    wrong answers on the alphas' examples, the larger loss among equals. Then for each node the two edges that it would
    miss most. After each decision the weights are trained for a few steps, at a rate that falls as in the search.

    The authors' program trains alphas and weights for whole epochs after each decision, at a tenth of the rate, and
    leaves the weights of the other candidates as they are where one is left out; here their softmax is made anew.
    """

    def __init__(
        self, supernet: Supernet, trainer: EpochTrainer, alpha_data: Split, settings: DartsSettings, seed: int
    ) -> None:
        self._supernet = supernet
        self._trainer = trainer
        self._settings = settings
        self._seed = seed
        self._order = torch.Generator().manual_seed(derive_seed(seed, "selection"))
        self._batches = _batches(alpha_data, settings, seed)
        self._decided = 0
        space = settings.space()
        self._nodes = [node for node in range(space.nodes) if len(space.edges_into(node)) > EDGES_KEPT]
        self._decisions = len(space.edges) + len(self._nodes)

    @property
    def samples(self) -> int:
        """The training examples that all steps of the weights go through."""
        return self._decisions * self._settings.selection_steps * self._settings.batch_size

    def run(self) -> Derived:
        """Decide all, in place; returns the cell that is left."""
        space = self._supernet.alphas.space
        self._supernet.train()
        for edge in self._shuffled(range(len(space.edges))):
            self._decide_candidate(edge)
            self._train()
        for node in self._shuffled(self._nodes):
            self._decide_edges(list(space.edges_into(node)))
            self._train()
        return derive_weighted(self._supernet.alphas)

    def _decide_candidate(self, edge: int) -> None:
        alive = self._supernet.alphas.alive.clone()
        candidates = self._supernet.alphas.space.candidates
        rows = [row for row in alive[0, edge].nonzero().flatten().tolist() if candidates[row].op != NONE]
        best = rows[0]
        if len(rows) > 1:
            losses = {row: self._without(alive, edge, row) for row in rows}
            best = max(rows, key=lambda row: (losses[row], -row))
        alive[:, edge] = False
        alive[:, edge, best] = True
        self._supernet.alphas.restrict(alive)
        if self._supernet.alphas.independent:  # the only candidate has the weight 1, as in the network that is derived
            with torch.no_grad():
                self._supernet.alphas.candidates[:, edge, best] = CERTAIN

    def _decide_edges(self, edges: Sequence[int]) -> None:
        alive = self._supernet.alphas.alive.clone()
        losses = {edge: self._without(alive, edge) for edge in edges}
        kept = sorted(edges, key=lambda edge: (losses[edge], -edge), reverse=True)[:EDGES_KEPT]
        for edge in edges:
            if edge not in kept:
                alive[:, edge] = False
        self._supernet.alphas.restrict(alive)

    def _without(self, alive: Tensor, edge: int, row: int | None = None) -> _Loss:
        """What the supernet comes to without a candidate, or without a whole edge."""
        without = alive.clone()
        without[:, edge, slice(None) if row is None else row] = False
        self._supernet.alphas.restrict(without)
        errors = loss = examples = 0.0
        for number, batch in enumerate(self._batches):
            seed = derive_seed(self._seed, "selection batch", str(number))
            batch_loss, accuracy = self._trainer.architect.score(batch, seed=seed)
            errors += (1 - accuracy) * len(batch.labels)
            loss += batch_loss * len(batch.labels)
            examples += len(batch.labels)
        self._supernet.alphas.restrict(alive)
        # A supernet whose loss is no number without something misses it more than anything.
        return _Loss(errors / examples, loss / examples if math.isfinite(loss) else math.inf)

    def _train(self) -> None:
        steps, settings = self._settings.selection_steps, self._settings
        first, final = settings.learning_rate, settings.final_learning_rate
        total = self._decisions * steps
        done = range(self._decided * steps, (self._decided + 1) * steps)
        rates = [final + (first - final) * (1 + math.cos(math.pi * step / total)) / 2 for step in done]
        self._trainer.train_weights(f"selection {self._decided}", rates)
        self._decided += 1

    def _shuffled(self, numbers: Sequence[int]) -> list[int]:
        return [numbers[place] for place in torch.randperm(len(numbers), generator=self._order).tolist()]


def selection_steps(settings: DartsSettings, alpha_examples: int) -> tuple[int, int]:
    """How many batches a selection judges candidates and edges by, and how many it trains the weights on.

    Of the supernet as it is at the beginning: the more is decided, the less each of them costs.
    """
    space = settings.space()
    batches = math.ceil(min(settings.selection_examples or alpha_examples, alpha_examples) / settings.batch_size)
    wide = [edges for node in range(space.nodes) if len(edges := space.edges_into(node)) > EDGES_KEPT]
    candidates = min([len(space.candidates), *settings.shrink]) - space.first_real
    judged = len(space.edges) * candidates + sum(len(edges) for edges in wide)
    return batches * judged, settings.selection_steps * (len(space.edges) + len(wide))


def _batches(data: Split, settings: DartsSettings, seed: int) -> list[Batch]:
    examples = part_of(data, min(settings.selection_examples or len(data), len(data)), seed)
    order = torch.Generator().manual_seed(derive_seed(seed, "selection examples"))
    return list(examples.train_batches(settings.batch_size, order))
