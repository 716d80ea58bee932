"""Evolve deep torch networks with neat-python: the public face.

The rest of the package may be imported by its modules' names; what stands here is what most programs need.
"""

from neat_deep.base.errors import NeatDeepError
from neat_deep.config.experiment_file import load_experiment
from neat_deep.data import DataSettings, load_dataset
from neat_deep.evolution.expression import express
from neat_deep.evolution.fitness import FitnessEvaluator
from neat_deep.evolution.genome import CellGenome
from neat_deep.evolution.reproduction import CellReproduction
from neat_deep.networks.network import build_network
from neat_deep.ops import register_op
from neat_deep.search.neat_journal import RunJournal, resume_run
from neat_deep.search.run_identity import describe_run
from neat_deep.space.architecture import Architecture, Skeleton
from neat_deep.space.cell_graph import CellGraph, CellNode, Edge
from neat_deep.store.run_store import RunStore
from neat_deep.training.fit import evaluate, fit
from neat_deep.training.prediction import load_image_classifier, load_text_classifier
from neat_deep.training.retraining import retrain
from neat_deep.training.settings import TrainingSettings
from neat_deep.training.trained_file import load_network

__all__ = [
    "Architecture",
    "CellGenome",
    "CellGraph",
    "CellNode",
    "CellReproduction",
    "DataSettings",
    "Edge",
    "FitnessEvaluator",
    "NeatDeepError",
    "RunJournal",
    "RunStore",
    "Skeleton",
    "TrainingSettings",
    "build_network",
    "describe_run",
    "evaluate",
    "express",
    "fit",
    "load_dataset",
    "load_experiment",
    "load_image_classifier",
    "load_network",
    "load_text_classifier",
    "register_op",
    "resume_run",
    "retrain",
]
