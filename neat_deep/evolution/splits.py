"""The numbers of a split connection: in one generation the same split has the same ones in all genomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from neat.innovation import InnovationTracker

KIND = "split_node"  # what neat-python 2.1 calls it


class Split(NamedTuple):
    """The key of the node that a split makes, and the innovation numbers of the connections into and out of it."""

    node: int
    into: int
    out: int


def split_connection(tracker: InnovationTracker, source: int, target: int, new_key: Callable[[], int]) -> Split:
    """What the generation calls the split of `source` to `target`; `new_key` gives the key of the first one's node.

    Stanley, Miikkulainen, "Evolving Neural Networks through Augmenting Topologies" (2002), p. 108. neat-python 2.0
    numbers the connections by the new node, which each genome makes for itself; what follows it has a method for this.
    """
    if hasattr(tracker, "get_node_split"):
        return Split(*tracker.get_node_split(source, target, new_key))
    innovations = tracker.generation_innovations
    place = source, target, KIND
    if place not in innovations:
        key = new_key()
        into = tracker.get_innovation_number(source, key, "add_node_in")
        innovations[place] = Split(key, into, tracker.get_innovation_number(key, target, "add_node_out"))
    return Split(*innovations[place])
