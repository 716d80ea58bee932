"""The one place that turns architectures into scores."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from neat_deep.base.errors import InheritanceError, SearchError
from neat_deep.base.randomness import preserved
from neat_deep.data import Dataset, part_of
from neat_deep.scoring.budget import Budget, BudgetSpentError
from neat_deep.scoring.candidate import Candidate
from neat_deep.scoring.climb import Climb
from neat_deep.scoring.executors import Executor, InProcess, WorkerDied
from neat_deep.scoring.job import BROKEN_OFF, Evaluator, Job, JobResult
from neat_deep.scoring.kinship import Entry, Kinship
from neat_deep.scoring.known import KnownEvaluations
from neat_deep.scoring.planning import JobPlanner
from neat_deep.scoring.records import EvaluationLog, EvaluationRecord, MemoryLog
from neat_deep.scoring.rungs import comparable_fitness
from neat_deep.scoring.scores import (
    DISCONNECTED,
    RAISED,
    REUSED,
    SCORED,
    UNSCORED,
    Counts,
    GenerationCost,
    Score,
    ScoreListener,
)
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.short_training import short_training
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.training.fit import Progress
from neat_deep.training.settings import TrainingSettings

log = logging.getLogger(__name__)

NO_NEW_NETWORK = "no new network in"  # so begins why a search ended whose strategy repeats itself
MOST_IDLE = 100  # generations in a row without a network to train, after which a search with a budget ends


@dataclass(frozen=True)
class ScorerState:
    """Where a run stands whose scoring resumes in `generation` (from 0).

    `evaluations` are all of the run; `parents` the candidates of the generation before, each with the key of its
    evaluation, and `older` those that lived on before it; `best` the best score before `generation`.
    """

    generation: int
    evaluations: Sequence[EvaluationRecord]
    parents: Sequence[tuple[Candidate, str]] = ()
    best: Score | None = None
    counts: Counts = field(default_factory=Counts)
    older: Sequence[tuple[Candidate, str]] = ()


class Scorer:
    """Scores candidates: looks them up, trains them on a budget, scores them on validation examples.

    A network that was scored before in this run is not trained again. With rungs, networks are trained step by step and
    the weak stop early; with inheritance, a candidate starts from its parents' weights, and what it inherited counts as
    part of what was scored. Up to `most_living` parents that are older than a generation have their weights kept. A
    candidate that fails (its loss diverges, it is too large or too slow, anything raises)
    costs its own score only. `journal` keeps every evaluation as it ends.

    It knows no genome and no strategy. `skeleton` is the one that candidates of a search of cells share: they are named
    by their cells' digests; a candidate in another skeleton by its architecture's.
    """

    def __init__(
        self,
        dataset: Dataset,
        fitness: FitnessSettings,
        training: TrainingSettings | None = None,
        skeleton: Skeleton | None = None,
        *,
        device: torch.device | None = None,
        seed: int = 0,
        listeners: Sequence[ScoreListener] = (),
        journal: EvaluationLog | None = None,
        budget: Budget | None = None,
        most_living: int = 0,
    ) -> None:
        self.settings = fitness
        self.skeleton = dataclasses.replace(skeleton or Skeleton(), rank=dataset.spec.rank)
        self.budget = budget or Budget()
        part = dataclasses.replace(
            dataset,
            train=part_of(dataset.train, fitness.train_subset, seed),
            validation=part_of(dataset.validation, fitness.validation_subset, seed),
        )
        task, how = short_training(fitness, training or TrainingSettings(), part)
        self.evaluate = Evaluator(
            task.train,
            task.validation,
            task.spec,
            how,
            device or torch.device("cpu"),
            vectors=dataset.vectors,
            metrics=fitness.measured_metrics(),
        )
        self._executor: Executor[Job, JobResult] = InProcess(self._evaluate_here)
        self._ladder = fitness.ladder()
        self._objective = fitness.worth()
        self._listeners = tuple(listeners)
        self._journal: EvaluationLog = journal or MemoryLog()
        self._planner = JobPlanner(fitness, self._ladder, self._journal, seed)
        self._known = KnownEvaluations()
        self._kinship = Kinship(self._known, inherit=fitness.inherit, top=self._ladder.top)
        self.best: Score | None = None
        self.generation: list[Score] = []  # the scores of the generation that was last scored, in order
        self.cost = GenerationCost()  # of that generation
        self.counts = Counts()  # of the whole run
        self._most_living = most_living
        self._has_warned = False  # of weights that are too large to be kept
        self._last_trained = -1  # the last generation that had a network to train

    def use(self, executor: Executor[Job, JobResult]) -> None:
        """Run evaluations there from now on; it must do jobs as `self.evaluate` does."""
        self._executor = executor

    def resume(self, state: ScorerState) -> None:
        """Take up a run that stopped, also in the middle of a generation."""
        self._known.generation = state.generation
        for record in state.evaluations:
            self._known.remember(record)
            if record.is_counted:
                self.budget.ask(self._asked_samples(record))
                self._last_trained = max(self._last_trained, record.generation)
        self._kinship.follow([self._entry_of(*parent) for parent in state.older])
        self._kinship.follow([self._entry_of(*parent) for parent in state.parents])
        if state.best is not None:
            self.best = dataclasses.replace(state.best, objective=self._objective(state.best.metrics))
        self.counts = state.counts

    def score_architecture(self, architecture: Architecture) -> Score:
        """The score of one architecture, trained and scored on the budget of `settings`."""
        return self.score([Candidate(0, architecture)])[0]

    def score(self, candidates: Sequence[Candidate | Score], living: Collection[int] = ()) -> list[Score]:
        """Score one generation; a `Score` among the candidates, of what has no architecture, keeps its place.

        `living` are the numbers of candidates from which later ones may still descend, however old they are.
        The global random states are as before afterwards, whatever the networks drew. Raises `SearchError` when every
        candidate raised, and `BudgetSpentError` when the budget ended first: `generation` then holds what was scored.
        """
        with preserved():
            return self._score_generation(candidates, living)

    def _score_generation(self, candidates: Sequence[Candidate | Score], living: Collection[int]) -> list[Score]:
        self.generation = []
        stored = {(record.key, record.rung) for record in self._known.of_this_generation()}  # by a stopped run
        if not stored and (refusal := self.budget.refusal() or self._idleness()):
            raise BudgetSpentError(refusal)
        for listener in self._listeners:
            listener.generation_started(self._known.generation, len(candidates))
        self._kinship.retain(living)
        self._journal.keep_weights(stored | self._kinship.needed_weights())
        needed = self._kinship.keep(self._journal.kept_weights())
        entries = [entry if isinstance(entry, Score) else self._enter(entry) for entry in candidates]
        scored = [entry for entry in entries if isinstance(entry, Entry)]
        self._forget_a_hopeless_try(entries)
        climb = Climb(scored, self._known, self._ladder, self._worth)

        def evaluate(rung: int, missing: Sequence[Entry]) -> Iterator[EvaluationRecord]:
            superseded = {(key, lower) for key in climb.climbed(rung - 1) for lower in range(rung - 1)} - needed
            if superseded:
                self._journal.keep_weights(self._journal.kept_weights() - superseded)
            return self._run(rung, missing, len(candidates))

        for reached in climb.run(evaluate):
            if not self._ladder.top:
                self._announce(entries, reached, final=False)
        self._announce(entries, climb.reached, final=True)
        self.cost = self._cost(climb.reached)
        if not climb.finished:
            raise BudgetSpentError(self.budget.refusal() or "the search's time was spent")
        self._set_fitness(climb)
        self._kinship.follow(scored)
        self._known.end_generation()
        return self.generation

    # --- signals -----------------------------------------------------------------------------------------------------

    @property
    def next_generation(self) -> int:
        """The number of the generation that is scored now or next, from 0."""
        return self._known.generation

    def signals(self, name: str, architectures: Mapping[str, Architecture]) -> dict[str, JobResult]:
        """A signal of untrained networks, by their digests from `identify`; where it failed, the reason.

        It is no evaluation: nothing is kept of it, and no budget counts it. The global random states stay as they are.
        """
        jobs = [self._planner.plan_signal(digest, architecture, name) for digest, architecture in architectures.items()]
        results: dict[str, JobResult] = {}
        with preserved():
            for job, result in self._executor_of_signals().run(jobs):
                results[job.key] = JobResult(RAISED, reason=result.reason) if isinstance(result, WorkerDied) else result
        return results

    def _executor_of_signals(self) -> Executor[Job, JobResult]:
        return self._executor

    # --- who is scored -----------------------------------------------------------------------------------------------

    def _enter(self, candidate: Candidate) -> Entry | Score:
        """The candidate's place in the generation, or the score of one that cannot be named."""
        try:
            return self._kinship.enter(candidate, *self.identify(candidate.architecture))
        except InheritanceError:
            raise  # it is the settings that must change: no other candidate of the morphism would fare better
        except Exception as error:  # noqa: BLE001 - a user's op may raise anything; it costs this candidate only
            return Score(candidate=candidate.number, status=RAISED, reason=f"{type(error).__name__}: {error}")

    def identify(self, architecture: Architecture) -> tuple[str, Architecture]:
        """The digest by which an architecture is known in this run, and the architecture as it is kept."""
        is_shared = architecture.skeleton == self.skeleton
        return (architecture.cell.digest() if is_shared else architecture.digest()), architecture.tidy()

    def _entry_of(self, candidate: Candidate, key: str) -> Entry:
        """A candidate whose evaluation is known."""
        return Entry(candidate, *self.identify(candidate.architecture), key)

    def _forget_a_hopeless_try(self, entries: Sequence[Entry | Score]) -> None:
        """A run ended here when every candidate raised; resumed it tries them again, or it could never continue."""
        raised = {record.key for record in self._known.of_this_generation() if record.status == RAISED}
        if all(e.key in raised if isinstance(e, Entry) else e.status == RAISED for e in entries):
            self._known.forget(raised)

    # --- evaluations -------------------------------------------------------------------------------------------------

    def _run(self, rung: int, entries: Sequence[Entry], candidates: int) -> Iterator[EvaluationRecord]:
        """Evaluate on one rung, until the budget ends; each evaluation is kept as it ends."""
        by_key = {entry.key: entry for entry in entries}
        for job, result in self._executor.run(self._jobs(rung, entries, candidates)):
            record = self._keep(job, result, by_key[job.key])
            if record is not None:
                yield record

    def _keep(self, job: Job, result: JobResult | WorkerDied, entry: Entry) -> EvaluationRecord | None:
        """Keep an evaluation that has ended; None for one that was broken off, of which nothing is known."""
        if isinstance(result, WorkerDied):
            result = JobResult(RAISED, reason=result.reason)
        if result.status == BROKEN_OFF:
            return None
        record = EvaluationRecord(
            generation=self._known.generation,
            key=job.key,
            rung=job.rung,
            candidate=entry.candidate.number,
            digest=entry.digest,
            status=result.status,
            metrics=result.metrics,
            samples=result.samples,
            seconds=result.seconds,
            reason=result.reason,
        )
        self.budget.took(result.seconds)
        if result.status == SCORED and job.keep_bytes and result.weights is None:
            self._warn_of_lost_weights(job, entry.candidate.number)
        self._journal.record(record, entry.architecture, result.weights)
        self._known.remember(record)
        return record

    def _warn_of_lost_weights(self, job: Job, candidate: int) -> None:
        """Say once that rungs and children do without a network's weights, which take more than its share."""
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "[Fitness] weights_megabytes = %d: the weights of candidate %d take more than its share of them,"
                " %.1f MiB; where they are wanted it is trained from scratch, and so are others of its size",
                self.settings.weights_megabytes,
                candidate,
                job.keep_bytes / 2**20,
            )

    def _jobs(self, rung: int, entries: Sequence[Entry], candidates: int) -> Iterator[Job]:
        for entry in entries:
            if self.budget.refusal():
                return
            yield self._job(entry, rung, candidates)

    def _job(self, entry: Entry, rung: int, candidates: int) -> Job:
        """The evaluation of an entry, which the budget counts."""
        # Three sets of weights for each candidate: its parent's, and its own on two rungs.
        kept = 3 * candidates + self._most_living
        job = self._planner.plan(entry, rung, kept=kept, deadline=self.budget.deadline)
        if not (self.budget.is_limited and self.evaluate.is_too_large(job)):  # to know that, it is built
            self.budget.ask(sum(stage.epochs for stage in job.stages) * self.evaluate.train_examples)
            self._last_trained = self._known.generation
        return job

    def _idleness(self) -> str:
        """Why a budget that nothing uses up is given up; empty while networks are trained.

        Once all that a search proposes is known, its evaluations and samples no longer rise, and it would never end.
        """
        idle = self._known.generation - 1 - self._last_trained
        return f"{NO_NEW_NETWORK} {MOST_IDLE} generations" if self.budget.is_limited and idle >= MOST_IDLE else ""

    def _evaluate_here(self, job: Job) -> JobResult:
        return self.evaluate(job, self._progressed)

    def _progressed(self, progress: Progress) -> None:
        for listener in self._listeners:
            listener.training_progressed(progress)

    def _asked_samples(self, record: EvaluationRecord) -> int:
        """The training examples that the budget was asked for when an evaluation of a stopped run began.

        One that failed saw fewer, but the run that was never stopped counted them all.
        """
        if not record.has_failed:
            return record.samples
        is_next = bool(record.rung) and self._known.get(record.key, record.rung - 1) is not None
        rungs = [record.rung] if is_next else range(record.rung + 1)
        return sum(self._ladder.stage(rung) for rung in rungs) * self.evaluate.train_examples

    # --- the scores of a generation ---------------------------------------------------------------------------------

    def _announce(
        self, entries: Sequence[Entry | Score], reached: Mapping[str, EvaluationRecord], *, final: bool
    ) -> None:
        """Tell the scores that are settled, in the order of the candidates: with rungs at the end, without at once."""
        while len(self.generation) < len(entries):
            entry = entries[len(self.generation)]
            if not final and isinstance(entry, Entry) and entry.key not in reached:
                return
            self._tell(entry if isinstance(entry, Score) else self._score(entry, reached.get(entry.key)))

    def _tell(self, score: Score) -> None:
        """Count the next score of the generation, and let all hear of it."""
        self.generation.append(score)
        if score.status == UNSCORED:
            return  # nobody hears of what was not tried
        self.counts = self.counts.add(score)
        is_best = self._is_best(score)
        if is_best:
            self.best = score
        if score.has_failed:
            level = logging.INFO if score.status == DISCONNECTED else logging.WARNING  # an everyday end
            log.log(level, "candidate %s %s: %s", score.candidate, score.status, score.reason)
        for listener in self._listeners:
            listener.candidate_scored(score, is_best)

    def _score(self, entry: Entry, record: EvaluationRecord | None) -> Score:
        number = entry.candidate.number
        if record is None:
            return Score(candidate=number, status=UNSCORED, digest=entry.digest, key=entry.key)
        is_new = record.generation == self._known.generation and record.candidate == number
        objective, reason, status = self._value(record)
        return Score(
            candidate=number,
            status=status if is_new or objective is None else REUSED,
            digest=entry.digest,
            architecture=entry.architecture if objective is not None else None,
            metrics=record.metrics,
            key=record.key,
            rung=record.rung,
            objective=objective,
            samples=record.samples if is_new else 0,
            seconds=record.seconds if is_new else 0.0,
            reason=reason,
        )

    def _value(self, record: EvaluationRecord) -> tuple[float | None, str, str]:
        """What a network is worth, the reason where it is worth nothing, and the status."""
        if record.has_failed:
            return None, record.reason, record.status
        try:
            return self._objective(record.metrics), record.reason, SCORED
        except Exception as error:  # noqa: BLE001 - a user's objective may raise anything; it costs this candidate only
            return None, f"objective: {type(error).__name__}: {error}", RAISED

    def _worth(self, record: EvaluationRecord) -> float | None:
        return self._value(record)[0]

    def _is_best(self, score: Score) -> bool:
        """Whether a score is the best so far; one that was trained further counts more than any objective."""
        if score.objective is None:
            return False
        if self.best is None or self.best.objective is None:
            return True
        return (score.rung, score.objective) > (self.best.rung, self.best.objective)

    def _set_fitness(self, climb: Climb) -> None:
        """Fitness is comparable within the generation; what failed stands just below the lowest of what did not.

        As fit as the lowest it would be one of the best in a generation whose valid candidates are all alike: elites
        and parents would be drawn among the failed, and the search would end in them.
        """
        fitness = comparable_fitness(climb.standings(), self._ladder.top)
        failed = math.nextafter(min(fitness.values()), -math.inf) if fitness else self._fitness_of_nothing()
        self.generation = [
            dataclasses.replace(score, fitness=fitness.get(score.key, failed)) for score in self.generation
        ]

    def _fitness_of_nothing(self) -> float:
        """The fitness in a generation without a valid candidate; raises `SearchError` when all of them raised."""
        raised = [score for score in self.generation if score.status == RAISED]
        if len(raised) == len(self.generation):
            raise SearchError(f"every candidate of the generation failed; the first: {raised[0].reason}")
        return 0.0  # all disconnected or diverged: mutation may mend that

    def _cost(self, reached: Mapping[str, EvaluationRecord]) -> GenerationCost:
        spent = self._known.samples_spent()
        epoch, epochs = self.evaluate.train_examples, self._ladder.epochs
        saved_by_reuse = saved_by_rungs = 0
        for score in self.generation:
            if score.objective is not None:
                trained = epochs[reached[score.key].rung]
                saved_by_reuse += max(0, epoch * trained - spent[score.key, score.candidate])
                saved_by_rungs += epoch * (epochs[-1] - trained)
        return GenerationCost(spent.total(), saved_by_reuse, saved_by_rungs)
