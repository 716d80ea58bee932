"""The search space: its edges, its candidates, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darts import SearchSpace
from darts.search_space import Candidate
from neat_deep.base.errors import ConfigError, UnknownNameError
from neat_deep.networks.suitability import check_ops
from neat_deep.ops import get_op, list_ops
from neat_deep.space.op_names import other_names, plain_name


@given(nodes=st.integers(1, 32), num_inputs=st.integers(1, 2))
def test_every_node_reads_every_state_before_it_once(nodes: int, num_inputs: int) -> None:
    space = SearchSpace(("identity",), nodes=nodes, num_inputs=num_inputs)
    numbers = [number for node in range(nodes) for number in space.edges_into(node)]
    assert numbers == list(range(len(space.edges)))
    for node in range(nodes):
        edges = [space.edges[number] for number in space.edges_into(node)]
        assert edges == [(node, source) for source in range(num_inputs + node)]


def test_candidates_are_none_once_and_each_op_with_each_activation() -> None:
    space = SearchSpace(("sep_conv_3", "none", "identity"), ("relu", "identity"))
    assert [str(c) for c in space.candidates] == ["none", "sep_conv_3 relu", "sep_conv_3", "identity relu", "identity"]
    assert [c.is_free for c in space.candidates] == [True, False, False, True, True]
    assert Candidate("none") not in SearchSpace(("identity",)).candidates


def test_the_published_space() -> None:
    space = SearchSpace(("none", *(op for op in list_ops(rank=2))))
    assert (space.nodes, space.num_inputs, space.output, space.aggregations) == (4, 2, "last", ("add",))
    assert len(space.edges) == 2 + 3 + 4 + 5
    assert len(space.candidates) == 1 + 2 * len({plain_name(op) for op in list_ops(rank=2)})
    check_ops(space.real_ops, 2)


@pytest.mark.parametrize(("other", "plain"), other_names().items())
def test_an_op_with_two_names_is_one_candidate(other: str, plain: str) -> None:
    assert SearchSpace(("none", plain, "identity", other)) == SearchSpace(("none", plain, "identity"))
    assert SearchSpace((other, "identity")) == SearchSpace((plain, "identity"))


@pytest.mark.parametrize("name", list_ops())
def test_ops_of_another_rank_are_refused(name: str) -> None:
    space = SearchSpace(("none", name))
    for rank, kind in ((1, "sequences"), (2, "images")):
        if rank in get_op(name).ranks:
            check_ops(space.real_ops, rank)
        else:
            with pytest.raises(ConfigError, match=f"op_options: got '{name}', which does not support the {kind}"):
                check_ops(space.real_ops, rank)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nodes": 0}, "nodes: got 0, allowed: 1 to 32"),
        ({"nodes": 33}, "nodes: got 33, allowed: 1 to 32"),
        ({"num_inputs": 3}, "num_inputs: got 3, allowed: 1 to 2"),
        ({"output": "first"}, "output: got 'first', allowed: last, concat"),
        ({"ops": ()}, "ops: got nothing, allowed: one name or more"),
        ({"activations": ()}, "activations: got nothing, allowed: one name or more"),
        ({"aggregations": ()}, "aggregations: got nothing, allowed: one name or more"),
        ({"ops": ("identity", "identity")}, "ops: got 'identity identity', allowed: each name once"),
        ({"ops": ("none",)}, "ops: got only 'none', allowed: at least one other op"),
        ({"aggregations": ("max",)}, "aggregations: got 'max', allowed: add, mul"),
    ],
)
def test_bad_spaces(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SearchSpace(**{"ops": ("identity", "sep_conv_3"), **values})


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="unknown op 'sepconv_3' in ops; did you mean 'sep_conv_3'. known: "):
        SearchSpace(("sepconv_3",))
    with pytest.raises(UnknownNameError, match="unknown activation 'rleu' in activations; did you mean 'relu'. known"):
        SearchSpace(("identity",), ("rleu",))
