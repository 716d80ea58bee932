"""A first generation that starts from a known architecture instead of from nothing."""

from __future__ import annotations

import copy

import neat

from neat_deep.evolution.expression import seed_architecture
from neat_deep.space.architecture import Architecture


def seed_population(population: neat.Population, architecture: Architecture) -> None:
    """Replace the first generation: one genome expresses `architecture`, every other is a mutant of that one.

    The genomes keep their keys, and share the seed's node keys, so that they can be crossed. Raises `GraphError` for
    an architecture that a genome of the population's configuration cannot hold.
    """
    config = population.config
    first, *mutants = sorted(population.population)
    genomes = {first: seed_architecture(architecture, config.genome_config, first)}
    for key in mutants:
        genomes[key] = copy.deepcopy(genomes[first])
        genomes[key].key = key
        genomes[key].mutate(config.genome_config)
    population.population = genomes
    population.species = config.species_set_type(config.species_set_config, population.reporters)
    population.species.speciate(config, genomes, population.generation)
