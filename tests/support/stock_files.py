"""The configurations that neat-python's own tests read, which its source distribution leaves out, in our words."""

from __future__ import annotations

from pathlib import Path

SECTIONS = {
    "NEAT": {
        "fitness_criterion": "max",
        "fitness_threshold": "0.9",
        "pop_size": "150",
        "reset_on_extinction": "False",
        "no_fitness_termination": "False",
    },
    "DefaultGenome": {
        "num_inputs": "2",
        "num_outputs": "1",
        "num_hidden": "0",
        "feed_forward": "True",
        "initial_connection": "full",
        "activation_default": "sigmoid",
        "activation_options": "sigmoid",
        "activation_mutate_rate": "0.0",
        "aggregation_default": "sum",
        "aggregation_options": "sum",
        "aggregation_mutate_rate": "0.0",
        "compatibility_disjoint_coefficient": "1.0",
        "compatibility_weight_coefficient": "0.5",
        "conn_add_prob": "0.5",
        "conn_delete_prob": "0.5",
        "node_add_prob": "0.2",
        "node_delete_prob": "0.2",
        "single_structural_mutation": "false",
        "structural_mutation_surer": "default",
        "enabled_default": "True",
        "enabled_mutate_rate": "0.01",
        "enabled_rate_to_true_add": "0.0",
        "enabled_rate_to_false_add": "0.0",
        **{
            f"{name}_{key}": value
            for name, (mean, stdev, power, rate, replace) in {
                "bias": ("0.0", "1.0", "0.5", "0.7", "0.1"),
                "response": ("1.0", "0.0", "0.0", "0.0", "0.0"),
                "weight": ("0.0", "1.0", "0.5", "0.8", "0.1"),
            }.items()
            for key, value in {
                "init_mean": mean,
                "init_stdev": stdev,
                "init_type": "gaussian",
                "max_value": "30",
                "min_value": "-30",
                "mutate_power": power,
                "mutate_rate": rate,
                "replace_rate": replace,
            }.items()
        },
    },
    "DefaultSpeciesSet": {"compatibility_threshold": "3.0"},
    "DefaultStagnation": {"species_fitness_func": "max", "max_stagnation": "20", "species_elitism": "1"},
    "DefaultReproduction": {"elitism": "2", "survival_threshold": "0.2", "min_species_size": "2"},
}
VARIED = {
    "activation_default": "random",
    "activation_options": "sigmoid tanh relu",
    "activation_mutate_rate": "0.5",
    "aggregation_default": "random",
    "aggregation_options": "sum product max min",
    "aggregation_mutate_rate": "0.5",
    "enabled_mutate_rate": "0.05",
    "initial_connection": "partial 0.5",
    "single_structural_mutation": "True",
    "reset_on_extinction": "True",
    "species_elitism": "0",
    "weight_init_type": "uniform",
}
CHANGES: dict[str, dict[str, str]] = {
    "test_configuration": {},
    "test_configuration2": {**VARIED, "enabled_rate_to_true_add": "0.5"},
    "test_configuration3": {**VARIED, "enabled_default": "1", "structural_mutation_surer": "1"},
    "test_configuration4": {**VARIED, "enabled_default": "random", "no_fitness_termination": "True"},
    "test_configuration5": {**VARIED, "enabled_default": "no", "no_fitness_termination": "True"},
    "bad_configuration0": {"activation_default": "unheard"},
    "bad_configuration1": {"activation_options": "sigmoid unheard"},
    "bad_configuration4": {"initial_connection": "partial 1.5"},
    "bad_configuration5": {"structural_mutation_surer": "perhaps"},
    "bad_configuration6": {"enabled_default": "perhaps"},
    "bad_configuration7": {"weight_min_value": "31"},
    "bad_configuration8": {"feed_forward": "perhaps"},
    "bad_configuration9": {"initial_connection": "partial"},
    "bad_configurationA": {"num_inputs": "two"},
}
UNKNOWN = {"bad_configuration2": "DefaultSpeciesSet", "bad_configuration3": "NEAT"}  # where a key is that nobody knows


def write_stock_files(folder: Path) -> None:
    """Write them all."""
    for name, changes in CHANGES.items():
        (folder / name).write_text(_text(changes))
    for name, section in UNKNOWN.items():
        (folder / name).write_text(_text({}).replace(f"[{section}]\n", f"[{section}]\nbad_config_item = True\n"))


def _text(changes: dict[str, str]) -> str:
    """The text of a file; a test finds a key by the blanks that follow it."""
    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key:<30} = {changes.get(key, value)}" for key, value in values.items()), ""])
        for name, values in SECTIONS.items()
    )
