"""The registries of ops and activations: facts in fields, never in substrings of names, and none of them needs torch.

What ships stands in the lists at the end, with the place of its code, which is imported when it is first used. A new op
is a factory in the file of its family and an entry there; a user's own is registered by a decorator, from any file.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from neat_deep.base.errors import ConfigError
from neat_deep.base.registry import Registry, resolve
from neat_deep.space.cell_graph import IDENTITY, NONE

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neat_deep.ops.widening import Widen

RANKS = (1, 2)


@dataclass(frozen=True)
class FeatureSpec:
    """What an op reads and must write: `channels` features of rank 2 (B, C, H, W) or rank 1 (B, C, L)."""

    rank: int
    channels: int
    norm: str = "batch"


OpFactory = Callable[[FeatureSpec], "nn.Module"]
Activation = Callable[["Tensor"], "Tensor"]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class OpInfo:
    """A registered op; `code` is its factory, or where it stands as `module:attribute`.

    `family` groups ops for colours in pictures; `parametric` ops have weights and end in a normalisation. An op that
    `needs_positions` mixes the tokens of a sequence without regard to their order. `summary` says in a line what it
    does.

    `widen` is a function from its weights (by name) and a `Widening` to those of the same op on more channels, or
    where it stands; for an op without weights it says that each channel is treated alike. A network with an op that has
    none (None) cannot be widened by network morphism.
    """

    name: str
    code: OpFactory | str
    ranks: frozenset[int]
    parametric: bool
    family: str
    needs_positions: bool = False
    summary: str = ""
    widen: Widen | str | None = None

    @property
    def factory(self) -> OpFactory:
        """The function that makes the op's module, imported now if it has to be."""
        factory: OpFactory = resolve(self.code)
        return factory


@dataclass(frozen=True)
class ActivationInfo:
    """A registered activation; `code` is a function of a tensor, or where it stands as `module:attribute`.

    `overwriting` is the same written over its input, where there is such a function. `summary` says in a line what it
    does.
    """

    name: str
    code: Activation | str
    summary: str = ""
    overwriting: str | None = None


OPS: Registry[OpInfo] = Registry("op", reserved=frozenset({NONE}))
ACTIVATIONS: Registry[ActivationInfo] = Registry("activation")


def register_op(
    name: str,
    *,
    ranks: Collection[int] = RANKS,
    parametric: bool,
    family: str = "custom",
    needs_positions: bool = False,
    summary: str = "",
    widen: Widen | None = None,
) -> Callable[[OpFactory], OpFactory]:
    """Register a factory `FeatureSpec -> nn.Module` as the op `name`, for INI files and JSON alike.

    The module is called as `op(x, mask=None)`, with `mask` (B, L) true at real tokens of a sequence, and keeps
    the shape of x: (B, C, H, W) for rank 2, (B, C, L) for rank 1. With `needs_positions` the stem of a network for
    sequences tells each token its place. Without a `summary` the first line of the factory's docstring is one. With
    `widen` (see `OpInfo`) networks that hold the op can be widened by network morphism. Raises `ConfigError` for a name
    that is taken, reserved or cannot stand in an INI list, and for ranks other than 1 and 2.
    """
    if not ranks or not set(ranks) <= set(RANKS):
        raise ConfigError(f"op '{name}': ranks: got {sorted(ranks)}, allowed: 1 (sequences), 2 (images) or both")

    def decorate(factory: OpFactory) -> OpFactory:
        description = summary or _first_line(factory)
        OPS.add(OpInfo(name, factory, frozenset(ranks), parametric, family, needs_positions, description, widen))
        return factory

    return decorate


def register_activation(name: str, *, summary: str = "") -> Callable[[Function], Function]:
    """Register a torch function that keeps a tensor's shape as the activation `name`, for INI files and JSON alike.

    Without a `summary` the first line of its docstring is one. Raises `ConfigError` for a name that is taken or cannot
    stand in an INI list.
    """

    def decorate(function: Function) -> Function:
        ACTIVATIONS.add(ActivationInfo(name, function, summary or _first_line(function)))
        return function

    return decorate


def get_op(name: str) -> OpInfo:
    """The op called `name`; raises `UnknownNameError`, with the nearest name, when there is none."""
    return OPS.get(name)


def list_ops(rank: int | None = None) -> list[str]:
    """The names of all ops, or of those that support `rank`, without `none`."""
    return sorted(info.name for info in OPS.values() if rank is None or rank in info.ranks)


def _first_line(function: Any) -> str:
    """What a docstring begins with; torch's own functions begin with their signature instead."""
    text = function.__doc__ if isinstance(function, types.FunctionType | type) else None
    return (text or "").strip().partition("\n")[0]


# --- what ships ----------------------------------------------------------------------------------------------------


def _op(
    name: str,
    code: str,
    family: str,
    summary: str,
    *,
    parametric: bool = True,
    ranks: Collection[int] = RANKS,
    needs_positions: bool = False,
    widen: str = "convolution:widen_separable",
) -> None:
    """Register an op of ours, whose code stands in modules of this package."""
    code, widen = f"neat_deep.ops.{code}", f"neat_deep.ops.{widen}"
    OPS.add(OpInfo(name, code, frozenset(ranks), parametric, family, needs_positions, summary, widen))


_ALIKE = "widening:treats_channels_alike"


_op(IDENTITY, "pooling:identity", "identity", "passes its input on", parametric=False, widen=_ALIKE)
for _size in (3, 5):
    _window = f"around each pixel ({_size}x{_size}) or token ({_size})"
    for _kind, _what in (("avg", "mean"), ("max", "maximum")):
        _name = f"{_kind}_pool_{_size}"
        _op(_name, f"pooling:{_name}", "pooling", f"the {_what} {_window}", parametric=False, widen=_ALIKE)
_op("sep_conv_1", "convolution:sep_conv_1", "separable convolution", "a linear map of each pixel or token, then a norm")
_op("dil_conv_1", "convolution:sep_conv_1", "dilated convolution", "another name of sep_conv_1")
for _size in (3, 5):
    _op(
        f"sep_conv_{_size}",
        f"convolution:sep_conv_{_size}",
        "separable convolution",
        f"a depthwise convolution of kernel {_size}, then a pointwise one and a norm",
    )
    _op(
        f"dil_conv_{_size}",
        f"convolution:dil_conv_{_size}",
        "dilated convolution",
        f"as sep_conv_{_size}, but of every second pixel or token",
    )
_op(
    "attention",
    "attention:SelfAttention",
    "attention",
    "each token reads all others: self-attention with 8 heads, then a norm",
    ranks={1},
    needs_positions=True,
    widen="attention:widen_attention",
)
_op(
    "relative_attention",
    "attention:RelativeAttention",
    "attention",
    "as attention, but each head knows how far apart two tokens are",
    ranks={1},
    widen="attention:widen_attention",
)
for _size in (3, 5):
    _op(
        f"conv_{_size}",
        f"sequences:conv_{_size}",
        "convolution",
        f"a full convolution over {_size} tokens, then a norm",
        ranks={1},
        widen="sequences:widen_full_convolution",
    )
_op(
    "gated_conv_3",
    "sequences:gated_conv_3",
    "convolution",
    "a full convolution over 3 tokens that a second one opens and closes, then a norm",
    ranks={1},
    widen="sequences:widen_full_convolution",
)
_op(
    "gru",
    "sequences:BidirectionalGRU",
    "recurrence",
    "each token knows those before and after it: a GRU from either end, then a norm",
    ranks={1},
    widen="sequences:widen_gru",
)

for _info in (
    ActivationInfo(IDENTITY, "neat_deep.ops.pointwise:identity", "passes its input on"),
    ActivationInfo("relu", "torch.nn.functional:relu", "max(0, x)", overwriting="torch:relu_"),
    ActivationInfo("sigmoid", "torch:sigmoid", "1 / (1 + exp(-x)), from 0 to 1", overwriting="torch:sigmoid_"),
    ActivationInfo("tanh", "torch:tanh", "the hyperbolic tangent, from -1 to 1", overwriting="torch:tanh_"),
):
    ACTIVATIONS.add(_info)
