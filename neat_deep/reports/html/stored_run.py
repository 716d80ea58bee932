"""All that a page needs of a run with a run store, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from neat_deep.base.errors import StoreError
from neat_deep.base.fields import parse_json, read_object
from neat_deep.config.stored_settings import AnyExperiment, read_settings_text, skeleton_options_of, strategy_name
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.data import DataSpec
from neat_deep.reports.finalists import Finalist, rank_finalists
from neat_deep.reports.html.content import CurvePoint
from neat_deep.reports.html.result_file import read_result
from neat_deep.reports.so_far import with_unfinished
from neat_deep.scoring.records import EvaluationRecord
from neat_deep.space.architecture import Architecture
from neat_deep.store.records import CandidateRecord, GenerationRecord, SpeciesRecord
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import NEAT


@dataclass(frozen=True)
class StoredRun:
    """A run as its store and its folder tell it; `result` is empty for one that has not come to its end.

    `finalists` are those that were trained again, the winner first. `screened_out` proposals were not tried.
    """

    folder: Path
    meta: Mapping[str, str]
    experiment: AnyExperiment
    generations: tuple[GenerationRecord, ...]
    candidates: tuple[CandidateRecord, ...]
    evaluations: tuple[EvaluationRecord, ...]
    species: tuple[SpeciesRecord, ...]
    winner: CandidateRecord | None
    architectures: Mapping[str, Architecture]
    seconds: Mapping[str, float]
    result: Mapping[str, Any]
    finalists: tuple[Finalist, ...] = ()
    screened_out: int = 0

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.resolve().name

    @property
    def strategy(self) -> str:
        """What searched."""
        return strategy_name(self.experiment)

    @property
    def step(self) -> str:
        """What the strategy calls a part of its search."""
        return "generation" if self.species or self.strategy == NEAT else "step"

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The facts of the data set, and `examples`, a digest of those that the search sees."""
        facts = parse_json(self.meta["data"])
        if not isinstance(facts, dict):
            raise StoreError(f"{self.folder}: the run's data: got {type(facts).__name__}, allowed: an object")
        return facts

    @cached_property
    def spec(self) -> DataSpec:
        """The data set's facts as the other rooms have them."""
        return read_object(DataSpec, {key: value for key, value in self.data.items() if key != "examples"}, "data")

    @cached_property
    def best(self) -> Architecture | None:
        """The best architecture so far, in the skeleton that the final training gives it."""
        return None if self.winner is None else self.architectures.get(self.winner.digest)

    @property
    def chooses_skeletons(self) -> bool:
        """Whether its networks may have different skeletons: the search chooses them, or morphisms make them grow."""
        skeletons = {one.skeleton for one in self.architectures.values()}
        return skeleton_options_of(self.experiment).are_given or len(skeletons) > 1

    @property
    def top_rung(self) -> int:
        """The last rung that any network has come to."""
        return max((row.rung for row in self.candidates if row.objective is not None), default=0)

    @property
    def is_asynchronous(self) -> bool:
        """Whether its generations are of scores in a row."""
        return isinstance(self.experiment, StrategyExperiment) and self.experiment.search.asynchronous

    @cached_property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The best accuracy known after each evaluation, in the order of the proposals; where the search is
        asynchronous, in the order in which the evaluations ended.

        The seconds of a generation and of each evaluation are known, but not when each began. So evaluations are
        assumed to end one after the other, each after its share of the generation's time. In a search with rungs only
        trainings to the last rung count.
        """
        points: list[CurvePoint] = []
        samples, minutes, best = 0, 0.0, 0.0
        top = max((one.rung for one in self.evaluations if not one.has_failed), default=0)
        ends = {(row.generation, row.candidate): row.position for row in self.candidates if self.is_asynchronous}
        for generation in self.generations:
            evaluations = [one for one in self.evaluations if one.generation == generation.generation]
            evaluations.sort(key=lambda one: (one.rung, ends.get((one.generation, one.candidate), 0), one.candidate))
            total = sum(one.seconds for one in evaluations)
            wall = (generation.seconds or total) / 60
            done = 0.0
            for one in evaluations:
                samples += one.samples
                done += one.seconds
                accuracy = one.metrics.get("accuracy")
                if not one.has_failed and one.rung == top and accuracy is not None and accuracy > best:
                    best = accuracy
                    points.append(CurvePoint(samples, minutes + wall * done / (total or 1.0), best))
            minutes += wall
        if points:
            points.append(CurvePoint(samples, minutes, best))
        return tuple(points)

    @property
    def saved(self) -> tuple[int, int, int]:
        """Training examples: seen, spared by reuse of scores, spared by early stopping."""
        return (
            sum(row.samples for row in self.generations),
            sum(row.saved_by_reuse for row in self.generations),
            sum(row.saved_by_rungs for row in self.generations),
        )


def load_stored_run(run: Path) -> StoredRun:
    """Read a run, which may still be running; raises `StoreError` for what is no run, or holds nothing yet, and
    `ConfigError` for one that needs a plugin which is not loaded."""
    with RunStore.read(run) as store:
        evaluations, best = store.evaluations(), store.best()
        generations, candidates = with_unfinished(store.generations(), store.candidates(), evaluations)
        if not generations:
            raise StoreError(f"{run}: nothing to show: no network of this run is scored yet; wait for the first")
        known = {one.digest for one in evaluations}
        architectures = {digest: store.architecture(digest) for digest in sorted(known)}
        meta = store.meta()
        experiment = read_settings_text(store.fact("settings"))
        store.fact("data")
        seconds = {part: store.seconds(part) for part in ("search", "training")}
        finalists = rank_finalists(store, experiment)
        folder, species = store.path.parent, store.species()
        numbers = {row.generation for row in generations}
        screened_out = sum(count for number, count in store.screened_out().items() if number in numbers)
    winner = finalists[0].record if finalists else None
    if best and winner is None:
        place = best[-1].generation, best[-1].candidate
        winner = next((row for row in candidates if (row.generation, row.candidate) == place), None)
    if winner is None:
        valid = [row for row in candidates if row.objective is not None]
        winner = max(valid, key=lambda row: (row.rung, row.objective or 0.0), default=None)
    return StoredRun(
        folder=folder,
        meta=meta,
        experiment=experiment,
        generations=tuple(generations),
        candidates=tuple(candidates),
        evaluations=tuple(evaluations),
        species=tuple(species),
        winner=winner,
        architectures=_in_skeleton(architectures, experiment),
        seconds=seconds,
        result=read_result(folder),
        finalists=finalists,
        screened_out=screened_out,
    )


def _in_skeleton(architectures: Mapping[str, Architecture], experiment: AnyExperiment) -> dict[str, Architecture]:
    """The architectures in the skeleton of the final training, where only cells are searched.

    Those that are named by their whole digest have a skeleton of their own.
    """
    return {
        digest: replace(one, skeleton=replace(experiment.network, rank=one.skeleton.rank))
        if digest == one.cell.digest()
        else one
        for digest, one in architectures.items()
    }
