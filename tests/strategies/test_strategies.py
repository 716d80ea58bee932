"""What every strategy of the registry promises: asked, told, stopped and taken up again, it goes on the same."""

from __future__ import annotations

import json
from typing import cast

import pytest

from neat_deep.base.errors import ConfigError, UnknownNameError
from neat_deep.base.registry import registration_scope, resolve
from neat_deep.base.sections import SECTIONS
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.registry import STRATEGIES, proposing_strategies, register_strategy
from neat_deep.strategies.strategy import CanBeScreened, Strategy, StrategyContext
from tests.support.spaces import assert_in_space
from tests.support.strategies import OVER_POINTS, SMALL, SPACE, TINY, generations, made, scores

pytestmark = [
    pytest.mark.usefixtures("needs_optuna"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of a library under Optuna
]

# A strategy with parts that its default does not reach is tested with each.
VARIANTS = [
    *((name, {}) for name in OVER_POINTS),
    ("reinforce", {"controller": "independent"}),
    ("optuna", {"sampler": "RandomSampler"}),
    ("optuna", {"sampler": "NSGAIISampler"}),
]
each_variant = pytest.mark.parametrize(
    ("name", "settings"), VARIANTS, ids=[" ".join([name, *settings.values()]) for name, settings in VARIANTS]
)


def flat(found: list[list[Proposal]]) -> list[Proposal]:
    return [proposal for generation in found for proposal in generation]


@each_variant
def test_proposals_are_different_networks_of_the_space_numbered_in_turn(name: str, settings: dict[str, str]) -> None:
    proposals = flat(generations(made(name, **settings), 5))
    assert [proposal.number for proposal in proposals] == list(range(len(proposals)))
    assert len(proposals) >= 8
    assert len({SPACE.key(proposal.point) for proposal in proposals}) == len(proposals)
    for proposal in proposals:
        assert_in_space(SPACE, proposal.point)
        assert all(parent < proposal.number for parent in proposal.parents)


@each_variant
def test_equal_seeds_propose_the_same(name: str, settings: dict[str, str]) -> None:
    first = generations(made(name, **settings), 3)
    assert first == generations(made(name, **settings), 3)
    if name != "grid":  # the one that draws nothing
        assert first != generations(made(name, seed=6, **settings), 3)


@pytest.mark.parametrize("size", [1, 5])
@each_variant
def test_a_strategy_that_is_restored_at_any_generation_proposes_the_same(
    name: str, settings: dict[str, str], size: int
) -> None:
    count = 5 if size == 5 else 12
    whole = generations(made(name, **settings), count, size)
    parts: list[list[Proposal]] = []
    strategy = made(name, **settings)
    for number in range(count):
        parts += generations(strategy, 1, size)
        if number % (1 if size == 5 else 4) == 0:
            kept = json.dumps(dict(strategy.state()))
            strategy = made(name, seed=17 + number, **settings)  # its state holds all that its seed decided
            strategy.restore(json.loads(kept))
            assert json.dumps(dict(strategy.state())) == kept
    assert parts == whole
    keys = [[node.key for node in proposal.point.nodes] for proposal in flat(parts)]
    assert keys == [[node.key for node in proposal.point.nodes] for proposal in flat(whole)]


@each_variant
def test_a_new_strategy_is_restored(name: str, settings: dict[str, str]) -> None:
    kept = json.dumps(dict(made(name, **settings).state()))
    strategy = made(name, seed=17, **settings)
    strategy.restore(json.loads(kept))
    assert generations(strategy, 2) == generations(made(name, **settings), 2)


@each_variant
def test_a_state_does_not_change_as_the_strategy_goes_on(name: str, settings: dict[str, str]) -> None:
    strategy = made(name, **settings)
    generations(strategy, 2)
    state = strategy.state()
    kept = json.dumps(dict(state))
    generations(strategy, 2)
    assert json.dumps(dict(state)) == kept


@each_variant
def test_a_strategy_ends_when_the_space_holds_no_more(
    name: str, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("reinforce", "optuna_search", "regularized_evolution", "predictor"):  # a thousand take seconds
        monkeypatch.setattr(f"neat_deep.strategies.{module}.MOST_TRIES", 20)
    if name == "reinforce":
        settings = {"controller": "independent"}  # the other takes as many draws, and longer
    strategy = made(name, space=TINY, **settings)
    proposals = flat(generations(strategy, 40))
    keys = [TINY.key(proposal.point) for proposal in proposals]
    assert len(set(keys)) == len(keys) <= 9
    if name not in ("reinforce", "optuna"):  # these may be sure of what they like before they have seen all
        assert len(keys) == 9
    if name != "optuna":  # asked again it goes on, at a thousand trials a time
        assert strategy.ask(5) == []


@pytest.mark.parametrize("state", [{}, {"keys": 3}, {"random": [], "proposed": "all"}])
@pytest.mark.parametrize("name", OVER_POINTS)
def test_a_state_of_something_else_is_refused(name: str, state: dict[str, object]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        made(name).restore(state)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_says_what_it_is(name: str) -> None:
    info = STRATEGIES.get(name)
    assert info.summary
    assert callable(resolve(info.kind.search)) and callable(resolve(info.kind.report))
    assert (info.make is None) == (info.name in ("neat", "darts"))
    if info.settings is not None:
        assert resolve(info.settings)() == resolve(SECTIONS.get(info.section).settings)()


def test_the_small_settings_are_of_known_strategies() -> None:
    assert set(SMALL) <= set(OVER_POINTS)


@pytest.mark.parametrize("name", ["local_search", "regularized_evolution", "predictor"])
def test_those_that_change_networks_name_the_parents(name: str) -> None:
    children = [proposal for proposal in flat(generations(made(name), 5)) if proposal.parents]
    assert children
    points = {proposal.number: proposal.point for proposal in flat(generations(made(name), 5))}
    for child in children:
        kept = {node.key for node in child.point.nodes} & {node.key for node in points[child.parents[0]].nodes}
        assert kept or len(child.point.nodes) == 1


# --- bad settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("grid", {"most": 0}, "most: got 0, allowed: 1 to 1000000"),
        ("grid", {"most": 40}, r"\[Grid\] the search space holds more than 40 different networks.*'most'"),
        ("local_search", {"starts": 0}, "starts: got 0, allowed: 1 to 100000"),
        ("regularized_evolution", {"population": 5, "tournament": 6}, "tournament: got 6, allowed: 1 to 5, which is"),
        ("regularized_evolution", {"tournament": 0}, "tournament: got 0, allowed: 1 to 100000"),
        ("reinforce", {"controller": "mine"}, "controller: got 'mine', allowed: auto, independent, recurrent"),
        ("reinforce", {"learning_rate": -0.1}, "learning_rate: got -0.1, allowed: 0 to 10"),
        ("reinforce", {"baseline": 1.0}, "baseline: got 1.0, allowed: 0 to 0.9999"),
        ("reinforce", {"entropy": -1.0}, "entropy: got -1.0, allowed: 0 to 10"),
        ("optuna", {"sampler": "TPE"}, r"unknown sampler 'TPE' in \[Optuna\] sampler.*TPESampler"),
        ("optuna", {"sampler": "CmaEsSampler"}, "unknown sampler 'CmaEsSampler'"),
        ("predictor", {"starts": 0}, "starts: got 0, allowed: 1 to 100000"),
        ("predictor", {"refit": 50}, "pool: got 8, allowed: 50 to 100000"),
        ("predictor", {"trees": 1}, "trees: got 1, allowed: 2 to 10000"),
    ],
)
def test_bad_settings_are_refused_in_one_line(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=message) as refusal:
        made(name, **settings)
    assert "\n" not in str(refusal.value)


def test_optuna_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"strategy 'optuna': .*pip install 'neat-deep\[optuna\]'"):
        made("optuna")


# --- one's own -------------------------------------------------------------------------------------------------------


def test_a_strategy_of_the_user_is_known_by_its_name() -> None:
    with registration_scope():

        @register_strategy("mine", summary="always the same")
        def make(context: StrategyContext) -> Strategy:
            raise NotImplementedError

        assert resolve(STRATEGIES.get("mine").make) is make
        assert STRATEGIES.get("mine").summary == "always the same"
        with pytest.raises(ConfigError, match="strategy name 'mine' is taken"):
            register_strategy("mine")(make)
    with pytest.raises(UnknownNameError, match="unknown strategy 'rando'.*random"):
        STRATEGIES.get("rando")


@pytest.mark.parametrize("name", [info.name for info in proposing_strategies().values() if info.screened])
def test_what_is_screened_out_is_forgotten_and_the_search_goes_on(name: str) -> None:
    """Half of what is asked for is left out: the state says nothing of it, and goes through JSON."""
    first, second = made(name), made(name)
    numbers: list[int] = []
    for _ in range(5):
        proposals = [*first.ask(6)]
        assert proposals == [*second.ask(6)]
        numbers += [proposal.number for proposal in proposals]
        for strategy in (first, second):
            left_out = [p for p in proposals[1::2] if isinstance(p, Proposal)]
            cast(CanBeScreened, strategy).screened_out(left_out)
            strategy.tell(scores([p for p in proposals[::2] if isinstance(p, Proposal)]))
        state = json.loads(json.dumps(first.state()))
        assert not state.get("asked") and not state.get("running")
        second = made(name, seed=99)
        second.restore(state)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 10


def test_a_population_is_full_when_so_many_were_trained() -> None:
    strategy = made("regularized_evolution", population=4)
    drawn = []
    for _ in range(2):
        proposals = [cast(Proposal, proposal) for proposal in strategy.ask(4)]
        drawn.append([not proposal.parents for proposal in proposals])
        cast(CanBeScreened, strategy).screened_out(proposals[2:])
        strategy.tell(scores(proposals[:2]))
    assert drawn == [[True] * 4, [True, True, False, False]]
    assert all(cast(Proposal, proposal).parents for proposal in strategy.ask(4))


def test_a_climb_begins_from_as_many_draws_without_those_that_are_screened_out() -> None:
    strategy = made("local_search", starts=4)
    for _ in range(2):
        proposals = [cast(Proposal, proposal) for proposal in strategy.ask(4)]
        assert not any(proposal.parents for proposal in proposals)
        cast(CanBeScreened, strategy).screened_out(proposals[2:4])
        strategy.tell(scores(proposals[:2]))
    assert all(cast(Proposal, proposal).parents for proposal in strategy.ask(4))
