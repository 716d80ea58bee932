"""Which run a store is of: its settings, its data, and what rounds its sums."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Mapping
from importlib.metadata import version

import numpy
import torch

from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.config.data_facts import changed_fact, data_facts
from neat_deep.config.stored_settings import AnyExperiment, changed_settings, settings_text
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.data import Dataset
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.starts import Start, whole_start

log = logging.getLogger(__name__)

NOT_REPEATABLE = "no: it is asynchronous, and which evaluation ends first decides what is proposed next"

# What may change when a run is resumed: these change nothing that is stored,
FREE_KEYS = (
    *("generations", "evaluations", "samples", "minutes", "workers", "threads", "ray_address", "ray_gpus", "out"),
    "plugins",  # their files may have moved
)
FREE = {("Run", key) for key in FREE_KEYS} | {("Data", "root"), ("NEAT", "fitness_threshold")}
# and this rounds differently, so that the run is no longer the one that was never stopped.
ROUNDING = {("Run", "device")}


def describe_run(
    experiment: AnyExperiment, dataset: Dataset, device: torch.device, start: Start | None = None
) -> dict[str, str]:
    """What a new store records about its run; `start` is what the search starts from."""
    first = {} if start is None else {"start": whole_start(start, experiment.network).to_json()}
    if is_asynchronous(experiment):
        first["repeatable"] = NOT_REPEATABLE
    return {
        **first,
        "ini": experiment.text,
        "settings": settings_text(experiment),
        "data": data_facts(dataset),
        **_rounding(device),
    }


def is_asynchronous(experiment: AnyExperiment) -> bool:
    """Whether what a search proposes depends on which evaluation ends first."""
    return isinstance(experiment, StrategyExperiment) and experiment.search.asynchronous


def stored_start(store: RunStore) -> Architecture | None:
    """What a store's run starts from, as it was given; None for one that starts from nothing."""
    start = store.meta().get("start")
    return None if start is None else Architecture.from_json(start)


def check_same_run(store: RunStore, experiment: AnyExperiment, dataset: Dataset, device: torch.device) -> None:
    """Raise `StoreError` unless a store's run can resume with these settings and data; the message names what differs.

    Another device or version of torch is allowed, with a warning, and noted in the store.
    """
    meta = store.meta()
    changed = check_same_settings(store, experiment)
    other = changed_fact(store.fact("data"), dataset)
    if other is not None:
        raise StoreError(
            f"{store.path}: the data are not those that the run was started with: got {len(dataset.train):,} examples "
            f"of {dataset.spec.name} to train on and {len(dataset.validation):,} to validate on, and other {other}; "
            "allowed: the same ones"
        )
    if ("Run", "generations") in changed:
        asked, requested = changed["Run", "generations"]
        now = f"it is for {requested}" if requested != "0" else "their number has no limit"
        log.warning("the run was asked for %s generations; from now on %s", asked, now)
    settings = settings_text(experiment)
    if settings != store.fact("settings"):
        store.set_meta("settings", settings)  # a later resume asks for as much as this one
    changes = []
    for name, value in _rounding(device).items():
        then = meta.get(name, value)
        if then != value:
            changes.append(f"{name}: {then}, now {value}")
    if changes:
        log.warning(
            "this run was started with other roundings (%s): from here on it is not the run that it would have been",
            "; ".join(changes),
        )
        store.set_meta("changes", json.dumps([*json.loads(meta.get("changes", "[]")), *changes]))


def check_same_settings(store: RunStore, experiment: AnyExperiment) -> Mapping[tuple[str, str], tuple[str, str]]:
    """What differs from a store's settings, then and now, by section and key, where all of it may.

    Raises `StoreError` for what must not change when a run is resumed.
    """
    try:
        changed = changed_settings(store.fact("settings"), experiment)
    except ConfigError as error:
        raise StoreError(f"{store.path}: {error}") from None
    for (section, key), (then, now) in changed.items():
        if (section, key) not in FREE | ROUNDING:
            raise StoreError(
                f"{store.path}: [{section}] {key}: the run has '{then}', got '{now}'; "
                "allowed to change when a run is resumed: [Run] generations, evaluations, samples, minutes, workers, "
                "threads and device, [Data] root, [NEAT] fitness_threshold"
            )
    for name, done in done_so_far(store).items() if changed else ():
        requested = getattr(experiment.run, name)
        if ("Run", name) in changed and 0 < requested < done:
            raise StoreError(f"{store.path}: {name}: got {requested}, allowed: {done}, which the run has done, or more")
    return changed


def done_so_far(store: RunStore) -> dict[str, int]:
    """How much of what `[Run]` limits a run has done: generations, evaluations and samples, as the budget counts them.

    A failed evaluation saw fewer samples than it was begun for; it counts as one of its rung that did not fail.
    """
    counted = [record for record in store.evaluations() if record.is_counted]
    whole: dict[int, int] = {}
    for record in counted:
        if not record.has_failed:
            whole[record.rung] = max(record.samples, whole.get(record.rung, 0))
    return {
        "generations": store.last_generation() or 0,
        "evaluations": len(counted),
        "samples": sum(
            max(record.samples, whole.get(record.rung, 0)) if record.has_failed else record.samples
            for record in counted
        ),
    }


def _rounding(device: torch.device) -> dict[str, str]:
    """What decides how sums are rounded."""
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}
    return {
        "device": str(device),
        "versions": json.dumps({**versions, "neat-python": version("neat-python"), "neat-deep": version("neat-deep")}),
    }
