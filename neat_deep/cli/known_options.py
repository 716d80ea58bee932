"""Which options of the command a strategy takes."""

from __future__ import annotations

from collections.abc import Collection

from neat_deep.base.errors import ConfigError
from neat_deep.cli.options import SEARCH, WHERE, Given, flag
from neat_deep.strategies.registry import StrategyInfo

ALWAYS = frozenset({"threads", "retrainings", *WHERE})  # options of every search


def check_options(info: StrategyInfo, given: Given, *, told: Collection[str] = SEARCH, when: str = "") -> None:
    """Raise `ConfigError` for an option of a search that the strategy does not know.

    The message tells those of `told` that it does know, and `when` they are allowed.
    """
    known = ALWAYS | info.options
    for option in SEARCH:
        if option in given and option not in known:
            allowed = ", ".join(flag(name) for name in told if name in known)
            raise ConfigError(
                f"{flag(option)}: got {given[option]}, which the strategy '{info.name}' does not know; "
                f"allowed{when}: {allowed}"
            )
