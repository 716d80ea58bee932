"""The weights of a network that a morphism made: all of its parent's, so that it computes the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from neat_deep.base.errors import ArchitectureError
from neat_deep.base.registry import resolve
from neat_deep.networks.network import Network
from neat_deep.ops import get_op
from neat_deep.ops.widening import Widening, named, part
from neat_deep.space.morphism import Morphism, Origin

PROJECTION = "stem.project.weight"


@torch.no_grad()
def start_from_parent(network: Network, morphism: Morphism, weights: Mapping[str, Tensor], *, seed: int) -> None:
    """Give `network`, built from the morphism's child, the `weights` (state_dict) of its parent.

    Parts that the morphism made keep what they were built with: no output depends on them yet. Then the network
    computes what the parent did, in training (dropout and its random draws aside) and in evaluation mode. `seed`
    decides how weights are shared out where the network is wider. Raises `ArchitectureError` for weights that are not
    the parent's, and for an op that cannot be widened.
    """
    own = network.state_dict()
    inherited = _Inheritance(morphism, weights, own, seed).all()
    # Each tensor of the parent has one place; only a projection of word vectors may be added or removed.
    unplaced = len(weights.keys() - {PROJECTION}) - len(inherited.keys() - {PROJECTION})
    if unplaced:
        raise ArchitectureError(f"weights: {unplaced} of {len(weights)} tensors have no place in the morphism's child")
    for name, tensor in inherited.items():
        if name not in own or own[name].shape != tensor.shape or own[name].dtype != tensor.dtype:
            place = f"{own[name].dtype} of shape {tuple(own[name].shape)}" if name in own else "no such part"
            raise ArchitectureError(
                f"weights: {name}: got {tensor.dtype} of shape {tuple(tensor.shape)}, allowed: {place}"
            )
        own[name].copy_(tensor)


def can_widen(morphism: Morphism) -> bool:
    """Whether every op that the child has of its parent can be widened with its weights."""
    edges = [edge for node in morphism.child.cell.nodes for edge in node.edges]
    return all(
        get_op(e.op).widen is not None for e, origin in zip(edges, morphism.ops, strict=True) if origin is not None
    )


@dataclass(frozen=True)
class _Wider:
    """How the features that a part reads and writes become wider."""

    read: Widening
    write: Widening


class _Inheritance:
    """The parent's tensors under the child's names and in the child's shapes, part by part."""

    def __init__(self, morphism: Morphism, weights: Mapping[str, Tensor], own: Mapping[str, Tensor], seed: int) -> None:
        self._morphism = morphism
        self._weights = {name: tensor.cpu() for name, tensor in weights.items()}
        self._own = own
        self._generator = torch.Generator().manual_seed(seed)

    def all(self) -> dict[str, Tensor]:
        """Everything that the child takes over."""
        tensors = self._stem() | self._reductions()
        for index, origin in enumerate(self._morphism.cells):
            if origin is None:
                continue
            if part(self._weights, f"cells.{origin}."):  # else it has no weights, or the parent did without it
                tensors |= named(self._cell(index, origin), f"cells.{index}.")
            if f"gates.{origin}" in self._weights:
                tensors[f"gates.{index}"] = self._weights[f"gates.{origin}"]
        beside = ("ngrams.", "char_ngrams.")
        ngrams = {name: tensor for name, tensor in self._weights.items() if name.startswith(beside)}
        return tensors | self._head() | ngrams

    def _wider(self, cell: int, origin: int) -> Widening:
        """What happens to the features of a cell; its number among the parent's cells is `origin`."""
        parent, child = self._morphism.parent.skeleton, self._morphism.child.skeleton
        return Widening(parent.channels_of_cell(origin), child.channels_of_cell(cell), self._generator)

    def _level(self, reductions: int) -> Widening:
        """What happens to features after so many reductions."""
        parent, child = self._morphism.parent.skeleton, self._morphism.child.skeleton
        return Widening(parent.channels_after(reductions), child.channels_after(reductions), self._generator)

    def _stem(self) -> dict[str, Tensor]:
        wider, stem = self._level(0), part(self._weights, "stem.")
        if "conv.weight" in stem:
            tensors = {"conv.weight": wider.copy(stem["conv.weight"])} | _norm(stem, wider)
        else:
            tensors = _embedding(stem, wider, has_projection=PROJECTION in self._own)
        return named(tensors, "stem.")

    def _reductions(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        parent, child = self._morphism.parent.skeleton, self._morphism.child.skeleton
        for count, (before, after) in enumerate(zip(parent.reduce_after, child.reduce_after, strict=True)):
            for name, branch in _children(part(self._weights, f"reductions.{before}.branches.")).items():
                wider = _Wider(self._level(count), self._level(count + 1))
                tensors |= named(_strided(branch, wider), f"reductions.{after}.branches.{name}.")
        return tensors

    def _cell(self, index: int, origin: int) -> dict[str, Tensor]:
        wider, weights = self._wider(index, origin), part(self._weights, f"cells.{origin}.")
        ops, gates = _children(part(weights, "ops.")), part(weights, "gates.")
        tensors: dict[str, Tensor] = {}
        edges = [edge for node in self._morphism.child.cell.nodes for edge in node.edges]
        for number, (edge, old) in enumerate(zip(edges, self._morphism.ops, strict=True)):
            if old is None:
                continue
            tensors |= named(_widened(edge.op, ops.get(str(old), {}), wider), f"ops.{number}.")
            if edge.gated:
                tensors[f"gates.{number}"] = gates[str(old)]
        projection = part(weights, "projection.")
        if projection:
            blocks = _blocks(projection["conv.weight"], self._morphism.nodes, wider)
            tensors |= named({"conv.weight": wider.copy(blocks)} | _norm(projection, wider), "projection.")
        return tensors

    def _head(self) -> dict[str, Tensor]:
        parent, child = self._morphism.parent.skeleton, self._morphism.child.skeleton
        wider = self._wider(child.cells, parent.cells)
        kinds = self._weights["head.linear.weight"].split(wider.old, dim=1)  # means, and maxima if there are any
        weight = torch.cat([wider.share_out(kind) for kind in kinds], dim=1)
        return {"head.linear.weight": weight, "head.linear.bias": self._weights["head.linear.bias"]}


def _children(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The tensors of each child by its name: what stands before the first dot."""
    children: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        child, _, rest = name.partition(".")
        children.setdefault(child, {})[rest] = tensor
    return children


def _norm(tensors: Mapping[str, Tensor], wider: Widening) -> dict[str, Tensor]:
    return named(wider.norm(part(tensors, "norm.")), "norm.")


def _strided(tensors: Mapping[str, Tensor], wider: _Wider) -> dict[str, Tensor]:
    conv = wider.read.share_out(wider.write.copy(tensors["conv.weight"]))
    return {"conv.weight": conv} | _norm(tensors, wider.write)


def _embedding(stem: Mapping[str, Tensor], wider: Widening, *, has_projection: bool) -> dict[str, Tensor]:
    """The stem for sequences. Word vectors keep their width: a linear layer behind them may be added or removed."""
    embedding, project = stem["embedding.weight"], stem.get("project.weight")
    tensors = {}
    if has_projection:
        rows = torch.eye(wider.old, dtype=embedding.dtype) if project is None else project
        tensors = {"embedding.weight": embedding, "project.weight": wider.copy(rows)}
    else:
        columns = embedding if project is None else embedding @ project.T
        tensors = {"embedding.weight": wider.copy(columns, 1)}
    if "positions.weight" in stem:
        tensors["positions.weight"] = wider.copy(stem["positions.weight"], 1)
    return tensors


def _blocks(weight: Tensor, nodes: tuple[Origin, ...], wider: Widening) -> Tensor:
    """The weights of a projection that reads each node's channels; those that read a new node are zero."""
    old = weight.split(wider.old, dim=1)
    zero = torch.zeros_like(old[0])
    return torch.cat([wider.share_out(zero if node is None else old[node]) for node in nodes], dim=1)


def _widened(op: str, tensors: Mapping[str, Tensor], wider: Widening) -> dict[str, Tensor]:
    if wider.old == wider.new:
        return dict(tensors)
    widen = get_op(op).widen
    if widen is None:
        raise ArchitectureError(f"op '{op}' cannot be widened: it was registered without a function `widen`")
    widened: dict[str, Tensor] = resolve(widen)(tensors, wider)
    return widened
