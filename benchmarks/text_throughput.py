"""Sentences per second in training: this library against a textbook loop that pads every sentence to the longest.

    python benchmarks/text_throughput.py [--json] [--rounds 5] [--steps 200]

The network is the block of `configs/architectures/transformer_block.json` once, 64 channels, for two classes, in
batches of 64. The sentences are random words; their lengths are those of SST-2's 6,920 training sentences. Four
contenders train it:

`neat_deep`: `build_network` and the whole of `fit`: batches of about one length, padded to their longest, a mask
through every op, fused optimizer, schedule, the check for a finite loss, and the C allocator's setting.

`ngrams`: the same with weights for every word and pair of words beside the cells (`ngrams = 2` in [Network]).

`textbook`: the same block of torch's own parts (`nn.MultiheadAttention` with a key padding mask, `nn.Conv1d`,
`nn.BatchNorm1d` over every position) in an ordinary loop: all sentences are padded to the longest of the set once,
random batches are drawn from that tensor, plain `AdamW`.

`padded`: the network of `neat_deep` in the textbook's loop, on the same padded batches with their masks. It shows how
much of the ratio comes from the batches alone.

All have the same embedding, learned positions and head (masked mean and maximum, linear layer), matrices of the same
shapes, no dropout, and read their loss after every step. At its end a training of ours measures the norms anew over
some thousand sentences; a round must have enough steps that this weighs no more than it does in a whole training. A
round trains one after the other for `--steps` steps, starting with another contender each time; the first round warms
up and is not counted. The figures are medians over the rounds: of sentences per second, and of the ratios within one
round, which a busy machine moves less.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.base.allocator import keep_freed_memory
from neat_deep.data import DataSpec, TextSplit
from neat_deep.networks.network import build_network
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.training.fit import fit
from neat_deep.training.settings import TrainingSettings
from turns import Trainer, at_least, measure

CELL_FILE = Path(__file__).resolve().parent.parent / "configs" / "architectures" / "transformer_block.json"
SKELETON = Skeleton(rank=1, channels=64, cells=1, head_pool="mean_max")
HEADS = 8
# How many of SST-2's training sentences have 0, 1, 2, ... tokens, as the default tokenizer counts them.
LENGTHS = (
    *(0, 0, 23, 62, 101, 103, 165, 151, 181, 218, 219, 206, 225, 229, 241, 273, 268, 275, 270, 276, 239, 247),
    *(230, 253, 232, 218, 212, 173, 174, 145, 158, 140, 132, 125, 96, 114, 76, 68, 62, 57, 49, 42, 27, 26, 22),
    *(29, 20, 16, 10, 8, 8, 11, 2, 6, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 1),
)
LONGEST = len(LENGTHS) - 1
VOCABULARY = 7210  # of SST-2 with the settings of configs/sst2_neat.ini
DATA = DataSpec("synthetic", 1, 2, ("negative", "positive"), (LONGEST,), (), (), vocabulary=VOCABULARY)
BATCH = 64
SETTINGS = TrainingSettings(epochs=1, batch_size=BATCH, learning_rate=0.001, schedule="constant")
CPU = torch.device("cpu")

OURS, NGRAMS, TEXTBOOK, PADDED = CONTENDERS = ["neat_deep", "ngrams", "textbook", "padded"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and with `--json` one line of JSON."""
    options = _parse(arguments)
    rounds = measure(CONTENDERS, make_trainer, rounds=options.rounds, steps=options.steps, batch=BATCH)
    result = {
        "ratio": statistics.median(rates[OURS] / rates[TEXTBOOK] for rates in rounds),
        "ngrams_cost": statistics.median(rates[OURS] / rates[NGRAMS] for rates in rounds),
        "ratio_padded": statistics.median(rates[OURS] / rates[PADDED] for rates in rounds),
        "sequences_per_second": {name: statistics.median(rates[name] for rates in rounds) for name in CONTENDERS},
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    _show(rounds, options.steps)
    if options.json:
        print(json.dumps(result))


def make_trainer(name: str, steps: int) -> Trainer:
    """The contender `name`; a call trains for `steps` batches, going on from the weights of the call before."""
    split = synthetic_sentences(steps * BATCH)
    if name == TEXTBOOK:
        network: nn.Module = TextbookNetwork()
    else:
        skeleton = replace(SKELETON, ngrams=2) if name == NGRAMS else SKELETON
        architecture = Architecture(Architecture.load(CELL_FILE).cell, skeleton)
        network = build_network(architecture, DATA, seed=0)
    if name in (OURS, NGRAMS):
        keep_freed_memory()  # as the scripts do

        def train_ours() -> None:
            fit(network, split, SETTINGS, device=CPU, seed=0)

        return train_ours
    tokens, mask = pad_to_longest(split)

    def train_padded() -> None:
        train_plainly(network, tokens, mask, split.labels)

    return train_padded


def train_plainly(network: nn.Module, tokens: Tensor, mask: Tensor, labels: Tensor) -> None:
    """The ordinary loop over one epoch of random batches, all of the longest sentence's length."""
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), SETTINGS.learning_rate, weight_decay=SETTINGS.weight_decay)
    for chosen in torch.randperm(len(tokens), generator=torch.Generator().manual_seed(0)).split(BATCH):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(tokens[chosen], mask[chosen]), labels[chosen])
        loss.backward()
        optimizer.step()
        loss.item()


def synthetic_sentences(count: int) -> TextSplit:
    """`count` sentences of random words, whose lengths are spread as SST-2's are."""
    generator = torch.Generator().manual_seed(0)
    all_lengths = torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))
    places = (torch.arange(count) + 0.5) / count * len(all_lengths)  # in even steps through the sorted lengths
    lengths = all_lengths[places.long() % len(all_lengths)]
    tokens = torch.randint(2, VOCABULARY, (int(lengths.sum()),), generator=generator)
    return TextSplit(tokens, lengths, torch.randint(2, (count,), generator=generator), DATA)


def pad_to_longest(split: TextSplit) -> tuple[Tensor, Tensor]:
    """Token numbers (N, L) and mask (N, L), L the longest of SST-2's sentences."""
    mask = torch.arange(LONGEST) < split.lengths[:, None]
    tokens = torch.zeros(mask.shape, dtype=torch.long)
    tokens[mask] = split.tokens.long()
    return tokens, mask


class TextbookNetwork(nn.Module):
    """Token numbers (B, L) and a mask (B, L) to (B, 2), made of torch's own parts."""

    def __init__(self) -> None:
        super().__init__()
        channels = SKELETON.channels
        self.embedding = nn.Embedding(VOCABULARY, channels)
        self.positions = nn.Embedding(LONGEST, channels)
        self.attention = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.norm = nn.BatchNorm1d(channels)
        self.first = _convolve_and_norm(channels)
        self.second = _convolve_and_norm(channels)
        self.linear = nn.Linear(2 * channels, DATA.num_classes)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1]))  # (B, L, C)
        attended, _ = self.attention(x, x, x, key_padding_mask=~mask, need_weights=False)
        x = (x + self.norm(attended.transpose(1, 2)).transpose(1, 2)).transpose(1, 2)  # (B, C, L)
        x = x + self.second(F.relu(self.first(x)))
        real = mask.unsqueeze(1)
        mean = (x * real).sum(2) / mask.sum(1, keepdim=True)
        largest = x.masked_fill(~real, -torch.inf).amax(2)
        return self.linear(torch.cat([mean, largest], dim=1))  # (B, 2)


def _convolve_and_norm(channels: int) -> nn.Sequential:
    """`sep_conv_1` by hand: depthwise, pointwise, norm."""
    return nn.Sequential(
        nn.Conv1d(channels, channels, 1, groups=channels, bias=False),
        nn.Conv1d(channels, channels, 1, bias=False),
        nn.BatchNorm1d(channels),
    )


def _show(rounds: list[dict[str, float]], steps: int) -> None:
    title = (
        f"training, {len(rounds)} rounds of {steps} steps; {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    table = Table(title=title)
    table.add_column("")
    for heading in ("sentences a second", "neat_deep is faster by", "in single rounds"):
        table.add_column(heading, justify="right")
    for name in rounds[0]:
        ratios = [rates[OURS] / rates[name] for rates in rounds]
        rate = statistics.median(rates[name] for rates in rounds)
        spread = "" if name == OURS else f"{min(ratios):.2f} to {max(ratios):.2f}"
        table.add_row(name, f"{rate:,.0f}", "" if name == OURS else f"{statistics.median(ratios):.2f}", spread)
    Console().print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    parser.add_argument("--rounds", type=at_least(1), default=5, help="rounds that count (default: %(default)s)")
    parser.add_argument("--steps", type=at_least(1), default=200, help="training steps a round (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
