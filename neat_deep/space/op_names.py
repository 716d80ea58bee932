"""Ops with two names: both are read everywhere, a canonical graph and a supernet know one."""

from __future__ import annotations

# The published space has two names for a convolution of kernel 1, where dilation changes nothing.
_PLAIN_NAMES = {"dil_conv_1": "sep_conv_1"}


def plain_name(op: str) -> str:
    """The one name of an op, whichever of its names `op` is."""
    return _PLAIN_NAMES.get(op, op)


def other_names() -> dict[str, str]:
    """Every name that is not an op's plain one, with the plain one."""
    return dict(_PLAIN_NAMES)
