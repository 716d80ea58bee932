"""The registry of ops: facts about an op stand in fields, never in substrings of its name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from torch import nn

from neat_deep.base.errors import ConfigError, unknown_name
from neat_deep.space.cell_graph import NONE


@dataclass(frozen=True)
class FeatureSpec:
    """What an op reads and must write: `channels` features of rank 2 (B, C, H, W) or rank 1 (B, C, L)."""

    rank: int
    channels: int
    norm: str = "batch"


OpFactory = Callable[[FeatureSpec], nn.Module]


@dataclass(frozen=True)
class OpInfo:
    """A registered op.

    `family` groups ops for colours in pictures; `parametric` ops have weights and end in a normalisation. An op that
    `needs_positions` mixes the tokens of a sequence without regard to their order.
    """

    name: str
    factory: OpFactory
    ranks: frozenset[int]
    parametric: bool
    family: str
    needs_positions: bool = False


_OPS: dict[str, OpInfo] = {}


def register_op(
    name: str,
    *,
    ranks: Collection[int] = (1, 2),
    parametric: bool,
    family: str = "custom",
    needs_positions: bool = False,
) -> Callable[[OpFactory], OpFactory]:
    """Register a factory `FeatureSpec -> nn.Module` as the op `name`, for INI files and JSON alike.

    The module is called as `op(x, mask=None)`, with `mask` (B, L) true at real tokens of a sequence, and keeps
    the shape of x: (B, C, H, W) for rank 2, (B, C, L) for rank 1. With `needs_positions` the stem of a network for
    sequences tells each token its place. Raises `ConfigError` for a name that is
    taken, reserved or cannot stand in an INI list, and for ranks other than 1 and 2.
    """
    if name in _OPS or name == NONE:
        raise ConfigError(f"op name '{name}' is taken")
    if not name or any(character.isspace() or character in "#;," for character in name):
        raise ConfigError(f"op name {name!r}: allowed: no spaces, commas, '#' or ';'")
    if not ranks or not set(ranks) <= {1, 2}:
        raise ConfigError(f"op '{name}': ranks: got {sorted(ranks)}, allowed: 1 (sequences), 2 (images) or both")

    def decorate(factory: OpFactory) -> OpFactory:
        _OPS[name] = OpInfo(name, factory, frozenset(ranks), parametric, family, needs_positions)
        return factory

    return decorate


def get_op(name: str) -> OpInfo:
    """The op called `name`; raises `UnknownNameError`, with the nearest name, when there is none."""
    if name not in _OPS:
        raise unknown_name("op", name, [*_OPS, NONE])
    return _OPS[name]


def list_ops(rank: int | None = None) -> list[str]:
    """The names of all ops, or of those that support `rank`, without `none`."""
    return sorted(name for name, info in _OPS.items() if rank is None or rank in info.ranks)


def own_ops() -> tuple[OpInfo, ...]:
    """The ops that were registered from outside this package."""
    home = __name__.rpartition(".")[0]
    return tuple(info for info in _OPS.values() if not info.factory.__module__.startswith(f"{home}."))


def adopt_op(info: OpInfo) -> None:
    """Register an op that another process sent, unless importing its module has done so."""
    _OPS.setdefault(info.name, info)
