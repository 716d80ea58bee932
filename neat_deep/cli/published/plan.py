"""The experiment as a list of steps: what each needs, and in which order they may be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from neat_deep.cli.published.scale import Domain, Scale

Kind = Literal["search", "training", "vote"]

HAND, RANDOM, NEAT, DARTS, VOTE = "hand", "random", "neat", "darts", "vote"
SOURCES = (HAND, RANDOM, NEAT, DARTS)  # where a cell comes from, in the order of the table


@dataclass(frozen=True)
class Step:
    """One part of the experiment, kept when it is done.

    A `search` by `source` on the data set `data`, which `finds` so many networks, its best and those that may vote with
    it; a `training`, with `seed`, of the `place`-th (from 1) of the networks that the search by `source` found, or of
    the shipped architecture `by_hand`; or the `vote` of the best of NEAT's population. It begins when all steps that it
    `needs` are done. Only some steps use `all_cores`; of the others one runs on each.
    """

    kind: Kind
    data: str
    source: str
    seed: int
    place: int = 1
    finds: int = 1
    by_hand: str = ""
    needs: tuple[str, ...] = ()
    all_cores: bool = False

    @property
    def name(self) -> str:
        """What files of the step are called."""
        if self.kind == "search":
            return f"search-{self.data}-{self.source}"
        if self.kind == "vote":
            return f"vote-{self.data}"
        place = f"-{self.place}" if self.place > 1 else ""
        return f"training-{self.data}-{self.source}{place}-seed-{self.seed}"

    @property
    def network(self) -> str:
        """What the file of the trained network is called."""
        return self.name.removeprefix("training-")


def make_plan(scale: Scale, *, seed: int, trainings: int, transfers: int) -> tuple[Step, ...]:
    """All steps, each after those that it needs: the searches that use all cores, the others, then the trainings."""
    searches = [step for domain in scale.domains for step in _searches(domain, seed, scale.voters)]
    steps = sorted(searches, key=lambda step: not step.all_cores)
    for domain in scale.domains:
        steps += _trainings(domain, domain.searched.name, range(seed, seed + trainings))
        steps += _vote(domain, seed, scale.voters)
    for domain in scale.domains:
        steps += _trainings(domain, domain.carried.name, range(seed, seed + transfers))
    return tuple(steps)


def _searches(domain: Domain, seed: int, voters: int) -> Iterator[Step]:
    data = domain.searched.name
    neat = Step("search", data, NEAT, seed, finds=voters, all_cores=True)
    yield neat
    # It may see as many training examples as NEAT saw.
    yield Step("search", data, RANDOM, seed, needs=(neat.name,), all_cores=True)
    yield Step("search", data, DARTS, seed)


def _trainings(domain: Domain, data: str, seeds: Sequence[int]) -> list[Step]:
    return [
        Step("training", data, source, seed, by_hand=domain.by_hand)
        if source == HAND
        else Step("training", data, source, seed, needs=_search_of(source, domain))
        for source in SOURCES
        for seed in seeds
    ]


def _vote(domain: Domain, seed: int, voters: int) -> list[Step]:
    """The trainings of NEAT's other voters, with the first seed, and the vote; its best network is trained already."""
    data = domain.searched.name
    trainings = [
        Step("training", data, NEAT, seed, place=place, needs=_search_of(NEAT, domain))
        for place in range(2, voters + 1)
    ]
    members = [Step("training", data, NEAT, seed), *trainings]
    return [*trainings, Step("vote", data, VOTE, seed, needs=tuple(step.name for step in members))]


def _search_of(source: str, domain: Domain) -> tuple[str, ...]:
    """The name of the search that a training needs."""
    return (f"search-{domain.searched.name}-{source}",)
