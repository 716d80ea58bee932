"""The data and the training that a run was done with, for what trains its networks again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from neat_deep.base.errors import ConfigError
from neat_deep.base.files import read_text
from neat_deep.base.shipped import OF_A_RUN
from neat_deep.cli.options import Given
from neat_deep.cli.overrides import read_settings
from neat_deep.config.tuning_plan import TuningPlan, read_tuning_plan
from neat_deep.data.settings import DataSettings
from neat_deep.store.file import FILE_NAME
from neat_deep.store.run_store import RunStore

OWN_INI = "experiment.ini"  # of a search: the file that it was begun with; of a training or tuning: its settings
DARTS_SETTINGS = "settings.ini"  # of a search by gradient descent: every setting that it was done with


def is_of_a_run(source: Path) -> bool:
    """Whether the architecture in a file is that of the run in whose folder it lies."""
    return source.name in OF_A_RUN


def read_plan_of_run(folder: Path, given: Given) -> TuningPlan:
    """What the run in a folder was done with, whatever its options said, with those of now in place.

    Another data set than the run's is not looked for in the run's own folder of data. Raises `ConfigError` for a folder
    that holds no INI file, and `StoreError`.
    """
    settings, ini = _settings(folder)

    def read(path: Path) -> TuningPlan:
        plan = read_tuning_plan(path, settings, ini)
        if given.get("dataset", plan.data.dataset) == plan.data.dataset:
            return plan
        return replace(plan, data=replace(plan.data, root=DataSettings.root))

    return read_settings(folder / OWN_INI, given, read)


def _settings(folder: Path) -> tuple[str, str]:
    """What a run was done with, and the file that it was begun with."""
    if not (folder / OWN_INI).is_file():
        raise ConfigError(f"{folder} holds no {OWN_INI}; --config names the INI file of its data and training")
    ini = read_text(folder / OWN_INI, "INI file", ConfigError)
    if (folder / DARTS_SETTINGS).is_file():
        return read_text(folder / DARTS_SETTINGS, "INI file", ConfigError), ini
    if (folder / FILE_NAME).is_file():
        with RunStore.read(folder) as store:
            return store.fact("settings"), ini
    return ini, ini
