"""Checkpoints of version 1, whose supernets had two candidates where two names are of one op: the second is dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from darts.supernet import Supernet
from neat_deep.space.cell_graph import NONE
from neat_deep.space.op_names import plain_name

ALPHAS = "alphas.candidates"
OF_CANDIDATES = (ALPHAS, "alphas.alive")  # tensors with a row for each candidate
OP_IN_A_NAME = re.compile(r"(?<=ops\.)[^.]+")  # of a weight: `network.cells.0.edges.0.ops.sep_conv_3.norm.bias`


def drop_other_names(
    content: Mapping[str, Any],
    op_options: Sequence[str],
    supernet: Supernet,
    optimizers: Sequence[torch.optim.Optimizer],
) -> dict[str, Any]:
    """The content of a checkpoint whose supernet had all `op_options`, as `supernet` and `optimizers` can load it.

    Of the two names of an op the first in `op_options` stays, with its weights and alphas, as the plain name. In the
    history of the epochs the op has the share of both.
    """
    names = _Names.of(list(content["supernet"]), op_options)
    candidates = _Candidates.of(op_options, names.dropped_ops, supernet.alphas.space.activations)
    weights = {
        names.new[name]: candidates.keep(tensor) if name in OF_CANDIDATES else tensor
        for name, tensor in content["supernet"].items()
        if name in names.kept
    }
    history = json.loads(content["history"])
    for epoch in history:
        epoch["probabilities"] = [[candidates.sum_up(row) for row in edges] for edges in epoch["probabilities"]]
    return {
        **content,
        "supernet": weights,
        "optimizers": [
            _convert_optimizer(state, optimizer, supernet, names, candidates)
            for state, optimizer in zip(content["optimizers"], optimizers, strict=True)
        ],
        "history": json.dumps(history),
    }


@dataclass(frozen=True)
class _Names:
    """The names of the old supernet's tensors: the new name of each, and which of them stay."""

    new: Mapping[str, str]
    kept: frozenset[str]
    dropped_ops: frozenset[str]

    @classmethod
    def of(cls, names: Sequence[str], op_options: Sequence[str]) -> _Names:
        plain = [plain_name(op) for op in op_options]
        dropped = frozenset(op for place, op in enumerate(op_options) if plain[place] in plain[:place])
        new = {name: OP_IN_A_NAME.sub(lambda op: plain_name(op.group()), name) for name in names}
        return cls(new, frozenset(n for n in names if not dropped & set(OP_IN_A_NAME.findall(n))), dropped)


@dataclass(frozen=True)
class _Candidates:
    """The old candidates of an edge: the rows that stay, and the new row of each."""

    stay: Sequence[int]
    new: Sequence[int]

    @classmethod
    def of(cls, op_options: Sequence[str], dropped: frozenset[str], activations: Sequence[str]) -> _Candidates:
        real = [(op, activation) for op in op_options if op != NONE for activation in activations]
        old = [(op, "") for op in op_options if op == NONE] + real
        stay = [row for row, (op, _) in enumerate(old) if op not in dropped]
        places = {(plain_name(old[row][0]), old[row][1]): place for place, row in enumerate(stay)}
        return cls(stay, [places[plain_name(op), activation] for op, activation in old])

    def keep(self, tensor: Tensor) -> Tensor:
        return tensor[..., self.stay]

    def sum_up(self, shares: Sequence[float]) -> list[float]:
        sums = [0.0] * len(self.stay)
        for share, place in zip(shares, self.new, strict=True):
            sums[place] += share
        return sums


def _convert_optimizer(
    state: Mapping[str, Any],
    optimizer: torch.optim.Optimizer,
    supernet: Supernet,
    names: _Names,
    candidates: _Candidates,
) -> dict[str, Any]:
    """An optimizer's state, which knows its tensors by number alone: group after group, in the supernet's order."""
    now = dict(supernet.named_parameters())
    parameters = [name for name in names.new if names.new[name] in now]  # the others are statistics of norms
    values: dict[int, dict[str, Any]] = {}
    groups, count = [], 0
    for group, before in zip(optimizer.param_groups, state["param_groups"], strict=True):
        members = {id(parameter) for parameter in group["params"]}
        in_group = [name for name in parameters if id(now[names.new[name]]) in members]
        first = count
        for name, number in zip(in_group, before["params"], strict=True):
            if name not in names.kept:
                continue
            if number in state["state"]:
                values[count] = {
                    key: candidates.keep(value) if name == ALPHAS and value.ndim else value
                    for key, value in state["state"][number].items()
                }
            count += 1
        groups.append({**before, "params": list(range(first, count))})
    return {**state, "state": values, "param_groups": groups}
