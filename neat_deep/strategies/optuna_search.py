"""A search by one of Optuna's samplers, through its ask-and-tell interface.

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", arXiv 1907.10902.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from neat_deep.base.errors import ConfigError, unknown_name
from neat_deep.space.points import Decision, counting, make_decisions
from neat_deep.strategies.history import MOST_TRIES, History
from neat_deep.strategies.proposals import Proposal
from neat_deep.strategies.strategy import StrategyContext

if TYPE_CHECKING:
    from neat_deep.scoring.scores import Score

SECTION = "Optuna"
UNSUITED = ("CmaEsSampler", "QMCSampler")  # they draw numbers: of names like those of ops they take any by chance


@dataclass(frozen=True)
class OptunaSettings:
    """Which of Optuna's samplers proposes, by the name of its class."""

    sampler: str = "TPESampler"  # a class of `optuna.samplers`


class OptunaSearch:
    """Each decision of the space is a categorical parameter of an Optuna study.

    A network that the sampler proposes again is told to it with its known worth, and is not proposed. One that failed
    is a failed trial. Every trial has a new sampler with a seed of its own, so that all that a resumed search needs are
    the trials before. A point to start from is enqueued as the first trial. Raises `ConfigError` where Optuna is not
    installed, `UnknownNameError` for an unknown sampler.
    """

    def __init__(self, context: StrategyContext) -> None:
        settings: OptunaSettings = context.settings
        self._optuna = _import_optuna()
        self._sampler = _sampler_class(self._optuna, settings.sampler)
        self._space = context.space
        self._start = context.start
        self._seed = Random(context.seed).randrange(2**31)
        self._history: History[Any] = History(context.space)
        self._running: dict[int, int] = {}  # the trials of the proposals without a score yet, by the latter's numbers
        self._study = self._new_study()

    def ask(self, count: int) -> list[Proposal]:
        """Up to `count` new networks; fewer when the sampler has proposed known ones alone for a thousand times."""
        proposals: list[Proposal] = []
        tries = 0
        with _quiet(self._optuna):
            while len(proposals) < count and tries < MOST_TRIES:
                trial, point = self._trial()
                number = self._history.number(point)
                if number is None:
                    proposals.append(self._history.propose(point))
                    self._running[proposals[-1].number] = trial.number
                    tries = 0
                else:
                    self._end(trial.number, self._history.worths.get(number))
                    tries += 1
        return proposals

    def _trial(self) -> tuple[Any, Any]:
        """A new trial and the point that it stands for."""
        seed = (self._seed + len(self._study.get_trials(deepcopy=False))) % 2**31
        self._study.sampler = self._sampler(seed=seed)
        if self._start is not None and not len(self._history):
            values = self._space.values(self._start)
            named = {place: self._space.decisions[place] for place in counting(self._space.decisions, values)}
            self._study.enqueue_trial({d.name: d.options[values[i]] for i, d in named.items() if len(d.options) > 1})
        trial = self._study.ask()

        def choose(_: int, decision: Decision) -> int:
            if len(decision.options) == 1:
                return 0
            return decision.options.index(trial.suggest_categorical(decision.name, decision.options))

        return trial, self._space.decide(make_decisions(self._space.decisions, choose))

    def tell(self, scores: Sequence[Score]) -> None:
        """End the trials with the worths of their networks."""
        with _quiet(self._optuna):
            for number, worth in self._history.hear(scores):
                self._end(self._running.pop(number), worth)

    def screened_out(self, proposals: Sequence[Proposal]) -> None:
        """Their trials end without a worth, as those of networks that failed."""
        with _quiet(self._optuna):
            for proposal in proposals:
                self._end(self._running.pop(proposal.number), None)

    def _end(self, trial: int, worth: float | None) -> None:
        if worth is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, worth)

    def state(self) -> Mapping[str, Any]:
        """What was proposed, and all trials."""
        trials = [
            [
                trial.params,
                trial.value,
                {key: value for key, value in trial.system_attrs.items() if key != "fail_reason"},
            ]
            for trial in self._study.get_trials(deepcopy=False)
        ]
        running = [[number, trial] for number, trial in self._running.items()]
        return {**self._history.state(), "seed": self._seed, "trials": trials, "running": running}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the search that gave `state`."""
        self._history.restore(state)
        self._seed = int(state["seed"])
        options = {decision.name: decision.options for decision in self._space.decisions}
        self._running = dict(state.get("running", []))
        trials = self._optuna.trial
        with _quiet(self._optuna):
            self._study = self._new_study()
            for place, (params, worth, attributes) in enumerate(state["trials"]):
                ended = trials.TrialState.FAIL if worth is None else trials.TrialState.COMPLETE
                kinds = {name: self._optuna.distributions.CategoricalDistribution(options[name]) for name in params}
                self._study.add_trial(
                    trials.create_trial(
                        state=trials.TrialState.RUNNING if place in self._running.values() else ended,
                        value=worth,
                        params=params,
                        distributions=kinds,
                        system_attrs=attributes,
                    )
                )

    def _new_study(self) -> Any:
        with _quiet(self._optuna):
            return self._optuna.create_study(direction="maximize", sampler=self._sampler(seed=self._seed))


def _import_optuna() -> Any:
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise ConfigError(
            f"strategy 'optuna': the package cannot be imported ({error}); install it with: pip install"
            " 'neat-deep[optuna]'"
        ) from None


def _sampler_class(optuna: Any, name: str) -> Any:
    """The class of a sampler that needs nothing but a seed; raises `UnknownNameError` for any other name."""
    known = {}
    for candidate, kind in vars(optuna.samplers).items():
        if isinstance(kind, type) and candidate not in UNSUITED and not inspect.isabstract(kind):
            parameters = dict(inspect.signature(kind).parameters)
            if parameters.pop("seed", None) and all(p.default is not p.empty for p in parameters.values()):
                known[candidate] = kind
    if name not in known:
        raise unknown_name("sampler", name, known, f"[{SECTION}] sampler")
    return known[name]


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Within the block Optuna tells of no trial and warns of no experiment; the search has its own reports."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
