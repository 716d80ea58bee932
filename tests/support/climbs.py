"""Climbs by network morphism on toy data that take a second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from neat_deep.config.search_settings import SearchSettings, SpaceSettings
from neat_deep.config.strategy_experiment import StrategyExperiment
from neat_deep.scoring.settings import FitnessSettings
from neat_deep.space.architecture import Skeleton
from neat_deep.strategies.network_morphism import MorphismSettings
from tests.support.toy_search import PLAIN, SPACE, strategy_experiment

INHERITING = replace(PLAIN, inherit=True)
START = Path(__file__).resolve().parents[2] / "configs" / "architectures" / "resnet_block.json"


def climb(
    fitness: FitnessSettings = INHERITING,
    generations: int = 3,
    *,
    norm: str = "batch",
    size: int = 6,
    space: SpaceSettings = SPACE,
    **settings: Any,
) -> StrategyExperiment:
    asked = strategy_experiment(fitness, generations, space=space)
    return replace(
        asked,
        search=SearchSettings("morphism", generation_size=size),
        network=Skeleton(channels=4, cells=1, norm=norm),
        settings=MorphismSettings(**{"start": str(START), "cells": 3, "channels": 12, **settings}),
    )
