"""The search space as tables with pictures: every op, activation and aggregation of the registries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import graphviz  # type: ignore[import-untyped]
import torch

from neat_deep.base.errors import OutputError
from neat_deep.networks.cost import count_parameters
from neat_deep.ops import ACTIVATIONS, AGGREGATIONS, OpInfo, get_activation, get_op, list_ops
from neat_deep.ops.registry import FeatureSpec
from neat_deep.reports.pictures.render import draw_cell, save_picture
from neat_deep.space.cell_graph import IDENTITY, NONE, CellGraph, CellNode, Edge

CHANNELS = 16  # a multiple of the heads of attention
INPUTS = 64  # random ones, over which the influence of a place is averaged
SIDE, LENGTH = 9, 11  # pixels of the image, tokens of the text
RANK_WORDS = {2: "images", 1: "texts"}

PAPER, INK, GRID, HOT = "#FFFFFF", "#1F2937", "#D1D5DB", (37, 99, 235)
STEP, MARGIN = 14, 4  # in pixels of the picture
CURVE = 3.0  # activations are drawn from minus this to this


@dataclass(frozen=True)
class Table:
    """A table of a page: its heads, and its rows of Markdown texts."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """The table as Markdown."""
        lines = [self.heads, ["---"] * len(self.heads), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ops_table(pictures: Path, link: str) -> str:
    """A table of all ops; pictures are written into the folder `pictures`, which pages reach as `link`."""
    pictures.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():  # the ops draw their first weights
        rows = [_op_row(get_op(name), pictures, link) for name in list_ops()]
    rows.append([f"`{NONE}`", "", "switches an input of a node off: nothing is computed", "images, texts", "0"])
    return Table(["op", "what one place of the result reads", "what it is", "for", "weights"], rows).text()


def activations_table(pictures: Path, link: str) -> str:
    """A table of all activations, as `ops_table` has the ops."""
    pictures.mkdir(parents=True, exist_ok=True)
    rows = []
    for info in ACTIVATIONS.values():
        (pictures / f"{info.name}.svg").write_text(activation_svg(info.name), encoding="utf-8")
        rows.append([f"`{info.name}`", f"![the curve of {info.name}]({link}/{info.name}.svg)", info.summary])
    return Table(["activation", f"from -{CURVE:g} to {CURVE:g}", "what it is"], rows).text()


def aggregations_table(pictures: Path, link: str) -> str:
    """A table of all aggregations, each with a node that reads two inputs by it."""
    pictures.mkdir(parents=True, exist_ok=True)
    rows = []
    for info in AGGREGATIONS.values():
        node = CellNode((Edge(0, IDENTITY, IDENTITY), Edge(1, IDENTITY, IDENTITY)), info.name)
        file = save_svg(draw_cell(CellGraph(2, (node,))), pictures / info.name)
        swapped = "its inputs may be swapped" if info.commutative else "the order of its inputs counts"
        picture = f"![a node that combines two inputs by {info.name}]({link}/{file.name})"
        rows.append([f"`{info.name}`", picture, f"{info.summary}; {swapped}"])
    return Table(["aggregation", "a node", "what it is"], rows).text()


def save_svg(drawing: graphviz.Digraph, stem: Path) -> Path:
    """Write a drawing to `stem`.svg; raises `OutputError` where no Graphviz is installed."""
    (file,) = save_picture(drawing, stem, ["svg"])
    if file.suffix != ".svg":
        raise OutputError("cannot draw the pictures: pip install graphviz-pure, or install Graphviz")
    return file


def _op_row(op: OpInfo, pictures: Path, link: str) -> list[str]:
    ranks = sorted(op.ranks, reverse=True)  # images first
    shown = []
    for rank in ranks:
        file = pictures / f"{op.name}-{RANK_WORDS[rank]}.svg"
        file.write_text(reach_svg(reach(op, rank)), encoding="utf-8")
        shown.append(f"![what {op.name} reads of {RANK_WORDS[rank]}]({link}/{file.name})")
    weights = [count_parameters(op.factory(FeatureSpec(rank, CHANNELS))) for rank in ranks]
    counts = f"{weights[0]:,}" if len(set(weights)) == 1 else ", ".join(f"{count:,}" for count in weights)
    words = ", ".join(RANK_WORDS[rank] for rank in ranks)
    return [f"`{op.name}`", " ".join(shown), op.summary or op.family, words, counts]


def reach(op: OpInfo, rank: int) -> torch.Tensor:
    """How much one place of an op's result depends on each place of its input, 0 to 1.

    (SIDE, SIDE) for images, of the pixel in the middle; (LENGTH,) for texts, of the token in the middle: the gradient's
    absolute value, averaged over random inputs, of the op with its first weights.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        extent = (SIDE, SIDE) if rank == 2 else (LENGTH,)
        module = op.factory(FeatureSpec(rank, CHANNELS)).eval()
        inputs = torch.randn(INPUTS, CHANNELS, *extent, requires_grad=True)  # (B, C, H, W) or (B, C, L)
        middle = (slice(None), slice(None), *(side // 2 for side in extent))
        result = module(inputs)[middle]  # (B, C)
        (gradient,) = torch.autograd.grad((result * torch.randn_like(result)).sum(), inputs)
    influence = gradient.abs().mean(dim=(0, 1))
    return influence / influence.max()


def reach_svg(influence: torch.Tensor) -> str:
    """The influence of each pixel or token as a grid of squares; the place of the result has a frame."""
    grid = influence if influence.dim() == 2 else influence[None]
    height, width = grid.shape
    squares = []
    for row in range(height):
        for column in range(width):
            at = f'x="{MARGIN + column * STEP}" y="{MARGIN + row * STEP}" width="{STEP}" height="{STEP}"'
            squares.append(f'<rect {at} fill="{_colour(float(grid[row, column]))}" stroke="{GRID}"/>')
    at = f'x="{MARGIN + width // 2 * STEP}" y="{MARGIN + height // 2 * STEP}" width="{STEP}" height="{STEP}"'
    squares.append(f'<rect {at} fill="none" stroke="{INK}" stroke-width="2"/>')
    return _svg(width * STEP + 2 * MARGIN, height * STEP + 2 * MARGIN, squares)


def activation_svg(name: str) -> str:
    """An activation's curve over its axes."""
    side = 100
    values = torch.linspace(-CURVE, CURVE, 61)
    results = get_activation(name)(values.clone())

    def place(x: float, y: float) -> str:
        scale = side / (2 * CURVE)
        return f"{MARGIN + (x + CURVE) * scale:.1f},{MARGIN + (CURVE - y) * scale:.1f}"

    points = " ".join(place(x, y) for x, y in zip(values.tolist(), results.tolist(), strict=True))
    axes = [((-CURVE, 0.0), (CURVE, 0.0)), ((0.0, -CURVE), (0.0, CURVE))]
    lines = [
        *(f'<polyline points="{place(*start)} {place(*end)}" stroke="{GRID}"/>' for start, end in axes),
        f'<polyline points="{points}" fill="none" stroke="{_colour(1)}" stroke-width="2"/>',
    ]
    return _svg(side + 2 * MARGIN, side + 2 * MARGIN, lines)


def _colour(share: float) -> str:
    """White for nothing, the full colour for 1; the root makes small influences visible."""
    strength = max(0.0, min(1.0, share)) ** 0.5
    return "#" + "".join(f"{round(255 + (part - 255) * strength):02X}" for part in HOT)


def _svg(width: int, height: int, parts: Iterable[str]) -> str:
    paper = f'<rect width="{width}" height="{height}" rx="3" fill="{PAPER}"/>'
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}{"".join(parts)}</svg>\n'
