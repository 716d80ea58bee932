"""A search by reinforcement learning: a controller learns to make the decisions that good networks are made of.

Williams' REINFORCE with a moving average as baseline, as Zoph and Le, "Neural Architecture Search with Reinforcement
Learning", arXiv 1611.01578, section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.generator_state import generator_state, set_generator_state
from neat_deep.base.registry import resolve
from neat_deep.strategies.history import MOST_TRIES, History
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score

AUTO = "auto"
CONTROLLERS = {
    "independent": "neat_deep.strategies.controllers:IndependentController",
    "recurrent": "neat_deep.strategies.controllers:RecurrentController",
}
# A search has some hundred networks to learn from. A logit moves on its own; an LSTM's weights all move together, and
# at the rate of the logits it decides for good after a handful of networks.
LEARNING_RATES = {"independent": 0.2, "recurrent": 0.01}
# After these the decisions of the start are likely, and others not rare: a controller that is sure draws nothing new.
STEPS_TO_START = {"independent": 10, "recurrent": 8}


@dataclass(frozen=True)
class ReinforceSettings:
    """How the controller decides and learns.

    `controller` is `independent` (a distribution for each decision), `recurrent` (an LSTM, whose decisions depend on
    those before), or `auto`: independent where every decision always counts, recurrent elsewhere. `learning_rate` is
    Adam's; 0 stands for the controller's own, which `LEARNING_RATES` holds. `baseline` is the share of the old moving
    average that each new worth leaves. `entropy` is the weight of the bonus for undecided distributions.
    """

    controller: str = AUTO
    learning_rate: float = 0.0
    baseline: float = 0.9
    entropy: float = 0.001

    def __post_init__(self) -> None:
        check_choice("controller", self.controller, (AUTO, *CONTROLLERS))
        check_range("learning_rate", self.learning_rate, low=0, high=10)
        check_range("baseline", self.baseline, low=0, high=0.9999)
        check_range("entropy", self.entropy, low=0, high=10)


class Reinforce:
    """Draws from its controller, and lets it learn from every worth that it hears.

    It learns again from a network that it draws again, which costs nothing and is not proposed. A network that failed
    is worth as little as the least that is known. A point to start from is proposed first, and the controller begins
    with some steps towards it.
    """

    def __init__(self, context: StrategyContext) -> None:
        self._space = context.space
        self._settings: ReinforceSettings = context.settings
        self._start = context.start
        self._random = Random(context.seed)
        self._history: History[Any] = History(context.space)
        decisions = self._space.decisions
        name = self._settings.controller
        if name == AUTO:
            name = "recurrent" if any(decision.needs for decision in decisions) else "independent"
        self._steps_to_start = STEPS_TO_START[name]
        self._controller = resolve(CONTROLLERS[name])(
            decisions,
            seed=self._random.randrange(2**31),
            learning_rate=self._settings.learning_rate or LEARNING_RATES[name],
            entropy=self._settings.entropy,
        )
        self._baseline: float | None = None
        self._asked: dict[int, tuple[int, ...]] = {}  # the decisions of the proposals without a score yet, by number

    def ask(self, count: int) -> list[Proposal]:
        """Up to `count` new networks; fewer when the controller draws known ones alone for a thousand times."""
        proposals: list[Proposal] = []
        tries = 0
        while len(proposals) < count and tries < MOST_TRIES:
            is_first = self._start is not None and not len(self._history)
            values = self._favour_start() if is_first else self._controller.draw(self._random)
            point = self._space.decide(values)
            number = self._history.number(point)
            if number is None:
                proposals.append(self._history.propose(point))
                self._asked[proposals[-1].number] = values
                tries = 0
            else:
                tries += 1
                if number in self._history.worths:
                    self._learn(values, number)
        return proposals

    def _favour_start(self) -> tuple[int, ...]:
        """Make the decisions of the start likelier; returns them."""
        values: tuple[int, ...] = self._space.values(self._start)
        for _ in range(self._steps_to_start):
            self._controller.learn(values, 1.0)
        return values

    def tell(self, scores: Sequence[Score]) -> None:
        """Learn from what was asked for."""
        for number, _ in self._history.hear(scores):
            self._learn(self._asked.pop(number), number)

    def screened_out(self, proposals: Sequence[Proposal]) -> None:
        """The controller learns nothing of them."""
        for proposal in proposals:
            del self._asked[proposal.number]

    def _learn(self, values: Sequence[int], number: int) -> None:
        worth = self._history.worths[number]
        if worth is None:
            known = [other for other in self._history.worths.values() if other is not None]
            if not known:
                return  # nothing to compare it with yet
            worth = min(known)
        if self._baseline is None:
            self._baseline = worth
        share = self._settings.baseline
        self._baseline = share * self._baseline + (1 - share) * worth
        self._controller.learn(values, worth - self._baseline)

    def state(self) -> Mapping[str, Any]:
        """What was proposed, the baseline and the controller."""
        return {
            **self._history.state(),
            "random": generator_state(self._random),
            "baseline": self._baseline,
            "controller": self._controller.state(),
            "asked": [[number, list(values)] for number, values in self._asked.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        self._history.restore(state)
        set_generator_state(self._random, state["random"])
        self._baseline = state["baseline"]
        self._asked = {number: tuple(values) for number, values in state.get("asked", [])}
        self._controller.restore(state["controller"])
