"""Whether a run has come to its result, and which option lets it go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neat_deep.base.errors import StoreError
from neat_deep.base.files import read_text
from neat_deep.base.screen import screen
from neat_deep.cli.options import LIMITS
from neat_deep.cli.results import RESULT
from neat_deep.config.experiment_file import Experiment
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.scoring.scorer import NO_NEW_NETWORK
from neat_deep.search.generation_loop import NOTHING_LEFT

ENDED_FOR_GOOD = (NOTHING_LEFT, NO_NEW_NETWORK)  # whatever more it is asked for


def asked_numbers(experiment: AnyExperiment, done: Mapping[str, int]) -> dict[str, Any]:
    """What a run was asked for and has done, as its result keeps it for `how_to_continue`."""
    return {"asked": _asked(experiment.run), "done": dict(done), "threshold": _threshold(experiment)}


def how_to_continue(folder: Path, experiment: AnyExperiment, retrainings: int, done: Mapping[str, int]) -> str | None:
    """The option that lets a complete run go on; None for a run that has something to do.

    That is one that has not come to its result, whose search has gone further than its result (`done` says how far,
    of what it can be asked for), or that is asked for more now. What ended it must be lifted: a larger limit is no
    help to a search that a fitness threshold ended, nor a higher threshold to one that had come to its limit.
    """
    result = tested_result(folder, retrainings)
    if result is None or "asked" not in result or result.get("done", done) != done:
        return None
    run, ended = experiment.run, str(result.get("ended", ""))
    if ended.startswith(ENDED_FOR_GOOD):
        return f"it ended since there is nothing new to try ({ended})"
    same = result["asked"] == _asked(run)
    if ended.startswith("the fitness threshold"):
        threshold = _threshold(experiment) or 0.0
        before = result.get("threshold", threshold)  # an older version did not keep it
        if threshold <= before:
            return f"--fitness-threshold with more than {before:g} goes on"
    elif same:
        limit = next(name for name in LIMITS if getattr(run, name))
        return f"--{limit} with more than {getattr(run, limit):g} goes on"
    if "done" not in result and not same:  # nor how far its search had gone
        return None
    reached = next((name for name in done if 0 < getattr(run, name) <= done[name]), None)
    return None if reached is None else f"--{reached} with more than {done[reached]} goes on"


def tell_complete(folder: Path, advice: str) -> None:
    """Say that a run has come to its result, and what goes on."""
    screen().print(
        f"{folder}: the search is done, and its best network is trained and tested ({RESULT}); {advice}",
        highlight=False,
        soft_wrap=True,
    )


def tested_result(folder: Path, retrainings: int) -> dict[str, Any] | None:
    """The result of a run that has come to it, with so many trainings at the end; None for any other."""
    if not (folder / RESULT).is_file():
        return None
    try:
        result = json.loads(read_text(folder / RESULT, "result", StoreError))
    except ValueError:
        return None  # none that a whole run wrote
    accuracies = result.get("test_accuracies") if isinstance(result, dict) else None
    return result if isinstance(accuracies, list) and len(accuracies) >= retrainings else None


def _asked(run: RunSettings) -> dict[str, float]:
    return {name: getattr(run, name) for name in LIMITS}


def _threshold(experiment: AnyExperiment) -> float | None:
    """The fitness that ends a search by neat-python, None for the other searches."""
    return experiment.neat.fitness_threshold if isinstance(experiment, Experiment) else None
