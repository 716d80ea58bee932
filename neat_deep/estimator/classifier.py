"""The estimator: scikit-learn's face of a search."""

from __future__ import annotations

import dataclasses
import time
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

from rich.console import Console
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state

from neat_deep.base.randomness import preserved
from neat_deep.estimator.errors import InputError, UnfittedError, as_input_errors
from neat_deep.estimator.examples import ImageReader, Reader, TextReader, count_examples, read_labels, reader_for
from neat_deep.estimator.running import Run, begin, resume_fit
from neat_deep.estimator.settings import FitOptions, make_experiment
from neat_deep.training.prediction import class_probabilities

FITTED = ("classes_", "n_features_in_", "run_", "architecture_", "network_", "result_", "_reader", "_seed", "_data")


class NeuralSearchClassifier(ClassifierMixin, BaseEstimator):
    """Searches a network for the examples that it is fitted to, trains it on all of them, and predicts with it.

    X is an array of images (N, H, W) or (N, H, W, C), or a list of texts. uint8 images are taken as they are; for
    other numbers the least of the training examples becomes 0 and the greatest 255, in 256 steps. An array (N, F) is
    read as images of one row: signals, in which neighbours belong together.

    `strategy` is `neat` or one of the registry, `config` an INI file in place of the shipped one for such examples.
    None leaves what that file says: `minutes` for all of `fit` and `evaluations` (trainings of the search) limit the
    search in place of generations, `epochs` is for the final training and the most for an evaluation, `population` is
    the size of a generation. `workers` are processes that evaluate: by default one a core; give 0 where fits run in
    parallel, as in `cross_val_score(..., n_jobs=2)`: then `fit` keeps to one core. `random_state` decides every random
    choice; with `workers=0` and without `minutes` equal ones give equal networks on the CPU.

    Each `fit` keeps its run in a new folder, `out` or `runs/classifier` with a number behind it. With `warm_start`
    `fit` resumes the run in `run_` instead: with the same X and y, and limits that count from its beginning.

    Fitted: `classes_`, `n_features_in_` (of (N, F) alone), `run_` (the folder), `architecture_`, `network_` (a torch
    module in evaluation mode), `result_` (what the search cost). What is wrong with parameters, X or y raises
    `ValueError`s, most of them `NeatDeepError`s too.
    """

    def __init__(
        self,
        strategy: str = "neat",
        *,
        minutes: float | None = None,
        evaluations: int | None = None,
        epochs: int | None = None,
        population: int | None = None,
        config: str | PathLike[str] | None = None,
        out: str | PathLike[str] | None = None,
        device: str | None = None,
        workers: int | str | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        self.strategy = strategy
        self.minutes = minutes
        self.evaluations = evaluations
        self.epochs = epochs
        self.population = population
        self.config = config
        self.out = out
        self.device = device
        self.workers = workers
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> NeuralSearchClassifier:
        """Search and train, in a new run or, with `warm_start`, in the one before.

        Raises `ValueError` for parameters or examples that it cannot work with, before a folder is made, `SearchError`
        when nothing valid was found, and `OutputError` where it cannot write.
        """
        started = time.time()
        resume = bool(self.warm_start) and hasattr(self, "run_")
        seed = self._choose_seed(resume)
        with preserved(), as_input_errors():  # neat-python draws from Python's global generator
            reader, classes, run = self._prepare(X, y, seed, started, resume=resume)
            self._forget()
            self.classes_, self._seed = classes, seed
            if isinstance(reader, ImageReader) and len(reader.shape) == 1:
                self.n_features_in_ = reader.shape[0]
            self.run_ = run.folder  # at once: an interrupted run can be resumed
            result = run.search(Console(quiet=not self.verbose))
            trained = run.train(result)
        self._reader: Reader = reader if trained.encoding is None else TextReader(trained.encoding)
        self._data = trained.data
        self.result_ = result
        self.architecture_ = trained.architecture
        self.network_ = trained.network.eval()
        return self

    def predict(self, X: Any) -> Any:
        """The likeliest class of each example; raises `NotFittedError`, and `ValueError` for other X than in `fit`."""
        chosen = self.predict_proba(X).argmax(1)
        return self.classes_[chosen]

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class (N, classes), in the order of `classes_`; raises as `predict`."""
        if not self.__sklearn_is_fitted__():
            raise UnfittedError("This NeuralSearchClassifier instance is not fitted yet; call fit first")
        with as_input_errors():
            return class_probabilities(self.network_, self._reader.split(X, self._data)).numpy()

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a network to predict with."""
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may hand over."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    def _prepare(self, X: Any, y: Any, seed: int, started: float, *, resume: bool) -> tuple[Reader, Any, Run]:
        """What reads the examples, the classes, and the run that may start."""
        reader = reader_for(X)
        classes, labels = read_labels(y, count_examples(X))
        options = FitOptions(**{field.name: getattr(self, field.name) for field in dataclasses.fields(FitOptions)})
        experiment = make_experiment(options, reader, len(labels), len(classes), seed)
        dataset = reader.dataset(X, labels, tuple(str(name) for name in classes), experiment.data)
        run = (
            resume_fit(experiment, dataset, Path(self.run_), started) if resume else begin(experiment, dataset, started)
        )
        return reader, classes, run

    def _choose_seed(self, resume: bool) -> int:
        if isinstance(self.random_state, Integral):
            seed = int(self.random_state)
            if not 0 <= seed < 2**32:
                raise InputError(f"random_state: got {seed}, allowed: 0 to {2**32 - 1}")
            return seed
        if resume:
            return int(self._seed)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _forget(self) -> None:
        """Drop what an earlier `fit` left, so that nothing of it stays if this one ends early."""
        for name in FITTED:
            if hasattr(self, name):
                delattr(self, name)
