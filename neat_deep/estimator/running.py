"""One run of an estimator: search, then train the best network on all examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from neat_deep.base.devices import get_device
from neat_deep.base.files import write_text
from neat_deep.base.run_folder import new_folder
from neat_deep.config.data_facts import changed_fact
from neat_deep.config.stored_settings import AnyExperiment, strategy_name
from neat_deep.data import Dataset
from neat_deep.estimator.errors import InputError
from neat_deep.search.checks import check_experiment
from neat_deep.search.final_training import training_threads
from neat_deep.search.result import SearchResult
from neat_deep.search.run_identity import check_same_settings
from neat_deep.search.time_plan import Plan, plan_time
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import STRATEGIES
from neat_deep.training.retraining import retrain
from neat_deep.training.trained_file import Trained


@dataclass(frozen=True)
class Run:
    """A run that may start: what is wrong with its settings or data was met before its folder was made."""

    experiment: AnyExperiment
    dataset: Dataset
    folder: Path
    resume: bool
    started: float
    plan: Plan

    def search(self, console: Console) -> SearchResult:
        """Search, or resume; raises as the strategy's loop does."""
        options: dict[str, Any] = {
            "resume": self.resume,
            "budget": self.plan.budget,
            "listeners": self.plan.listeners,
            "started": self.started,
        }
        loop = STRATEGIES.get(strategy_name(self.experiment)).code_of_loop()
        result: SearchResult = loop(self.experiment, self.dataset, self.folder, console, **options)
        return result

    def train(self, result: SearchResult) -> Trained:
        """The best network, trained from scratch on all examples within the time that is left, and its file."""
        architecture = result.best.architecture
        assert architecture is not None
        run, training = self.experiment.run, self.experiment.training
        device = get_device(run.device)
        with RunStore.resume(self.folder) as store:
            store.start_clock("training")
            try:
                trained = retrain(
                    architecture,
                    self.dataset,
                    training,
                    device=device,
                    seed=run.seed,
                    threads=training_threads(store, architecture, self.dataset, training, run, device),
                    seconds=self.plan.left_for_training(1),
                )
            finally:  # an interrupted training has taken its time too
                store.stop_clock()
        trained.save(self.folder / "trained.pt")
        return trained


def begin(experiment: AnyExperiment, dataset: Dataset, started: float) -> Run:
    """A new run in a new folder; raises `ConfigError` or `ArchitectureError` for what does not suit the data."""
    check_experiment(experiment, dataset.spec)
    plan = plan_time(experiment, dataset, device=get_device(experiment.run.device), started=started)
    folder = new_folder(experiment.run.out).resolve()
    write_text(folder / "experiment.ini", experiment.text)
    return Run(experiment, dataset, folder, False, started, plan)


def resume_fit(experiment: AnyExperiment, dataset: Dataset, folder: Path, started: float) -> Run:
    """The run in `folder`, to be resumed; raises `InputError` for other data than it has, and as `begin` does."""
    with RunStore.read(folder) as store:
        if changed_fact(store.fact("data"), dataset) is not None:
            raise InputError(f"warm_start: X or y are not those of {folder}; allowed: the same, or warm_start=False")
        check_same_settings(store, experiment)
        spent = store.seconds()
    check_experiment(experiment, dataset.spec, resume=True)
    plan = plan_time(experiment, dataset, device=get_device(experiment.run.device), started=started, spent=spent)
    return Run(experiment, dataset, folder, True, started, plan)
