"""Pictures of cells with motifs: each inside is shown once, in the colour of the slots that it stands in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neat_deep.evolution.expression import seed_genome
from neat_deep.reports.pictures.drawing import cell_facts, genome_facts, network_facts
from neat_deep.reports.pictures.labels import MOTIF_COLOURS
from neat_deep.reports.pictures.render import draw_cell, draw_genome, draw_network, find_renderer, save_picture
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge, Motif
from tests.support.random_cells import genome_config

ONE = Motif("motif_1", (CellNode((Edge(0, "sep_conv_3", "relu"),)), CellNode((Edge(1, "max_pool_3"),))))
TWO = Motif("motif_2", (CellNode((Edge(0, "motif_1"), Edge(0, "identity")), "mul"),))
CELL = CellGraph(
    1,
    (CellNode((Edge(0, "motif_2"), Edge(0, "motif_1", "relu"))), CellNode((Edge(1, "sep_conv_1"),))),
    motifs=(ONE, TWO),
)


def test_a_cells_facts_hold_the_insides_of_its_motifs() -> None:
    facts = cell_facts(CELL)
    assert [name for name, _ in facts.motifs] == ["motif_1", "motif_2"]
    assert [slot.motif for slot in facts.boxes[0].slots] == [1, 0]
    assert [slot.motif for slot in facts.motifs[1][1].boxes[0].slots] == [0, None]
    names = [box.name for part in (facts, *(inside for _, inside in facts.motifs)) for box in part.boxes]
    assert len(set(names)) == len(names) == 5
    assert facts.families == ("identity", "pooling", "separable convolution")  # motifs have frames of their own
    assert not cell_facts(CELL.flat()).motifs


def test_slots_and_frames_of_a_motif_have_one_colour() -> None:
    for source in (draw_cell(CELL).source, draw_network(Architecture(CELL), (1, 28, 28), 10).source):
        for place, name in enumerate(("motif_1", "motif_2")):
            colour = MOTIF_COLOURS[place]
            frame = source.split(f"cluster_{name}")[1].split("}")[0]
            assert f'color="{colour}"' in frame and f"inside {name}" in frame
            assert len(re.findall(rf'BGCOLOR="{colour}"[^\n]*?<B>{name}</B>', source)) >= 1


def test_a_genome_shows_its_motifs_too() -> None:
    config = genome_config(motifs=2, motif_nodes=2, motif_levels=1, aggregation_options="add mul")
    one = CellGraph(1, (CellNode((Edge(0, "motif_1", "relu"),)),), motifs=(ONE,))
    genome = seed_genome(one, config, 1)
    facts = genome_facts(genome, config)
    assert [name for name, _ in facts.motifs] == ["motif_1", "motif_2"]
    assert facts.boxes[0].slots[0].motif == 0
    assert "inside motif_2" in draw_genome(genome, config).source


def test_the_height_of_a_stage_falls_with_each_reduction() -> None:
    architecture = Architecture(CELL, Skeleton(channels=8, cells=3, reduce_after=(1, 2)))
    stages = network_facts(architecture, (1, 28, 28), 10).stages
    assert [stage.halvings for stage in stages] == [None, 0, 0, 1, 1, 2, 2, None, None]
    source = draw_network(architecture, (1, 28, 28), 10).source
    heights = [
        float(re.search(rf"\n\s+{name} \[[^\n]*height=([\d.]+)", source)[1]) for name in ("cell0", "cell1", "cell2")
    ]
    assert heights == sorted(heights, reverse=True) and len(set(heights)) == 3


@pytest.mark.skipif(find_renderer() is None, reason="no Graphviz")
def test_the_renderer_draws_motifs(tmp_path: Path) -> None:
    (path,) = save_picture(draw_network(Architecture(CELL), (1, 28, 28), 10), tmp_path / "network", ("svg",))
    text = path.read_text()
    assert "inside motif_1" in text and "inside motif_2" in text
