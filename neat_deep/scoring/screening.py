"""Which of many proposals are worth a training, by a signal that costs next to none."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from neat_deep.base.randomness import derive_seed
from neat_deep.scoring.forest import expected_worths
from neat_deep.scoring.metrics import METRICS, SIZES
from neat_deep.scoring.scorer import Scorer
from neat_deep.scoring.scores import SCORED, UNSCORED, Score
from neat_deep.space.architecture import Architecture
from neat_deep.space.network_features import network_features

log = logging.getLogger(__name__)

PREDICTOR = "predictor"
LEAST_KNOWN = 10  # networks with a score, from which the predictor begins to learn
TREES = 50


def list_signals() -> list[str]:
    """The names of what can screen: metrics of untrained networks, and the predictor."""
    return [*(info.name for info in METRICS.values() if info.untrained or info.name in SIZES), PREDICTOR]


class SignalLog(Protocol):
    """What keeps signals of networks, and how many were screened out; a `RunStore` does."""

    def signals(self, name: str) -> dict[str, float | None]:
        """The kept values of a signal by digest; None for a network that has none."""

    def add_signals(self, name: str, values: Mapping[str, float | None]) -> None:
        """Keep values of a signal."""

    def add_screening(self, generation: int, screened_out: int) -> None:
        """Keep how many proposals of a generation were screened out, in the place of what was kept of it before."""

    def screened_out(self) -> dict[int, int]:
        """How many proposals were screened out, by generation."""


class Screen:
    """Chooses the most promising of `factor` times as many proposals as are trained.

    The signal `name` is a metric of untrained networks, more of which is better, or the predictor: trees that learn
    from the scores so far what a network is worth. A network without a signal comes last, as one that is too large for
    a training; the predictor asks no size. Among equals the first proposal is chosen. All depends on the architectures,
    the scores so far and the run's seed alone, so that a resumed run chooses the same. `in_parts`: a
    generation is chosen in several steps.
    """

    def __init__(
        self, scorer: Scorer, name: str, factor: int, *, seed: int, log: SignalLog, in_parts: bool = False
    ) -> None:
        self.factor = factor
        self._scorer = scorer
        self._name = name
        self._seed = seed
        self._log = log
        self._values = {} if name == PREDICTOR else log.signals(name)
        self._digests: set[str] = set()  # of the networks that were tried
        self._worths: dict[str, float] = {}  # of those of them that have one
        self._features: dict[str, Mapping[str, float]] = {}  # of the same
        self._counted = log.screened_out() if in_parts else {}  # by generation; one that is chosen again counts once

    @property
    def is_ready(self) -> bool:
        """Whether it can tell networks apart: the predictor must have some to learn from."""
        return self._name != PREDICTOR or len(self._worths) >= LEAST_KNOWN

    def hear(self, scores: Iterable[Score]) -> None:
        """Learn what networks are worth."""
        for score in scores:
            if score.digest and score.status != UNSCORED:
                self._digests.add(score.digest)
            if score.objective is not None and score.architecture is not None:
                self._worths[score.digest] = score.objective
                if self._name == PREDICTOR and score.digest not in self._features:
                    self._features[score.digest] = network_features(score.architecture)

    def best(self, proposals: Sequence[Architecture], count: int) -> list[int]:
        """The places of the `count` most promising of one generation's proposals, in their order."""
        digests = [self._scorer.identify(architecture)[0] for architecture in proposals]
        worths = self._worths_of(dict(zip(digests, proposals, strict=True)))
        order = sorted(range(len(proposals)), key=lambda place: (*_rank(worths[digests[place]]), place))
        self._count(max(0, len(proposals) - count))
        return sorted(order[:count])

    def best_of_each(self, groups: Sequence[Sequence[Architecture | None]]) -> list[int]:
        """The place of the most promising in each group of proposals; None is one that is no network.

        A network that was tried, or chosen for a group before, needs no training: it comes after all new ones.
        """
        digests = [[None if one is None else self._scorer.identify(one)[0] for one in group] for group in groups]
        networks = {
            digest: one
            for group, names in zip(groups, digests, strict=True)
            for one, digest in zip(group, names, strict=True)
            if one is not None and digest is not None
        }
        worths = self._worths_of(networks)
        taken = set(self._digests)
        chosen = []
        for names in digests:
            ranks = [
                (name is None, name in taken, *_rank(None if name is None else worths[name]), place)
                for place, name in enumerate(names)
            ]
            chosen.append(min(ranks)[-1])
            taken |= {name for name in (names[chosen[-1]],) if name is not None}
        self._count(sum(len(group) - 1 for group in groups))
        return chosen

    def _count(self, screened_out: int) -> None:
        generation = self._scorer.next_generation
        self._counted[generation] = self._counted.get(generation, 0) + screened_out
        self._log.add_screening(generation, self._counted[generation])

    def _worths_of(self, networks: Mapping[str, Architecture]) -> Mapping[str, float | None]:
        if self._name == PREDICTOR:
            return self._predicted(networks)
        missing = {digest: one for digest, one in networks.items() if digest not in self._values}
        if missing:
            results = self._scorer.signals(self._name, missing)
            values = {
                digest: None if result.status != SCORED else result.metrics[self._name]
                for digest, result in results.items()
            }
            reasons = [result.reason for result in results.values() if result.reason]
            if all(value is None for value in values.values()) and reasons:
                log.warning("screen: the signal '%s' has no value for any network: %s", self._name, reasons[0])
            self._values |= values
            self._log.add_signals(self._name, values)
        return self._values

    def _predicted(self, networks: Mapping[str, Architecture]) -> Mapping[str, float | None]:
        if not networks:
            return {}
        asked = [network_features(one) for one in networks.values()]
        known = [self._features[digest] for digest in self._worths]
        names = sorted({name for features in (*known, *asked) for name in features})
        means, _ = expected_worths(
            [[features.get(name, 0.0) for name in names] for features in known],
            list(self._worths.values()),
            [[features.get(name, 0.0) for name in names] for features in asked],
            trees=TREES,
            seed=derive_seed(self._seed, "screen", str(len(known))) % 2**31,
        )
        return dict(zip(networks, map(float, means), strict=True))


def _rank(worth: float | None) -> tuple[bool, float]:
    """The least is the most promising."""
    return worth is None, 0.0 if worth is None else -worth
