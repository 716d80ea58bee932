"""What `neat-deep list` tells: the names that INI files and commands know, a line each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from neat_deep.base.registry import Registry
from neat_deep.base.shipped import architectures, experiments
from neat_deep.cli.registry import COMMANDS
from neat_deep.space.space_names import SPACES

Line = tuple[str, str]  # a name, and what it is


@dataclass(frozen=True)
class ListingInfo:
    """One kind of names, and how to find them; `lines` imports what it asks."""

    name: str
    summary: str
    lines: Callable[[], Iterable[Line]]


LISTINGS: Registry[ListingInfo] = Registry("kind of names")


def list_names(kinds: Iterable[str]) -> None:
    """Print the names of these kinds, all kinds for none; raises `UnknownNameError`."""
    chosen = [LISTINGS.get(kind) for kind in kinds] or LISTINGS.values()
    for number, info in enumerate(chosen):
        lines = sorted(info.lines())
        width = max((len(name) for name, _ in lines), default=0)
        print(f"{chr(10) if number else ''}{info.name}: {info.summary}")
        for name, text in lines:
            print(f"  {name:<{width}}  {text}".rstrip())


def _ops() -> Iterable[Line]:
    from neat_deep.ops import get_op, list_ops

    for name in list_ops():
        op = get_op(name)
        ranks = " and ".join(word for rank, word in ((2, "images"), (1, "texts")) if rank in op.ranks)
        yield name, f"{op.summary or op.family} (for {ranks})"
    yield "none", "switches a slot of a node off"


def _activations() -> Iterable[Line]:
    from neat_deep.ops import ACTIVATIONS

    return [(info.name, info.summary) for info in ACTIVATIONS.values()]


def _aggregations() -> Iterable[Line]:
    from neat_deep.ops import AGGREGATIONS

    return [(info.name, info.summary) for info in AGGREGATIONS.values()]


def _datasets() -> Iterable[Line]:
    from neat_deep.data import DATASETS

    shipped = experiments()
    for info in DATASETS.values():
        strategies = ", ".join(strategy for data, strategy in shipped if data == info.name)
        yield info.name, info.summary + (f" (shipped INI files: {strategies})" if strategies else "")


def _strategies() -> Iterable[Line]:
    from neat_deep.strategies.registry import STRATEGIES

    return [(info.name, info.summary) for info in STRATEGIES.values()]


def _metrics() -> Iterable[Line]:
    from neat_deep.scoring.metrics import METRICS

    return [(info.name, info.summary) for info in METRICS.values()]


def _objectives() -> Iterable[Line]:
    from neat_deep.scoring.objectives import OBJECTIVES

    return [(info.name, info.summary) for info in OBJECTIVES.values()]


def _architectures() -> Iterable[Line]:
    for name, file in architectures().items():
        document = json.loads(file.read_text(encoding="utf-8"))
        kind = "texts" if document["skeleton"]["rank"] == 1 else "images"
        nodes = len(document["cell"]["nodes"])
        yield name, f"for {kind}; {nodes} node{'s' * (nodes != 1)} in the cell"


for _info in (
    ListingInfo("ops", "of op_options", _ops),
    ListingInfo("activations", "of activation_options", _activations),
    ListingInfo("aggregations", "of aggregation_options", _aggregations),
    ListingInfo("datasets", "of [Data] dataset", _datasets),
    ListingInfo("strategies", "of [Search] strategy", _strategies),
    ListingInfo("spaces", "of [SearchSpace] and [CellGenome]", SPACES.items),
    ListingInfo("metrics", "of [Fitness] metrics", _metrics),
    ListingInfo("objectives", "of [Fitness] objective", _objectives),
    ListingInfo("architectures", "shipped, of train and render", _architectures),
    ListingInfo("commands", "of neat-deep", lambda: [(info.name, info.summary) for info in COMMANDS.values()]),
):
    LISTINGS.add(_info)
