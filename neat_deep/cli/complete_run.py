"""Whether a run has come to its result, and which option lets it go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neat_deep.base.errors import StoreError
from neat_deep.base.files import read_text
from neat_deep.cli.results import RESULT
from neat_deep.config.experiment_file import Experiment
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.stored_settings import AnyExperiment
from neat_deep.scoring.scorer import NO_NEW_NETWORK
from neat_deep.search.generation_loop import NOTHING_LEFT

ENDED_FOR_GOOD = (NOTHING_LEFT, NO_NEW_NETWORK)  # whatever more it is asked for
ASKED = ("generations", "evaluations", "samples", "minutes")


def asked_numbers(experiment: AnyExperiment) -> dict[str, Any]:
    """What a run was asked for, as its result keeps it for `how_to_continue`."""
    return {"asked": _asked(experiment.run), "threshold": _threshold(experiment)}


def how_to_continue(folder: Path, experiment: AnyExperiment, retrainings: int) -> str | None:
    """The option that lets a complete run go on: the one that lifts what ended it.

    None for a run that has not come to its result, or was asked for less than now.
    """
    if not (folder / RESULT).is_file():
        return None
    run, threshold = experiment.run, _threshold(experiment)
    try:
        result = json.loads(read_text(folder / RESULT, "result", StoreError))
        same = result["asked"] == _asked(run) and result.get("threshold", threshold) == threshold
        if not same or len(result["test_accuracies"]) < retrainings:
            return None
        ended = str(result.get("ended", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # none that a whole run wrote
    if threshold is not None and ended.startswith("the fitness threshold"):
        return f"--fitness-threshold with more than {threshold:g} goes on"
    if ended.startswith(ENDED_FOR_GOOD):
        return f"it ended since there is nothing new to try ({ended})"
    limit = next(name for name in ASKED if getattr(run, name))
    return f"--{limit} with more than {getattr(run, limit):g} goes on"


def _asked(run: RunSettings) -> dict[str, float]:
    return {name: getattr(run, name) for name in ASKED}


def _threshold(experiment: AnyExperiment) -> float | None:
    """The fitness that ends a search by neat-python, None for the other searches."""
    return experiment.neat.fitness_threshold if isinstance(experiment, Experiment) else None
