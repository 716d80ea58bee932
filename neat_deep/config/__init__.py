"""From an INI file to settings and back. Importing it registers the sections that every experiment may have.

`ini` reads and writes any section, `neat_sections` those of neat-python, `run_settings` holds those of `[Run]`, and
`experiment_file` puts an experiment together. A section of another part of the program is registered there, with
`neat_deep.base.sections.register_section`.
"""

from neat_deep.config.experiment_file import load_experiment, load_training_plan

__all__ = ["load_experiment", "load_training_plan"]
