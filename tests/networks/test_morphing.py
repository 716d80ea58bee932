"""Network morphism: no move changes what a network computes, and what is new can learn."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from neat_deep.base.errors import ArchitectureError
from neat_deep.data import DataSpec
from neat_deep.networks.morphing import start_from_parent
from neat_deep.networks.network import Network, build_network
from neat_deep.space.morphism import Morphism
from neat_deep.space.moves import MOVES
from tests.support.morphed import batch, disturb, limits, lived_in, starts

STARTS = starts()
# A cell of one node that reads one state has no other to read; the twins have two edges each.
IMPOSSIBLE = {("identity", "reconnect"), ("concat", "switch_on"), ("texts, concat", "switch_on")}


def born(morphism: Morphism, parent: Network, data: DataSpec, seed: int) -> Network:
    """The child with all of its parent's weights."""
    child = build_network(morphism.child, data, seed=seed + 100).double()
    start_from_parent(child, morphism, parent.state_dict(), seed=seed)
    return child


def difference(one: Network, other: Network, data: DataSpec, seed: int) -> float:
    """The largest difference of outputs, in training and in evaluation mode."""
    given_batch, found = batch(data, seed), 0.0
    for mode in (True, False):
        with torch.no_grad():
            outputs = [deepcopy(network).train(mode)(*given_batch) for network in (one, other)]
        assert outputs[0].isfinite().all() and outputs[0].std() > 1e-3
        found = max(found, (outputs[0] - outputs[1]).abs().max().item())
    return found


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("start", STARTS)
def test_no_move_changes_an_output(start: str, move: str) -> None:
    architecture, data = STARTS[start]
    drawn = random.Random(f"{start} {move}")
    parent = lived_in(architecture, data, 1)
    made = 0
    for attempt in range(3):
        before = Morphism.unchanged(architecture)
        if move == "reconnect":  # it takes an edge that is new
            before = MOVES[drawn.choice(["insert_node", "switch_on"])](before, limits(architecture), drawn) or before
        morphism = MOVES[move](before, limits(architecture), drawn)
        if morphism is None:
            continue
        made += 1
        assert morphism.child.digest() != architecture.digest()
        assert difference(parent, born(morphism, parent, data, attempt), data, attempt) < 1e-10
    assert made or (start, move) in IMPOSSIBLE


@given(
    st.sampled_from(sorted(STARTS)),
    st.lists(st.lists(st.sampled_from(sorted(MOVES)), min_size=1, max_size=4), min_size=1, max_size=3),
    st.integers(0, 10**6),
)
@example("identity", [["add_cell"], ["add_cell"]], 0)  # a cell without weights, but with a gate around it
@settings(max_examples=15, deadline=None)
def test_no_sequence_of_moves_and_trainings_changes_an_output(start: str, lives: list[list[str]], seed: int) -> None:
    architecture, data = STARTS[start]
    room, drawn = limits(architecture), random.Random(seed)
    network = lived_in(architecture, data, seed)
    for number, moves in enumerate(lives):
        morphism = Morphism.unchanged(architecture)
        for move in moves:
            morphism = MOVES[move](morphism, room, drawn) or morphism
        child = born(morphism, network, data, number)
        assert difference(network, child, data, seed) < 1e-10
        disturb(child, data, seed + number)  # its gates open
        network, architecture = child, morphism.child


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights | {"gates.7": torch.zeros(())}, r"weights: 1 of \d+ tensors have no place"),
        (
            lambda weights: weights | {"stem.conv.weight": torch.zeros(8, 2, 5, 5)},
            "stem.conv.weight: got torch.float32",
        ),
    ],
)
def test_other_weights_than_the_parents_are_refused(change: Any, message: str) -> None:
    architecture, data = STARTS["resnet"]
    network = build_network(architecture, data, seed=1)
    with pytest.raises(ArchitectureError, match=message):
        start_from_parent(network, Morphism.unchanged(architecture), change(dict(network.state_dict())), seed=1)


@pytest.mark.parametrize("start", STARTS)
def test_what_is_new_learns(start: str) -> None:
    """A gate at zero has a gradient; after one step of it, so has the op behind it."""
    architecture, data = STARTS[start]
    drawn = random.Random(start)
    morphism = Morphism.unchanged(architecture)
    for move in ("insert_node", "switch_on", "add_cell"):
        morphism = MOVES[move](morphism, limits(architecture), drawn) or morphism
    parent = lived_in(architecture, data, 1)
    child = born(morphism, parent, data, 1)
    inputs, labels = batch(data, 3), torch.tensor([0, 1, 2, 0, 1])
    optimizer = torch.optim.SGD(child.parameters(), lr=0.1)

    def gradients() -> dict[str, float]:
        optimizer.zero_grad()
        F.cross_entropy(child(*inputs), labels).backward()
        return {
            name: 0.0 if weight.grad is None else weight.grad.abs().max().item()
            for name, weight in child.named_parameters()
        }

    gates = {name for name, weight in child.named_parameters() if "gates." in name and weight.item() == 0.0}
    cells = {str(number): str(origin) for number, origin in enumerate(morphism.cells)}
    new_cells = tuple(f"cells.{number}." for number in child.cells if cells[number] not in parent.cells)
    new_ops = [f".ops.{number}." for number, origin in enumerate(morphism.ops) if origin is None]
    weights = {
        name for name in dict(child.named_parameters()) if any(op in name for op in new_ops) and "weight" in name
    }
    # What a new cell holds is behind two gates, the cell's own and that of the edge: it starts a step later.
    late = {name for name in gates | weights if name.startswith(new_cells)}
    at_first = gradients()
    assert any(name.startswith("gates.") for name in gates)
    assert all(at_first[name] > 0 for name in gates - late)
    assert not any(at_first[name] for name in weights | late)
    optimizer.step()
    then = gradients()
    assert all(then[name] > 0 for name in (gates | weights) - (weights & late))
    optimizer.step()
    last = gradients()
    assert all(last[name] > 0 for name in gates | weights)
