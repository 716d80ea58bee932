"""How long a search by gradient descent would take on this machine, from a short measurement."""

from __future__ import annotations

from darts.begun_search import read_darts_experiment
from darts.time_plan import measure_darts_pace
from neat_deep.base.devices import computing_with
from neat_deep.cli.overrides import load_inputs
from neat_deep.cli.request import Request


def search_seconds(request: Request) -> float:
    """Seconds of one core that the search of a request would take, the retraining of its cell left out.

    A limit in minutes is not read. Raises what reading the INI file and the data raises.
    """
    assert request.config is not None
    experiment = read_darts_experiment(request.config, request.given)
    device, dataset = load_inputs(request.config, request.given, experiment)
    with computing_with(1):
        pace = measure_darts_pace(experiment, dataset, device)
    settings = experiment.darts
    weights_alone = min(settings.weight_epochs, settings.epochs)
    once = weights_alone * pace.weight_epoch + (settings.epochs - weights_alone) * pace.alpha_epoch + pace.scoring
    if settings.restarts == 1:
        return once
    return settings.restarts * (once + (settings.restart_epochs or experiment.training.epochs) * pace.final_epoch)
