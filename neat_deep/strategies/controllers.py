"""Controllers of reinforcement learning: distributions over the decisions of a space, and how they learn.

Both climb the gradient of advantage * log p(decisions) + entropy weight * entropy by Adam (Kingma and Ba,
arXiv 1412.6980). Their state is a few vectors, which JSON holds as the text of their bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from neat_deep.space.points import Decision, counting, make_decisions

HIDDEN = 32  # of the LSTM: a cell has some forty decisions, and a search some hundred networks to learn from
BETAS = (0.9, 0.999)
EPSILON = 1e-8

Vector = NDArray[np.float64]


class Controller(Protocol):
    """Makes decisions, and learns from what they were worth."""

    def draw(self, random: Random) -> tuple[int, ...]:
        """The values of all decisions; 0 for each that does not count."""
        ...

    def learn(self, values: Sequence[int], advantage: float) -> None:
        """Make these decisions more likely for an advantage above 0, and less likely for one below."""
        ...

    def state(self) -> Mapping[str, Any]:
        """All that `restore` needs, as JSON holds it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the controller that gave `state`."""
        ...


class IndependentController:
    """A softmax for each decision, as the authors of NAS-Bench-201 used (arXiv 2001.00326, appendix)."""

    def __init__(self, decisions: Sequence[Decision], *, seed: int, learning_rate: float, entropy: float) -> None:
        del seed  # all options begin with equal chances
        self._decisions = decisions
        self._entropy = entropy
        ends = np.cumsum([len(decision.options) for decision in decisions])
        self._places = [slice(end - len(d.options), end) for d, end in zip(decisions, ends, strict=True)]
        self._logits: Vector = np.zeros(int(ends[-1]))
        self._adam = Adam(len(self._logits), learning_rate)

    def draw(self, random: Random) -> tuple[int, ...]:
        """The values of all decisions; 0 for each that does not count."""

        def choose(place: int, _: Decision) -> int:
            chances = _softmax(self._logits[self._places[place]])
            return random.choices(range(len(chances)), list(chances))[0]

        return make_decisions(self._decisions, choose)

    def learn(self, values: Sequence[int], advantage: float) -> None:
        """One step of Adam along the gradient."""
        gradient = np.zeros_like(self._logits)
        for place in counting(self._decisions, values):
            logits = self._places[place]
            chances = _softmax(self._logits[logits])
            logs = np.log(chances + 1e-12)
            gradient[logits] = -advantage * chances - self._entropy * chances * (logs - np.sum(chances * logs))
            gradient[logits.start + values[place]] += advantage
        self._logits = self._logits + self._adam.step(gradient)

    def state(self) -> Mapping[str, Any]:
        """The logits and Adam's averages."""
        return {"weights": _text(self._logits), **self._adam.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the controller that gave `state`."""
        self._logits = _vector(state["weights"], len(self._logits))
        self._adam.restore(state)


class RecurrentController:
    """An LSTM that makes one decision after the other, and reads each before it makes the next.

    Zoph and Le, arXiv 1611.01578, section 3.1. Decisions with the same options share their embedding and their output
    layer: the LSTM's state tells where it is. Decisions that do not count are not made.
    """

    def __init__(self, decisions: Sequence[Decision], *, seed: int, learning_rate: float, entropy: float) -> None:
        self._decisions = decisions
        self._entropy = entropy
        kinds = list(dict.fromkeys(decision.options for decision in decisions))
        self._kinds = [kinds.index(decision.options) for decision in decisions]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self._network = nn.ModuleDict(
                {
                    "cell": nn.LSTMCell(HIDDEN, HIDDEN),
                    "embeddings": nn.ModuleList(nn.Embedding(len(options), HIDDEN) for options in kinds),
                    "heads": nn.ModuleList(nn.Linear(HIDDEN, len(options)) for options in kinds),
                    "places": nn.Embedding(len(decisions), HIDDEN),
                }
            ).double()
            for parameter in self._network.parameters():
                nn.init.uniform_(parameter, -0.08, 0.08)  # as the paper, section 4.1
        self._adam = Adam(len(self._weights()), learning_rate)

    def draw(self, random: Random) -> tuple[int, ...]:
        """The values of all decisions; 0 for each that does not count."""
        walk = _Walk(self._network)

        def choose(place: int, _: Decision) -> int:
            chances = walk.chances(place, self._kinds[place]).exp().tolist()
            value = random.choices(range(len(chances)), chances)[0]
            walk.choose(value, self._kinds[place])
            return value

        with torch.no_grad():
            return make_decisions(self._decisions, choose)

    def learn(self, values: Sequence[int], advantage: float) -> None:
        """One step of Adam along the gradient."""
        walk = _Walk(self._network)
        gain = torch.zeros((), dtype=torch.float64)
        for place in counting(self._decisions, values):
            logs = walk.chances(place, self._kinds[place])
            gain = gain + advantage * logs[values[place]] - self._entropy * (logs.exp() * logs).sum()
            walk.choose(values[place], self._kinds[place])
        parameters = list(self._network.parameters())
        gradients = torch.autograd.grad(gain, parameters, allow_unused=True)
        filled = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
        step = self._adam.step(parameters_to_vector(filled).numpy())
        self._set_weights(self._weights() + step)

    def state(self) -> Mapping[str, Any]:
        """The weights and Adam's averages."""
        return {"weights": _text(self._weights()), **self._adam.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the controller that gave `state`."""
        self._set_weights(_vector(state["weights"], len(self._weights())))
        self._adam.restore(state)

    def _weights(self) -> Vector:
        return parameters_to_vector(self._network.parameters()).detach().numpy()

    def _set_weights(self, weights: Vector) -> None:
        with torch.no_grad():
            vector_to_parameters(torch.from_numpy(weights.copy()), self._network.parameters())


class _Walk:
    """The LSTM on its way through the decisions of one network."""

    def __init__(self, network: nn.ModuleDict) -> None:
        self._network = network
        self._input = torch.zeros(1, HIDDEN, dtype=torch.float64)
        self._memory: tuple[Tensor, Tensor] | None = None

    def chances(self, place: int, kind: int) -> Tensor:
        """The logarithms of the chances of the options of a decision, of shape (options,)."""
        where = self._network["places"](torch.tensor([place]))
        self._memory = self._network["cell"](self._input + where, self._memory)
        assert self._memory is not None
        return torch.log_softmax(self._network["heads"][kind](self._memory[0])[0], dim=0)  # type: ignore[index]

    def choose(self, value: int, kind: int) -> None:
        """Read the decision before the next is made."""
        self._input = self._network["embeddings"][kind](torch.tensor([value]))  # type: ignore[index]


class Adam:
    """Adam's averages of a vector of gradients."""

    def __init__(self, length: int, learning_rate: float) -> None:
        self._learning_rate = learning_rate
        self._steps = 0
        self._mean: Vector = np.zeros(length)
        self._square: Vector = np.zeros(length)

    def step(self, gradient: Vector) -> Vector:
        """What to add to the weights to climb (arXiv 1412.6980, algorithm 1)."""
        self._steps += 1
        self._mean = BETAS[0] * self._mean + (1 - BETAS[0]) * gradient
        self._square = BETAS[1] * self._square + (1 - BETAS[1]) * gradient**2
        mean = self._mean / (1 - BETAS[0] ** self._steps)
        square = self._square / (1 - BETAS[1] ** self._steps)
        return self._learning_rate * mean / (np.sqrt(square) + EPSILON)

    def state(self) -> dict[str, Any]:
        """The number of steps and the averages."""
        return {"steps": self._steps, "mean": _text(self._mean), "square": _text(self._square)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become the one that gave `state`."""
        self._steps = int(state["steps"])
        self._mean = _vector(state["mean"], len(self._mean))
        self._square = _vector(state["square"], len(self._square))


def _softmax(logits: Vector) -> Vector:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def _text(vector: Vector) -> str:
    """The bytes of a vector as text, so that JSON keeps every bit."""
    return base64.b64encode(vector.astype("<f8").tobytes()).decode("ascii")


def _vector(text: str, length: int) -> Vector:
    """The vector of a text; raises `ValueError` for one of another length."""
    vector = np.frombuffer(base64.b64decode(text, validate=True), "<f8").astype(np.float64)
    if len(vector) != length:
        raise ValueError(f"a vector of {len(vector)} numbers, where {length} are needed")
    return vector
