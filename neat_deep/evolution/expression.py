"""Genome to architecture, and back: what a genome expresses, and a genome that expresses what is given."""

from __future__ import annotations

from neat.innovation import InnovationTracker

from neat_deep.base.errors import DisconnectedError, GraphError
from neat_deep.evolution.genes import CellConnectionGene, MotifGenes, SkeletonGene
from neat_deep.evolution.genome import CellGenome, CellGenomeConfig
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import IDENTITY, NONE, CellGraph, CellNode, Edge, Motif
from neat_deep.space.motifs import used_motifs

Slot = tuple[int, str, str]  # source gene key, op, activation


def express_architecture(genome: CellGenome, config: CellGenomeConfig, skeleton: Skeleton) -> Architecture:
    """The cell of a genome in `skeleton`, with what the genome says of it in place; raises what `express` raises."""
    if genome.skeleton is not None:
        skeleton = config.skeletons.decide(genome.skeleton.values, skeleton)
    return Architecture(express(genome, config), skeleton)


def seed_architecture(architecture: Architecture, config: CellGenomeConfig, key: int) -> CellGenome:
    """A genome that expresses `architecture`, in any skeleton that differs only in what genomes say of it.

    Raises `GraphError` as `seed_genome` does, and for a skeleton that genomes of this configuration cannot say.
    """
    genome = seed_genome(architecture.cell, config, key)
    if config.skeletons.are_given:
        try:
            genome.skeleton = SkeletonGene(config.skeletons.values(architecture.skeleton))
        except ValueError as error:
            raise GraphError(f"the skeleton is none that genomes of this configuration have: {error}") from None
    return genome


def express(genome: CellGenome, config: CellGenomeConfig) -> CellGraph:
    """The cell that a genome stands for: its live nodes in the order of the genes, the output node last.

    Of a node's enabled incoming connections the two strongest feed its two slots, the stronger on slot 1, ties by
    innovation number; a single one feeds both. A slot whose op is `none` or whose source is dead is off; a node with
    both slots off is dead. Node keys are gene keys. Of the motifs it has those that its nodes use. Raises
    `DisconnectedError` when the output node is dead and `GraphError` when the connections hold a cycle.
    """
    (output_key,) = config.output_keys
    slots = {key: _slots(genome, key) for key in genome.nodes}
    state = {key: index for index, key in enumerate(config.input_keys)}
    nodes: list[CellNode] = []
    waiting = [key for key in genome.nodes if key != output_key]
    dead: set[int] = set()

    def place(key: int) -> None:
        edges = tuple(Edge(state[source], op, act) for source, op, act in slots[key] if source in state)
        if not edges:
            dead.add(key)
            return
        state[key] = len(config.input_keys) + len(nodes)
        nodes.append(CellNode(edges, genome.nodes[key].aggregation, key))

    def ready(key: int) -> bool:
        return all(source in state or source in dead for source, _, _ in slots[key])

    while waiting:
        following = next((key for key in waiting if ready(key)), None)
        if following is None:
            raise GraphError(f"genome {genome.key}: the connections among nodes {waiting} hold a cycle")
        waiting.remove(following)
        place(following)
    place(output_key)
    if output_key in dead:
        raise DisconnectedError(f"genome {genome.key}: nothing connects input to output")
    graphs = {} if genome.motifs is None else genome.motifs.graphs
    motifs = [Motif(name, graph.nodes) for name, graph in graphs.items()]
    return CellGraph(len(config.input_keys), tuple(nodes), motifs=used_motifs(nodes, motifs))


def seed_genome(graph: CellGraph, config: CellGenomeConfig, key: int) -> CellGenome:
    """A genome that expresses `graph`: `express(seed_genome(graph, config, key), config) == graph`.

    The node keys are new, but for the output's; a motif that nothing uses is not expressed. Raises `GraphError` for a
    graph that a genome of this configuration cannot hold: concatenated output, another number of inputs, an output that
    other nodes read, names that are not among its options, more nodes than `max_nodes`, motifs that it has no genes
    for.
    """
    _check_holdable(graph, config)
    if config.innovation_tracker is None:
        config.innovation_tracker = InnovationTracker()
    genome = CellGenome(key)
    keys = list(config.input_keys)
    for index, node in enumerate(graph.nodes):
        is_output = index == len(graph.nodes) - 1
        gene_key = config.output_keys[0] if is_output else config.get_new_node_key({**genome.nodes, 0: None})
        gene = genome.create_node(config, gene_key)
        first, second = node.edges[0], node.edges[-1]
        gene.op_1, gene.activation_1 = first.op, first.activation
        gene.op_2, gene.activation_2 = second.op, second.activation
        if len(node.edges) == 1:
            gene.op_2, gene.activation_2 = NONE, IDENTITY
        gene.aggregation = node.aggregation
        genome.nodes[gene_key] = gene
        for strength, edge in zip((1.0, 0.5), node.edges, strict=False):
            connection = (keys[edge.source], gene_key)
            if connection not in genome.connections:  # both slots may read one source, by one connection
                number = config.innovation_tracker.get_innovation_number(*connection, "initial_connection")
                genome.add_connection(config, *connection, strength, True, innovation=number)
        keys.append(gene_key)
    if config.motif_spaces:
        given = {motif.name: CellGraph(1, motif.nodes) for motif in graph.motifs}
        simplest = {name: next(space.enumerate()) for name, space in config.motif_spaces.items()}
        genome.motifs = MotifGenes(simplest | given)
    return genome


def feeding_connections(genome: CellGenome, key: int) -> list[CellConnectionGene]:
    """The connections that feed slot 1 and slot 2 of a node, by the rule of `express`; empty when none is enabled."""
    enabled = [c for c in genome.connections.values() if c.enabled and c.key[1] == key]
    enabled.sort(key=lambda c: c.rank)
    return [enabled[0], enabled[:2][-1]] if enabled else []


def _slots(genome: CellGenome, key: int) -> list[Slot]:
    """What feeds the node's slots that are switched on."""
    gene = genome.nodes[key]
    settings = ((gene.op_1, gene.activation_1), (gene.op_2, gene.activation_2))
    feeding = feeding_connections(genome, key)
    return [(c.key[0], op, act) for c, (op, act) in zip(feeding, settings, strict=False) if op != NONE]


def _check_holdable(graph: CellGraph, config: CellGenomeConfig) -> None:
    if graph.output != "last":
        raise GraphError(f"a genome's output is its last node; the graph's is {graph.output!r}")
    if graph.num_inputs != len(config.input_keys):
        raise GraphError(f"the graph has {graph.num_inputs} inputs, genomes of this configuration {config.num_inputs}")
    if config.max_nodes and len(graph.nodes) > config.max_nodes:
        raise GraphError(f"the graph has {len(graph.nodes)} nodes, max_nodes allows {config.max_nodes}")
    given = [motif.name for motif in graph.motifs]
    for node in graph.nodes:
        _check_node(node, [*config.plain_op_options, *given], config)
    for motif in graph.motifs:
        if motif.name not in config.motif_spaces:
            allowed = ", ".join(config.motif_spaces) or "none, as motifs = 0 says"
            raise GraphError(f"the graph has the motif '{motif.name}', allowed: {allowed}")
        space = config.motif_spaces[motif.name]
        if len(motif.nodes) > space.nodes:
            nodes = len(motif.nodes)
            raise GraphError(f"motif '{motif.name}' has {nodes} nodes, motif_nodes allows {space.nodes}")
        for node in motif.nodes:
            _check_node(node, [name for name in space.ops if name in {*config.plain_op_options, *given}], config)


def _check_node(node: CellNode, ops: list[str], config: CellGenomeConfig) -> None:
    _check_option("aggregation", node.aggregation, config.aggregation_options)
    for edge in node.edges:
        if edge.gated:
            raise GraphError("the graph has a gated edge, which genes do not know; allowed: edges without gates")
        _check_option("activation", edge.activation, config.activation_options)
        _check_option("op", edge.op, ops)


def _check_option(kind: str, name: str, options: list[str]) -> None:
    if name not in options:
        raise GraphError(f"{kind} '{name}' is not among {kind}_options: {' '.join(options)}")
