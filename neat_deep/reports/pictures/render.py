"""Pictures of genomes, cells and networks: facts (`neat_deep.reports.pictures.drawing`) to DOT to SVG and PNG."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import graphviz  # type: ignore[import-untyped]

from neat_deep.base.errors import OutputError
from neat_deep.base.files import replacing, write_text
from neat_deep.evolution.genome import CellGenome, CellGenomeConfig
from neat_deep.reports.pictures.drawing import (
    CellFacts,
    NetworkFacts,
    Pin,
    Stage,
    Wire,
    cell_facts,
    genome_facts,
    network_facts,
)
from neat_deep.reports.pictures.labels import (
    FAINT,
    GATE,
    INK,
    LINE,
    PAPER,
    box_label,
    box_outlet,
    inset_label,
    legend_label,
    motif_colour,
    stage_label,
    title_label,
)
from neat_deep.space.architecture import Architecture
from neat_deep.space.cell_graph import CellGraph

_log = logging.getLogger(__name__)

FONT = "Helvetica"  # every renderer maps it to a font that it has
PNG_DPI = 144  # twice the size on paper: sharp on a projector
CELL_FILL = "#F1F5FB"  # a cell among a network's stages, and the inset that shows its inside
CELL_LINE = "#8FA6C8"

# `array_..c1` stacks the parts of a picture. graphviz packs them before it turns the layout for rankdir=LR, so the
# part that comes first in the DOT ends at the bottom, and `t` (top) aligns on the left.
_GRAPH = {
    "rankdir": "LR",
    "fontname": FONT,
    "bgcolor": PAPER,
    "pad": "0.25",
    "nodesep": "0.28",
    "ranksep": "0.55",
    "pack": "18",
    "packmode": "array_itc1",
}
_NODE = {"fontname": FONT, "fontsize": "12", "fontcolor": INK, "color": LINE, "shape": "plain"}
_EDGE = {"fontname": FONT, "color": LINE, "penwidth": "1.5", "arrowsize": "0.75"}
_PART = {"penwidth": "0", "margin": "0"}
INSET = {"style": "rounded,filled", "color": CELL_LINE, "fillcolor": CELL_FILL, "margin": "14", "labeljust": "l"}
_MOTIF = {"style": "rounded", "penwidth": "2", "margin": "12", "labeljust": "l"}
MOTIFS_A_ROW = 3
_INPUT = {"shape": "cds", "style": "filled", "color": INK, "fillcolor": INK, "fontcolor": PAPER, "penwidth": "1.8"}
_ROUNDED = {"shape": "box", "style": "filled,rounded", "color": LINE, "fillcolor": PAPER, "penwidth": "1.2"}
_OUTPUT = {**_ROUNDED, "color": INK, "penwidth": "1.8"}
_STAGES = {
    "input": _INPUT,
    "stem": _ROUNDED,
    "cell": {**_ROUNDED, "color": CELL_LINE, "fillcolor": CELL_FILL},
    "reduction": {**_ROUNDED, "fillcolor": "#E5E7EB"},
    "ngrams": _ROUNDED,
    "head": _ROUNDED,
    "output": _OUTPUT,
}
_FAINT_PIN = {"color": FAINT, "fillcolor": PAPER, "fontcolor": FAINT}
_GATED = {"color": GATE, "arrowhead": "odiamond"}
_WIRES: dict[str, dict[str, str]] = {
    "live": {},
    "unused": {"color": FAINT, "penwidth": "1.2"},
    "disabled": {"color": FAINT, "penwidth": "1.2", "style": "dashed"},
}


def draw_cell(
    cell: CellGraph, *, title: str = "", edge_widths: Mapping[tuple[int, int], float] | None = None
) -> graphviz.Digraph:
    """The picture of a cell: pins, one box a node with its ops, activations and aggregation, its motifs, a legend.

    `edge_widths` maps (node index, slot from 0) to a weight from 0 to 1, which the thickness of the edge shows.
    """
    return _draw_facts(cell_facts(cell, edge_widths), title)


def draw_genome(genome: CellGenome, genome_config: CellGenomeConfig, *, title: str = "") -> graphviz.Digraph:
    """The picture of a genome: all its genes, those that the expressed cell does without faint.

    Disabled connections are dashed. Raises `GraphError` when the connections hold a cycle.
    """
    return _draw_facts(genome_facts(genome, genome_config), title)


def draw_network(
    architecture: Architecture, data_shape: tuple[int, ...], num_classes: int, *, title: str = ""
) -> graphviz.Digraph:
    """The picture of a whole network: its stages with the shape that leaves each, and the cell once as an inset.

    `data_shape` is (C, H, W) for images; for sequences it is not read, their length L stays open. Raises
    `ConfigError` for images of another number of dimensions.
    """
    facts = cell_facts(architecture.cell)
    drawing = new_drawing()
    drawing.attr(ranksep="0.4")
    add_label(drawing, "legend", legend_label(facts))
    _add_motifs(drawing, facts)
    with drawing.subgraph(name="cluster_cell", graph_attr={**INSET, "label": inset_label("inside each cell")}) as part:
        add_cell(part, facts)
    with drawing.subgraph(name="cluster_network", graph_attr=_PART) as part:
        _add_network(part, network_facts(architecture, data_shape, num_classes))
    add_label(drawing, "title", title_label(title) if title else "")
    return drawing


def save_picture(drawing: graphviz.Digraph, stem: Path, formats: Sequence[str] = ("svg", "png")) -> list[Path]:
    """Write a drawing to `stem`.svg and so on, each file whole or absent, and return what was written.

    Uses `dot`, else `graphviz-pure`. Where neither is installed it writes `stem`.dot and logs how to get a picture.
    Raises `OutputError` when a file cannot be written or the renderer fails, with the renderer's own message.
    """
    renderer = find_renderer()
    if renderer is None:
        path = stem.with_name(f"{stem.name}.dot")
        write_text(path, drawing.source)
        _log.warning("no Graphviz here: wrote %s; for a picture, pip install graphviz-pure or install Graphviz", path)
        return [path]
    written = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        picture = _run(renderer, drawing.source, kind)
        with replacing(path) as beside:
            beside.write_bytes(picture)
        written.append(path)
    return written


def svg_text(drawing: graphviz.Digraph) -> str | None:
    """A drawing as SVG; None where no renderer is installed. Raises `OutputError` when the renderer fails."""
    renderer = find_renderer()
    return None if renderer is None else _run(renderer, drawing.source, "svg").decode()


def svg_texts(sources: Sequence[str]) -> list[str] | None:
    """Pictures in DOT as SVG, in their order: many at once take a fifth of the time that they take one by one.

    None where no renderer is installed. Raises `OutputError` when the renderer fails.
    """
    renderer = find_renderer()
    if renderer is None:
        return None
    if not sources:
        return []
    text = _run(renderer, "\n".join(sources), "svg").decode()
    pictures = [f"<?xml{part}" for part in text.split("<?xml")[1:]]
    if len(pictures) != len(sources):
        raise OutputError(f"cannot draw svg: {renderer} drew {len(pictures)} of {len(sources)} pictures")
    return pictures


def try_picture(drawing: graphviz.Digraph, stem: Path) -> None:
    """`save_picture` for runs that must not end because a renderer failed: the failure is logged as a warning."""
    try:
        save_picture(drawing, stem)
    except OutputError as error:
        _log.warning("%s", error)


def find_renderer() -> str | None:
    """The path of `dot`, or of the `graphviz-pure` that pip puts beside Python; None where neither is installed."""
    if dot := shutil.which("dot"):
        return dot
    for folder in (str(Path(sys.executable).parent), sysconfig.get_path("scripts"), None):  # None: all of PATH
        if program := shutil.which("graphviz-pure", path=folder):
            return program
    return None


def _run(renderer: str, source: str, kind: str) -> bytes:
    command = [renderer, f"-T{kind}"]
    if kind == "png":
        command.append(f"-Gdpi={PNG_DPI}")
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    except OSError as error:
        raise OutputError(f"cannot draw {kind}: {renderer} does not start: {error.strerror or error}") from None
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise OutputError(f"cannot draw {kind}: {renderer} says: {message}")
    return done.stdout


def _draw_facts(facts: CellFacts, title: str) -> graphviz.Digraph:
    drawing = new_drawing()
    add_label(drawing, "legend", legend_label(facts))
    _add_motifs(drawing, facts)
    with drawing.subgraph(name="cluster_cell", graph_attr=_PART) as part:
        add_cell(part, facts)
    add_label(drawing, "title", title_label(title) if title else "")
    return drawing


def new_drawing() -> graphviz.Digraph:
    """An empty drawing in the style of all pictures; its parts stand one below the other, the last one on top."""
    return graphviz.Digraph(graph_attr=_GRAPH, node_attr=_NODE, edge_attr=_EDGE)


def add_label(drawing: graphviz.Digraph, name: str, label: str) -> None:
    """Add a part that is a text; nothing for an empty one."""
    if label:
        with drawing.subgraph(name=f"cluster_{name}", graph_attr=_PART) as part:
            part.node(name, label)


def add_cell(part: graphviz.Digraph, facts: CellFacts) -> None:
    """Add what a cell is made of to a drawing, or to a part of one."""
    with part.subgraph(graph_attr={"rank": "same"}) as inputs:
        for pin in facts.pins:
            _add_pin(inputs if pin.is_input else part, pin)
    for box in facts.boxes:
        part.node(box.name, box_label(box))
    outlets = {box.name: box_outlet(box) for box in facts.boxes}
    for wire in facts.wires:
        _add_wire(part, wire, outlets.get(wire.source, wire.source))


def _add_motifs(drawing: graphviz.Digraph, facts: CellFacts) -> None:
    """The inside of each motif in a frame of its own, some of them side by side."""
    for first in reversed(range(0, len(facts.motifs), MOTIFS_A_ROW)):
        row = facts.motifs[first : first + MOTIFS_A_ROW]
        for place, (name, inside) in enumerate(row, first):
            colour = motif_colour(place)
            frame = {**_MOTIF, "color": colour, "label": inset_label(f"inside {name}", colour)}
            with drawing.subgraph(name=f"cluster_{name}", graph_attr=frame) as part:
                add_cell(part, inside)
        for (_, left), (_, right) in pairwise(row):
            drawing.edge(left.pins[-1].name, right.pins[0].name, style="invis", minlen="2")


def _add_pin(part: graphviz.Digraph, pin: Pin) -> None:
    style = {**(_INPUT if pin.is_input else _OUTPUT), **({} if pin.live else _FAINT_PIN)}
    part.node(pin.name, pin.label, height="0.42", margin="0.2,0.08", **style)


def _add_wire(part: graphviz.Digraph, wire: Wire, outlet: str) -> None:
    style = dict(_WIRES[wire.state])
    if wire.gated:
        style |= _GATED
    if wire.weight is not None:
        style["penwidth"] = f"{0.6 + 3.4 * wire.weight:.2f}"
    inlet = wire.target if wire.slot is None else f"{wire.target}:slot{wire.slot + 1}"
    part.edge(f"{outlet}:e", f"{inlet}:w", **style)


def _add_network(part: graphviz.Digraph, facts: NetworkFacts) -> None:
    for stage in facts.stages:
        _add_stage(part, stage)
    for source, target in facts.wires:
        if (source, target) not in facts.skips:
            part.edge(f"{source}:e", f"{target}:w", weight="100")  # heavy edges are drawn straight
    for source, target in facts.skips:
        part.edge(source, target, color=CELL_LINE)


def _add_stage(part: graphviz.Digraph, stage: Stage) -> None:
    margin = "0.24,0.08" if stage.kind == "input" else "0.14,0.08"  # text must keep clear of the arrow's tip
    height = "0.6" if stage.halvings is None else f"{0.6 + 0.8 * 0.6**stage.halvings:.2f}"  # as the spatial extent
    group = "" if stage.kind == "ngrams" else "chain"  # one chain is drawn in one line
    part.node(stage.name, stage_label(stage), height=height, margin=margin, group=group, **_STAGES[stage.kind])
