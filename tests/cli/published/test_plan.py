"""The scales of the published experiment, and the steps that they become."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from darts.settings import load_darts_experiment
from neat_deep.base.errors import UnknownNameError
from neat_deep.base.shipped import architectures
from neat_deep.cli.published.made_data import MAKERS
from neat_deep.cli.published.plan import DARTS, HAND, NEAT, RANDOM, VOTE, Step, make_plan
from neat_deep.cli.published.scales import SCALES, get_scale
from neat_deep.cli.published.texts import ini_texts
from neat_deep.config.experiment_file import load_experiment
from neat_deep.config.strategy_experiment import load_strategy_experiment

every_scale = pytest.mark.parametrize("name", SCALES)


def plan_of(name: str, *, seed: int = 1, trainings: int = 3, transfers: int = 2) -> tuple[Step, ...]:
    return make_plan(get_scale(name), seed=seed, trainings=trainings, transfers=transfers)


@every_scale
def test_a_step_stands_behind_those_that_it_needs(name: str) -> None:
    plan = plan_of(name)
    names = [step.name for step in plan]
    assert len(set(names)) == len(names)
    for place, step in enumerate(plan):
        assert set(step.needs) <= set(names[:place])
        needed = [other for other in plan if other.name in step.needs]
        assert not step.all_cores or all(other.all_cores for other in needed)  # those come first, one after the other


@every_scale
def test_every_cell_is_searched_trained_and_carried_over(name: str) -> None:
    scale = get_scale(name)
    plan = plan_of(name, seed=5, trainings=2, transfers=1)
    for domain in scale.domains:
        searches = {step.source for step in plan if step.kind == "search" and step.data == domain.searched.name}
        assert searches == {NEAT, RANDOM, DARTS}
        for part, seeds in ((domain.searched, {5, 6}), (domain.carried, {5})):
            for source in (HAND, NEAT, RANDOM, DARTS):
                steps = [s for s in plan if (s.kind, s.data, s.source, s.place) == ("training", part.name, source, 1)]
                assert {step.seed for step in steps} == seeds
                found_by = {f"search-{domain.searched.name}-{source}"}
                assert all(set(step.needs) == (set() if source == HAND else found_by) for step in steps)
        (vote,) = [step for step in plan if step.source == VOTE and step.data == domain.searched.name]
        assert len(vote.needs) == scale.voters
        (neat,) = [step for step in plan if step.name == f"search-{domain.searched.name}-{NEAT}"]
        assert neat.finds == scale.voters


def test_random_search_waits_for_what_neat_has_cost() -> None:
    (random,) = [step for step in plan_of("full") if step.name == "search-mnist-random"]
    assert random.needs == ("search-mnist-neat",)


def test_more_seeds_leave_the_other_steps_as_they_are() -> None:
    few, many = plan_of("quick", trainings=1, transfers=1), plan_of("quick", trainings=3, transfers=2)
    assert set(few) <= set(many)
    assert Counter(step.kind for step in set(many) - set(few)) == {"training": 2 * 4 * 2 + 2 * 4}


@every_scale
def test_the_settings_of_a_scale_can_be_read(name: str, tmp_path: Path) -> None:
    scale = get_scale(name)
    for file, text in ini_texts(scale).items():
        (tmp_path / file).write_text(text)
    for part in scale.data_parts():
        path = tmp_path / f"{part.name}.ini"
        evolved = load_experiment(path)
        drawn = load_strategy_experiment(path, RANDOM)
        assert drawn.fitness == evolved.fitness
        assert tuple(drawn.space_settings.op_options) == tuple(evolved.neat.genome_config.plain_op_options)
        if part.darts is not None:
            found = load_darts_experiment(tmp_path / f"{part.name}_darts.ini")
            assert found.data.dataset == evolved.data.dataset
    for domain in scale.domains:
        assert domain.by_hand in architectures()
        assert all(part.name in MAKERS for part in (domain.searched, domain.carried) if part.made)


@every_scale
def test_what_differs_from_the_shipped_files_is_said_in_them(name: str) -> None:
    for part in get_scale(name).data_parts():
        text = ini_texts(get_scale(name))[f"{part.name}.ini"]
        for place, value in part.settings.changes.items():
            section, key = place.split(".")
            assert f"#   [{section}] {key} = {value}\n" in text and f"\n{key} = {value}\n" in text


def test_full_is_what_is_shipped() -> None:
    parts = get_scale("full").data_parts()
    assert [part.name for part in parts] == ["mnist", "sst2", "cifar10", "imdb"]
    assert not any(part.settings.changes for part in parts[:3])
    assert not any(part.darts.changes for part in parts if part.darts)


def test_an_unknown_scale_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown scale 'ful'; did you mean 'full'"):
        get_scale("ful")
