"""Screening: more is proposed than is trained, and what is trained is what the signal says is promising."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from neat_deep.base.errors import ConfigError, NeatDeepError
from neat_deep.base.registry import registration_scope
from neat_deep.cli.run_report import report_run
from neat_deep.config.experiment_file import Experiment, load_experiment
from neat_deep.config.search_settings import SearchSettings
from neat_deep.config.stored_settings import read_settings_text, settings_text
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.reports.html.store_run import read_run
from neat_deep.scoring.metrics import Untrained, register_metric
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Architecture
from neat_deep.store.run_store import RunStore
from neat_deep.strategies.registry import NEAT, STRATEGIES, register_strategy
from tests.support.random_cells import DIGITS_INI
from tests.support.simulated_workers import SimulatedWorkers, search_with, uneven
from tests.support.stopped import assert_ends_the_same
from tests.support.stored_rows import rows
from tests.support.strategies import small_settings
from tests.support.toy_search import ALL_ON, PLAIN, experiment, search, search_by_strategy, strategy_experiment

pytestmark = pytest.mark.usefixtures("no_pictures", "needs_optuna")

SCREENED = [info.name for info in STRATEGIES.values() if info.screened]
FACTOR = 3


def asked(name: str, screen: str, generations: int = 3, fitness: FitnessSettings = PLAIN, **run: Any) -> Any:
    """A small search by any strategy that can be screened."""
    found = SearchSettings(name, generation_size=4, screen=screen, screen_factor=FACTOR)
    if name == NEAT:
        return replace(experiment(fitness, generations, **run), search=found)
    return replace(strategy_experiment(fitness, generations, **run), search=found, settings=small_settings(name))


def run_in(folder: Path, given: Experiment | StrategyExperiment, resume: bool = False) -> Any:
    start: Any = search if isinstance(given, Experiment) else search_by_strategy
    return start(folder, given, resume=resume)


def trained(folder: Path) -> list[int]:
    """The parameters of what was trained."""
    with RunStore.read(folder) as store:
        return [int(one.metrics["parameters"]) for one in store.evaluations() if not one.has_failed]


@pytest.mark.usefixtures("registrations")
def test_a_strategy_that_cannot_hear_of_it_is_refused_before_it_searches(tmp_path: Path) -> None:
    class Deaf:
        """It is asked for nothing: all else that a strategy has would be of no use."""

    register_strategy("deaf", screened=True)(lambda context: cast("Any", Deaf()))
    given = replace(strategy_experiment(PLAIN, 1), search=SearchSettings("deaf", screen="parameters"))
    with pytest.raises(ConfigError, match=r"\[Search\] screen: got parameters, .* deaf: none, since Deaf has"):
        run_in(tmp_path / "run", given)


@pytest.mark.parametrize("name", ["regularized_evolution", NEAT])
def test_what_the_signal_favours_is_trained_and_the_rest_is_counted(name: str, tmp_path: Path) -> None:
    plain, screened = tmp_path / "plain", tmp_path / "screened"
    run_in(plain, asked(name, "", 2))
    result = run_in(screened, asked(name, "parameters", 2))
    assert statistics.mean(trained(screened)) > 1.2 * statistics.mean(trained(plain))
    with RunStore.read(screened) as store:
        generations, counts, signals = store.generations(), store.screened_out(), store.signals("parameters")
        digests = {one.digest for one in store.evaluations()}
    assert result.screened_out == sum(counts[g.generation] for g in generations if g.generation in counts)
    assert [one.screened_out for one in result.history] == [counts.get(g.generation, 0) for g in generations]
    if name == NEAT:
        assert result.history[0].screened_out == 0  # the first generation is not made of children
        assert result.history[1].screened_out == 4 * (FACTOR - 1)  # six genomes, two of them elites
    else:
        assert [one.screened_out for one in result.history] == [4 * (FACTOR - 1)] * 2
        assert digests <= set(signals)
    with RunStore.read(plain) as store:
        assert store.screened_out() == {}


def test_reports_say_how_many_were_screened_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_in(tmp_path, asked("random", "parameters", 2))
    report_run(tmp_path, None)
    assert "16 proposals were screened out before any training" in capsys.readouterr().out
    page = json.dumps([section.lead for section in read_run(tmp_path).page.sections])
    assert f"{result.screened_out} more were proposed and screened out before any training." in page
    assert "screened out" in result._repr_html_()
    assert [one["screened_out"] for one in json.loads((tmp_path / "history.json").read_text())] == [8, 8]


def test_stopped_and_resumed_a_screened_evolution_ends_the_same(tmp_path: Path) -> None:
    """The one whose children are made elsewhere; all are searched with in the slow tests."""
    run_in(tmp_path / "whole", asked(NEAT, "synflow", 2))
    assert_ends_the_same(tmp_path / "parts", tmp_path / "whole", run_in, lambda: asked(NEAT, "synflow", 2))
    with RunStore.read(tmp_path / "whole") as store:
        assert store.screened_out()[1] == 4 * (FACTOR - 1)


@pytest.mark.slow
@pytest.mark.parametrize("screen", ["jacov", "predictor"])
@pytest.mark.parametrize("name", SCREENED)
def test_every_strategy_ends_the_same_however_often_it_stops(name: str, screen: str, tmp_path: Path) -> None:
    run_in(tmp_path / "whole", asked(name, screen, 6, ALL_ON))
    assert_ends_the_same(tmp_path / "parts", tmp_path / "whole", run_in, lambda: asked(name, screen, 6, ALL_ON))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCREENED)
def test_two_processes_screen_as_one_does(name: str, tmp_path: Path) -> None:
    run_in(tmp_path / "here", asked(name, "synflow"))
    run_in(tmp_path / "pool", asked(name, "synflow", workers="2"))
    assert rows(tmp_path / "pool", ("settings",)) == rows(tmp_path / "here", ("settings",))


def test_an_asynchronous_search_is_screened_too(tmp_path: Path) -> None:
    given = asked("regularized_evolution", "parameters", 3)
    given = replace(given, search=replace(given.search, asynchronous=True))
    workers = SimulatedWorkers(2, uneven)
    result = search_with(workers, tmp_path, given)
    assert len(workers.done) == 12  # signals are measured beside them
    assert 10 * (FACTOR - 1) <= result.screened_out <= 13 * (FACTOR - 1)


def test_the_start_of_a_search_is_trained_whatever_its_signal(tmp_path: Path) -> None:
    given = asked("regularized_evolution", "parameters", 2)
    start = next(given.space_settings.space(given.network).enumerate())
    search_by_strategy(tmp_path, given, start=start)
    with RunStore.read(tmp_path) as store:
        assert store.evaluations()[0].generation == 0
        assert start.digest() in {one.digest for one in store.evaluations()}


@pytest.mark.slow
def test_a_network_that_is_too_large_comes_last(tmp_path: Path) -> None:
    most = sorted(trained_of_random(tmp_path))[6]
    run_in(tmp_path / "limited", asked("random", "parameters", 3, replace(PLAIN, max_parameters=most)))
    with RunStore.read(tmp_path / "limited") as store:
        assert all(one.status == "scored" for one in store.evaluations())
        assert None in store.signals("parameters").values()


def trained_of_random(folder: Path) -> list[int]:
    run_in(folder / "plain", asked("random", "", 3))
    return trained(folder / "plain")


def test_a_signal_that_fails_says_so_and_the_search_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Untrained) -> float:
        raise ValueError("no signal today")

    with registration_scope():
        register_metric("fails_before_training", untrained=True)(fails)
        result = run_in(tmp_path, asked("random", "fails_before_training", 1))
    assert result.trained == 4
    assert "the signal 'fails_before_training' has no value for any network: ValueError: no signal today" in caplog.text


@pytest.mark.slow
def test_the_predictor_screens_once_it_has_something_to_learn_from(tmp_path: Path) -> None:
    result = run_in(tmp_path, asked("random", "predictor", 5))
    assert [one.screened_out for one in result.history] == [0, 0, 0, 8, 8]


BAD = [
    ({"screen": "nwott"}, "unknown signal 'nwott' in screen; did you mean 'nwot'"),
    ({"screen": "accuracy"}, "unknown signal 'accuracy' in screen; known: .*, predictor"),
    ({"screen_factor": 1}, "screen_factor: got 1, allowed: 2 to 1000"),
    *(
        (
            {"strategy": name, "screen": "nwot"},
            f"screen: got nwot, allowed with strategy = {name}: none, since .* a screen is for neat, random,",
        )
        for name in ("grid", "predictor", "morphism")
    ),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_what_makes_no_sense_is_refused_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(NeatDeepError, match=message):
        SearchSettings(**settings)


def changed_ini(folder: Path, *changes: tuple[str, str], added: str = "") -> Path:
    text = DIGITS_INI.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "changed.ini"
    path.write_text(text + added)
    return path


def test_an_ini_file_for_neat_may_have_a_screen_which_its_run_keeps(tmp_path: Path) -> None:
    path = changed_ini(tmp_path, added="\n[Search]\nscreen = nwot\nscreen_factor = 5\n")
    loaded = load_experiment(path)
    assert (loaded.search.screen, loaded.search.screen_factor) == ("nwot", 5)
    stored = read_settings_text(settings_text(loaded))
    assert isinstance(stored, Experiment)
    assert stored.search == loaded.search
    assert "[Search]" not in settings_text(load_experiment(DIGITS_INI))


def test_genomes_without_parents_are_not_screened(tmp_path: Path) -> None:
    added = "\n[Search]\nscreen = nwot\n\n[RandomReproduction]\nelitism = 0\n"
    path = changed_ini(tmp_path, ("[Run]\n", "[Run]\nreproduction = RandomReproduction\n"), added=added)
    with pytest.raises(ConfigError, match="screen: got nwot, allowed with .* RandomReproduction: none, since its geno"):
        load_experiment(path)


@pytest.mark.slow
def test_architectures_of_signals_are_known_by_the_digest_of_their_scores(tmp_path: Path) -> None:
    """Where skeletons are searched, the digest is that of the whole network."""
    given = asked("random", "parameters", 2)
    space = replace(given.space_settings, channels_options=(2, 4))
    run_in(tmp_path, replace(given, space_settings=space))
    with RunStore.read(tmp_path) as store:
        found = {one.digest: store.architecture(one.digest) for one in store.evaluations()}
        signals = store.signals("parameters")
        assert all(signals[one.digest] == one.metrics["parameters"] for one in store.evaluations())
    assert any(isinstance(one, Architecture) and one.skeleton.channels == 4 for one in found.values())
