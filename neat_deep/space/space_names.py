"""The kinds of search spaces, by name, and the INI keys of [SearchSpace] and [CellGenome] that ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from neat_deep.space.hierarchical_space import HierarchicalSpace
from neat_deep.space.network_space import NetworkSpace
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions

CELL, ENTIRE, NETWORK, HIERARCHICAL = "cell", "entire", "network", "hierarchical"

SPACES: Mapping[str, str] = {
    CELL: "the cell that is stacked in a given skeleton",
    ENTIRE: "the entire structure: a cell that stands alone, with cells = 1 in [Network]",
    NETWORK: "the cell and its skeleton: channels_options, reductions_options, stage_cells_options",
    HIERARCHICAL: "the cell and motifs, small graphs that stand as its ops: motifs, motif_nodes, motif_levels",
}

_KINDS: Mapping[type[object], str] = {SearchSpace: CELL, NetworkSpace: NETWORK, HierarchicalSpace: HIERARCHICAL}
_KEYS = {**{f.name: NETWORK for f in fields(SkeletonOptions)}, "motifs": HIERARCHICAL}
_NOTHING = ("", "0")  # with such a value a key asks for nothing


def wider_space(texts: Mapping[str, str]) -> tuple[str, str] | None:
    """The first key of a section that asks for more than cells, and the space that it asks for; None without one."""
    asking = (key for key, text in texts.items() if key in _KEYS and text.strip() not in _NOTHING)
    return next(((key, _KEYS[key]) for key in asking), None)


def space_name(space: object) -> str:
    """The name of a space's kind; that of its class where it is none of ours."""
    return _KINDS.get(type(space), type(space).__name__)
