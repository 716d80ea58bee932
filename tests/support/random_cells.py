"""What several test files draw: random cell graphs, genomes after random mutations, and their configuration."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import neat
from hypothesis import strategies as st
from neat.innovation import InnovationTracker

from neat_deep.evolution.genome import CellGenome, CellGenomeConfig
from neat_deep.evolution.reproduction import CellReproduction
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge

DIGITS_INI = Path(__file__).resolve().parents[2] / "configs" / "digits_neat.ini"
OPS = ("identity", "sep_conv_3", "max_pool_3", "avg_pool_3", "sep_conv_1")
ACTIVATIONS = ("identity", "relu")
AGGREGATIONS = ("add", "mul")


@st.composite
def edges(draw: st.DrawFn, states: int) -> Edge:
    """An edge that reads one of the first `states` states."""
    return Edge(draw(st.integers(0, states - 1)), draw(st.sampled_from(OPS)), draw(st.sampled_from(ACTIVATIONS)))


@st.composite
def graphs(
    draw: st.DrawFn, max_nodes: int = 6, outputs: tuple[str, ...] = ("last", "concat"), *, gates: bool = False
) -> CellGraph:
    """A valid graph; nodes may be unused, pass-through, or twins, and with `gates` edges may be gated."""
    num_inputs = draw(st.integers(1, 2))
    nodes = []
    for index in range(draw(st.integers(1, max_nodes))):
        slots = draw(st.lists(edges(num_inputs + index), min_size=1, max_size=2))
        if gates and len(slots) == 2:
            slots = [replace(slot, gated=draw(st.booleans())) for slot in slots]
        nodes.append(CellNode(tuple(slots), draw(st.sampled_from(AGGREGATIONS)), key=index))
    return CellGraph(num_inputs, tuple(nodes), draw(st.sampled_from(outputs)))


def genome_config(num_inputs: int = 1, **changes: object) -> CellGenomeConfig:
    """The genome configuration of the digits experiment with some keys changed; its genomes start at random."""
    text = DIGITS_INI.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    changes = {"num_inputs": num_inputs, "op_default": "random", "activation_default": "random", **changes}
    section = "\n".join(lines).split("[CellGenome]")[1].split("[DefaultSpeciesSet]")[0]
    values = dict(line.split(" = ", 1) for line in section.strip().splitlines() if line)
    values.update({key: str(value) for key, value in changes.items()})
    config = CellGenome.parse_config(values)
    config.innovation_tracker = InnovationTracker()
    return config


def neat_config(path: Path = DIGITS_INI) -> neat.Config:
    """A stock neat-python configuration with our genome class."""
    return neat.Config(CellGenome, CellReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(path))


def evolved_genomes(config: CellGenomeConfig, seed: int, steps: int, count: int = 6) -> list[CellGenome]:
    """A handful of genomes after `steps` random mutations and crossovers; seeds Python's global generator."""
    random.seed(seed)
    pool = []
    for key in range(count):
        genome = CellGenome(key)
        genome.configure_new(config)
        genome.fitness = random.random()
        pool.append(genome)
    for step in range(steps):
        first, second = random.sample(pool, 2)
        child = CellGenome(count + step)
        child.configure_crossover(first, second, config)
        child.mutate(config)
        child.fitness = random.random()
        pool[random.randrange(count)] = child
        config.innovation_tracker.reset_generation()
    return pool
