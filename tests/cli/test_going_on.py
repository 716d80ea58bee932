"""Every end of a search says why, and what goes on; a begun run can always be taken up."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from darts.command_line import _take_up
from darts.plugin import DARTS
from neat_deep.base.errors import ConfigError, SearchError, StoreError
from neat_deep.cli.complete_run import how_to_continue
from neat_deep.cli.experiment import read_neat_experiment, read_run
from neat_deep.cli.overrides import override_run
from neat_deep.cli.searching import kind_of
from neat_deep.search.run_identity import done_so_far
from neat_deep.store.run_store import RunStore
from tests.support.random_cells import DIGITS_INI
from tests.support.toy_search import PLAIN, experiment, search


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that a low fitness threshold has ended."""
    folder = tmp_path_factory.mktemp("reached")
    with pytest.MonkeyPatch.context() as patch:
        for place in ("neat_deep.reports.recorder.try_picture", "neat_deep.search.evolve.try_picture"):
            patch.setattr(place, lambda drawing, path: None)
        asked = experiment(PLAIN, generations=3)
        asked.neat.fitness_threshold = 0.05
        result = search(folder, asked)
        assert result.ended == "the fitness threshold 0.05 is reached; a higher one goes on"
        assert len(result.history) == 1
    return folder


def test_a_higher_threshold_goes_on(reached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("neat_deep.reports.recorder.try_picture", "neat_deep.search.evolve.try_picture"):
        monkeypatch.setattr(place, lambda drawing, path: None)
    raised = read_run(reached, None, {"fitness_threshold": 2.0, "device": "cpu"})
    result = search(reached, raised, resume=True)  # type: ignore[arg-type]
    assert result.ended == "3 generations are done"
    with RunStore.read(reached) as store:
        assert re.search(r"(?m)^fitness_threshold *= 2.0$", store.fact("settings"))


@pytest.mark.parametrize(("value", "message"), [(float("nan"), "got nan"), (float("inf"), "got inf")])
def test_a_threshold_is_a_number(value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=f"--fitness-threshold: {message}"):
        read_neat_experiment(DIGITS_INI, {"fitness_threshold": value})
    assert read_neat_experiment(DIGITS_INI, {"fitness_threshold": 0.5}).neat.fitness_threshold == 0.5


@pytest.mark.parametrize(
    ("ended", "advice"),
    [
        (
            "the fitness threshold 0.9 is reached; a higher one goes on",
            "--fitness-threshold with more than 0.9 goes on",
        ),
        ("the fitness threshold 0.9 is reached", "--fitness-threshold with more than 0.9 goes on"),
        ("4 generations are done", "--generations with more than 4 goes on"),
    ],
)
def test_the_advice_lifts_what_ended_the_run(ended: str, advice: str, tmp_path: Path) -> None:
    asked = experiment(PLAIN)
    asked.neat.fitness_threshold = 0.9
    limits = {"generations": 4, "evaluations": 0, "samples": 0, "minutes": 0.0}
    result = {"asked": limits, "ended": ended, "test_accuracies": [0.5], "threshold": 0.9}
    (tmp_path / "result.json").write_text(json.dumps(result))
    done = {"generations": 4, "evaluations": 20, "samples": 900}
    assert how_to_continue(tmp_path, asked, 1, done) == advice
    assert how_to_continue(tmp_path, asked, 2, done) is None
    asked.neat.fitness_threshold = 0.8
    assert how_to_continue(tmp_path, asked, 1, done) == advice
    asked.neat.fitness_threshold = 0.95
    assert how_to_continue(tmp_path, asked, 1, done) is None
    del result["threshold"]  # a run of an older version
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert how_to_continue(tmp_path, asked, 1, done) is not None


@pytest.mark.parametrize(
    ("limits", "advice"),
    [
        ({"evaluations": 20}, "--evaluations with more than 20 goes on"),
        ({"evaluations": 21}, None),
        ({"samples": 3}, "--samples with more than 900 goes on"),
        ({"generations": 4, "evaluations": 50}, "--generations with more than 4 goes on"),
        ({"generations": 5}, None),
    ],
)
def test_a_complete_run_is_not_trained_again_for_a_limit_that_it_has_reached(
    limits: dict[str, int], advice: str | None, tmp_path: Path
) -> None:
    asked = {"generations": 3, "evaluations": 0, "samples": 0, "minutes": 0.0}
    result = {"asked": asked, "ended": "3 generations are done", "test_accuracies": [0.5], "threshold": 1.1}
    (tmp_path / "result.json").write_text(json.dumps(result))
    loaded = experiment(PLAIN)
    now = replace(loaded, run=override_run(loaded.run, limits))
    done = {"generations": 4, "evaluations": 20, "samples": 900}
    assert how_to_continue(tmp_path, now, 1, done) == advice


@pytest.mark.parametrize("name", ["evaluations", "samples"])
def test_a_run_is_not_asked_for_less_than_it_has_done(name: str, reached: Path) -> None:
    with RunStore.read(reached) as store:
        done = done_so_far(store)[name]
    less = read_run(reached, None, {name: done - 1, "fitness_threshold": 2.0, "device": "cpu"})
    with pytest.raises(StoreError, match=f"{name}: got {done - 1}, allowed: {done}, which the run has done, or more"):
        search(reached, less, resume=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("reset", [True, False])
def test_an_extinction_is_told(
    reset: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("neat_deep.reports.recorder.try_picture", "neat_deep.search.evolve.try_picture"):
        monkeypatch.setattr(place, lambda drawing, path: None)
    asked = experiment(PLAIN, generations=3)
    asked.neat.reset_on_extinction = reset
    stagnation = asked.neat.stagnation_config
    stagnation.max_stagnation, stagnation.species_elitism = 0, 0
    with caplog.at_level(logging.WARNING):
        if reset:
            search(tmp_path, asked)
        else:
            with pytest.raises(SearchError, match="died out, and this run cannot go on; a new one does with"):
                search(tmp_path, asked)
    told = [record.message for record in caplog.records if "died out" in record.message]
    assert told[0].startswith("all species stagnated and died out in generation ")


@pytest.mark.parametrize("files", [("settings.ini",), ("settings.ini", "options.json"), ("settings.ini", "start.json")])
def test_a_search_that_stopped_in_its_first_epoch_begins_anew(
    files: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in files:
        (tmp_path / name).write_text("{}" if name.endswith("json") else "")
    assert kind_of(tmp_path) is DARTS.kind
    config, given = _take_up(tmp_path, None, {})
    assert config == tmp_path / "settings.ini"
    assert ("start" in given) == ("start.json" in files)
    assert "was stopped in its first epoch, and begins anew" in caplog.text


def test_the_options_of_an_earlier_version_are_read_by_their_names_of_today(tmp_path: Path) -> None:
    (tmp_path / "settings.ini").write_text("")
    (tmp_path / "options.json").write_text('{"epochs": 7, "seed": 3}')
    assert _take_up(tmp_path, None, {})[1] == {"search_epochs": 7, "seed": 3}


def test_a_folder_of_no_search_is_refused(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text("{}")
    with pytest.raises(SearchError, match="holds no search.pt"):
        _take_up(tmp_path, None, {})
    with pytest.raises(StoreError, match="holds no run.sqlite or search.pt"):
        kind_of(tmp_path)
