"""What follows neat-python 2.0.0: its keys, arguments and attributes, by a stand-in."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import neat
import pytest

from neat_deep.base.errors import ConfigError, StoreError
from neat_deep.config.experiment_file import load_experiment, read_settings_text, settings_text
from neat_deep.config.stored_settings import changed_settings
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.population_state import capture, from_json, restore, to_json
from neat_deep.evolution.selection import REPRODUCTIONS
from neat_deep.scoring.settings import FitnessSettings
from tests.support import toy_data
from tests.support.newer_neat import NEW_KEYS, VERSION, newer_neat
from tests.support.older_runs import without_key
from tests.support.random_cells import DIGITS_INI, genome_config, neat_config

INSTALLED_IS_NEWER = hasattr(neat.Config, "is_better_fitness")
older_only = pytest.mark.skipif(INSTALLED_IS_NEWER, reason="neat-python 2.0 is not the installed one")
GENERATIONS = 8
WITHOUT_STAND_IN = settings_text(load_experiment(DIGITS_INI))


@pytest.fixture
def newer() -> Iterator[None]:
    with newer_neat():
        yield


def with_keys(**texts: str) -> str:
    """The digits experiment with these keys of neat-python's set."""
    text = DIGITS_INI.read_text()
    for key, value in texts.items():
        section = next(name for name, keys in NEW_KEYS.items() if key in keys)
        text = text.replace(f"[{section}]\n", f"[{section}]\n{key} = {value}\n")
    return text


def written(folder: Path, text: str) -> Path:
    path = folder / "experiment.ini"
    path.write_text(text)
    return path


def score(genomes: list[tuple[int, CellGenome]], config: Any) -> None:
    for key, genome in genomes:
        genome.fitness = ((key * 7919 + len(genome.nodes) * 31) % 101) / 101


@pytest.mark.parametrize("reproduction", list(REPRODUCTIONS))
def test_a_search_runs_whatever_chooses_its_parents(reproduction: str, newer: None, tmp_path: Path) -> None:
    text = DIGITS_INI.read_text().replace("[CellReproduction]", f"[{reproduction}]")
    text = text.replace("min_species_size", "# min_species_size").replace("survival_threshold", "# survival_threshold")
    experiment = load_experiment(written(tmp_path, text.replace("[Run]", f"[Run]\nreproduction = {reproduction}")))
    best = neat.Population(experiment.neat, seed=1).run(score, GENERATIONS)
    assert best.fitness > 0.9


@pytest.mark.parametrize("key", [key for keys in NEW_KEYS.values() for key in keys])
def test_its_keys_may_stand_in_a_file_and_in_what_it_saves(key: str, newer: None, tmp_path: Path) -> None:
    value = next(keys[key] for keys in NEW_KEYS.values() if key in keys)
    experiment = load_experiment(written(tmp_path, with_keys(**{key: value})))
    stored = settings_text(experiment)
    assert changed_settings(stored, load_experiment(DIGITS_INI)) == {}
    section = next(name for name, keys in NEW_KEYS.items() if key in keys)
    assert changed_settings(without_key(stored, section, key), experiment) == {}
    assert changed_settings(WITHOUT_STAND_IN, experiment) == {}  # a run that neat-python 2.0 began


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"fitness_sharing": "shared"}, "fitness_sharing: got 'shared', allowed: normalized, canonical"),
        ({"spawn_method": "other"}, "spawn_method: got 'other', allowed: smoothed, proportional"),
        ({"target_num_species": "few"}, "target_num_species: got 'few', allowed: none, or a number"),
        ({"target_num_species": "0"}, "target_num_species: got 0, allowed: 1 or more"),
        ({"threshold_min": "-1"}, r"\[DefaultSpeciesSet\] threshold_min: got -1.0, allowed: 0 or more"),
        ({"threshold_max": "wide"}, r"\[DefaultSpeciesSet\] threshold_max: got 'wide', allowed: a number"),
        ({"compatibility_excess_coefficient": "some"}, "excess_coefficient: got 'some', allowed: auto, or a number"),
        ({"compatibility_include_node_genes": "perhaps"}, "include_node_genes: got 'perhaps', allowed: True, False"),
        (
            {"compatibility_enable_penalty": "nan"},
            "compatibility_enable_penalty: got nan, allowed: a finite number, 0 or more",
        ),
        ({"interspecies_crossover_prob": "0.1"}, "interspecies_crossover_prob: got 0.1, allowed: 0; .* just emptied"),
    ],
)
def test_its_keys_are_checked(keys: dict[str, str], message: str, newer: None, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_experiment(written(tmp_path, with_keys(**keys)))


@older_only
@pytest.mark.parametrize("key", ["target_num_species", "fitness_sharing", "compatibility_enable_penalty"])
def test_an_older_neat_python_is_named_where_a_key_is_newer(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"unknown key '{key}'.* \(neat-python {neat.__version__} is installed\)"):
        load_experiment(written(tmp_path, with_keys(**{key: "1"})))
    with newer_neat():
        stored = settings_text(load_experiment(DIGITS_INI))
    with pytest.raises(ConfigError, match=rf"unknown key .* \(neat-python {neat.__version__} is installed\)"):
        read_settings_text(stored)


@pytest.mark.parametrize("criterion", ["min", "mean", "max"])
def test_the_worst_network_never_wins(criterion: str, newer: None, tmp_path: Path) -> None:
    text = DIGITS_INI.read_text().replace("fitness_criterion = max", f"fitness_criterion = {criterion}")
    path = written(tmp_path, text)
    if criterion != "min":
        assert load_experiment(path).neat.fitness_criterion == criterion
        return
    message = f"fitness_criterion: got 'min', with which neat-python {VERSION} looks for the lowest fitness"
    with pytest.raises(ConfigError, match=message):
        load_experiment(path)
    population = neat.Population(neat_config(path), seed=1)  # a program that reads the file by neat-python alone
    with pytest.raises(ConfigError, match=message):
        population.run(toy_data.evaluator(FitnessSettings(epochs=1)), 1)


@older_only
def test_an_older_neat_python_never_looks_for_the_lowest(tmp_path: Path) -> None:
    text = DIGITS_INI.read_text().replace("fitness_criterion = max", "fitness_criterion = min")
    assert load_experiment(written(tmp_path, text)).neat.fitness_criterion == "min"


def states(population: neat.Population, generations: int) -> list[str]:
    """The population's states, one a generation."""
    kept = []

    class Keeper(neat.reporting.BaseReporter):
        def end_generation(self, config: Any, members: Any, species_set: Any) -> None:
            kept.append(to_json(capture(population, population.generation + 1)))

    population.add_reporter(Keeper())
    population.run(score, generations)
    return kept


@pytest.mark.parametrize("target", ["none", "2", "9"])
def test_a_restored_population_has_its_attributes_and_moved_threshold(target: str, newer: None, tmp_path: Path) -> None:
    experiment = load_experiment(written(tmp_path, with_keys(target_num_species=target)))
    population = neat.Population(experiment.neat, seed=3)
    states(population, 3)
    population._skip_first_evaluation = True
    state = capture(population, 3)
    random.seed(8)
    again = restore(load_experiment(tmp_path / "experiment.ini").neat, from_json(to_json(state), state.random.torch))
    assert again._skip_first_evaluation is True
    moved = population.species.species_set_config.compatibility_threshold
    assert again.config.species_set_config.compatibility_threshold == moved
    assert (moved == 3.0) == (target == "none")
    ends = []
    for restored in (again, None):
        going_on = restored or restore(population.config, state)  # which sets the random states too
        going_on._skip_first_evaluation = False  # it was set to see that it is kept; these genomes have no fitness yet
        ends.append(states(going_on, 4)[-1])
    assert ends[0] == ends[1]
    assert population.config.species_set_config.compatibility_threshold == moved  # a restored one has its own


@pytest.mark.parametrize(
    ("of", "value", "kind"),
    [
        ("Population", threading.Lock(), "lock"),
        ("SpeciesSet", {1: "a"}, "dict"),
        ("InnovationTracker", (1, 2), "tuple"),
    ],
)
def test_what_no_run_can_store_is_refused_by_version(of: str, value: object, kind: str) -> None:
    population = neat.Population(neat_config(), seed=3)
    owners = {
        "Population": population,
        "SpeciesSet": population.species,
        "InnovationTracker": population.reproduction.innovation_tracker,
    }
    owners[of].later = value
    message = rf"neat-python {neat.__version__} is not supported: {of}\.later is {kind}, which no run can store"
    with pytest.raises(StoreError, match=message):
        capture(population, 0)


def test_a_run_of_a_newer_neat_python_is_refused_by_name() -> None:
    population = neat.Population(neat_config(), seed=3)
    population.later = 7
    state = capture(population, 0)
    with pytest.raises(StoreError, match=rf"neat-python {neat.__version__} has no Population.later, which the run has"):
        restore(neat_config(), state)


@pytest.mark.parametrize("attribute", ["parse_config", "_Config__params"])
def test_a_neat_python_that_cannot_be_asked_is_refused_by_version(
    attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(cls: Any, texts: Any) -> None:
        raise TypeError("two arguments, please")

    if attribute == "parse_config":
        monkeypatch.setattr(neat.DefaultStagnation, "parse_config", classmethod(broken))
    else:
        monkeypatch.delattr(neat.Config, attribute)
    with pytest.raises(ConfigError, match=f"neat-python {neat.__version__} is not supported: .* not to be found out"):
        load_experiment(DIGITS_INI)


# --- splits ----------------------------------------------------------------------------------------------------------


def split(genome: CellGenome, config: Any, key: tuple[int, int]) -> dict[tuple[int, int], int]:
    """The innovation numbers of a genome after the split of one of its connections."""
    for connection in genome.connections.values():
        connection.enabled = connection.key == key
    genome.mutate_add_node(config)
    return {place: connection.innovation for place, connection in genome.connections.items()}


def fresh(config: Any, count: int) -> list[CellGenome]:
    genomes = [CellGenome(key) for key in range(count)]
    for genome in genomes:
        genome.configure_new(config)
    return genomes


@pytest.mark.parametrize("newer_one", [False, True], ids=["installed", "newer"])
@pytest.mark.parametrize("inputs", [1, 2])
def test_the_same_split_of_one_generation_gets_the_same_numbers(newer_one: bool, inputs: int) -> None:
    with newer_neat() if newer_one else nullcontext():
        config = genome_config(num_inputs=inputs, initial_connection="full_direct", max_nodes=0)
        first, second, third = fresh(config, 3)
        numbers = split(first, config, (-1, 0))
        assert split(second, config, (-1, 0)) == numbers
        inner = next(key for key in numbers if key[0] == -1 and key != (-1, 0))
        assert split(first, config, inner) == split(second, config, inner)  # a split within a split
        config.innovation_tracker.reset_generation()
        later = split(third, config, (-1, 0))
        assert set(later.values()) & set(numbers.values()) == {numbers[key] for key in numbers if key[0] < 0 == key[1]}


@pytest.mark.parametrize("newer_one", [False, True], ids=["installed", "newer"])
def test_a_genome_makes_a_split_of_one_generation_once(newer_one: bool) -> None:
    with newer_neat() if newer_one else nullcontext():
        config = genome_config(initial_connection="full_direct", max_nodes=0)
        (genome,) = fresh(config, 1)
        numbers = split(genome, config, (-1, 0))
        assert split(genome, config, (-1, 0)) == numbers
        assert genome.connections[-1, 0].enabled  # nothing is lost


@pytest.mark.parametrize("inputs", [1, 2])
def test_a_run_of_an_older_version_numbers_its_splits_as_it_began(inputs: int) -> None:
    config = genome_config(num_inputs=inputs, initial_connection="full_direct", max_nodes=0, shared_splits=False)
    first, second = fresh(config, 2)
    assert not set(split(first, config, (-1, 0))) >= set(split(second, config, (-1, 0)))
    stored = without_key(WITHOUT_STAND_IN, "CellGenome", "shared_splits")
    assert read_settings_text(stored).neat.genome_config.shared_splits is False
    assert load_experiment(DIGITS_INI).neat.genome_config.shared_splits is True
