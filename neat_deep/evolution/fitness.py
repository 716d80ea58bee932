"""The callable that `neat.Population.run` takes: a genome's fitness is its network's validation accuracy."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from neat_deep.base.errors import DisconnectedError, SearchError
from neat_deep.base.randomness import derive_seed, preserved
from neat_deep.data import Dataset, stratified_subset
from neat_deep.evolution.expression import express
from neat_deep.evolution.genome import CellGenome
from neat_deep.scoring.executors import Executor, InProcess, WorkerDied
from neat_deep.scoring.inheritance import Ancestor, Piece, collect, name_inheritance, pack, plan_inheritance
from neat_deep.scoring.job import DIVERGED, RAISED, SCORED, Evaluator, Job, JobResult, Stage
from neat_deep.scoring.rungs import comparable_fitness
from neat_deep.scoring.scores import (
    DISCONNECTED,
    REUSED,
    EvaluationLog,
    GenerationCost,
    MemoryLog,
    Score,
    SearchListener,
)
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph
from neat_deep.store.tables import EvaluationRow
from neat_deep.training.fit import Progress, TrainingSettings

log = logging.getLogger(__name__)

__all__ = ["DISCONNECTED", "DIVERGED", "RAISED", "REUSED", "SCORED", "FitnessEvaluator", "Score", "SearchListener"]


@dataclass(frozen=True)
class _Candidate:
    """A genome's network: `key` names the evaluation that scores it, which its twins share."""

    genome: CellGenome
    digest: str
    cell: CellGraph  # canonical, with the genome's own node keys
    key: str
    pieces: tuple[Piece, ...] = ()


class FitnessEvaluator:
    """Scores each genome of a generation: express, look up, build, train on a budget, score on validation.

    A network that was scored before in this run is not trained again. With rungs, networks are trained step by step
    and the weak stop early; with inheritance, a child starts from its parents' weights, and what it inherited counts
    as part of what was scored. A genome that fails (nothing connects input to output, the loss diverges, anything
    raises) stands just below its generation's least fit valid genome, and the search goes on. Each training's seed
    derives from `seed`, the digest and what was inherited, so a score depends neither on the order of the genomes
    nor on where it is computed. `journal` keeps every evaluation as it ends.
    """

    def __init__(
        self,
        dataset: Dataset,
        skeleton: Skeleton,
        training: TrainingSettings,
        fitness: FitnessSettings,
        *,
        device: torch.device,
        seed: int,
        listeners: Sequence[SearchListener] = (),
        journal: EvaluationLog | None = None,
    ) -> None:
        self.spec = dataset.spec
        self.skeleton = dataclasses.replace(skeleton, rank=dataset.spec.rank)
        self.training = fitness.training(training)
        self.evaluate = Evaluator(
            _subset(dataset.train, fitness.train_subset, seed),
            _subset(dataset.validation, fitness.validation_subset, seed),
            dataset.spec,
            fitness.skeleton(self.skeleton),
            self.training,
            device,
            vectors=dataset.vectors,
            with_latency=fitness.latency_price > 0,
        )
        self._executor: Executor[Job, JobResult] = InProcess(self._evaluate_here)
        self._settings = fitness
        self._ladder = fitness.ladder()
        self._seed = seed
        self._listeners = tuple(listeners)
        self._journal: EvaluationLog = journal or MemoryLog()
        self._known: dict[tuple[str, int], EvaluationRow] = {}
        self._kin: dict[int, _Candidate] = {}  # of the generation before: a genome's possible parents
        self._number = 0  # of the generation that is scored next
        self.best: Score | None = None
        self.best_genome: CellGenome | None = None  # neat-python's own may be a failed one that ties with it
        self.generation: list[Score] = []  # the scores of the generation that was last scored
        self.cost = GenerationCost()  # of that generation
        self.trained = 0
        self.reused = 0
        self.failed = 0

    def use(self, executor: Executor[Job, JobResult]) -> None:
        """Run evaluations there from now on; it must do jobs as `self.evaluate` does."""
        self._executor = executor

    def go_on(
        self,
        generation: int,
        evaluations: Sequence[EvaluationRow],
        parents: Sequence[tuple[CellGenome, str]],
        config: Any,
        best: tuple[Score, CellGenome] | None,
        counts: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        """Take up a run that stopped in `generation` (from 0), also when some of its genomes were scored already.

        `evaluations` are all of the run, `parents` the genomes of the generation before with the keys of their
        evaluations, `best` the best before `generation`, `counts` how many genomes had been trained, reused, failed.
        """
        self._number = generation
        for row in evaluations:
            self._remember(row)
        self._kin = {}
        for genome, key in parents:
            try:
                graph = express(genome, config.genome_config)
            except DisconnectedError:
                continue
            self._kin[genome.key] = _Candidate(genome, graph.digest(), graph.canonical(), key)
        if best is not None:
            score, self.best_genome = best
            self.best = dataclasses.replace(score, objective=self._objective(score))
        self.trained, self.reused, self.failed = counts

    def __call__(self, genomes: Sequence[tuple[int, CellGenome]], config: Any) -> None:
        """Set the fitness of every genome; raises `SearchError` when none of them could be trained.

        The global random states are as before afterwards, whatever the networks drew.
        """
        with preserved():
            self._score_generation([genome for _, genome in genomes], config.genome_config)

    # --- one generation ----------------------------------------------------------------------------------------------

    def _score_generation(self, genomes: Sequence[CellGenome], genome_config: Any) -> None:
        for listener in self._listeners:
            listener.generation_started(len(genomes))
        self.generation = []
        ancestors = self._ancestors()
        scored_before = {place for place, row in self._known.items() if row.generation == self._number}  # and resumed
        self._journal.keep_weights(scored_before | {(a.key, a.rung) for a in ancestors.values()})
        kept = self._journal.kept_weights()
        ancestors = {key: a for key, a in ancestors.items() if (a.key, a.rung) in kept}
        entries = [self._candidate(genome, genome_config, ancestors) for genome in genomes]
        reached, stopped = self._climb(entries, {(a.key, a.rung) for a in ancestors.values()})
        self._announce(entries, reached, final=True)
        self._set_fitness(genomes, reached, stopped)
        self.cost = self._cost(reached)
        self._kin = {entry.genome.key: entry for entry in entries if isinstance(entry, _Candidate)}
        self._number += 1
        # What raised may have lacked memory for a moment: it is tried again when it is asked for again.
        self._known = {place: row for place, row in self._known.items() if row.status != RAISED}

    def _candidate(
        self, genome: CellGenome, genome_config: Any, ancestors: Mapping[int, Ancestor]
    ) -> _Candidate | Score:
        """The genome's network and the key of its evaluation, or the score of a genome that expresses none."""
        digest = ""
        try:
            graph = express(genome, genome_config)
            digest, cell = graph.digest(), graph.canonical()
            key, pieces = self._key(genome, digest, cell, ancestors)
            return _Candidate(genome, digest, cell, key, pieces)
        except DisconnectedError as error:
            status, reason = DISCONNECTED, str(error)
        except Exception as error:  # noqa: BLE001 - a user's op may raise anything; it costs this genome only
            status, reason = RAISED, f"{type(error).__name__}: {error}"
        return Score(genome.key, status, digest, reason=reason)

    def _key(
        self, genome: CellGenome, digest: str, cell: CellGraph, ancestors: Mapping[int, Ancestor]
    ) -> tuple[str, tuple[Piece, ...]]:
        """The key of the evaluation that scores a genome, and what its network inherits.

        A genome that lives on, and a child that computes what a parent computes, is that network: it shares its
        evaluation. Otherwise the key is the digest, with the name of what was inherited.
        """
        if not self._settings.inherit:
            return digest, ()
        for known in (genome.key, *genome.parents):
            kin = self._kin.get(known)
            if kin is not None and kin.digest == digest and self._can_go_on(kin, ancestors.get(known)):
                return kin.key, ()
        pieces = plan_inheritance(cell, [ancestors[parent] for parent in genome.parents if parent in ancestors])
        return (f"{digest}-{name_inheritance(pieces)}" if pieces else digest), pieces

    def _can_go_on(self, kin: _Candidate, ancestor: Ancestor | None) -> bool:
        """Whether an evaluation of the generation before needs no further training, or has the weights for it."""
        rung = self._highest(kin.key)
        if rung is None:  # it raised: then it is tried anew
            return False
        failed = self._known[kin.key, rung].accuracy is None
        return failed or rung == self._ladder.top or kin.key == kin.digest or ancestor is not None

    def _ancestors(self) -> dict[int, Ancestor]:
        """The genomes of the generation before whose weights may still be needed, by key."""
        found = {}
        for key, kin in self._kin.items():
            rung = self._highest(kin.key)
            if rung is not None and self._keep_bytes(rung, len(self._kin)):
                found[key] = Ancestor(kin.key, rung, kin.cell)
        return found

    def _highest(self, key: str) -> int | None:
        """The highest rung that was scored, or met a divergence, before this generation."""
        rungs = [r for r in range(self._ladder.top + 1) if (key, r) in self._known]
        rungs = [r for r in rungs if self._known[key, r].generation < self._number]
        return max(rungs, default=None)

    # --- training ----------------------------------------------------------------------------------------------------

    def _climb(
        self, entries: Sequence[_Candidate | Score], needed: Collection[tuple[str, int]]
    ) -> tuple[dict[str, EvaluationRow], dict[str, int]]:
        """Train and compare rung by rung; returns the last evaluation of each key, and the rung where it stopped.

        That of an evaluation may be higher, where an earlier generation had trained the network further.

        `needed` are the weights of the generation before, which children may ask for until the end.
        """
        first: dict[str, _Candidate] = {}
        for entry in entries:
            if isinstance(entry, _Candidate):
                first.setdefault(entry.key, entry)
        self._forget_a_hopeless_try(entries)
        starts = dict(zip(first, self._ladder.starts(len(first)), strict=True))
        reached: dict[str, EvaluationRow] = {}
        stopped: dict[str, int] = {}
        brackets: dict[int, list[str]] = {
            start: [key for key in first if starts[key] == start] for start in sorted(set(starts.values()))
        }
        for rung in range(self._ladder.top + 1):
            climbing = {key for start, keys in brackets.items() if start <= rung for key in keys}
            here = [candidate for key, candidate in first.items() if key in climbing]
            stopped.update(dict.fromkeys(climbing, rung))
            known = {c.key: self._known_on(c.key, rung) for c in here}
            reached.update({key: row for key, row in known.items() if row is not None})
            self._announce(entries, reached, final=False)
            for row in self._run(rung, [c for c in here if known[c.key] is None], len(entries)):
                reached[row.key] = row
                self._announce(entries, reached, final=False)
            if rung < self._ladder.top:
                brackets = {
                    start: self._go_on(keys, reached) if start <= rung else keys for start, keys in brackets.items()
                }
                superseded = {(key, lower) for key in climbing for lower in range(rung)} - set(needed)
                self._journal.keep_weights(self._journal.kept_weights() - superseded)
        return {key: reached[key] for key in first}, stopped

    def _forget_a_hopeless_try(self, entries: Sequence[_Candidate | Score]) -> None:
        """A run ended here when every genome raised; taken up again it tries them again, or it never could go on."""
        raised = {row.key for row in self._known.values() if row.status == RAISED and row.generation == self._number}
        if all(e.key in raised if isinstance(e, _Candidate) else e.status == RAISED for e in entries):
            self._known = {place: row for place, row in self._known.items() if row.key not in raised}

    def _known_on(self, key: str, rung: int) -> EvaluationRow | None:
        """What is known of a network on a rung, or else on the next above, if Hyperband had it start there."""
        places = ((key, higher) for higher in range(rung, self._ladder.top + 1))
        return next((self._known[place] for place in places if place in self._known), None)

    def _go_on(self, keys: Sequence[str], reached: Mapping[str, EvaluationRow]) -> list[str]:
        """Those of a bracket that are trained further."""
        if not keys:
            return []
        return [keys[i] for i in self._ladder.promoted([self._objective(reached[key]) for key in keys])]

    def _run(self, rung: int, candidates: Sequence[_Candidate], genomes: int) -> Iterator[EvaluationRow]:
        """Evaluate on one rung; each evaluation is kept as it ends."""
        by_key = {candidate.key: candidate for candidate in candidates}
        jobs = (self._job(rung, candidate, genomes) for candidate in candidates)
        for job, result in self._executor.run(jobs):
            if isinstance(result, WorkerDied):
                result = JobResult(RAISED, reason=result.reason)
            candidate = by_key[job.key]
            row = EvaluationRow(
                generation=self._number,
                key=job.key,
                rung=rung,
                genome=candidate.genome.key,
                digest=candidate.digest,
                status=result.status,
                accuracy=result.accuracy,
                samples=result.samples,
                parameters=result.parameters,
                macs=result.macs,
                seconds=result.seconds,
                reason=result.reason,
                latency=result.latency,
            )
            self._journal.record(row, result.weights)
            self._remember(row)
            yield row

    def _job(self, rung: int, candidate: _Candidate, genomes: int) -> Job:
        seed_parts = candidate.key.split("-")  # the digest, and the name of what was inherited
        below = self._journal.weights(candidate.key, rung - 1) if rung else None
        if below is not None:
            start: bytes | None = below
            first_stage = rung
        else:
            tensors = collect(candidate.pieces, self._journal.weights) if candidate.pieces else {}
            start = pack(tensors) if tensors else None
            first_stage = 0
        stages = [
            Stage(
                self._ladder.stage(stage),
                derive_seed(self._seed, *seed_parts, "training", *([f"rung {stage}"] if stage else [])),
            )
            for stage in range(first_stage, rung + 1)
        ]
        return Job(
            key=candidate.key,
            rung=rung,
            cell=candidate.cell,
            weights_seed=derive_seed(self._seed, *seed_parts, "weights"),
            stages=tuple(stages),
            start=start,
            keep_bytes=self._keep_bytes(rung, genomes),
        )

    def _keep_bytes(self, rung: int, genomes: int) -> int:
        """The bytes up to which a network's weights are kept: an equal share of the bound, whoever comes first.

        There may be three sets of weights for each genome: its parent's, and its own on two rungs.
        """
        if not self._settings.inherit and rung == self._ladder.top:
            return 0
        return self._settings.weights_megabytes * 2**20 // (3 * genomes)

    def _evaluate_here(self, job: Job) -> JobResult:
        return self.evaluate(job, self._went_on)

    def _remember(self, row: EvaluationRow) -> None:
        """Remember an evaluation that stands: what raised does so for its own generation only."""
        if row.status != RAISED or row.generation == self._number:
            self._known[row.key, row.rung] = row

    def _went_on(self, progress: Progress) -> None:
        for listener in self._listeners:
            listener.training_went_on(progress)

    # --- what it came to ---------------------------------------------------------------------------------------------

    def _announce(
        self, entries: Sequence[_Candidate | Score], reached: Mapping[str, EvaluationRow], *, final: bool
    ) -> None:
        """Tell the scores that are settled, in the order of the genomes: with rungs at the end, without at once."""
        while len(self.generation) < len(entries):
            entry = entries[len(self.generation)]
            if not final and (self._ladder.top or (isinstance(entry, _Candidate) and entry.key not in reached)):
                return
            score = entry if isinstance(entry, Score) else self._score(entry, reached[entry.key])
            self.generation.append(score)
            self._count(score)
            is_best = self._is_best(score)
            if is_best:
                self.best = score
                self.best_genome = entry.genome if isinstance(entry, _Candidate) else None
            if score.status in (DISCONNECTED, DIVERGED, RAISED):
                level = logging.INFO if score.status == DISCONNECTED else logging.WARNING  # an everyday end
                log.log(level, "genome %s %s: %s", score.genome_key, score.status, score.reason)
            for listener in self._listeners:
                listener.genome_scored(score, is_best)

    def _score(self, candidate: _Candidate, row: EvaluationRow) -> Score:
        is_new = row.generation == self._number and row.genome == candidate.genome.key
        return Score(
            candidate.genome.key,
            row.status if is_new or row.accuracy is None else REUSED,
            candidate.digest,
            Architecture(candidate.cell, self.skeleton) if row.accuracy is not None else None,
            row.accuracy,
            row.parameters,
            row.seconds if is_new else 0.0,
            row.reason,
            row.key,
            row.rung,
            row.macs,
            self._objective(row),
            row.latency,
        )

    def _objective(self, scored: EvaluationRow | Score) -> float | None:
        """What a network is worth, None for one that failed."""
        if scored.accuracy is None:
            return None
        return self._settings.objective(scored.accuracy, scored.parameters, scored.macs, scored.latency)

    def _is_best(self, score: Score) -> bool:
        """Whether a score is the best so far; one that was trained further counts more than any objective."""
        if score.objective is None:
            return False
        if self.best is None or self.best.objective is None:
            return True
        return (score.rung, score.objective) > (self.best.rung, self.best.objective)

    def _count(self, score: Score) -> None:
        self.trained += score.status == SCORED
        self.reused += score.status == REUSED
        self.failed += score.accuracy is None

    def _set_fitness(
        self, genomes: Sequence[CellGenome], reached: Mapping[str, EvaluationRow], stopped: Mapping[str, int]
    ) -> None:
        """Fitness is comparable within the generation; what failed stands just below the lowest of what did not.

        As fit as the lowest it would be one of the best in a generation whose valid genomes are all alike: elites and
        parents would be drawn among the failed, and the search would end in them.
        """
        starts = dict(zip(reached, self._ladder.starts(len(reached)), strict=True))
        objectives = {key: self._objective(row) for key, row in reached.items()}
        valid = {key: objective for key, objective in objectives.items() if objective is not None}
        fitness = comparable_fitness(valid, stopped, starts)
        failed = math.nextafter(min(fitness.values()), -math.inf) if fitness else self._fitness_of_nothing()
        for genome, score in zip(genomes, self.generation, strict=True):
            genome.fitness = fitness.get(score.key, failed)

    def _fitness_of_nothing(self) -> float:
        """The fitness in a generation without a valid genome; raises `SearchError` when all of them raised."""
        raised = [score for score in self.generation if score.status == RAISED]
        if len(raised) == len(self.generation):
            raise SearchError(f"every genome of the generation failed; the first: {raised[0].reason}")
        return 0.0  # all disconnected or diverged: mutation may mend that

    def _cost(self, reached: Mapping[str, EvaluationRow]) -> GenerationCost:
        spent: Counter[tuple[str, int]] = Counter()
        for row in self._known.values():
            if row.generation == self._number:
                spent[row.key, row.genome] += row.samples
        epoch = self.evaluate.train_examples
        saved_by_reuse = saved_by_rungs = 0
        for score in self.generation:
            if score.accuracy is not None:
                epochs = self._ladder.epochs[reached[score.key].rung]
                saved_by_reuse += max(0, epoch * epochs - spent[score.key, score.genome_key])
                saved_by_rungs += epoch * (self._ladder.epochs[-1] - epochs)
        return GenerationCost(spent.total(), saved_by_reuse, saved_by_rungs)


def _subset(split: Any, count: int, seed: int) -> Any:
    return split.subset(stratified_subset(split.labels, count, seed)) if count else split
