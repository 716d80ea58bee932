"""Images per second in training: this library against a textbook build of the same network.

    python benchmarks/train_throughput.py [--json] [--rounds 7] [--steps 15] [--profile]

The network is the ResNet block of `configs/architectures/resnet_block.json` in a skeleton of four cells, 16 channels,
without reductions, for images of 28x28x1 and ten classes, in batches of 64. Three contenders train it:

`neat_deep`: `build_network` and the whole of `fit`: channels_last, fused optimizer, schedule, the check for a finite
loss, and the C allocator's setting that keeps freed memory.

`textbook`: the same graph as published code for this search space builds it. Each of the two slots of every node is
a layer normalisation over (C, H, W) and an op; a node with one edge has `none` in its second slot, which is the
normalised input times zero, added. Contiguous layout, ordinary loop, `torch.optim.Adam` one tensor at a time.

`same_math`: what `neat_deep` computes, written by hand: `Conv2d`, `BatchNorm2d`, contiguous layout, ordinary loop,
plain `AdamW`. It starts from the weights of `neat_deep`, and its outputs must agree with them before anything is timed.

All three read the same synthetic images in the same batches from one `ImageSplit`, the convolutions have the same
shapes and no biases, and each reads its loss after every step, so they do the same work for an image. Evaluation and
the making of the networks are not timed. A round trains one after the other for `--steps` steps, starting with another
contender each time; the first round warms up and is not counted. The figures are medians over the rounds: of images
per second, and of the ratios within one round, which a busy machine moves less than the images per second.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.base.allocator import keep_freed_memory
from neat_deep.data import DataSpec, ImageSplit
from neat_deep.networks.network import build_network
from neat_deep.ops import get_activation, get_aggregation
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import IDENTITY, NONE, CellGraph
from neat_deep.training.fit import fit
from neat_deep.training.settings import TrainingSettings
from turns import Trainer, at_least, measure

CELL_FILE = Path(__file__).resolve().parent.parent / "configs" / "architectures" / "resnet_block.json"
SKELETON = Skeleton(channels=16, cells=4)
DATA = DataSpec("synthetic", 2, 10, tuple("0123456789"), (1, 28, 28), (0.5,), (0.29,))
BATCH = 64
SETTINGS = TrainingSettings(epochs=1, batch_size=BATCH, learning_rate=0.001, schedule="constant")
AGREEMENT = 1e-4  # largest difference of two float32 outputs of the same mathematics
CPU = torch.device("cpu")

OURS, TEXTBOOK, SAME_MATH = CONTENDERS = ["neat_deep", "textbook", "same_math"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and with `--json` one line of JSON."""
    options = _parse(arguments)
    check_agreement(options.steps)
    if options.profile:
        for name in CONTENDERS:
            _profile(name, make_trainer(name, options.steps))
        return
    rounds = measure(CONTENDERS, make_trainer, rounds=options.rounds, steps=options.steps, batch=BATCH)
    result = {
        "ratio": statistics.median(rates[OURS] / rates[TEXTBOOK] for rates in rounds),
        "ratio_same_math": statistics.median(rates[OURS] / rates[SAME_MATH] for rates in rounds),
        "images_per_second": {name: statistics.median(rates[name] for rates in rounds) for name in CONTENDERS},
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    _show(rounds, options.steps)
    if options.json:
        print(json.dumps(result))


def make_trainer(name: str, steps: int) -> Trainer:
    """The contender `name`; a call trains for `steps` batches, going on from the weights of the call before."""
    split = _synthetic_images(steps * BATCH)
    if name == OURS:
        ours = _our_network()

        keep_freed_memory()  # as the scripts do

        def train_ours() -> None:
            fit(ours, split, SETTINGS, device=CPU, seed=0)

        return train_ours
    if name == TEXTBOOK:
        cell = Architecture.load(CELL_FILE).cell.canonical()
        textbook = PlainNetwork(nn.Sequential(*(TextbookCell(cell) for _ in range(SKELETON.cells))))

        def train_textbook() -> None:
            optimizer = torch.optim.Adam(textbook.parameters(), SETTINGS.learning_rate, foreach=False, fused=False)
            train_plainly(textbook, split, optimizer)

        return train_textbook
    same_math = _same_math()

    def train_same_math() -> None:
        parameters = list(same_math.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": SETTINGS.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        train_plainly(same_math, split, torch.optim.AdamW(groups, SETTINGS.learning_rate))

    return train_same_math


def train_plainly(model: nn.Module, split: ImageSplit, optimizer: torch.optim.Optimizer) -> None:
    """The ordinary loop over one epoch of contiguous batches."""
    model.train()
    for batch in split.train_batches(BATCH, torch.Generator().manual_seed(0)):
        images = batch.inputs.clone(memory_format=torch.contiguous_format)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), batch.labels)
        loss.backward()
        optimizer.step()
        loss.item()


def check_agreement(steps: int) -> None:
    """Raise `RuntimeError` unless ours and `same_math` give the same logits, in training and in evaluation mode."""
    ours, plain = _our_network(), _same_math()
    batch = next(iter(_synthetic_images(steps * BATCH).eval_batches(BATCH)))
    for mode in (True, False):
        with torch.no_grad():
            difference = (ours.train(mode)(batch.inputs) - plain.train(mode)(batch.inputs)).abs().max().item()
        if not difference <= AGREEMENT:
            raise RuntimeError(f"outputs differ by {difference:.2g} (training mode: {mode}), allowed: {AGREEMENT:g}")


def _our_network() -> nn.Module:
    return build_network(Architecture(Architecture.load(CELL_FILE).cell, SKELETON), DATA, seed=0)


def _same_math() -> nn.Module:
    """The network by hand, with the weights of ours."""
    plain = PlainNetwork(nn.Sequential(*(PlainBlock(SKELETON.channels) for _ in range(SKELETON.cells))))
    plain.load_state_dict(dict(zip(plain.state_dict(), _our_network().state_dict().values(), strict=True)))
    return plain


class PlainNetwork(nn.Module):
    """(B, 1, 28, 28) to (B, 10): convolution and batch normalisation, the cells, mean over the image, linear layer."""

    def __init__(self, cells: nn.Sequential) -> None:
        super().__init__()
        self.conv = nn.Conv2d(DATA.shape[0], SKELETON.channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(SKELETON.channels)
        self.cells = cells
        self.linear = nn.Linear(SKELETON.channels, DATA.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cells(self.norm(self.conv(x)))  # (B, C, H, W)
        return self.linear(x.mean(dim=(2, 3)))


# --- the same mathematics as `neat_deep`, by hand ------------------------------------------------------------------


class PlainBlock(nn.Module):
    """The ResNet block of `resnet_block.json`; (B, C, H, W) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolve_and_norm(channels, 3)
        self.second = _convolve_and_norm(channels, 3)
        self.shortcut = _convolve_and_norm(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.second(F.relu(self.first(x))))
        return F.relu(out + self.shortcut(x))


def _convolve_and_norm(channels: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(*_convolutions(channels, kernel_size), nn.BatchNorm2d(channels))


def _convolutions(channels: int, kernel_size: int) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Depthwise, then pointwise."""
    depthwise = nn.Conv2d(channels, channels, kernel_size, padding=(kernel_size - 1) // 2, groups=channels, bias=False)
    return depthwise, nn.Conv2d(channels, channels, 1, bias=False)


# --- the same graph, as published code builds it ---------------------------------------------------------------------


class TextbookCell(nn.Module):
    """A cell whose nodes all have two slots, each a layer normalisation over (C, H, W) and an op."""

    def __init__(self, graph: CellGraph) -> None:
        super().__init__()
        self.graph = graph
        self.slots = nn.ModuleList()
        for node in graph.nodes:
            ops = [edge.op for edge in node.edges]
            for op in [*ops, NONE][:2]:
                norm = nn.LayerNorm((SKELETON.channels, *DATA.shape[1:]))
                self.slots.append(nn.Sequential(norm, _textbook_op(op)))

    def forward(self, x: Tensor) -> Tensor:
        states = [x]
        for index, node in enumerate(self.graph.nodes):
            values = []
            for slot in (0, 1):
                edge = node.edges[min(slot, len(node.edges) - 1)]  # with one edge, the slot of `none` reads it too
                value = self.slots[2 * index + slot](states[edge.source])
                values.append(get_activation(edge.activation)(value) if slot < len(node.edges) else value)
            states.append(get_aggregation(node.aggregation)(*values))
        return states[-1]


class Zero(nn.Module):
    """`none` as a product."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.0


def _textbook_op(name: str) -> nn.Module:
    if name == NONE:
        return Zero()
    if name == IDENTITY:
        return nn.Identity()
    return nn.Sequential(*_convolutions(SKELETON.channels, int(name.removeprefix("sep_conv_"))))


# --- parts -----------------------------------------------------------------------------------------------------------


def _synthetic_images(count: int) -> ImageSplit:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, *DATA.shape), generator=generator, dtype=torch.uint8)
    return ImageSplit(images, torch.randint(DATA.num_classes, (count,), generator=generator), DATA)


def _show(rounds: list[dict[str, float]], steps: int) -> None:
    title = (
        f"training, {len(rounds)} rounds of {steps} steps; {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    table = Table(title=title)
    table.add_column("")
    for heading in ("images a second", "neat_deep is faster by", "in single rounds"):
        table.add_column(heading, justify="right")
    for name in rounds[0]:
        ratios = [rates[OURS] / rates[name] for rates in rounds]
        rate = statistics.median(rates[name] for rates in rounds)
        spread = "" if name == OURS else f"{min(ratios):.2f} to {max(ratios):.2f}"
        table.add_row(name, f"{rate:,.0f}", "" if name == OURS else f"{statistics.median(ratios):.2f}", spread)
    Console().print(table)


def _profile(name: str, train: Trainer) -> None:
    train()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        train()
    print(f"\n{name}\n{profiler.key_averages().table(sort_by='self_cpu_time_total', row_limit=25)}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    parser.add_argument("--rounds", type=at_least(1), default=7, help="rounds that count (default: %(default)s)")
    parser.add_argument("--steps", type=at_least(1), default=15, help="training steps a round (default: %(default)s)")
    parser.add_argument("--profile", action="store_true", help="show where torch spends the time, instead of measuring")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
