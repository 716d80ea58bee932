"""Every end of a search says why, and what goes on; a begun run can always be taken up."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from darts.begun_search import take_up
from darts.plugin import DARTS
from neat_deep.base.errors import ConfigError, SearchError, StoreError
from neat_deep.cli.complete_run import how_to_continue
from neat_deep.cli.experiment import read_neat_experiment, read_run
from neat_deep.cli.overrides import override_run
from neat_deep.cli.searching import kind_of
from neat_deep.search.generation_loop import NOTHING_LEFT
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


DONE = {"generations": 4, "evaluations": 20, "samples": 900}
LIMITS_OF = {"generations": 4, "evaluations": 0, "samples": 0, "minutes": 0.0}
BY_THRESHOLD = "the fitness threshold 0.9 is reached; a higher one goes on"
BY_GENERATIONS = "4 generations are done"


def write_result(folder: Path, ended: str, **changes: object) -> None:
    result = {"asked": LIMITS_OF, "done": DONE, "threshold": 0.9, "ended": ended, "test_accuracies": [0.5], **changes}
    kept = {key: value for key, value in result.items() if value is not None}
    (folder / "result.json").write_text(json.dumps(kept))


def advice_for(
    folder: Path, limits: dict[str, int] | None = None, *, threshold: float = 0.9, runs: int = 1
) -> str | None:
    loaded = experiment(PLAIN)
    loaded.neat.fitness_threshold = threshold
    now = replace(loaded, run=override_run(loaded.run, limits or {"generations": 4}))
    return how_to_continue(folder, now, runs, DONE)


@pytest.mark.parametrize(
    ("ended", "limits", "threshold", "advice"),
    [
        (BY_THRESHOLD, {}, 0.9, "--fitness-threshold with more than 0.9 goes on"),
        ("the fitness threshold 0.9 is reached", {}, 0.9, "--fitness-threshold with more than 0.9 goes on"),
        (BY_THRESHOLD, {}, 0.8, "--fitness-threshold with more than 0.9 goes on"),
        (BY_THRESHOLD, {"generations": 6}, 0.9, "--fitness-threshold with more than 0.9 goes on"),
        (BY_THRESHOLD, {"generations": 6}, 0.95, None),
        (BY_THRESHOLD, {"evaluations": 20}, 0.95, "--evaluations with more than 20 goes on"),
        (BY_GENERATIONS, {}, 0.9, "--generations with more than 4 goes on"),
        (BY_GENERATIONS, {}, 0.95, "--generations with more than 4 goes on"),
        (BY_GENERATIONS, {"generations": 3}, 0.9, "--generations with more than 4 goes on"),
        (BY_GENERATIONS, {"generations": 5}, 0.9, None),
        (BY_GENERATIONS, {"evaluations": 20}, 0.9, "--evaluations with more than 20 goes on"),
        (BY_GENERATIONS, {"evaluations": 21}, 0.9, None),
        (BY_GENERATIONS, {"samples": 3}, 0.9, "--samples with more than 900 goes on"),
        (BY_GENERATIONS, {"generations": 4, "evaluations": 50}, 0.9, "--generations with more than 4 goes on"),
        (NOTHING_LEFT, {"generations": 9}, 0.9, f"it ended since there is nothing new to try ({NOTHING_LEFT})"),
    ],
)
def test_the_advice_lifts_what_ended_the_run(
    ended: str, limits: dict[str, int], threshold: float, advice: str | None, tmp_path: Path
) -> None:
    write_result(tmp_path, ended)
    assert advice_for(tmp_path, limits, threshold=threshold) == advice
    assert advice_for(tmp_path, limits, threshold=threshold, runs=2) is None  # more trainings are asked for


def test_a_search_that_went_further_than_its_result_is_not_complete(tmp_path: Path) -> None:
    write_result(
        tmp_path, "1 generations are done", done={**DONE, "generations": 1}, asked={**LIMITS_OF, "generations": 1}
    )
    assert advice_for(tmp_path) is None


def test_a_result_of_an_earlier_version_is_complete_for_what_it_was_asked(tmp_path: Path) -> None:
    write_result(tmp_path, BY_GENERATIONS, done=None, threshold=None)
    assert advice_for(tmp_path) == "--generations with more than 4 goes on"
    assert advice_for(tmp_path, {"generations": 3}) is None


def test_a_failed_evaluation_counts_as_the_budget_counts_it(tmp_path: Path) -> None:
    result = search(tmp_path, experiment(PLAIN, generations=1))
    with RunStore.resume(tmp_path) as store:
        first = store.evaluations()[0]
        failed = replace(first, key="failed", digest="failed", status="diverged", samples=1, metrics={})
        before = done_so_far(store)
        store.record(failed, result.best.architecture)  # type: ignore[arg-type]
        after = done_so_far(store)
    assert after["evaluations"] == before["evaluations"] + 1
    assert after["samples"] == before["samples"] + first.samples


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
    config, given = take_up(tmp_path, None, {})
    assert config == tmp_path / "settings.ini"
    assert ("start" in given) == ("start.json" in files)
    assert "was stopped in its first epoch, and begins anew" in caplog.text


def test_the_options_of_an_earlier_version_are_read_by_their_names_of_today(tmp_path: Path) -> None:
    (tmp_path / "settings.ini").write_text("")
    (tmp_path / "options.json").write_text('{"epochs": 7, "seed": 3}')
    assert take_up(tmp_path, None, {})[1] == {"search_epochs": 7, "seed": 3}


def test_a_folder_of_no_search_is_refused(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text("{}")
    with pytest.raises(SearchError, match="holds no search.pt"):
        take_up(tmp_path, None, {})
    with pytest.raises(StoreError, match="holds no run.sqlite or search.pt"):
        kind_of(tmp_path)
