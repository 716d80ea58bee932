"""A run that an older program stored is the same run to one that knows more settings, and more facts of its data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import pytest

from neat_deep.base.errors import ConfigError
from neat_deep.base.fields import setting
from neat_deep.config.data_facts import changed_fact, data_facts
from neat_deep.config.experiment_file import load_experiment, settings_values
from neat_deep.config.stored_settings import changed_settings, read_settings_text, settings_text
from neat_deep.config.strategy_experiment import load_strategy_experiment
from neat_deep.data import DataSpec
from neat_deep.evolution.selection import REPRODUCTIONS
from tests.support import toy_data
from tests.support.older_runs import without_key
from tests.support.random_cells import DIGITS_INI

STORED = settings_text(load_experiment(DIGITS_INI))
OF_A_STRATEGY = settings_text(load_strategy_experiment(DIGITS_INI.with_name("digits_random.ini")))


SHARED = ("Data", "Network", "Training", "Fitness", "Run")
WITH_OPTIONAL_KEYS = {
    STORED: (*SHARED, "NEAT", "CellGenome", "DefaultStagnation", "CellReproduction"),
    OF_A_STRATEGY: (*SHARED, "Search", "SearchSpace"),
}
PLACES = [
    pytest.param(text, section, key, id=f"{name} {section} {key}")
    for name, text in (("neat", STORED), ("random", OF_A_STRATEGY))
    for section, key in settings_values(text)
    if (section, key) != ("Search", "strategy")  # without it, it is a run of neat-python
]


@pytest.mark.parametrize(("text", "section", "key"), PLACES)
def test_a_setting_that_the_run_did_not_know_is_no_change(text: str, section: str, key: str) -> None:
    """Or it is a key that every run has always had, and then its absence is an error by name."""
    stored = without_key(text, section, key)
    try:
        experiment = read_settings_text(stored)
    except ConfigError as error:
        assert f"[{section}] the key '{key}' is missing" in str(error)
        return
    assert changed_settings(stored, experiment) == {}
    assert set(settings_values(settings_text(experiment))) == set(settings_values(text))  # stored from now on
    assert set(changed_settings(stored, read_settings_text(text))) <= {(section, key)}


@pytest.mark.parametrize("text", [STORED, OF_A_STRATEGY], ids=["neat", "random"])
def test_most_sections_have_optional_keys(text: str) -> None:
    """One of each is enough: the table above would otherwise say nothing of a section."""
    for section in WITH_OPTIONAL_KEYS[text]:
        keys = [key for place, key in settings_values(text) if place == section]
        assert any(_is_optional(text, section, key) for key in keys), section


def _is_optional(text: str, section: str, key: str) -> bool:
    try:
        read_settings_text(without_key(text, section, key))
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("name", [name for name in REPRODUCTIONS if name != "CellReproduction"])
def test_the_same_for_other_ways_to_choose_parents(name: str) -> None:
    head = STORED.partition("[CellReproduction]")[0]
    stored = head.replace("reproduction = CellReproduction", f"reproduction = {name}") + f"[{name}]\n"
    experiment = read_settings_text(stored)
    assert changed_settings(stored, experiment) == {}
    for section, key in settings_values(settings_text(experiment)):
        if section == name:
            assert changed_settings(without_key(settings_text(experiment), section, key), experiment) == {}


def test_a_setting_that_differs_is_a_change_by_name() -> None:
    experiment = load_experiment(DIGITS_INI)
    other = replace(experiment, fitness=replace(experiment.fitness, latency_price=0.5))
    stored = without_key(STORED, "Fitness", "latency_price")
    assert changed_settings(stored, other) == {("Fitness", "latency_price"): ("0.0", "0.5")}


def test_a_setting_that_no_program_has_is_named() -> None:
    with pytest.raises(ConfigError, match=r"the run's settings: \[Run\] unknown key 'flavour'"):
        changed_settings(STORED.replace("[Run]\n", "[Run]\nflavour = 3\n"), load_experiment(DIGITS_INI))


# --- data ------------------------------------------------------------------------------------------------------------

DATA = toy_data.dataset()


@dataclass(frozen=True)
class NewerSpec(DataSpec):
    """What a later program may know of data."""

    colours: int = setting(3, before=1)


def newer(**changes: Any) -> NewerSpec:
    return NewerSpec(**asdict(DATA.spec), **changes)


@pytest.mark.parametrize("name", [f.name for f in fields(DataSpec) if f.default == getattr(DATA.spec, f.name)])
def test_a_fact_that_the_run_did_not_know_is_no_change(name: str) -> None:
    facts = json.loads(data_facts(DATA))
    del facts[name]
    assert changed_fact(json.dumps(facts), DATA) is None


def test_a_later_fact_is_no_change_while_it_says_what_was_meant_before() -> None:
    stored = data_facts(DATA)
    assert changed_fact(stored, replace(DATA, spec=newer(colours=1))) is None
    assert changed_fact(stored, replace(DATA, spec=newer())) == "colours"
    assert changed_fact(data_facts(replace(DATA, spec=newer())), replace(DATA, spec=newer())) is None


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (toy_data.dataset(train=94), "examples"),
        (toy_data.dataset(validation=38), "examples"),
        (replace(DATA, spec=replace(DATA.spec, mean=(0.1 + 0.2,))), "mean"),
        (replace(DATA, spec=replace(DATA.spec, class_names=("column", "row"))), "class_names"),
    ],
)
def test_other_data_are_told_by_what_differs(other: Any, name: str) -> None:
    assert changed_fact(data_facts(DATA), other) == name


@pytest.mark.parametrize("text", ["", "0123456789abcdef", "[]", "{"])
def test_what_is_no_list_of_facts_is_of_other_data(text: str) -> None:
    assert changed_fact(text, DATA) == "facts"
