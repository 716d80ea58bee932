"""The scales of the experiment, by name."""

from __future__ import annotations

from neat_deep.base.errors import unknown_name
from neat_deep.cli.published.quick_scale import QUICK
from neat_deep.cli.published.real_scales import FULL, HOUR
from neat_deep.cli.published.scale import Scale

SCALES: dict[str, Scale] = {scale.name: scale for scale in (QUICK, HOUR, FULL)}


def get_scale(name: str) -> Scale:
    """The scale of that name; raises `UnknownNameError`."""
    if name not in SCALES:
        raise unknown_name("scale", name, SCALES)
    return SCALES[name]
