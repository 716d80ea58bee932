"""Hill climbing by network morphism (Elsken, Metzen and Hutter, arXiv 1711.04528, algorithm 1).

A network grows by moves that do not change what it computes. Its children inherit all its weights and are trained
briefly; the best of them, or the network itself if none is better, is the next to grow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from neat_deep.base.checks import check_names, check_range
from neat_deep.base.errors import ConfigError, GraphError, NeatDeepError, in_section, unknown_name
from neat_deep.base.generator_state import generator_state, set_generator_state
from neat_deep.networks.morphing import can_widen
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scores import Score
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.aggregations import neutral_value
from neat_deep.space.architecture import MOST_CELLS, MOST_CHANNELS, Architecture
from neat_deep.space.cell_graph import CellGraph
from neat_deep.space.morphism import Morphism
from neat_deep.space.moves import MOVES, MoveLimits, add_cell, insert_node, reconnect, switch_on, widen
from neat_deep.space.points import Space
from neat_deep.space.search_space import SearchSpace
from neat_deep.space.space_names import CELL, ENTIRE, space_name
from neat_deep.strategies.starts import outside, read_start
from neat_deep.strategies.strategy import StrategyContext

SECTION = "Morphism"
MOST_TRIES = 50  # draws in a row without a child that was not tried before


@dataclass(frozen=True)
class MorphismSettings:
    """What grows, by which moves, and how far.

    `start` is the file of an architecture, the folder of a run or the name of a shipped architecture, whose cell is put
    into the skeleton of the experiment; without one a cell is drawn from the space. Each child is made by
    `moves_per_child` moves in a row, fewer where no more are possible. With `train_on` one child is the network
    itself, trained further: a new part must be worth more than that. `cells` and `channels` are the most that the
    skeleton may grow to. Raises `ConfigError` on creation.
    """

    start: str = ""
    moves: tuple[str, ...] = tuple(MOVES)
    moves_per_child: int = 2  # one to add something, and one to change what it reads
    train_on: bool = True
    cells: int = 8
    channels: int = 64

    def __post_init__(self) -> None:
        for name in self.moves:
            if name not in MOVES:
                raise unknown_name("move", name, MOVES, "moves")
        if not set(self.moves) - {reconnect.__name__}:
            got = f"only '{reconnect.__name__}'" if self.moves else "nothing"
            raise ConfigError(f"moves: got {got}, allowed: at least one of those that add something")
        check_names("moves", self.moves)
        check_range("moves_per_child", self.moves_per_child, low=1, high=100)
        check_range("cells", self.cells, low=1, high=MOST_CELLS)
        check_range("channels", self.channels, low=1, high=MOST_CHANNELS)


class NetworkMorphism:
    """Proposes the network that grows, which costs nothing, and its children."""

    def __init__(self, context: StrategyContext) -> None:
        self._context = context
        self._settings: MorphismSettings = context.settings
        self._limits = MoveLimits(_cells_of(context.space), self._settings.cells, self._settings.channels)
        self._random = Random(context.seed)
        self._next = 0  # the number of the next candidate
        self._parent: Architecture | None = None  # what grows; read when it is first needed, so never to resume
        self._number: int | None = None  # the parent's, among the candidates that were scored last
        self._tried: dict[str, None] = {}  # digests of its children
        self._asked: list[Candidate] = []

    def ask(self, count: int) -> list[Candidate]:
        """The start alone at first, then up to `count`: the parent first, itself trained on if asked, its children."""
        if count < 2:
            raise ConfigError(f"generation_size: got {count}, allowed with strategy = morphism: 2 or more")
        if self._number is None:
            self._asked = [self._candidate(self._start())] if self._next == 0 else []  # none: the start failed
            return self._asked
        parent = self._start()
        self._asked = [self._candidate(parent, self._number)]
        if self._settings.train_on:
            self._asked.append(self._candidate(parent, self._number, Morphism.unchanged(parent)))
        tries = 0
        while len(self._asked) < count and tries < MOST_TRIES:
            tries += 1
            morphism = self._grow(Morphism.unchanged(parent))
            digest = morphism.child.digest()
            if morphism.moves and digest not in self._tried:
                self._tried[digest] = None
                self._asked.append(self._candidate(morphism.child, self._number, morphism))
                tries = 0
        return self._asked if len(self._asked) > 1 else []

    def tell(self, scores: Sequence[Score]) -> None:
        """Go on from the fittest; the parent stays where no child is fitter."""
        worth = {
            place: score.fitness
            for place, score in enumerate(scores)
            if score.objective is not None and score.fitness is not None
        }
        if not worth:
            return  # the start failed
        place = max(worth, key=lambda place: (worth[place], -place))
        best = self._asked[place]
        if place:
            self._parent = best.architecture
            self._tried = {}
        self._number = best.number

    def state(self) -> Mapping[str, Any]:
        """The network that grows, its number, the children that it had, and the state of the generator."""
        parent = json.loads(self._start().to_json())  # a start that is drawn moves the generator on
        return {
            "parent": parent,
            "number": self._number,
            "next": self._next,
            "tried": list(self._tried),
            "random": generator_state(self._random),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the climb that gave `state`."""
        set_generator_state(self._random, state["random"])
        self._parent = Architecture.from_json(json.dumps(state["parent"]))
        self._number, self._next = state["number"], state["next"]
        self._tried = dict.fromkeys(state["tried"])

    def _candidate(
        self, architecture: Architecture, parent: int | None = None, morphism: Morphism | None = None
    ) -> Candidate:
        number = self._next
        self._next += 1
        return Candidate(number, architecture, () if parent is None else (parent,), morphism)

    def _start(self) -> Architecture:
        if self._parent is None:
            cell = self._context.start
            if cell is None:
                name, space = self._settings.start, self._context.space
                cell = _with_keys(_read_cell(name) if name else space.sample(self._random))
            self._parent = Architecture(cell, self._context.skeleton)
        return self._parent

    def _grow(self, morphism: Morphism) -> Morphism:
        for _ in range(self._settings.moves_per_child):
            names = [*self._settings.moves]
            self._random.shuffle(names)
            for name in names:
                if name == widen.__name__ and not can_widen(morphism):
                    continue
                grown = MOVES[name](morphism, self._limits, self._random)
                if grown is not None:
                    morphism = grown
                    break
        return morphism


def check_morphism(context: StrategyContext, fitness: FitnessSettings, generation_size: int) -> None:
    """Raise `ConfigError` for settings with which no network can grow, or the start is none of the space."""
    settings: MorphismSettings = context.settings
    if not fitness.inherit:
        raise ConfigError("[Fitness] inherit: got False, allowed with strategy = morphism: True")
    if fitness.channels and widen.__name__ in settings.moves:
        raise ConfigError(
            f"[Fitness] channels: got {fitness.channels}, allowed with the move {widen.__name__}: 0, since the"
            " search decides on the channels"
        )
    if generation_size < 2:
        raise ConfigError(
            f"[Search] generation_size: got {generation_size}, allowed with strategy = morphism: 2 or more, the"
            " network that grows and its children"
        )
    adding = {insert_node.__name__, switch_on.__name__} & set(settings.moves)
    aggregations = _cells_of(context.space).aggregations
    if adding and all(neutral_value(name) is None for name in aggregations):
        raise ConfigError(
            f"[SearchSpace] aggregation_options: got {' '.join(aggregations)}, allowed with the"
            f" moves {', '.join(sorted(adding))}: at least one with a neutral value, as add and mul have"
        )
    for key, move, least in (
        ("cells", add_cell, context.skeleton.cells),
        ("channels", widen, context.skeleton.channels),
    ):
        most = getattr(settings, key)
        if move.__name__ in settings.moves and most < least:
            raise ConfigError(f"[{SECTION}] {key}: got {most}, allowed: {least}, as [Network] says, or more")
    if settings.start and context.start is None:
        with in_section(SECTION):
            cell = _read_cell(settings.start)
            try:
                _start_cell(context.space, cell)
            except GraphError as error:
                raise ConfigError(f"start: {settings.start}: {error}") from None


def _cells_of(space: Space[Any]) -> SearchSpace:
    """The search space, which must be one of cells: moves change cells and the skeleton around them."""
    if not isinstance(space, SearchSpace):
        raise ConfigError(
            f"strategy 'morphism': got the space '{space_name(space)}', allowed: {CELL}, {ENTIRE}; its moves change the"
            " skeleton too"
        )
    return space


def _read_cell(name: str) -> CellGraph:
    try:
        return read_start(name).cell
    except NeatDeepError as error:
        raise ConfigError(f"start: {error}") from None


def start_cell(space: Space[Any], start: Architecture) -> CellGraph:
    """The cell that a climb starts from; its output may be that of all nodes, and it may have gates.

    Raises `GraphError`, which says all that is outside, for a cell that the space cannot hold.
    """
    return _start_cell(space, start.cell)


def _start_cell(space: Space[Any], cell: CellGraph) -> CellGraph:
    problems = list(outside(_cells_of(space), cell.canonical()))
    if problems:
        raise GraphError("; ".join(problems))
    return _with_keys(cell)


def _with_keys(cell: CellGraph) -> CellGraph:
    """The canonical cell with node keys that differ, since inserted nodes get new ones; small ones, to be shown."""
    canonical = cell.canonical()
    if not cell.motifs and len({node.key for node in canonical.nodes}) == len(canonical.nodes):
        return canonical
    return replace(canonical, nodes=tuple(replace(node, key=place) for place, node in enumerate(canonical.nodes)))
