"""Seconds and memory of one iteration of the search by gradient descent: our supernet against a textbook one.

    python benchmarks/supernet_step.py [--json] [--steps 3] [--cells 4] [--batch 32] [--threads 2] [--skip-compiled]

An iteration is one step of the alphas (first order) and one of the weights, as in `darts.bilevel`, with the published
settings, on random images of 28x28x1 and ten classes. The search space is the default one: 4 nodes that read two cell
inputs and all earlier nodes, 12 ops with `none`, identity and relu after each; 16 channels, no reductions. Contenders:

`neat_deep`: `build_supernet` and `Architect`, as the search uses them.

`compiled`: the same after `compile_edges`, with an empty compiler cache. Left out by `--skip-compiled`.

`second_order`: `neat_deep` with a second-order step of the alphas.

`textbook`: the same supernet as published code builds it. Every candidate, a pair of op and activation, is a module
of its own on every edge, with weights of its own; a Python sum weighs them; `none` is a product with zero; contiguous
layout. Each of the two steps calls `loss.backward()` on everything and steps `SGD` or `Adam`.

All start from the same weights and alphas (both of a pair's modules from ours), and outputs and alpha gradients must
agree before anything is timed. Each contender lives in a process of its own and they take turns: a round is an
iteration of each, starting with another one each time. The first two rounds warm up and are not counted, but for the
seconds that the compiler took in the first: until then a process still asks the system for memory. The figures are
medians over the rounds: of seconds, and of ratios within one round, which a busy machine moves less. Memory is a
process's highest resident set less what it was before the first iteration; for `compiled` the compiler itself is in
it. That is read from /proc, so this needs Linux.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from darts.architect import AlphaGradient, Architect
from darts.mixed import MixedEdge
from darts.search_space import SearchSpace
from darts.settings import DartsSettings
from darts.supernet import Supernet, build_supernet, compile_edges
from memory import STATUS, resident_mib
from neat_deep.base.allocator import keep_freed_memory
from neat_deep.data import Batch, DataSpec
from neat_deep.space.architecture import Skeleton
from neat_deep.space.cell_graph import IDENTITY, NONE
from neat_deep.training.fit import prepare
from neat_deep.training.optimizer import make_optimizer
from neat_deep.training.settings import TrainingSettings
from turns import at_least

DATA = DataSpec("synthetic", 2, 10, tuple("0123456789"), (1, 28, 28), (0.0,), (1.0,))
DARTS = DartsSettings()
SPACE = DARTS.space()
ADAM_BETAS = (0.5, 0.999)  # of the alphas, as published and as in `darts.bilevel`
SEED = 0
WARM_UP_ROUNDS = 2
AGREEMENT = 1e-4  # largest difference of two float32 outputs of the same mathematics
GRADIENT_AGREEMENT = 1e-3  # the same for the alphas' gradients, over the largest of them

OURS, COMPILED, SECOND_ORDER, TEXTBOOK = ALL_CONTENDERS = ("neat_deep", "compiled", "second_order", "textbook")


class Setting(NamedTuple):
    """What is measured: the supernet's extent, and the examples in a batch."""

    channels: int
    cells: int
    batch: int


class Measured(NamedTuple):
    """Of one contender: the seconds of its first iteration and of those that count, and its memory in MiB."""

    first: float
    seconds: list[float]
    memory: float


Iteration = Callable[[], Tensor]  # returns the gradient that the alphas were stepped by, (edges, candidates)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and with `--json` one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    setting = Setting(options.channels, options.cells, options.batch)
    check_agreement(setting)
    contenders = [name for name in ALL_CONTENDERS if name != COMPILED or not options.skip_compiled]
    measured = measure(contenders, setting, options.steps)
    _show(measured, setting, options.steps)
    if options.json:
        print(json.dumps(summarise(measured, setting, options.steps)))


def summarise(measured: dict[str, Measured], setting: Setting, steps: int) -> dict[str, Any]:
    """The figures by their names in JSON; those of a contender that was left out are None."""
    compiled = measured.get(COMPILED)
    return {
        "speedup_eager": _ratio(measured, TEXTBOOK, OURS),
        "speedup_compiled": _ratio(measured, TEXTBOOK, COMPILED),
        "memory_ratio": measured[OURS].memory / measured[TEXTBOOK].memory,
        "memory_ratio_compiled": compiled and compiled.memory / measured[TEXTBOOK].memory,
        "compile_seconds": compiled and compiled.first - statistics.median(compiled.seconds),
        "second_order_cost": _ratio(measured, SECOND_ORDER, OURS),
        "seconds": {name: statistics.median(figures.seconds) for name, figures in measured.items()},
        "memory_mib": {name: figures.memory for name, figures in measured.items()},
        **setting._asdict(),
        "nodes": SPACE.nodes,
        "candidates": len(SPACE.candidates),
        "steps": steps,
        "seed": SEED,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _ratio(measured: dict[str, Measured], slow: str, fast: str) -> float | None:
    """How many times as long `slow` takes, as the median over the rounds."""
    if slow not in measured or fast not in measured:
        return None
    pairs = zip(measured[slow].seconds, measured[fast].seconds, strict=True)
    return statistics.median(numerator / denominator for numerator, denominator in pairs)


# --- measuring -------------------------------------------------------------------------------------------------------


def measure(contenders: Sequence[str], setting: Setting, steps: int) -> dict[str, Measured]:
    """Let each contender go through `steps` iterations after the warm-up, one contender at a time.

    Raises `RuntimeError` when a contender's process dies, or when the alphas' gradients disagree in the first round.
    """
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, {}
    for name in contenders:
        pipes[name], far_end = context.Pipe()
        workers[name] = context.Process(
            target=_serve, args=(name, setting, torch.get_num_threads(), far_end), daemon=True
        )
        workers[name].start()
        far_end.close()

    def answer(name: str, one_more: bool) -> Any:
        try:
            pipes[name].send(one_more)
            return pipes[name].recv()
        except (EOFError, BrokenPipeError):
            workers[name].join()
            raise RuntimeError(f"the process of {name} ended with exit code {workers[name].exitcode}") from None

    warm_up = {name: answer(name, True) for name in contenders}
    _check_gradients({name: gradient for name, (_, gradient) in warm_up.items() if name != SECOND_ORDER})
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(1, WARM_UP_ROUNDS + steps):
        turn = number % len(contenders)
        for name in [*contenders[turn:], *contenders[:turn]]:
            took = answer(name, True)[0]
            if number >= WARM_UP_ROUNDS:
                seconds[name].append(took)
    memory = {name: answer(name, False) for name in contenders}
    for worker in workers.values():
        worker.join()
    return {name: Measured(warm_up[name][0], seconds[name], memory[name]) for name in contenders}


def _serve(name: str, setting: Setting, threads: int, pipe: Connection) -> None:
    """Iterate whenever the pipe says so, and answer with the seconds and the gradient; with the memory at the end."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # what an earlier run compiled would spare the compiler its work
        iterate = make_iteration(name, setting)
        before = resident_mib("VmRSS")
        while pipe.recv():
            started = time.perf_counter()
            gradient = iterate()
            pipe.send((time.perf_counter() - started, gradient.tolist()))
        pipe.send(resident_mib("VmHWM") - before)


def make_iteration(name: str, setting: Setting) -> Iteration:
    """The contender `name`; a call does one iteration, going on from the call before."""
    train, validation = _batch(setting, 1), _batch(setting, 2)
    if name == TEXTBOOK:
        return _textbook_iteration(_textbook(setting), train, validation)
    supernet = _ours(setting)
    prepare(supernet, torch.device("cpu"))
    keep_freed_memory()  # as the scripts do
    if name == COMPILED:
        compile_edges(supernet, setting.batch)
    return _our_iteration(supernet, train, validation, second_order=name == SECOND_ORDER)


def _our_iteration(supernet: Supernet, train: Batch, validation: Batch, *, second_order: bool) -> Iteration:
    """What `darts.bilevel` does for a pair of batches."""
    architect = Architect(supernet)
    sgd = TrainingSettings(
        optimizer="sgd", learning_rate=DARTS.learning_rate, momentum=DARTS.momentum, weight_decay=DARTS.weight_decay
    )
    weight_optimizer = make_optimizer(supernet.network, sgd)
    alpha_optimizer = _adam(supernet.alphas)
    supernet.train()

    def alpha_gradient() -> AlphaGradient:
        if second_order:
            return architect.second_order(train, validation, weight_optimizer, DARTS.learning_rate, seed=SEED)
        return architect.first_order(validation, seed=SEED)

    def iterate() -> Tensor:
        result = alpha_gradient()
        for alpha, gradient in zip(supernet.alphas.parameters(), result.gradients, strict=True):
            alpha.grad = gradient
        alpha_optimizer.step()
        weights = list(supernet.weights())
        with supernet.fixed_alphas():
            loss = F.cross_entropy(supernet(train.inputs), train.labels)
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = slope
        nn.utils.clip_grad_norm_(weights, DARTS.gradient_clip)
        weight_optimizer.step()
        loss.item()
        return result.gradients[0][0]

    return iterate


def _textbook_iteration(supernet: TextbookSupernet, train: Batch, validation: Batch) -> Iteration:
    """What published code does for a pair of batches."""
    alphas = supernet.alphas
    weights = [parameter for parameter in supernet.parameters() if parameter is not alphas]
    weight_optimizer = torch.optim.SGD(
        weights, DARTS.learning_rate, momentum=DARTS.momentum, weight_decay=DARTS.weight_decay
    )
    alpha_optimizer = _adam(nn.ParameterList([alphas]))
    supernet.train()

    def iterate() -> Tensor:
        alpha_optimizer.zero_grad()
        F.cross_entropy(supernet(validation.inputs), validation.labels).backward()
        assert alphas.grad is not None
        gradient = alphas.grad.clone()
        alpha_optimizer.step()
        weight_optimizer.zero_grad()
        loss = F.cross_entropy(supernet(train.inputs), train.labels)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, DARTS.gradient_clip)
        weight_optimizer.step()
        loss.item()
        return gradient

    return iterate


def _adam(alphas: nn.Module) -> torch.optim.Optimizer:
    rate, decay = DARTS.alpha_learning_rate, DARTS.alpha_weight_decay
    return torch.optim.Adam(alphas.parameters(), lr=rate, betas=ADAM_BETAS, weight_decay=decay)


# --- equal mathematics -----------------------------------------------------------------------------------------------


def check_agreement(setting: Setting) -> None:
    """Raise `RuntimeError` unless ours and the textbook give the same logits, in training and in evaluation mode."""
    ours, textbook, images = _ours(setting), _textbook(setting), _batch(setting, 1).inputs
    prepare(ours, torch.device("cpu"))
    for mode in (True, False):
        with torch.no_grad():
            difference = (ours.train(mode)(images) - textbook.train(mode)(images)).abs().max().item()
        if not difference <= AGREEMENT:
            raise RuntimeError(f"outputs differ by {difference:.2g} (training mode: {mode}), allowed: {AGREEMENT:g}")


def _check_gradients(gradients: dict[str, list[list[float]]]) -> None:
    """Raise `RuntimeError` unless all contenders found the same first gradient of the alphas."""
    expected = torch.tensor(gradients[TEXTBOOK])
    for name, gradient in gradients.items():
        difference = ((torch.tensor(gradient) - expected).abs().max() / expected.abs().max()).item()
        if not difference <= GRADIENT_AGREEMENT:
            raise RuntimeError(
                f"alpha gradients of {name} and {TEXTBOOK} differ by {difference:.2g} of the largest,"
                f" allowed: {GRADIENT_AGREEMENT:g}"
            )


def _ours(setting: Setting) -> Supernet:
    return build_supernet(SPACE, Skeleton(channels=setting.channels, cells=setting.cells), DATA, seed=SEED)


def _textbook(setting: Setting) -> TextbookSupernet:
    """The textbook supernet, with the weights and alphas of ours."""
    ours, textbook = _ours(setting), TextbookSupernet(SPACE, setting)
    textbook.stem.load_state_dict(
        dict(zip(textbook.stem.state_dict(), ours.network.stem.state_dict().values(), strict=True))
    )
    textbook.linear.load_state_dict(ours.network.head.linear.state_dict())
    with torch.no_grad():
        textbook.alphas.copy_(ours.alphas.candidates[0])
    our_edges = (module for module in ours.modules() if isinstance(module, MixedEdge))
    edges = (module for module in textbook.modules() if isinstance(module, TextbookEdge))
    for our_edge, edge in zip(our_edges, edges, strict=True):
        for candidate, (op, _) in zip(SPACE.candidates, edge.pairs(), strict=True):
            if not candidate.is_free:
                _copy_values(our_edge.ops[candidate.op], op)
    return textbook


def _copy_values(ours: nn.Module, copy: nn.Module) -> None:
    """Weights and statistics of `ours`; the parts of `copy` stand in the same order under other names."""
    copy.load_state_dict(dict(zip(copy.state_dict(), ours.state_dict().values(), strict=True)))


def _batch(setting: Setting, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(setting.batch, *DATA.shape, generator=generator)
    return Batch(images, torch.randint(DATA.num_classes, (setting.batch,), generator=generator))


# --- the textbook supernet -------------------------------------------------------------------------------------------


class TextbookSupernet(nn.Module):
    """(B, 1, 28, 28) to (B, 10): convolution and batch normalisation, the cells, mean over the image, linear layer."""

    def __init__(self, space: SearchSpace, setting: Setting) -> None:
        super().__init__()
        c = setting.channels
        self.stem = nn.Sequential(nn.Conv2d(DATA.shape[0], c, 3, padding=1, bias=False), nn.BatchNorm2d(c))
        self.cells = nn.ModuleList(TextbookCell(space, c) for _ in range(setting.cells))
        self.linear = nn.Linear(c, DATA.num_classes)
        self.alphas = nn.Parameter(torch.zeros(len(space.edges), len(space.candidates)))

    def forward(self, x: Tensor) -> Tensor:
        weights = F.softmax(self.alphas, dim=-1)
        older = newer = self.stem(x)  # (B, C, H, W)
        for cell in self.cells:
            older, newer = newer, cell(older, newer, weights)
        return self.linear(newer.mean(dim=(2, 3)))


class TextbookCell(nn.Module):
    """The nodes one after the other, each the sum of an edge from every earlier state; returns the last one."""

    def __init__(self, space: SearchSpace, channels: int) -> None:
        super().__init__()
        self.space = space
        self.edges = nn.ModuleList(TextbookEdge(space, channels) for _ in space.edges)

    def forward(self, older: Tensor, newer: Tensor, weights: Tensor) -> Tensor:
        states = [older, newer]
        for node in range(self.space.nodes):
            numbers = self.space.edges_into(node)
            states.append(sum(self.edges[n](x, weights[n]) for n, x in zip(numbers, states, strict=True)))
        return states[-1]


class TextbookEdge(nn.Module):
    """The weighted sum of all candidates, each a module of its own."""

    def __init__(self, space: SearchSpace, channels: int) -> None:
        super().__init__()
        self.ops = nn.ModuleList(_textbook_op(candidate.op, channels) for candidate in space.candidates)
        self.activations = nn.ModuleList(_textbook_activation(candidate.activation) for candidate in space.candidates)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        return sum(weight * activation(op(x)) for weight, (op, activation) in zip(weights, self.pairs(), strict=True))

    def pairs(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        """The op and the activation of each candidate."""
        return zip(self.ops, self.activations, strict=True)


class Zero(nn.Module):
    """`none` as a product."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mul(0.0)


def _textbook_op(name: str, channels: int) -> nn.Module:
    if name == NONE:
        return Zero()
    if name == IDENTITY:
        return nn.Identity()
    kind, _, number = name.rpartition("_")
    size = int(number)
    if kind == "avg_pool":
        return nn.AvgPool2d(size, stride=1, padding=size // 2, count_include_pad=False)
    if kind == "max_pool":
        return nn.MaxPool2d(size, stride=1, padding=size // 2)
    dilation = {"sep_conv": 1, "dil_conv": 2}[kind]
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(channels, channels, size, padding=padding, dilation=dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


def _textbook_activation(name: str) -> nn.Module:
    return {IDENTITY: nn.Identity, "relu": nn.ReLU}[name]()


# --- parts -----------------------------------------------------------------------------------------------------------


def _show(measured: dict[str, Measured], setting: Setting, steps: int) -> None:
    table = Table(
        title=f"an iteration of {setting.cells} cells, {setting.channels} channels, batch {setting.batch}; "
        f"{steps} rounds, {torch.get_num_threads()} threads, torch {torch.__version__}",
        caption="speedup and ratio: against the textbook",
    )
    table.add_column("")
    for heading in ("seconds", "first", "speedup", "in single rounds", "MiB", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    textbook = measured[TEXTBOOK]
    for name, figures in measured.items():
        ratios = [slow / fast for slow, fast in zip(textbook.seconds, figures.seconds, strict=True)]
        table.add_row(
            name,
            f"{statistics.median(figures.seconds):.2f}",
            f"{figures.first:.2f}",
            f"{statistics.median(ratios):.2f}x",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{figures.memory:,.0f}",
            f"{figures.memory / textbook.memory:.2f}",
        )
    Console().print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    parser.add_argument("--steps", type=at_least(1), default=3, help="rounds that count (default: %(default)s)")
    parser.add_argument("--cells", type=at_least(1), default=4, help="cells (default: %(default)s)")
    parser.add_argument("--channels", type=at_least(1), default=16, help="channels (default: %(default)s)")
    parser.add_argument("--batch", type=at_least(2), default=32, help="examples in a batch (default: %(default)s)")
    parser.add_argument("--threads", type=at_least(1), default=2, help="threads of torch (default: %(default)s)")
    parser.add_argument("--skip-compiled", action="store_true", help="leave out what takes a minute to compile")
    options = parser.parse_args(arguments)
    if not STATUS.exists():
        parser.error(f"memory is read from {STATUS}, which this system lacks")
    return options


if __name__ == "__main__":
    main()
