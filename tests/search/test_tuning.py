"""The settings of a final training: what is tried, what wins, and how it goes on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.config.run_settings import RunSettings
from neat_deep.config.tuning_plan import TuningPlan
from neat_deep.data import DataSettings
from neat_deep.networks.cost import count_parameters
from neat_deep.networks.network import build_network
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.scoring.tuning import Choice, TuningTrial, best_choice, draw_choices
from neat_deep.scoring.tuning_settings import TuningSettings
from neat_deep.search.tuning import Tuning, prepare_tuning
from neat_deep.search.workers import WorkerPlan
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.training.settings import TrainingSettings
from tests.support.toy_data import SPEC, dataset

HERE = WorkerPlan("0", "here")
DATA = dataset()
ACCURACY = FitnessSettings()
ASKED = '{"networks": [], "seed": 1, "data": "", "settings": ""}'
TRAINING = TrainingSettings(epochs=6, batch_size=16, learning_rate=0.02)


def network(op: str = "sep_conv_3", channels: int = 4) -> Architecture:
    cell = CellGraph(1, (CellNode((Edge(0, op, "relu"),), key=0),))
    return Architecture(cell, Skeleton(channels=channels, cells=1))


def tuning(
    folder: Path, *networks: Architecture, seed: int = 1, fitness: FitnessSettings = ACCURACY, **asked: Any
) -> Tuning:
    plan = TuningPlan(DataSettings("digits"), TRAINING, RunSettings(seed=seed), TuningSettings(**asked), fitness)
    choices = draw_choices(networks or (network(),), TRAINING, plan.tuning, SPEC, seed)
    return prepare_tuning(choices, plan, DATA, folder, torch.device("cpu"))


def best(asked: Tuning) -> tuple[Choice, TuningTrial]:
    found = asked.best()
    assert found is not None
    return found


def outcome(trial: TuningTrial) -> TuningTrial:
    return replace(trial, seconds=0.0)


def test_a_learning_rate_that_learns_nothing_is_not_chosen(tmp_path: Path) -> None:
    asked = tuning(tmp_path, learning_rates=(1e-7, 0.02), weight_decays=(0.0,))
    list(asked.run(HERE, None))
    choice, trial = best(asked)
    assert choice.learning_rate == 0.02
    assert trial.rung == 0 and trial.accuracy > 0.9
    assert choice.training(TRAINING) == replace(TRAINING, learning_rate=0.02, weight_decay=choice.weight_decay)


def test_a_share_of_each_rung_goes_on_and_the_best_of_it(tmp_path: Path) -> None:
    asked = tuning(tmp_path, trials=9, rungs=(1, 2), share=0.34)
    trials = list(asked.run(HERE, None))
    assert Counter(trial.rung for trial in trials) == {0: 9, 1: 3, 2: 2}  # at least two are compared to the end
    # 96 examples train and 40 validate: as many steps as 1, 2 and 6 epochs of the final training, which has all of them
    assert {trial.rung: trial.epochs for trial in trials} == {0: 1, 1: 3, 2: 8}
    assert asked.is_complete
    first = {trial.choice: trial.accuracy for trial in trials if trial.rung == 0}
    on = {trial.choice for trial in trials if trial.rung == 1}
    assert min(first[number] for number in on) >= max(first[number] for number in first.keys() - on)


def test_one_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    for folder in ("whole", "stopped"):
        (tmp_path / folder).mkdir()
    whole = tuning(tmp_path / "whole", trials=5)
    expected = list(map(outcome, whole.run(HERE, None)))
    done = []
    for number in range(len(expected)):  # stopped after every single trial
        one = tuning(tmp_path / "stopped", trials=5)
        assert len(one.record.trials) == number
        done.append(outcome(next(one.run(HERE, None))))
        assert one.is_complete == (number == len(expected) - 1)
    assert done == expected
    assert best(tuning(tmp_path / "stopped", trials=5))[0] == best(whole)[0]


@pytest.mark.slow
def test_two_processes_choose_what_one_does(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    one, two = tuning(tmp_path / "one", trials=4), tuning(tmp_path / "two", trials=4)
    alone = sorted(map(outcome, one.run(HERE, None)), key=lambda trial: (trial.rung, trial.choice))
    beside = sorted(map(outcome, two.run(WorkerPlan("2", "two"), None)), key=lambda trial: (trial.rung, trial.choice))
    assert alone == beside


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"seed": 2}, "seed: got 2, the tuning there has 1"),
        ({"trials": 5}, r"\[Tuning\] trials: got 5, the tuning there has 4"),
        ({"share": 0.5}, r"\[Tuning\] share: got 0.5, the tuning there has 0.34"),
        ({"fitness": FitnessSettings(mac_price=1.0)}, r"\[Fitness\] mac_price: got 1.0, the tuning there has 0.0"),
    ],
)
def test_a_folder_holds_one_tuning(other: dict[str, Any], says: str, tmp_path: Path) -> None:
    next(tuning(tmp_path, trials=4).run(HERE, None))
    with pytest.raises(StoreError, match=f"tuning.json: {says}; allowed: what this tuning was begun with"):
        tuning(tmp_path, **{"trials": 4, **other})
    with pytest.raises(StoreError, match="networks: the tuning there is of others"):
        tuning(tmp_path, network("max_pool_3"), trials=4)


def test_a_record_of_a_version_that_knew_fewer_settings_goes_on(tmp_path: Path) -> None:
    next(tuning(tmp_path, trials=4).run(HERE, None))
    path = tmp_path / "tuning.json"
    text = path.read_text()
    path.write_text(text.replace("r_drop = 0.0\\n", ""))
    assert path.read_text() != text
    assert len(tuning(tmp_path, trials=4).record.trials) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[]", "the file: got list, allowed: an object"),
        (f'{{"format": "another", "asked": {ASKED}}}', "format: got 'another'"),
        (f'{{"format": "neat-deep tuning", "asked": {ASKED}, "trials": [{{"choice": "0"}}]}}', "choice: got '0'"),
        ('{"format": "neat-deep tuning", "asked": "it"}', "asked: got str"),
    ],
)
def test_a_damaged_record_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "tuning.json").write_text(text)
    with pytest.raises(StoreError, match=says):
        tuning(tmp_path)


def test_a_time_that_is_spent_leaves_what_is_done(tmp_path: Path) -> None:
    asked = tuning(tmp_path)
    assert list(asked.run(HERE, 0.0)) == []
    assert asked.best() is None and not asked.is_complete
    later = tuning(tmp_path)
    trial = next(later.run(HERE, None))
    assert later.best() == (later.choices[trial.choice], trial)


def test_trainings_that_all_raised_are_tried_again_when_that_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr("neat_deep.scoring.job.fit", full)
        asked = tuning(tmp_path, trials=2)
        assert {trial.status for trial in asked.run(HERE, None)} == {"raised"}
    again = tuning(tmp_path, trials=2)
    assert [trial.status for trial in again.run(HERE, None)] == ["scored", "scored"]


def test_settings_with_which_a_training_failed_never_win(tmp_path: Path) -> None:
    """Not even by what they had reached on the rung below."""
    asked = tuning(tmp_path, trials=4, learning_rates=(0.02, 100.0), weight_decays=(0.01, 1e30), rungs=(1,))
    trials = list(asked.run(HERE, None))
    failed = {trial.choice for trial in trials if trial.has_failed}
    assert failed and all(trial.reason for trial in trials if trial.has_failed)
    assert not failed & {trial.choice for trial in trials if trial.rung > 0}
    assert best(asked)[0] not in [asked.choices[number] for number in failed]

    choices = tuple(Choice(network(), rate, 0.0) for rate in (1.0, 2.0))
    by_hand = [
        TuningTrial(0, 0, 1, "scored", 0.9),
        TuningTrial(1, 0, 1, "scored", 0.8),
        TuningTrial(0, 1, 3, "diverged", reason="no"),
    ]
    assert best_choice(choices, by_hand) == (choices[1], by_hand[1])


def test_what_a_network_is_worth_is_what_the_file_says(tmp_path: Path) -> None:
    """With a price that no accuracy outweighs the smaller network wins, whatever it reaches."""
    asked = tuning(
        tmp_path, fitness=FitnessSettings(parameter_price=1e6), trials=4, channels=(2, 12), learning_rates=(0.02,)
    )
    list(asked.run(HERE, None))
    assert best(asked)[0].architecture.skeleton.channels == 2


# --- what is tried ---------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    trials=st.integers(2, 40),
    rates=st.lists(st.floats(1e-6, 10), max_size=3, unique=True),
    channels=st.lists(st.integers(1, 6), max_size=3, unique=True),
    seed=st.integers(0, 5),
)
def test_choices_are_different_and_the_same_for_a_seed(
    trials: int, rates: list[float], channels: list[int], seed: int
) -> None:
    asked = TuningSettings(trials=trials, learning_rates=tuple(rates), channels=tuple(channels))
    networks = network(), network("max_pool_3")
    choices = draw_choices(networks, TRAINING, asked, SPEC, seed)
    assert choices == draw_choices(networks, TRAINING, asked, SPEC, seed)
    assert len(set(choices)) == len(choices)
    assert min(trials, 2 * (len(rates) or 3) * 3 * (len(channels) or 1)) <= len(choices) <= trials
    assert {choice.architecture.skeleton.channels for choice in choices} <= {4, *channels}
    every_rate = rates or [TRAINING.learning_rate * factor for factor in (1 / 3, 1, 3)]
    assert {choice.learning_rate for choice in choices} <= {TRAINING.learning_rate, *every_rate}


def test_each_network_is_tried_as_it_is() -> None:
    networks = network(), network("max_pool_3")
    choices = draw_choices(networks, TRAINING, TuningSettings(trials=2), SPEC, 1)
    assert [(choice.architecture, choice.training(TRAINING)) for choice in choices] == [
        (architecture, TRAINING) for architecture in networks
    ]
    elsewhere = TuningSettings(trials=3, learning_rates=(0.5,), weight_decays=(0.5,), channels=(7,))
    assert draw_choices(networks[:1], TRAINING, elsewhere, SPEC, 1)[0] == choices[0]
    with pytest.raises(ConfigError, match="trials: got 2, allowed: 3 or more, one for each network"):
        draw_choices((*networks, network("identity")), TRAINING, TuningSettings(trials=2), SPEC, 1)


def test_a_network_that_is_too_large_is_not_tried() -> None:
    sizes = {count: count_parameters(build_network(network(channels=count), SPEC, seed=0)) for count in (4, 8)}
    asked = TuningSettings(trials=30, channels=(4, 8), max_parameters=sizes[8] - 1)
    choices = draw_choices((network(),), TRAINING, asked, SPEC, 1)
    assert {choice.architecture.skeleton.channels for choice in choices} == {4}
    with pytest.raises(ConfigError, match=f"every network is larger than max_parameters = {sizes[4] - 1} allow"):
        draw_choices((network(),), TRAINING, replace(asked, max_parameters=sizes[4] - 1), SPEC, 1)
    with pytest.raises(ConfigError, match="every network is larger than max_macs = 1 allow"):
        draw_choices((network(),), TRAINING, TuningSettings(max_macs=1), SPEC, 1)


def test_the_longest_training_counts_most() -> None:
    choices = tuple(Choice(network(), rate, 0.0) for rate in (1.0, 2.0, 3.0))
    trials = [
        TuningTrial(0, 0, 1, "scored", 0.9, loss=0.1),
        TuningTrial(1, 0, 1, "scored", 0.8, loss=0.2),
        TuningTrial(0, 1, 3, "scored", 0.7, loss=0.6),
        TuningTrial(1, 1, 3, "scored", 0.7, loss=0.5),
        TuningTrial(2, 1, 3, "raised", reason="no"),
    ]
    assert best_choice(choices, trials) == (choices[1], trials[3])
    assert best_choice(choices, trials[4:]) is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"trials": 1}, "trials: got 1, allowed: 2 to 10000"),
        ({"learning_rates": (0.0,)}, "learning_rates: got 0.0, allowed: more than 0"),
        ({"learning_rates": (0.1, 0.1)}, "learning_rates: got 0.1 0.1, allowed: each value once"),
        ({"weight_decays": (-1.0,)}, "weight_decays: got -1.0, allowed: 0 or more"),
        ({"channels": (0,)}, "channels: got 0, allowed: 1 to"),
        ({"share": 0.0}, "share: got 0.0, allowed: more than 0"),
        ({"max_parameters": -1}, "max_parameters: got -1, allowed: 0 or more"),
    ],
)
def test_bad_settings_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TuningSettings(**values)


@pytest.mark.parametrize("epochs", [1, 2, 8])
def test_rungs_rise_up_to_the_final_training(epochs: int) -> None:
    assert TuningSettings().ladder(epochs).epochs == (epochs,)
    with pytest.raises(ConfigError, match="rungs: got"):
        TuningSettings(rungs=(epochs,)).ladder(epochs)
