"""Pictures of cells, genomes and networks: the facts, the DOT source and the files."""

from __future__ import annotations

import logging
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree  # reads only what our own renderer wrote

import pytest
from neat.innovation import InnovationTracker

from neat_deep.base.errors import ConfigError, DisconnectedError, OutputError
from neat_deep.evolution.expression import express
from neat_deep.evolution.genome import CellGenome, CellGenomeConfig
from neat_deep.ops import get_op, list_ops
from neat_deep.reports.pictures import render
from neat_deep.reports.pictures.drawing import TIMES, CellFacts, cell_facts, genome_facts, network_facts
from neat_deep.reports.pictures.labels import FAINT, FAMILY_COLOURS, GATE, INK
from neat_deep.reports.pictures.render import draw_cell, draw_genome, draw_network, find_renderer, save_picture
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

CELL = CellGraph(
    1,
    (
        CellNode((Edge(0, "sep_conv_3", "relu"), Edge(0, "max_pool_3")), "add", 4),
        CellNode((Edge(1, "dil_conv_5", "tanh"), Edge(0, "identity")), "mul", 2),
        CellNode((Edge(2, "avg_pool_3", "sigmoid"),), "mul", 0),
    ),
)
TWO_INPUTS = CellGraph(2, (CellNode((Edge(0, "sep_conv_3"), Edge(1, "identity"))),))


def label_of(source: str, node: str) -> str:
    """The HTML-like label of a node in DOT source."""
    found = re.search(rf"^\s*{re.escape(node)} \[label=<(.*?)> ?(?:[a-z]+=.*)?\]$", source, re.MULTILINE)
    assert found, f"no node {node} in {source}"
    return found[1]


def edges_of(source: str) -> list[tuple[str, str, str]]:
    """The edges of DOT source: tail, head, attributes."""
    return re.findall(r"^\s*(\S+) -> (\S+)(?: \[(.*)\])?$", source, re.MULTILINE)


# --- cells ---


def test_ngrams_stand_beside_the_cells() -> None:
    skeleton = Skeleton(rank=1, cells=2, reduce_after=(), ngrams=2)
    facts = network_facts(Architecture(CELL, skeleton), (50,), 2)
    assert facts.stages[-1].label == "n-grams" and "1 to 2 tokens" in facts.stages[-1].shape
    assert {("data", "ngrams"), ("ngrams", "classes")} <= set(facts.wires)
    assert "n-grams" in draw_network(Architecture(CELL, skeleton), (50,), 2).source


def test_ngrams_of_characters_have_a_place_of_their_own() -> None:
    skeleton = Skeleton(rank=1, cells=2, reduce_after=(), ngrams=2, char_ngrams=5)
    facts = network_facts(Architecture(CELL, skeleton), (50,), 2)
    assert "3 to 5 characters" in facts.stages[-1].shape
    for name in ("ngrams", "char_ngrams"):
        assert {("data", name), (name, "classes")} <= set(facts.wires)


def test_a_box_shows_ops_activations_and_the_sign() -> None:
    source = draw_cell(CELL).source
    first, second, last = (label_of(source, f"node{i}") for i in range(3))
    assert "<B>sep_conv_3</B>  relu<" in first
    assert "<B>max_pool_3</B><" in first  # no activation, so none is shown
    assert "<B>+</B>" in first and "node 4" in first
    assert f"<B>{TIMES}</B>" in second and "<B>+</B>" not in second
    assert "slot2" not in last and TIMES not in last  # one edge: one slot, nothing to aggregate


def test_edges_run_from_the_sign_to_the_right_slot() -> None:
    ends = [(tail, head) for tail, head, _ in edges_of(draw_cell(CELL).source)]
    assert sorted(ends) == sorted(
        [
            ("input0:e", "node0:slot1:w"),
            ("input0:e", "node0:slot2:w"),
            ("node0:sign:e", "node1:slot1:w"),
            ("input0:e", "node1:slot2:w"),
            ("node1:sign:e", "node2:slot1:w"),
            ("node2:slot1:e", "output:w"),
        ]
    )


@pytest.mark.parametrize("op", list_ops())
def test_every_registered_op_has_the_colour_of_its_family_and_the_legend_names_it_alone(op: str) -> None:
    family = get_op(op).family
    source = draw_cell(CellGraph(1, (CellNode((Edge(0, op),)),))).source
    assert f'BGCOLOR="{FAMILY_COLOURS[family][0]}"' in label_of(source, "node0")
    legend = re.sub(r"\s+<", "<", label_of(source, "legend"))
    assert [known for known in [*FAMILY_COLOURS, "custom"] if f">{known}<" in legend] == [family]


def test_the_legend_has_the_families_that_occur_once_each() -> None:
    twice = CellGraph(1, (CellNode((Edge(0, "max_pool_3"), Edge(0, "avg_pool_5"))), CellNode((Edge(1, "sep_conv_1"),))))
    legend = label_of(draw_cell(twice).source, "legend")
    assert legend.count("pooling") == legend.count("separable convolution") == 1
    assert not any(word in legend for word in ("dilated", "identity", "attention", "custom", "disabled", "expressed"))


def test_an_op_that_is_not_registered_draws_as_custom() -> None:
    facts = cell_facts(CellGraph(1, (CellNode((Edge(0, "somebody_elses_op"),)),)))
    assert facts.families == ("custom",)


def test_names_and_titles_are_escaped(tmp_path: Path) -> None:
    graph = CellGraph(1, (CellNode((Edge(0, 'a<b>&"c', "<act>"), Edge(0, "identity")), "<agg>"),))
    (path,) = save_picture(draw_cell(graph, title="R&D <1>"), tmp_path / "cell", ["svg"])
    texts = [element.text for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    shown = " ".join(text or "" for text in texts)
    assert all(name in shown for name in ('a<b>&"c', "<act>", "<agg>", "R&D <1>"))


def test_concatenated_output_is_fed_by_every_node_and_says_so() -> None:
    facts = cell_facts(replace(CELL, output="concat"))
    assert [wire.source for wire in facts.wires if wire.target == "output"] == ["node0", "node1", "node2"]
    assert facts.pins[-1].label == "output (concat)"


def test_two_inputs_are_told_apart_and_an_unread_one_is_faint() -> None:
    pins = cell_facts(TWO_INPUTS).pins[:2]
    assert [(pin.label, pin.live) for pin in pins] == [("two cells back", True), ("previous cell", True)]  # older first
    half = CellGraph(2, (CellNode((Edge(1, "identity"),)),))
    assert [pin.live for pin in cell_facts(half).pins] == [False, True, True]
    source = draw_cell(half).source
    (unread,) = re.findall(r"^\s*input0 \[.*\]$", source, re.MULTILINE)
    (read,) = re.findall(r"^\s*input1 \[.*\]$", source, re.MULTILINE)
    assert f'fontcolor="{FAINT}"' in unread and f'fillcolor="{INK}"' in read and FAINT not in read


def test_edge_widths_thicken_their_own_edges_only() -> None:
    drawn = edges_of(draw_cell(CELL, edge_widths={(0, 1): 1.0, (1, 0): 0.1}).source)
    width = {head: float(re.findall(r"penwidth=([\d.]+)", style)[0]) for _, head, style in drawn if "penwidth" in style}
    assert set(width) == {"node0:slot2:w", "node1:slot1:w"}
    assert width["node0:slot2:w"] > 2 * width["node1:slot1:w"] > 0


def test_a_title_is_drawn_only_where_there_is_one() -> None:
    assert "Best cell" in label_of(draw_cell(CELL, title="Best cell").source, "title")
    assert "title" not in draw_cell(CELL).source


# --- networks ---


def stages(skeleton: Skeleton, shape: tuple[int, ...], cell: CellGraph = CELL) -> list[tuple[str, str]]:
    facts = network_facts(Architecture(cell, skeleton), shape, 10)
    return [(stage.label, stage.shape.replace(TIMES, "x")) for stage in facts.stages]


def test_shapes_at_each_stage_round_odd_sides_up() -> None:
    skeleton = Skeleton(channels=12, cells=3, reduce_after=(0, 2, 3), growth=1.5)
    assert stages(skeleton, (3, 29, 30)) == [
        ("images", "3 x 29 x 30"),
        ("stem", "12 x 29 x 30"),
        ("reduction", "18 x 15 x 15"),
        ("cell 1", "18 x 15 x 15"),
        ("cell 2", "18 x 15 x 15"),
        ("reduction", "27 x 8 x 8"),
        ("cell 3", "27 x 8 x 8"),
        ("reduction", "40 x 4 x 4"),
        ("head", "mean pooling, linear"),
        ("10 classes", ""),
    ]


def test_sequences_have_an_open_length() -> None:
    found = stages(Skeleton(rank=1, channels=8, cells=2, reduce_after=(1,), head_pool="mean_max"), ())
    assert [shape for _, shape in found] == [
        "L",
        "8 x L",
        "8 x L",
        "16 x L/2",
        "16 x L/2",
        "mean and max pooling, linear",
        "",
    ]


def test_the_shape_is_written_at_each_stage_and_the_chain_is_whole() -> None:
    drawing = draw_network(Architecture(CELL, Skeleton(cells=2, reduce_after=(1,))), (1, 28, 28), 10)
    source = drawing.source
    assert f"16 {TIMES} 28 {TIMES} 28" in label_of(source, "cell0")
    assert f"32 {TIMES} 14 {TIMES} 14" in label_of(source, "cell1")
    chain = ["data", "stem", "cell0", "reduction1", "cell1", "head", "classes"]
    ends = [(tail, head) for tail, head, _ in edges_of(source)]
    assert all((f"{a}:e", f"{b}:w") in ends for a, b in pairwise(chain))
    assert "<B>sep_conv_3</B>" in label_of(source, "node0")  # the cell itself, once
    assert source.count("<B>sep_conv_3</B>") == 1


@pytest.mark.parametrize(
    ("reduce_after", "skips"),
    [
        ((), (("stem", "cell1"), ("cell0", "cell2"), ("cell1", "cell3"))),
        # a reduction reduces both states, so no edge jumps over it; after the last cell only one state is left
        ((0, 2, 4), (("reduction1", "cell1"), ("cell0", "reduction2"), ("reduction2", "cell3"))),
    ],
)
def test_cells_with_two_inputs_have_skip_edges(
    reduce_after: tuple[int, ...], skips: tuple[tuple[str, str], ...]
) -> None:
    skeleton = Skeleton(cells=4, reduce_after=reduce_after)
    two = Architecture(TWO_INPUTS, skeleton)
    assert network_facts(two, (1, 8, 8), 2).skips == skips
    assert network_facts(Architecture(CELL, skeleton), (1, 8, 8), 2).skips == ()
    ends = [(tail, head) for tail, head, _ in edges_of(draw_network(two, (1, 8, 8), 2).source)]
    assert set(skips) <= set(ends)


@pytest.mark.parametrize(
    ("used_input", "chain"),
    [
        (1, ["data", "stem", "cell0", "cell1", "reduction1", "cell2", "head", "classes"]),
        (0, ["data", "stem", "cell0", "reduction1", "cell2", "head", "classes"]),  # nobody reads cell 1
    ],
)
def test_a_network_is_drawn_without_what_nobody_reads(used_input: int, chain: list[str]) -> None:
    cell = CellGraph(2, (CellNode((Edge(used_input, "sep_conv_3"),)),))
    facts = network_facts(Architecture(cell, Skeleton(cells=3, reduce_after=(2,))), (1, 8, 8), 2)
    assert [stage.name for stage in facts.stages] == chain
    assert list(facts.wires) == list(pairwise(chain))
    assert facts.skips == ()


def test_gates_are_marked_on_slots_wires_and_cells_and_explained() -> None:
    plain = CellNode((Edge(0, "sep_conv_3", "relu"),))
    cell = CellGraph(1, (plain, CellNode((Edge(1, "identity"), Edge(0, "max_pool_3", "relu", gated=True)))))
    source = draw_cell(cell).source
    mark = f"<I>{TIMES} g</I>"
    assert label_of(source, "node1").count(mark) == 1 and mark not in label_of(source, "node0")
    assert [head for _, head, style in edges_of(source) if GATE in style] == ["node1:slot2:w"]
    assert "learnable gate" in source
    assert GATE not in draw_cell(CellGraph(1, (plain,))).source
    grown = Architecture(TWO_INPUTS, Skeleton(cells=2, gated_cells=(1,)))
    facts = network_facts(grown, (1, 8, 8), 2)
    assert [stage.label for stage in facts.stages if stage.kind == "cell"] == ["cell 1", "cell 2, gated"]
    assert ("cell0", "cell1") in facts.wires


def test_images_of_another_rank_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"data_shape: got \(28, 28\)"):
        draw_network(Architecture(CELL), (28, 28), 10)


# --- genomes ---

KEYS = """
num_inputs=2 num_outputs=1 num_hidden=0 feed_forward=True
compatibility_disjoint_coefficient=1.0 compatibility_weight_coefficient=0.5
conn_add_prob=0.6 conn_delete_prob=0.1 node_add_prob=0.5 node_delete_prob=0.05 initial_connection=full_direct
op_mutate_rate=0.3 activation_mutate_rate=0.2 aggregation_mutate_rate=0.2
weight_init_mean=1.0 weight_init_stdev=0.3 weight_init_type=gaussian weight_max_value=10 weight_min_value=-10
weight_mutate_power=0.5 weight_mutate_rate=0.5 weight_replace_rate=0.1
enabled_default=True enabled_mutate_rate=0.1 enabled_rate_to_true_add=0 enabled_rate_to_false_add=0
"""


@pytest.fixture
def config() -> CellGenomeConfig:
    values = dict(pair.split("=") for pair in KEYS.split())
    values["op_options"] = "none identity sep_conv_3 dil_conv_3 max_pool_3"
    values["activation_options"] = "identity relu"
    values["aggregation_options"] = "add mul"
    made = CellGenome.parse_config(values)
    made.innovation_tracker = InnovationTracker()
    return made


def make_genome(
    config: CellGenomeConfig, nodes: dict[int, tuple[str, str]], connections: list[tuple[int, int, float, bool]]
) -> CellGenome:
    """A genome of nodes {key: (op of slot 1, op of slot 2)} and connections (source, target, strength, enabled)."""
    genome = CellGenome(1)
    for key, (op_1, op_2) in nodes.items():
        gene = config.node_gene_type(key)
        gene.op_1, gene.op_2, gene.activation_1, gene.activation_2, gene.aggregation = (
            op_1,
            op_2,
            "relu",
            "identity",
            "mul",
        )
        genome.nodes[key] = gene
    for number, (source, target, strength, enabled) in enumerate(connections):
        genome.add_connection(config, source, target, strength, enabled, innovation=number)
    return genome


@pytest.fixture
def genome(config: CellGenomeConfig) -> CellGenome:
    nodes = {
        0: ("sep_conv_3", "max_pool_3"),
        1: ("identity", "none"),
        2: ("none", "none"),
        3: ("dil_conv_3", "identity"),
    }
    connections = [
        (-1, 1, 1.0, True),  # alone into node 1: read on both slots, of which the second is off
        (-1, 2, 1.0, True),  # node 2 has no live slot
        (-1, 3, 1.0, True),  # node 3 lives but nothing reads it: it loses to the two strongest
        (1, 0, 2.0, True),
        (-1, 0, 3.0, True),
        (3, 0, 0.5, True),
        (-2, 0, 9.0, False),
    ]
    return make_genome(config, nodes, connections)


def wires(facts: CellFacts) -> set[tuple[str, str, int | None, str]]:
    return {(wire.source, wire.target, wire.slot, wire.state) for wire in facts.wires}


def test_the_two_strongest_connections_feed_the_slots_and_the_rest_is_faint(
    genome: CellGenome, config: CellGenomeConfig
) -> None:
    facts = genome_facts(genome, config)
    assert wires(facts) == {
        ("input0", "node0", 0, "live"),
        ("node1", "node0", 1, "live"),
        ("node3", "node0", None, "unused"),
        ("input1", "node0", None, "disabled"),
        ("input0", "node1", 0, "live"),
        ("input0", "node1", 1, "unused"),
        ("input0", "node2", 0, "unused"),
        ("input0", "node2", 1, "unused"),
        ("input0", "node3", 0, "unused"),
        ("input0", "node3", 1, "unused"),
        ("node0", "output", None, "live"),
    }
    assert {box.caption: box.live for box in facts.boxes} == {
        "node 0": True,
        "node 1": True,
        "node 2": False,
        "node 3": False,
    }
    assert {pin.name: pin.live for pin in facts.pins} == {"input0": True, "input1": False, "output": True}


def test_dead_and_disabled_genes_are_drawn_faint(genome: CellGenome, config: CellGenomeConfig) -> None:
    source = draw_genome(genome, config).source
    alive, dead = label_of(source, "node0"), label_of(source, "node3")
    assert INK in alive and FAMILY_COLOURS["separable convolution"][0] in alive and FAINT not in alive
    assert FAINT in dead and INK not in dead and FAMILY_COLOURS["dilated convolution"][0] not in dead
    styles = {(tail, head): style for tail, head, style in edges_of(source)}
    disabled = styles["input1:e", "node0:w"]
    assert "style=dashed" in disabled and FAINT in disabled
    unused = styles["node3:sign:e", "node0:w"]
    assert FAINT in unused and "dashed" not in unused
    assert styles["node1:sign:e", "node0:slot2:w"] == ""
    legend = label_of(source, "legend")
    assert "not expressed" in legend and "disabled" in legend
    assert "dilated convolution" not in legend  # only a dead node has one


def test_a_slot_that_is_off_is_faint_and_so_is_the_sign_beside_it(genome: CellGenome, config: CellGenomeConfig) -> None:
    label = label_of(draw_genome(genome, config).source, "node1")
    assert re.search(rf'COLOR="{FAINT}"><B>none</B><', label)
    assert re.search(rf'PORT="sign"[^>]*BGCOLOR="{FAINT}"', label)


def test_equal_strengths_rank_by_innovation_number(config: CellGenomeConfig) -> None:
    tied = make_genome(config, {0: ("sep_conv_3", "identity")}, [(-2, 0, 1.0, True), (-1, 0, 1.0, True)])
    assert {("input1", "node0", 0, "live"), ("input0", "node0", 1, "live")} <= wires(genome_facts(tied, config))


def test_a_genome_that_connects_nothing_is_drawn_faint_throughout(config: CellGenomeConfig, tmp_path: Path) -> None:
    cut = make_genome(config, {0: ("sep_conv_3", "identity")}, [(-1, 0, 1.0, False)])
    facts = genome_facts(cut, config)
    assert not any(part.live for part in (*facts.boxes, *facts.pins))
    assert facts.families == ()
    assert save_picture(draw_genome(cut, config), tmp_path / "cut", ["svg"])[0].exists()


@pytest.fixture
def random_genomes(config: CellGenomeConfig) -> Iterator[Iterator[CellGenome]]:
    state = random.getstate()

    def evolve() -> Iterator[CellGenome]:
        for seed in range(40):
            random.seed(seed)
            genome = CellGenome(seed)
            genome.configure_new(config)
            for _ in range(12):
                genome.mutate(config)
            yield genome

    yield evolve()
    random.setstate(state)


def test_what_is_drawn_live_is_what_is_expressed(
    random_genomes: Iterator[CellGenome], config: CellGenomeConfig
) -> None:
    largest = 0
    for genome in random_genomes:
        facts = genome_facts(genome, config)
        drawn = [
            (wire.source, wire.target, slot.op, slot.activation)
            for box in facts.boxes
            for wire in facts.wires
            if wire.target == box.name and wire.state == "live" and wire.slot is not None
            for slot in [box.slots[wire.slot]]
        ]
        try:
            graph = express(genome, config).prune()
        except DisconnectedError:
            assert drawn == []
            continue
        names = ["input0", "input1", *(f"node{node.key}" for node in graph.nodes)]
        expressed = [
            (names[edge.source], f"node{node.key}", edge.op, edge.activation)
            for node in graph.nodes
            for edge in node.edges
        ]
        assert sorted(drawn) == sorted(expressed)
        largest = max(largest, len(graph.nodes))
    assert largest >= 3  # the genomes were worth comparing


# --- files ---


def test_png_and_svg_are_real_pictures(tmp_path: Path) -> None:
    written = save_picture(draw_network(Architecture(CELL), (1, 28, 28), 10), tmp_path / "out" / "net.v1")
    assert [path.name for path in written] == ["net.v1.svg", "net.v1.png"]
    assert sorted(tmp_path.rglob("*.*g")) == sorted(written)
    svg, png = written
    root = ElementTree.parse(svg).getroot()  # noqa: S314
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    head = png.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    points, pixels = float(root.attrib["width"].removesuffix("pt")), int.from_bytes(head[16:20], "big")
    assert pixels == pytest.approx(2 * points, abs=4)  # twice the 72 dots an inch that a point is: sharp on a slide


def test_without_a_renderer_the_dot_file_is_written_and_one_line_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(render.shutil, "which", lambda *_, **__: None)
    drawing = draw_cell(CELL)
    with caplog.at_level(logging.WARNING):
        written = save_picture(drawing, tmp_path / "cell")
    assert written == [tmp_path / "cell.dot"] == list(tmp_path.iterdir())
    assert written[0].read_text(encoding="utf-8") == drawing.source
    (record,) = caplog.records
    assert "pip install graphviz-pure" in record.getMessage() and "\n" not in record.getMessage()


def fake_program(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return path


posix = pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for the renderer")


@posix
def test_dot_is_preferred_and_path_is_searched_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(render.sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setattr(render.sysconfig, "get_path", lambda _: str(tmp_path / "elsewhere"))
    assert find_renderer() is None
    pure = fake_program(tmp_path, "graphviz-pure", "")
    assert find_renderer() == str(pure)
    (tmp_path / "elsewhere").mkdir()
    beside = fake_program(tmp_path / "elsewhere", "graphviz-pure", "")
    assert find_renderer() == str(beside)
    dot = fake_program(tmp_path, "dot", "")
    assert find_renderer() == str(dot)


@posix
def test_a_failing_renderer_is_an_error_with_its_message_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = fake_program(tmp_path, "dot", "import sys; print('half'); sys.exit('syntax error near line 7')")
    monkeypatch.setattr(render, "find_renderer", lambda: str(fake))
    target = tmp_path / "pictures"
    target.mkdir()
    (target / "cell.svg").write_text("the old picture")
    with pytest.raises(OutputError, match=r"cannot draw svg: .*dot says: syntax error near line 7"):
        save_picture(draw_cell(CELL), target / "cell")
    assert [path.name for path in target.iterdir()] == ["cell.svg"]
    assert (target / "cell.svg").read_text() == "the old picture"


def test_an_unknown_format_is_the_renderers_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot draw nonsense"):
        save_picture(draw_cell(CELL), tmp_path / "cell", ["nonsense"])
    assert list(tmp_path.iterdir()) == []


def test_a_renderer_that_does_not_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "find_renderer", lambda: str(tmp_path / "gone"))
    with pytest.raises(OutputError, match="does not start"):
        save_picture(draw_cell(CELL), tmp_path / "cell")


def test_the_renderer_accepts_every_port(tmp_path: Path, config: CellGenomeConfig, genome: CellGenome) -> None:
    """graphviz only warns about an edge to a port that no label has; a warning here is a misdirected edge."""
    renderer = find_renderer()
    assert renderer
    for drawing in (
        draw_cell(CELL),
        draw_genome(genome, config),
        draw_network(Architecture(TWO_INPUTS, Skeleton(cells=3)), (1, 8, 8), 2),
    ):
        done = subprocess.run([renderer, "-Tsvg"], input=drawing.source.encode(), capture_output=True, check=True)
        assert b"port" not in done.stderr
