"""The registries of ops, activations and aggregations: facts without torch, and what a user adds."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from neat_deep.base.errors import ConfigError, UnknownNameError
from neat_deep.base.registry import Registry, registration_scope
from neat_deep.networks.cell import Cell
from neat_deep.ops import (
    ACTIVATIONS,
    AGGREGATIONS,
    OPS,
    FeatureSpec,
    get_activation,
    get_aggregation,
    get_op,
    register_activation,
    register_aggregation,
    register_op,
)
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

ENTRIES = [(registry, name) for registry in (OPS, ACTIVATIONS, AGGREGATIONS) for name in registry]


@pytest.mark.parametrize("module", ["neat_deep.ops.registry", "neat_deep.ops", "neat_deep.space.aggregations"])
def test_facts_cost_no_torch(module: str) -> None:
    code = f"import sys, {module}; from neat_deep.ops import list_ops; list_ops(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("registry", "name"), ENTRIES)
def test_every_entry_says_in_a_line_what_it_is(registry: Registry, name: str) -> None:
    summary = registry.get(name).summary
    assert 5 < len(summary) < 100 and "\n" not in summary


@pytest.mark.parametrize(("registry", "name"), ENTRIES)
def test_what_an_entry_names_can_be_imported(registry: Registry, name: str) -> None:
    assert callable(registry.load(name))


@pytest.mark.usefixtures("registrations")
def test_what_a_user_registers_is_used_like_ours() -> None:
    @register_op("shift", ranks={2}, parametric=False)
    def shift(spec: FeatureSpec) -> nn.Module:
        """moves each row down by one

        More about it.
        """
        return Shift()

    register_activation("sine", summary="sin(x)")(torch.sin)
    register_aggregation("subtract", summary="the first less the second")(torch.sub)
    node = CellNode((Edge(0, "shift", "sine"), Edge(0, "identity")), "subtract")
    x = torch.randn(2, 4, 5, 5)
    out = Cell(CellGraph(1, (node,)), FeatureSpec(2, 4))([x])
    torch.testing.assert_close(out, x.roll(1, 2).sin() - x)
    assert get_op("shift").summary == "moves each row down by one"
    assert ACTIVATIONS.get("sine").summary == "sin(x)"


class Shift(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return x.roll(1, 2)


@pytest.mark.usefixtures("registrations")
def test_an_aggregation_commutes_if_it_says_so() -> None:
    register_aggregation("subtract")(torch.sub)
    register_aggregation("greater", commutative=True)(torch.maximum)
    one, other = Edge(0, "sep_conv_3"), Edge(0, "max_pool_3")
    for name, same in (("subtract", False), ("greater", True)):
        digests = {CellGraph(1, (CellNode(edges, name),)).digest() for edges in ((one, other), (other, one))}
        assert (len(digests) == 1) == same, name


@pytest.mark.usefixtures("registrations")
@pytest.mark.parametrize("register", [register_activation, register_aggregation])
def test_a_name_is_given_once(register) -> None:
    with pytest.raises(ConfigError, match=r"name 'two words': allowed: no spaces"):
        register("two words")(torch.sin)
    register("mine")(torch.sin)
    with pytest.raises(ConfigError, match=r"(activation|aggregation) name 'mine' is taken"):
        register("mine")(torch.cos)


def test_after_a_scope_the_code_is_gone_too() -> None:
    for function in (torch.sin, torch.cos):
        with registration_scope():
            register_activation("wave")(function)
            assert get_activation("wave") is function
    with pytest.raises(UnknownNameError):
        get_activation("wave")
    assert get_aggregation("add") is torch.add
