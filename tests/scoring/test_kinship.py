"""Parents of any age that are alive pass their weights on, also when the run was stopped in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from neat_deep.config.search_settings import SearchSettings
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.scorer import Scorer, ScorerState
from neat_deep.scoring.scores import Score
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.registry import register_strategy
from neat_deep.strategies.regularized_evolution import RegularizedEvolutionSettings
from neat_deep.strategies.strategy import StrategyContext
from tests.support.stopped import StoppedError, stop_at
from tests.support.stored_rows import rows
from tests.support.toy_search import DATA, PLAIN, search_by_strategy, strategy_experiment

pytestmark = pytest.mark.usefixtures("no_pictures")

SKELETON = Skeleton(channels=4, cells=1)
INHERITING = replace(PLAIN, inherit=True)
OPS = ("sep_conv_1", "sep_conv_3", "sep_conv_5", "dil_conv_3")


def candidate(number: int, op: str, second: str = "", parents: Sequence[int] = ()) -> Candidate:
    """A cell with one op or two."""
    edges = (Edge(0, op), Edge(0, second)) if second else (Edge(0, op),)
    return Candidate(number, Architecture(CellGraph(1, (CellNode(edges, key=0),)), SKELETON), tuple(parents))


def scorer(most_living: int = 1, **changes: object) -> Scorer:
    settings = replace(INHERITING, **changes)  # type: ignore[arg-type]
    return Scorer(DATA, settings, skeleton=SKELETON, device=torch.device("cpu"), most_living=most_living)


@pytest.mark.parametrize("lives", [True, False])
def test_a_child_of_an_old_parent_inherits_as_long_as_that_lives(lives: bool) -> None:
    made = scorer()
    for number, op in enumerate(OPS[:3]):
        made.score([candidate(number, op)], living=[0] if lives else [])
    (child,) = made.score([candidate(3, OPS[0], OPS[3], parents=[0])], living=[0] if lives else [])
    assert (child.key != child.digest) == lives


def test_who_has_died_is_no_parent_any_more() -> None:
    made = scorer()
    for number, (op, living) in enumerate(zip(OPS, ([], [0], [], [0]), strict=True)):
        made.score([candidate(number, op)], living=living)
    (child,) = made.score([candidate(4, OPS[0], OPS[3], parents=[0])], living=[0])
    assert child.key == child.digest


def test_weights_of_the_living_share_the_room_with_those_of_a_generation(caplog: pytest.LogCaptureFixture) -> None:
    """A megabyte for many: not even these small networks find room, and their children train from scratch."""
    made = scorer(most_living=10_000, weights_megabytes=1)
    made.score([candidate(0, OPS[0])])
    (child,) = made.score([candidate(1, OPS[0], OPS[3], parents=[0])], living=[0])
    assert child.key == child.digest
    says = "[Fitness] weights_megabytes = 1: the weights of candidate 0 take more than its share of them, 0.0 MiB"
    assert [says in record.message for record in caplog.records] == [True]  # once, whoever comes after it


def test_a_run_that_is_taken_up_knows_the_living(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "run.sqlite", {}) as store:
        made = Scorer(DATA, INHERITING, skeleton=SKELETON, journal=store, most_living=1)
        whole = [made.score([candidate(n, op)], living=[0])[0] for n, op in enumerate(OPS[:3])]
        again = Scorer(DATA, INHERITING, skeleton=SKELETON, journal=store, most_living=1)
        newest, oldest = ((candidate(n, OPS[n]), whole[n].key) for n in (2, 0))
        again.resume(ScorerState(3, store.evaluations(), [newest], older=[oldest]))
        child = candidate(3, OPS[0], OPS[3], parents=[0])
        assert again.score([child], living=[0])[0].key == made.score([child], living=[0])[0].key != whole[0].key
        assert again.best is not None


# --- in a search -----------------------------------------------------------------------------------------------------


def evolution(**search: object) -> StrategyExperiment:
    """Two children a generation from a population of six: parents are three generations old and more."""
    settings = SearchSettings("regularized_evolution", generation_size=2, **search)  # type: ignore[arg-type]
    asked = strategy_experiment(INHERITING, 7)
    return replace(asked, search=settings, settings=RegularizedEvolutionSettings(population=6, tournament=4))


def inherited(folder: Path) -> list[bool]:
    """Of each child whose parent is older than a generation, whether it inherited."""
    with RunStore.read(folder) as store:
        records = store.candidates()
    born = {record.candidate: record.generation for record in records}
    old = [record for record in records if record.parents and born[record.parents[0]] < record.generation - 1]
    return [record.key != record.digest for record in old]


class LastChild:
    """Asks for a child of its first network when that is no parent any more."""

    most_parents = 1

    def __init__(self, context: StrategyContext) -> None:
        self._space = context.space
        self._asked = 0

    def ask(self, count: int) -> list[Proposal]:
        number, self._asked = self._asked, self._asked + 1
        random = Random(number)
        return [Proposal(number, self._space.sample(random), (0,) if number == 3 else ())]

    def tell(self, scores: Sequence[Score]) -> None: ...

    def parents(self) -> list[int]:
        return [0] if self._asked <= 3 else []

    def state(self) -> dict[str, int]:
        return {"asked": self._asked}

    def restore(self, state: Mapping[str, int]) -> None:
        self._asked = state["asked"]


def test_what_is_asked_for_inherits_though_its_parent_has_no_other_child_to_come(
    tmp_path: Path, registrations: None
) -> None:
    register_strategy("last_child")(LastChild)
    settings = SearchSettings("last_child", generation_size=1)
    search_by_strategy(tmp_path, replace(strategy_experiment(INHERITING, 4), search=settings, settings=None))
    assert inherited(tmp_path) == [True]


@pytest.mark.slow
def test_children_of_old_parents_inherit_in_a_search_that_is_stopped_too(tmp_path: Path) -> None:
    search_by_strategy(tmp_path / "whole", evolution())
    found = inherited(tmp_path / "whole")
    assert len(found) >= 2 and all(found)
    for step in range(1, 50):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 4 + 5 * step % 9, committed=step % 2 == 0)
            try:
                search_by_strategy(tmp_path / "parts", evolution(), resume=step > 1)
                break
            except StoppedError:
                continue
    assert step > 3
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_run_of_an_older_program_keeps_to_the_generation_before(tmp_path: Path) -> None:
    search_by_strategy(tmp_path, evolution(keep_parents=False))
    found = inherited(tmp_path)
    assert len(found) >= 2 and not any(found)
