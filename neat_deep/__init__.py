"""Evolve deep torch networks with neat-python: the public face.

The rest of the package may be imported by its modules' names; what stands here is what most programs need.
"""

from neat_deep.architecture import Architecture, Skeleton
from neat_deep.cell_graph import CellGraph, CellNode, Edge
from neat_deep.config import load_experiment
from neat_deep.data import DataSettings, load_dataset
from neat_deep.errors import NeatDeepError
from neat_deep.expression import express
from neat_deep.fitness import FitnessEvaluator
from neat_deep.genome import CellGenome
from neat_deep.journal import RunJournal, describe_run, resume_run
from neat_deep.network import build_network
from neat_deep.ops import register_op
from neat_deep.prediction import load_image_classifier, load_text_classifier
from neat_deep.reproduction import CellReproduction
from neat_deep.retraining import load_network, retrain
from neat_deep.run_store import RunStore
from neat_deep.training import TrainingSettings, evaluate, fit

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
