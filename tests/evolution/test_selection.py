"""Other ways to choose parents: who is chosen how often, and that a search with each of them runs and resumes."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import neat
import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.config.experiment_file import load_experiment, read_settings_text, settings_text
from neat_deep.evolution.population_state import capture, restore, to_json
from neat_deep.evolution.selection import REPRODUCTIONS
from tests.support.random_cells import DIGITS_INI

OTHERS = [name for name in REPRODUCTIONS if name != "CellReproduction"]


def ini(folder: Path, name: str, keys: str = "elitism = 2") -> Path:
    """The digits experiment with another way to choose."""
    text = DIGITS_INI.read_text().replace("\n[Run]\n", f"\n[Run]\nreproduction = {name}\n")
    file = folder / "experiment.ini"
    file.write_text(text + f"\n[{name}]\n{keys}\n")
    return file


def score(genomes: list[tuple[int, Any]], config: Any) -> None:
    for key, genome in genomes:
        genome.fitness = ((key * 7919 + len(genome.nodes) * 31) % 101) / 101


@pytest.mark.parametrize("name", OTHERS)
def test_a_population_breeds_keeps_its_elites_and_resumes(tmp_path: Path, name: str) -> None:
    file = ini(tmp_path, name)
    population = neat.Population(load_experiment(file).neat, seed=3)
    population.run(score, 4)
    state = capture(population, 4)
    elites = sorted(population.population.values(), key=lambda g: -(g.fitness or 0.0))[:2]
    assert all(genome.fitness is not None for genome in elites)
    population.run(score, 20)
    assert len(population.population) == 12
    again = restore(load_experiment(file).neat, state)
    again.run(score, 20)
    assert to_json(capture(again, 24)) == to_json(capture(population, 24))


def chosen(name: str, fitnesses: list[float], **settings: int) -> Counter[float]:
    """How often each fitness is chosen in 4,000 draws."""
    kind: Any = REPRODUCTIONS.get(name).kind
    reproduction = kind.__new__(kind)
    reproduction.reproduction_config = SimpleNamespace(**settings)
    ranked = [SimpleNamespace(fitness=f) for f in sorted(fitnesses, reverse=True)]
    random.seed(0)
    return Counter(reproduction.choose(ranked).fitness for _ in range(4000))


def test_how_often_each_is_a_parent() -> None:
    proportional = chosen("ProportionalReproduction", [0.0, 0.1, 0.3])
    assert proportional[0.0] == 0
    assert proportional[0.3] == pytest.approx(3000, rel=0.1)
    assert set(chosen("ProportionalReproduction", [0.5, 0.5])) == {0.5}
    rank = chosen("RankReproduction", [0.0, 0.1, 0.3])
    assert [rank[f] for f in (0.0, 0.1, 0.3)] == pytest.approx([667, 1333, 2000], rel=0.15)
    tournament = chosen("TournamentReproduction", [0.0, 0.1, 0.3], tournament_size=2)
    assert [tournament[f] for f in (0.0, 0.1, 0.3)] == pytest.approx([444, 1333, 2222], rel=0.15)


def test_random_search_forgets(tmp_path: Path) -> None:
    population = neat.Population(load_experiment(ini(tmp_path, "RandomReproduction", "elitism = 0")).neat, seed=3)
    population.run(score, 3)
    assert all(not genome.parents for genome in population.population.values())
    assert len({len(genome.nodes) for genome in population.population.values()}) > 1


@pytest.mark.parametrize("name", OTHERS)
def test_settings_text_holds_the_choice(tmp_path: Path, name: str) -> None:
    experiment = load_experiment(ini(tmp_path, name))
    text = settings_text(experiment)
    assert read_settings_text(text).neat.reproduction_type is REPRODUCTIONS.get(name).kind
    assert settings_text(read_settings_text(text)) == text


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("Tournament", "elitism = 1", "[Run] reproduction: got 'Tournament', allowed: CellReproduction, Prop"),
        ("TournamentReproduction", "tournament_size = 0", "tournament_size: got 0, allowed: 1 or more"),
        ("RandomReproduction", "mutations = -1", "mutations: got -1, allowed: 0 or more"),
        ("RankReproduction", "min_species_size = 2", "unknown key 'min_species_size'; known: elitism"),
        ("RankReproduction", "elitism = 13", "[RankReproduction] elitism and min_species_size: got 13"),
    ],
)
def test_bad_choices(tmp_path: Path, name: str, keys: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_experiment(ini(tmp_path, name, keys))
