"""A run that is resumed from another folder finds its data."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from neat_deep.base.errors import DataError, VectorError
from neat_deep.cli.overrides import saying_where_data_go
from neat_deep.config.experiment_file import load_experiment
from neat_deep.config.stored_settings import changed_settings, read_settings_text, settings_text
from tests.support.older_runs import without_key
from tests.support.random_cells import DIGITS_INI


def with_data(**changes: Any) -> Any:
    experiment = load_experiment(DIGITS_INI)
    return dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, **changes))


@pytest.mark.parametrize("root", ["data", "./my images", "../elsewhere", "~/data", "."])
def test_a_run_keeps_whole_paths(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = with_data(root=root, dataset="sst2")
    vectors = dataclasses.replace(experiment.data.text, vectors=f"{root}/glove.txt")
    experiment = dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, text=vectors))
    meant = Path(root).expanduser().resolve()
    stored = settings_text(experiment)
    monkeypatch.chdir(tmp_path)
    again = read_settings_text(stored)
    assert Path(os.path.normpath(again.data.root)) == meant
    assert Path(os.path.normpath(again.data.text.vectors)) == meant / "glove.txt"
    assert changed_settings(stored, again) == {}


def test_no_vectors_stay_none() -> None:
    assert read_settings_text(settings_text(load_experiment(DIGITS_INI))).data.text.vectors == ""


def test_an_older_run_with_a_relative_path_is_the_same_run() -> None:
    stored = without_key(settings_text(with_data(root="data")), "Data", "root").replace("[Data]", "[Data]\nroot = data")
    assert changed_settings(stored, with_data(root="data")) == {}


@pytest.mark.parametrize("error", [DataError("no folder data"), VectorError("cannot read x"), DataError("a: got 0")])
def test_the_way_out_is_in_the_message_of_a_resume(error: DataError) -> None:
    message = f"^{error}; --data-root names the folder that has the data now$"
    with pytest.raises(type(error), match=message), saying_where_data_go(True):
        raise error
    with pytest.raises(type(error), match=f"^{error}$"), saying_where_data_go(False):
        raise error
