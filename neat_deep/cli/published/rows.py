"""What the steps came to, gathered: a row for each data set and architecture."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neat_deep.cli.published.folder import Result
from neat_deep.cli.published.plan import DARTS, HAND, NEAT, RANDOM, VOTE, Step
from neat_deep.cli.published.published_values import published_accuracy
from neat_deep.cli.published.scale import Scale

LABELS = {HAND: "by hand", RANDOM: "random search", NEAT: "NEAT", VOTE: "NEAT, vote", DARTS: "DARTS"}


@dataclass(frozen=True)
class Row:
    """One architecture on one data set.

    `accuracies` are shares (0..1) of the test set, one for each seed of `seeds` that is done; of `asked` trainings some
    may be still to come, and `failures` say why others came to nothing. Seconds are of one core. What was not measured
    is None.
    """

    data: str
    title: str
    source: str
    label: str
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    asked: int
    failures: tuple[str, ...]
    published: float | None
    parameters: int | None
    macs: int | None
    nodes: int | None
    training_seconds: float | None
    validation: float | None
    search_samples: int | None
    search_networks: int | None
    search_seconds: float | None

    @property
    def mean(self) -> float | None:
        """The mean test accuracy, None before the first."""
        return statistics.mean(self.accuracies) if self.accuracies else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation over the seeds, None for fewer than two."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else None


def gather_rows(scale: Scale, plan: Sequence[Step], results: Mapping[str, Result]) -> list[Row]:
    """The rows of a plan, data set by data set; `results` are those of the steps that are done, by their names."""
    rows = []
    for part in scale.data_parts():
        for source, label in LABELS.items():
            steps = [step for step in plan if _belongs(step, part.name, source)]
            if steps:
                if source == VOTE:
                    voted = results.get(steps[0].name, {}).get("member_accuracies", steps[0].needs)
                    label = f"NEAT, vote of {len(voted)}"
                search = results.get(f"search-{part.name}-{source}", {})
                rows.append(_row(part.name, part.title, source, label, steps, results, search))
    return rows


def _belongs(step: Step, data: str, source: str) -> bool:
    return step.kind != "search" and (step.data, step.source, step.place) == (data, source, 1)


def _row(
    data: str,
    title: str,
    source: str,
    label: str,
    steps: Sequence[Step],
    results: Mapping[str, Result],
    search: Result,
) -> Row:
    done = [(step.seed, results[step.name]) for step in steps if step.name in results]
    scored = [(seed, result) for seed, result in done if "test_accuracy" in result]
    first = scored[0][1] if scored else {}
    seconds = [result["seconds"] for _, result in scored]
    return Row(
        data=data,
        title=title,
        source=source,
        label=label,
        seeds=tuple(seed for seed, _ in scored),
        accuracies=tuple(result["test_accuracy"] for _, result in scored),
        asked=len(steps),
        failures=tuple(f"seed {seed}: {result['failed']}" for seed, result in done if "failed" in result),
        published=published_accuracy(data, source),
        parameters=first.get("parameters"),
        macs=first.get("macs"),
        nodes=first.get("nodes"),
        training_seconds=None if source == VOTE or not seconds else statistics.mean(seconds),
        validation=search.get("validation_accuracy"),
        search_samples=search["samples"] + search["finalist_samples"] if search else None,
        search_networks=search.get("networks"),
        search_seconds=search.get("core_seconds"),
    )
