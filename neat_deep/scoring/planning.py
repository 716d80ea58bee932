"""From a candidate's place in its generation to the job that trains and scores it."""

from __future__ import annotations

import math
from dataclasses import replace

from neat_deep.base.randomness import derive_seed
from neat_deep.scoring.inheritance import collect, pack, weights_of
from neat_deep.scoring.job import Job, Limits, Stage
from neat_deep.scoring.kinship import Entry
from neat_deep.scoring.records import EvaluationLog
from neat_deep.scoring.rungs import Ladder
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture
from neat_deep.space.morphism import Morphism


class JobPlanner:
    """Plans jobs: their seeds, their stages, the weights that they start from and how much of theirs is kept.

    Each training's seed derives from the run's seed, the digest and what was inherited, so a score depends neither on
    the order of the candidates nor on where it is computed.
    """

    def __init__(self, settings: FitnessSettings, ladder: Ladder, log: EvaluationLog, seed: int) -> None:
        self._settings = settings
        self._ladder = ladder
        self._log = log
        self._seed = seed

    def plan(self, entry: Entry, rung: int, *, kept: int, deadline: float | None) -> Job:
        """The job of an entry on a rung, where up to `kept` sets of weights are kept at once."""
        seed_parts = entry.key.split("-")  # the digest, and the name of what was inherited
        start, morphism, first_stage = self._start(entry, rung)
        stages = [
            Stage(
                self._ladder.stage(stage),
                derive_seed(self._seed, *seed_parts, "training", *([f"rung {stage}"] if stage else [])),
            )
            for stage in range(first_stage, rung + 1)
        ]
        settings = self._settings
        return Job(
            key=entry.key,
            rung=rung,
            architecture=settings.architecture(entry.architecture),
            weights_seed=derive_seed(self._seed, *seed_parts, "weights"),
            stages=tuple(stages),
            start=start,
            morphism=morphism,
            learned=self._learned(entry, first_stage) if start is not None else 0,
            keep_bytes=self._keep_bytes(rung, kept),
            limits=Limits(settings.max_parameters, settings.max_macs, settings.max_seconds, deadline),
        )

    def plan_signal(self, digest: str, architecture: Architecture, name: str) -> Job:
        """The job that measures a signal of a network with the weights that a training from scratch begins with."""
        settings = self._settings
        return Job(
            key=digest,
            rung=0,
            architecture=settings.architecture(architecture),
            weights_seed=derive_seed(self._seed, digest, "weights"),
            stages=(),
            limits=Limits(settings.max_parameters, settings.max_macs),
            signals=(name,),
        )

    def _start(self, entry: Entry, rung: int) -> tuple[bytes | None, Morphism | None, int]:
        """The weights that a training starts from, how they become the network's own, and its first stage."""
        below = self._log.weights(entry.key, rung - 1) if rung else None
        if below is not None:
            return below, None, rung
        if entry.heritage is not None:
            morphism = entry.heritage.morphism
            scored = replace(
                morphism,
                parent=self._settings.architecture(morphism.parent),
                child=self._settings.architecture(morphism.child),
            )
            return weights_of(entry.heritage, self._log.weights), scored, 0
        tensors = collect(entry.pieces, self._log.weights) if entry.pieces else {}
        return (pack(tensors) if tensors else None), None, 0

    def _learned(self, entry: Entry, first_stage: int) -> float:
        """The epochs that a network's weights have been trained for before its first stage here."""
        if entry.pieces or entry.heritage is not None:
            return math.inf
        return sum(self._ladder.stage(stage) for stage in range(first_stage))

    def _keep_bytes(self, rung: int, kept: int) -> int:
        """The bytes up to which a network's weights are kept: an equal share of the bound for each network."""
        if not self._settings.inherit and rung == self._ladder.top:
            return 0
        return self._settings.weights_megabytes * 2**20 // kept
