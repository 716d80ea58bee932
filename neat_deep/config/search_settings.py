"""What `[Search]` and `[SearchSpace]` of an INI file set: which strategy searches, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neat_deep.base.checks import check_names, check_range
from neat_deep.base.errors import ConfigError, unknown_name
from neat_deep.base.fields import setting
from neat_deep.ops import ACTIVATIONS, AGGREGATIONS, list_ops
from neat_deep.scoring.screening import list_signals
from neat_deep.space.architecture import Skeleton
from neat_deep.space.cell_graph import IDENTITY, NONE, CellGraph
from neat_deep.space.cell_options import plain_ops
from neat_deep.space.hierarchical_space import HierarchicalSpace
from neat_deep.space.motif_options import MotifOptions
from neat_deep.space.network_space import NetworkSpace
from neat_deep.space.points import Space
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.skeleton_options import SkeletonOptions
from neat_deep.space.skeleton_space import SkeletonSpace
from neat_deep.strategies.registry import NEAT, STRATEGIES

SECTION = "Search"


@dataclass(frozen=True)
class SearchSettings:
    """Which strategy searches. `generation_size` candidates are asked for and scored together.

    With `keep_parents` the weights of all networks that may still become parents are kept for their children, where
    [Fitness] lets these inherit any; without, only those of the generation before. neat-python's parents are always of
    the generation before.

    With `asynchronous` a new candidate is asked for as soon as an evaluation ends, so that no worker waits for the
    others of a generation; `generation_size` scores in a row then count as one, and the last so many as the generation
    before. What is proposed depends on which evaluation ends first, so such a run cannot be repeated.

    With `screen` the strategy proposes `screen_factor` times as many networks as can be trained, and the most promising
    of them are trained. `screen` names the signal that says so: a metric of untrained networks, more of which is
    better, or `predictor`, which learns from the scores so far. neat-python makes so many children in each place of a
    generation, and one of them lives.
    """

    strategy: str = NEAT
    generation_size: int = 12
    keep_parents: bool = setting(True, before=False)
    asynchronous: bool = False
    screen: str = ""  # a signal; nothing: all that is proposed is trained
    screen_factor: int = 4

    def __post_init__(self) -> None:
        check_range("generation_size", self.generation_size, low=1, high=100_000)
        if self.asynchronous and self.strategy in STRATEGIES and not STRATEGIES.get(self.strategy).asynchronous:
            names = ", ".join(info.name for info in STRATEGIES.values() if info.asynchronous)
            raise ConfigError(
                f"asynchronous: got True, allowed with strategy = {self.strategy}: False; it goes from generation to "
                f"generation or has a loop of its own, other than {names}"
            )
        check_range("screen_factor", self.screen_factor, low=2, high=1000)
        if self.screen:
            self._check_screen()

    def _check_screen(self) -> None:
        signals = list_signals()
        if self.screen not in signals:
            raise unknown_name("signal", self.screen, signals, "screen")
        if self.strategy in STRATEGIES and not STRATEGIES.get(self.strategy).screened:
            names = ", ".join(info.name for info in STRATEGIES.values() if info.screened)
            raise ConfigError(
                f"screen: got {self.screen}, allowed with strategy = {self.strategy}: none, since it must have all that"
                f" it proposes trained, or chooses by itself; a screen is for {names}"
            )


@dataclass(frozen=True)
class SpaceSettings(SkeletonOptions, MotifOptions):
    """The cells that a strategy of the registry may propose, with motifs and skeletons where it may choose these too.

    Raises `ConfigError` or `UnknownNameError` on creation.
    """

    op_options: tuple[str, ...]
    activation_options: tuple[str, ...] = (IDENTITY, "relu")
    aggregation_options: tuple[str, ...] = ("add",)
    nodes: int = 6
    num_inputs: int = 1

    def __post_init__(self) -> None:
        known: dict[str, tuple[str, list[str]]] = {
            "op_options": ("op", [*list_ops(), NONE]),
            "activation_options": ("activation", list(ACTIVATIONS)),
            "aggregation_options": ("aggregation", list(AGGREGATIONS)),
        }
        for key, (kind, names) in known.items():
            for name in getattr(self, key):
                if name not in names:
                    raise unknown_name(kind, name, names, key)
            check_names(key, getattr(self, key))
        plain_ops(self.op_options, "op_options")
        self.check_skeleton_options()
        self.check_motif_options(self.nodes, self.op_options)
        self.cells()

    def space(self, skeleton: Skeleton) -> Space[Any]:
        """The search space: of cells, or of whole networks, which have all of `skeleton` that is not chosen."""
        cells: Space[CellGraph] = self.cells()
        if self.motifs:
            cells = HierarchicalSpace(self.cells(), self.motif_options())
        options = self.skeleton_options()
        return NetworkSpace(cells, SkeletonSpace(options, skeleton)) if options.are_given else cells

    def cells(self) -> SearchSpace:
        """The cells that may be proposed, but for their motifs."""
        return SearchSpace(
            self.op_options, self.activation_options, self.aggregation_options, self.nodes, self.num_inputs
        )
