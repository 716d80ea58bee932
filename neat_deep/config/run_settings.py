"""What `[Run]` of an INI file sets."""

from __future__ import annotations

from dataclasses import dataclass

from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ConfigError
from neat_deep.base.plugins import check_plugin_names
from neat_deep.evolution.selection import REPRODUCTIONS
from neat_deep.scoring.executors import AUTO, RAY


@dataclass(frozen=True)
class RunSettings:
    """One run: how long, from which seed, where."""

    generations: int = 10  # 0: no limit, where another one ends the search
    evaluations: int = 0  # trainings of the search, after which it ends; 0: no limit
    samples: int = 0  # training examples of the search, after which it ends; 0: no limit
    minutes: float = 0.0  # of the whole run, the final training included; 0: no limit
    seed: int = 0
    device: str = "auto"
    threads: int = 0  # of the final training on the CPU; 0: all cores, where that is faster than one
    workers: str = "auto"  # processes that evaluate: auto (one a core), 0 (this one), a number, or ray
    ray_address: str = "local"  # local, or the address of a Ray cluster
    ray_gpus: float = 0.0  # the share of a GPU that one evaluation takes on Ray
    reproduction: str = "CellReproduction"  # how parents are chosen; its settings stand in the section of that name
    out: str = "runs/neat"
    plugins: tuple[str, ...] = ()  # files and modules of one's own that register what the other sections name

    def __post_init__(self) -> None:
        check_range("generations", self.generations, low=0)
        check_range("evaluations", self.evaluations, low=0)
        check_range("samples", self.samples, low=0)
        check_range("minutes", self.minutes, low=0)
        if not (self.generations or self.evaluations or self.samples or self.minutes):
            raise ConfigError("generations: got 0, allowed: 1 or more, or 0 with evaluations, samples or minutes")
        check_range("seed", self.seed, low=0, high=2**62)
        check_range("threads", self.threads, low=0, high=1024)
        check_range("ray_gpus", self.ray_gpus, low=0)
        check_choice("reproduction", self.reproduction, REPRODUCTIONS)
        check_plugin_names(self.plugins)
        if self.workers not in (AUTO, RAY) and not (self.workers.isdecimal() and int(self.workers) <= 1024):
            raise ConfigError(f"workers: got '{self.workers}', allowed: auto, 0 to 1024, or ray")
