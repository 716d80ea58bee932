"""Evolve deep torch networks with neat-python: the public face.

The rest of the package may be imported by its modules' names; what stands here is what most programs need. Each name is
imported when it is used, so that `import neat_deep` alone costs no torch.
"""

from typing import TYPE_CHECKING

from neat_deep.base.lazy import lazy_names
from neat_deep.space.showing import draw_with

draw_with("CellGraph", "neat_deep.reports.pictures.notebook:cell_svg")
draw_with("Architecture", "neat_deep.reports.pictures.notebook:architecture_svg")

if TYPE_CHECKING:
    from neat_deep.base.errors import NeatDeepError as NeatDeepError
    from neat_deep.base.plugins import load_plugins as load_plugins
    from neat_deep.base.registry import registration_scope as registration_scope
    from neat_deep.config.experiment_file import Experiment as Experiment
    from neat_deep.config.experiment_file import load_experiment as load_experiment
    from neat_deep.data.augmentation import Augmentation as Augmentation
    from neat_deep.data.loading import load_dataset as load_dataset
    from neat_deep.data.registry import register_dataset as register_dataset
    from neat_deep.data.settings import DataSettings as DataSettings
    from neat_deep.data.spec import DataSpec as DataSpec
    from neat_deep.estimator.classifier import NeuralSearchClassifier as NeuralSearchClassifier
    from neat_deep.evolution.expression import express as express
    from neat_deep.evolution.fitness import FitnessEvaluator as FitnessEvaluator
    from neat_deep.evolution.genome import CellGenome as CellGenome
    from neat_deep.evolution.reproduction import CellReproduction as CellReproduction
    from neat_deep.export.exporting import export_network as export_network
    from neat_deep.networks.network import build_network as build_network
    from neat_deep.ops.registry import register_activation as register_activation
    from neat_deep.ops.registry import register_op as register_op
    from neat_deep.scoring.candidate import Candidate as Candidate
    from neat_deep.scoring.executors import InProcess as InProcess
    from neat_deep.scoring.executors import RayWorkers as RayWorkers
    from neat_deep.scoring.executors import WorkerPool as WorkerPool
    from neat_deep.scoring.metrics import register_metric as register_metric
    from neat_deep.scoring.objectives import register_objective as register_objective
    from neat_deep.scoring.scorer import Scorer as Scorer
    from neat_deep.scoring.settings import FitnessSettings as FitnessSettings
    from neat_deep.search.evolve import evolve as evolve
    from neat_deep.search.neat_journal import RunJournal as RunJournal
    from neat_deep.search.neat_journal import resume_run as resume_run
    from neat_deep.search.run_identity import describe_run as describe_run
    from neat_deep.space.aggregations import register_aggregation as register_aggregation
    from neat_deep.space.architecture import Architecture as Architecture
    from neat_deep.space.architecture import Skeleton as Skeleton
    from neat_deep.space.cell_graph import CellGraph as CellGraph
    from neat_deep.space.cell_graph import CellNode as CellNode
    from neat_deep.space.cell_graph import Edge as Edge
    from neat_deep.store.run_store import RunStore as RunStore
    from neat_deep.strategies.registry import register_strategy as register_strategy
    from neat_deep.training.fit import evaluate as evaluate
    from neat_deep.training.fit import fit as fit
    from neat_deep.training.prediction import load_image_classifier as load_image_classifier
    from neat_deep.training.prediction import load_text_classifier as load_text_classifier
    from neat_deep.training.retraining import retrain as retrain
    from neat_deep.training.settings import TrainingSettings as TrainingSettings
    from neat_deep.training.trained_file import load_network as load_network
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "neat_deep.base.errors": "NeatDeepError",
            "neat_deep.base.plugins": "load_plugins",
            "neat_deep.base.registry": "registration_scope",
            "neat_deep.config.experiment_file": "Experiment load_experiment",
            "neat_deep.data.augmentation": "Augmentation",
            "neat_deep.data.loading": "load_dataset",
            "neat_deep.data.registry": "register_dataset",
            "neat_deep.data.settings": "DataSettings",
            "neat_deep.data.spec": "DataSpec",
            "neat_deep.estimator.classifier": "NeuralSearchClassifier",
            "neat_deep.evolution.expression": "express",
            "neat_deep.evolution.fitness": "FitnessEvaluator",
            "neat_deep.evolution.genome": "CellGenome",
            "neat_deep.evolution.reproduction": "CellReproduction",
            "neat_deep.export.exporting": "export_network",
            "neat_deep.networks.network": "build_network",
            "neat_deep.ops.registry": "register_activation register_op",
            "neat_deep.scoring.candidate": "Candidate",
            "neat_deep.scoring.executors": "InProcess RayWorkers WorkerPool",
            "neat_deep.scoring.metrics": "register_metric",
            "neat_deep.scoring.objectives": "register_objective",
            "neat_deep.scoring.scorer": "Scorer",
            "neat_deep.scoring.settings": "FitnessSettings",
            "neat_deep.search.evolve": "evolve",
            "neat_deep.search.neat_journal": "RunJournal resume_run",
            "neat_deep.search.run_identity": "describe_run",
            "neat_deep.space.aggregations": "register_aggregation",
            "neat_deep.space.architecture": "Architecture Skeleton",
            "neat_deep.space.cell_graph": "CellGraph CellNode Edge",
            "neat_deep.store.run_store": "RunStore",
            "neat_deep.strategies.registry": "register_strategy",
            "neat_deep.training.fit": "evaluate fit",
            "neat_deep.training.prediction": "load_image_classifier load_text_classifier",
            "neat_deep.training.retraining": "retrain",
            "neat_deep.training.settings": "TrainingSettings",
            "neat_deep.training.trained_file": "load_network",
        },
    )
