"""How long a search with a run store would take on this machine, from a short measurement."""

from __future__ import annotations

import dataclasses

from neat_deep.base.devices import computing_with
from neat_deep.cli.experiment import read_experiment
from neat_deep.cli.overrides import load_inputs
from neat_deep.cli.request import Request
from neat_deep.config.experiment_file import Experiment
from neat_deep.search.checks import ops_of
from neat_deep.search.time_plan import measure_pace
from neat_deep.space.cell_graph import NONE

TRAINED_SHARE = 0.6  # of the candidates that are trained: scores are reused, and some express no network


def search_seconds(request: Request) -> float:
    """Seconds of one core that the search of a request would take, its final training left out.

    They are those of a typical network, so a search that prefers large ones takes longer. A limit in minutes is not
    read. Raises what reading the INI file and the data raises.
    """
    assert request.config is not None
    experiment = read_experiment(request.config, request.given)
    device, dataset = load_inputs(request.config, request.given, experiment)
    skeleton = dataclasses.replace(experiment.network, rank=dataset.spec.rank)
    ops = [op for op in ops_of(experiment) if op != NONE]
    with computing_with(1):
        pace = measure_pace(ops, dataset, skeleton, experiment.training, experiment.fitness, device=device)
    fitness = experiment.fitness
    again = fitness.finalists * fitness.finalist_seeds * fitness.finalist_training(experiment.training).epochs
    run, limits = experiment.run, []
    if run.generations:
        size = experiment.neat.pop_size if isinstance(experiment, Experiment) else experiment.search.generation_size
        limits.append(TRAINED_SHARE * run.generations * size * pace.evaluation)
    if run.evaluations:
        limits.append(run.evaluations * pace.evaluation)
    if run.samples:
        limits.append(run.samples * pace.evaluation_example)
    return min(limits, default=0.0) + again * pace.epoch
