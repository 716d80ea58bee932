"""NEAT on NAS-Bench-201: a genome of fixed topology, six nodes whose op genes are the cell."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Protocol

import neat
from neat.attributes import StringAttribute
from neat.genes import BaseGene, DefaultConnectionGene
from neat.genome import DefaultGenome, DefaultGenomeConfig

from nas_bench_table import EDGES, OPS, Cell
from neat_deep.evolution.reproduction import CellReproduction
from neat_deep.evolution.screened_children import ChildScreen, screen_children

NEAT = "neat"
CONFIG = Path(__file__).resolve().parent / "nas_bench_neat.ini"
MOST_REPEATS = 1000  # proposals in a row without a new cell, after which a run ends


class OpGene(BaseGene):
    """A node of the genome stands for an edge of the cell, and its one attribute for the op there."""

    _gene_attributes = (StringAttribute("op"),)

    op: str

    def distance(self, other: OpGene, config: Any) -> float:
        """Whether the ops differ, times `compatibility_weight_coefficient`."""
        return float((self.op != other.op) * config.compatibility_weight_coefficient)


class TableGenome(DefaultGenome):
    """A genome whose nodes never change in number: an output node for each edge, and no connections."""

    @classmethod
    def parse_config(cls, param_dict: dict[str, Any]) -> DefaultGenomeConfig:
        """Read the section that `neat.Config` found."""
        fixed = {"num_inputs": 1, "num_outputs": len(EDGES), "num_hidden": 0, "feed_forward": "True"}
        fixed |= {"initial_connection": "unconnected", "op_options": " ".join(OPS), "op_default": "random"}
        fixed |= dict.fromkeys(("conn_add_prob", "conn_delete_prob", "node_add_prob", "node_delete_prob"), 0)
        texts = {key: str(value) for key, value in fixed.items()}
        genes = {"node_gene_type": OpGene, "connection_gene_type": NoConnection}
        return DefaultGenomeConfig({**param_dict, **texts, **genes}, cls.__name__)

    def __init__(self, key: int) -> None:
        super().__init__(key)
        self.parents: tuple[int, ...] = ()

    def configure_crossover(self, first: TableGenome, second: TableGenome, config: Any, **options: Any) -> None:
        """As stock genomes, and note the parents."""
        super().configure_crossover(first, second, config, **options)
        self.parents = (first.key, second.key)

    def cell(self) -> Cell:
        """The ops as the table knows them."""
        return tuple(OPS.index(self.nodes[key].op) for key in range(len(EDGES)))


class NoConnection(DefaultConnectionGene):
    """A connection gene without attributes: there are no connections."""

    _gene_attributes = ()


class Judge(Protocol):
    """What a simulated run is for NEAT: see `Run` of `nas_bench_201`."""

    known: dict[str, float]

    def worth(self, cell: Cell) -> float:
        """The validation accuracy (0..1) of a cell."""
        ...


def search_by_neat(run: Judge, seed: int, screen: ChildScreen | None = None) -> None:
    """Evolve by stock `neat.Population` until the run's time is over, or proposals hold nothing new any more.

    With a `screen` several children compete for each place of a generation, as in a search of ours.
    """
    random.seed(seed)
    config = neat.Config(TableGenome, CellReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(CONFIG))
    repeats = 0

    def evaluate(genomes: list[tuple[int, TableGenome]], _: Any) -> None:
        nonlocal repeats
        for _key, genome in genomes:
            before = len(run.known)
            genome.fitness = run.worth(genome.cell())
            repeats = 0 if len(run.known) > before else repeats + 1

    population = neat.Population(config)
    if screen is not None:
        screen_children(population, screen, TableGenome.cell)
    while repeats < MOST_REPEATS:
        population.run(evaluate, 1)
