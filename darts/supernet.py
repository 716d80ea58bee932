"""The supernet: the skeleton of every network here, with mixed cells, and one set of alphas for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from darts.alphas import Alphas
from darts.mixed import MixedCell, MixedEdge, mix_candidates
from darts.search_space import SearchSpace
from neat_deep.base.errors import ConfigError
from neat_deep.base.randomness import derive_seed, seeded
from neat_deep.data import DataSpec
from neat_deep.networks.network import Network, start_from_vectors, wants_positions
from neat_deep.networks.suitability import check_ops
from neat_deep.space.architecture import Skeleton

MOST_VERSIONS = 64  # of a compiled edge: two for each shape, and a few more for the first edges of a cell


class Supernet(nn.Module):
    """All networks of a search space in one, called like a `Network`: (B, ...) and a mask to logits (B, classes).

    The cells share `alphas` and nothing else; stem, reductions and head are those that the derived network has.
    `temperature` (None: all candidates are mixed) and `identity_dropout` are set by the search as it proceeds.
    """

    def __init__(self, network: Network, alphas: Alphas) -> None:
        super().__init__()
        self.network = network
        self.alphas = alphas
        self.temperature: float | None = None
        self.identity_dropout = 0.0

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        # Outside of training nothing is drawn: the score of a supernet must not depend on luck. Weights that were only
        # ever trained one candidate at a time are scored so: all of them mixed would be a network that nobody trained.
        if self.training:
            mixing = self.alphas(temperature=self.temperature, identity_dropout=self.identity_dropout)
        else:
            mixing = self.alphas() if self.temperature is None else self.alphas.strongest()
        return self.network(x, mask, mixing)

    @contextmanager
    def fixed_alphas(self) -> Iterator[None]:
        """Within it the alphas are constants, so a pass for the weights' gradient computes none of the alphas'."""
        self.alphas.requires_grad_(False)
        try:
            yield
        finally:
            self.alphas.requires_grad_(True)

    def weights(self) -> Iterator[nn.Parameter]:
        """All parameters but the alphas."""
        return self.network.parameters()


def build_supernet(
    space: SearchSpace,
    skeleton: Skeleton,
    data: DataSpec,
    *,
    seed: int,
    partial_channels: int = 1,
    edge_normalisation: bool = False,
    independent: bool = False,
    vectors: Tensor | None = None,
) -> Supernet:
    """A supernet whose weights and alphas are drawn from `seed`; the global random state is left as it was.

    The embedding of a supernet for texts starts from `vectors` (vocabulary, D) where they are given; `independent` is
    of `Alphas`.

    Raises `ConfigError` for ops of another rank than the data's, and for channels that do not divide into
    `partial_channels`.
    """
    check_ops(space.real_ops, data.rank)
    with seeded(derive_seed(seed, "supernet")):
        network = Network(
            skeleton,
            data,
            lambda spec: MixedCell(space, spec, partial_channels),
            space.num_inputs,
            positions=wants_positions(skeleton, space.real_ops),
        )
    if vectors is not None:
        start_from_vectors(network, vectors)
    generator = torch.Generator().manual_seed(derive_seed(seed, "alphas"))
    alphas = Alphas(space, generator, edge_normalisation=edge_normalisation, independent=independent)
    return Supernet(network, alphas)


def compile_edges(supernet: Supernet, batch_size: int) -> None:
    """Let `torch.compile` make the mixed edges fast, in place, for training steps on images of `batch_size`.

    One edge of each shape is compiled, once for the weights' steps and once for the alphas'; all others reuse it. A
    smaller last batch, evaluation and texts, whose lengths differ, are left as they are: each would be compiled anew.
    A whole cell takes minutes to compile and gains no more: an edge's convolutions stay calls, what is fused is all
    that follows them. A step raises `ConfigError` where the compiler fails, as without a C++ compiler on the CPU.
    """
    compiled = torch.compile(mix_candidates, dynamic=False)
    config: Any = torch._dynamo.config  # its limit of versions, by default 8, has another name before torch 2.6
    limit = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
    setattr(config, limit, max(getattr(config, limit), MOST_VERSIONS))

    def mix(
        modules: Sequence[nn.Module | None],
        values: Sequence[Tensor | None],
        state: Tensor,
        mask: Tensor | None,
        weights: Tensor,
        activations: Sequence[str],
    ) -> list[Tensor]:
        suits = supernet.training and mask is None and len(state) == batch_size
        try:
            return (compiled if suits else mix_candidates)(modules, values, state, mask, weights, activations)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(
                f"[Darts] compile: got True, which failed here: {reason}; allowed: False, or an installed C++ compiler"
            ) from None

    for module in supernet.modules():
        if isinstance(module, MixedEdge):
            module.mix = mix
