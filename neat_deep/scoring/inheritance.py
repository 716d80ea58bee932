"""Weights that survive mutation and crossover: which parts of a child start from which trained parts of its parents.

Lamarckian weight inheritance, as in Real et al., "Large-Scale Evolution of Image Classifiers" (arXiv 1703.01041,
section 3.4), by node instead of by layer. Parts are matched on the graphs alone, so what a child inherits can be named
before anything is built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from neat_deep.base.errors import StoreError
from neat_deep.ops import get_op
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.space.morphism import Morphism

REST = ""  # the piece that is everything outside the cells' ops: stem, reductions, head

# What weights and statistics are made of. The format holds more, but what an older release of its library can read
# is on the safe side.
DTYPES = (
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
)


@dataclass(frozen=True)
class Ancestor:
    """A parent as its child sees it: the evaluation that trained its weights, and its canonical cell."""

    key: str
    rung: int
    cell: CellGraph


@dataclass(frozen=True)
class Piece:
    """One inherited part: `target` of the child, as `ops.2`, starts from `source` of an evaluation's weights."""

    target: str
    key: str
    rung: int
    source: str


@dataclass(frozen=True)
class Heritage:
    """All weights of one evaluation, by its key and rung, for the child that `morphism` makes of its network."""

    key: str
    rung: int
    morphism: Morphism

    def name(self) -> str:
        """A stable name of what is inherited, 16 hexadecimal digits."""
        content = [self.key, self.rung, self.morphism.encode()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def plan_inheritance(child: CellGraph, parents: Sequence[Ancestor]) -> tuple[Piece, ...]:
    """What a child with the canonical cell `child` takes from its parents, the first of which counts more.

    An op's weights go to the op of the same name on the same slot of the node with the same key. The canonical form
    may have swapped a node's slots, so the op that reads the same source is preferred to the one on the same slot,
    and that to any other of the name. Everything outside the ops comes from the first parent. A part whose shape
    does not fit is left as it was drawn, when the pieces are loaded.
    """
    if not parents:
        return ()
    pieces = [Piece(REST, parents[0].key, parents[0].rung, REST)]
    for node, slots in _parametric_slots(child):
        for parent in parents:
            donor = next((entry for entry in _parametric_slots(parent.cell) if entry[0].key == node.key), None)
            if donor is None:
                continue
            taken = {p.source for p in pieces if p.key == parent.key and p.rung == parent.rung}
            filled = {p.target for p in pieces}
            for slot in slots:
                if slot.name in filled:
                    continue
                offered = [other for other in donor[1] if other.op == slot.op and other.name not in taken]
                if offered:
                    chosen = max(offered, key=lambda other: (other.source == slot.source, other.slot == slot.slot))
                    taken.add(chosen.name)
                    pieces.append(Piece(slot.name, parent.key, parent.rung, chosen.name))
    return tuple(pieces)


def name_inheritance(pieces: Sequence[Piece]) -> str:
    """A stable name of what is inherited, 16 hexadecimal digits; empty for nothing."""
    if not pieces:
        return ""
    content = sorted([p.target, p.key, p.rung, p.source] for p in pieces)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def collect(pieces: Sequence[Piece], weights: Callable[[str, int], bytes | None]) -> dict[str, Tensor]:
    """The tensors of all pieces, under the names that they have in the child.

    `weights` gives the packed weights of an evaluation by key and rung; raises `StoreError` when they are gone.
    """
    collected: dict[str, Tensor] = {}
    for origin in dict.fromkeys((p.key, p.rung) for p in pieces):
        tensors = unpack(_kept(weights, *origin))
        for piece in pieces:
            if (piece.key, piece.rung) == origin:
                collected.update(_renamed(tensors, piece))
    return collected


def weights_of(heritage: Heritage, weights: Callable[[str, int], bytes | None]) -> bytes:
    """The packed weights that a morphism's child starts from; raises `StoreError` as `collect` does."""
    return _kept(weights, heritage.key, heritage.rung)


def _kept(weights: Callable[[str, int], bytes | None], key: str, rung: int) -> bytes:
    data = weights(key, rung)
    if data is None:
        raise StoreError(f"the weights of {key}, rung {rung}, are not there any more")
    return data


def load(network: nn.Module, tensors: Mapping[str, Tensor]) -> int:
    """Copy tensors into the network's parts of the same name and shape; returns how many fitted."""
    fitting = 0
    with torch.no_grad():
        for name, own in network.state_dict().items():
            given = tensors.get(name)
            if given is not None and given.shape == own.shape and given.dtype == own.dtype:
                own.copy_(given)
                fitting += 1
    return fitting


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as bytes of the safetensors format; raises `StoreError` for a type that is not among `DTYPES`."""
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise StoreError(f"cannot keep '{name}': got {tensor.dtype}, allowed: {', '.join(map(str, DTYPES))}")
    # Copies, since the library refuses names that share their memory, as tied weights of a user's op do.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    return safetensors.torch.save(copies)


def unpack(data: bytes) -> dict[str, Tensor]:
    """The tensors that `pack` wrote, on the CPU; raises `StoreError` for other bytes."""
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise StoreError(f"not packed weights: {error}") from None


@dataclass(frozen=True)
class _Slot:
    """An op with weights, or with a gate: its place in the cell's list of ops, its slot, and the key of its source."""

    name: str
    op: str
    slot: int
    source: int


def _parametric_slots(cell: CellGraph) -> list[tuple[CellNode, list[_Slot]]]:
    """The nodes of a cell with their ops that have weights or a gate; a `Cell` numbers its ops in this order."""
    kept, number = [], 0
    for node in cell.nodes:
        slots = []
        for slot, edge in enumerate(node.edges):
            if get_op(edge.op).parametric or edge.gated:
                slots.append(_Slot(f"ops.{number}", edge.op, slot, _source_key(cell, edge)))
            number += 1
        if slots:
            kept.append((node, slots))
    return kept


def _source_key(cell: CellGraph, edge: Edge) -> int:
    """The key of the node that an edge reads; inputs have negative ones, as in neat-python."""
    return -1 - edge.source if edge.source < cell.num_inputs else cell.nodes[edge.source - cell.num_inputs].key


def _renamed(tensors: Mapping[str, Tensor], piece: Piece) -> dict[str, Tensor]:
    """The tensors that belong to a piece, in every cell of the network, under the child's names."""
    kept = {}
    for name, tensor in tensors.items():
        top, _, rest = name.partition(".")
        index, _, part = rest.partition(".")
        in_op = top == "cells" and part.startswith(("ops.", "gates."))
        gate = piece.source.replace("ops.", "gates.", 1)
        if piece.source == REST and not in_op:
            kept[name] = tensor
        elif in_op and part.startswith(f"{piece.source}.") and piece.source != REST:
            kept[f"cells.{index}.{piece.target}{part.removeprefix(piece.source)}"] = tensor
        elif in_op and part == gate:
            kept[f"cells.{index}.{piece.target.replace('ops.', 'gates.', 1)}"] = tensor
    return kept
