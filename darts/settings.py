"""[Darts] of an INI file to typed settings, and the experiment that they belong to."""

from __future__ import annotations

import configparser
import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import darts.plugin  # noqa: F401 - it registers [Darts], also where no metadata tell of it
from darts.search_space import SearchSpace
from neat_deep.base.checks import check_choice, check_range
from neat_deep.base.errors import ConfigError, UnknownNameError
from neat_deep.config.ini import check_sections, read_ini, read_section, use_plugins, write_sections
from neat_deep.config.run_settings import RunSettings
from neat_deep.data import Augmentation, DataSettings
from neat_deep.space.architecture import Skeleton
from neat_deep.space.cell_graph import IDENTITY, NONE, CellOutput
from neat_deep.space.space_names import CELL, ENTIRE, wider_space
from neat_deep.training.settings import TrainingSettings

ALL_IMAGE_OPS = (
    NONE,
    IDENTITY,
    "sep_conv_1",
    "sep_conv_3",
    "sep_conv_5",
    "dil_conv_1",
    "dil_conv_3",
    "dil_conv_5",
    "avg_pool_3",
    "avg_pool_5",
    "max_pool_3",
    "max_pool_5",
)
PRECISIONS = ("float32", "bfloat16")  # float16 needs its gradients scaled, which the architect's products do not know
SOFTMAX, GUMBEL, SIGMOID = "softmax", "gumbel", "sigmoid"
BY_ALPHAS, BY_PERTURBATION = "alphas", "perturbation"


@dataclass(frozen=True)
class DartsSettings:
    """How a cell is searched by gradient descent; the defaults are the published ones (arXiv 1806.09055, section 3).

    The search space is, where the file does not say otherwise, every op for images, identity and relu, and add.
    """

    op_options: tuple[str, ...] = ALL_IMAGE_OPS
    activation_options: tuple[str, ...] = (IDENTITY, "relu")
    aggregation_options: tuple[str, ...] = ("add",)
    nodes: int = 4
    num_inputs: int = 2
    output: CellOutput = "last"

    epochs: int = 50
    weight_epochs: int = 0  # the first so many train weights only
    batch_size: int = 64
    train_subset: int = 0  # examples of the training part to search on; 0: all
    alpha_share: float = 0.5  # the share of them that trains the alphas
    channels: int = 0  # of the supernet; 0: those of [Network]
    ngrams: bool = False  # whether the supernet has those that [Network] asks for
    augment: bool = False  # whether the supernet's images are augmented as [Training] says
    precision: str = "float32"
    compile: bool = False

    optimizer: str = "sgd"  # of the weights; or adamw, for embeddings, whose rows have a gradient now and then only
    learning_rate: float = 0.025  # of the weights, at the start
    final_learning_rate: float = 0.001
    momentum: float = 0.9  # of sgd
    weight_decay: float = 3e-4
    gradient_clip: float = 5.0
    order: str = "first"
    alpha_learning_rate: float = 3e-4
    alpha_weight_decay: float = 1e-3

    sampling: str = SOFTMAX  # or gumbel: one candidate an edge (GDAS); sigmoid: independent candidates (FairDARTS)
    temperature: float = 10.0  # of gumbel, at the start
    final_temperature: float = 0.1
    partial_channels: int = 1  # 1 / so many of the channels go through the ops (PC-DARTS)
    edge_normalisation: bool = False
    identity_dropout: float = 0.0  # at the start; falls to 0 (P-DARTS)
    identity_cap: int = -1  # identities that a derived cell may have; -1: any number (P-DARTS)
    stop_parameter_free: int = 0  # stop before a cell has so many parameter-free ops, after fewer; 0: never (DARTS+)
    stop_eigenvalue_ratio: float = (
        0.0  # stop once the alphas' curvature grows by more than 1 / this (R-DARTS); 0: never
    )
    entropy_price: float = 0.0  # what alphas that do not decide cost at the end, a nat of an edge; rises from 0
    zero_one_price: float = 10.0  # the same for sigmoid (FairDARTS), from the start
    shrink: tuple[int, ...] = ()  # candidates left on each edge after each stage of the search (P-DARTS)
    restarts: int = 1  # searches, each with a seed of its own, of which the best cell by validation counts
    restart_epochs: int = 0  # that each of their cells is trained, to be compared; 0: as many as the final training
    selection: str = BY_ALPHAS  # or perturbation: what the supernet would miss most (DARTS-PT)
    selection_examples: int = 256  # of the alphas' part, that each candidate is judged by; 0: all
    selection_steps: int = 10  # of the weights, after each edge that is decided

    def __post_init__(self) -> None:
        self.space()
        check_range("epochs", self.epochs, low=1)
        check_range("weight_epochs", self.weight_epochs, low=0, high=self.epochs - 1)
        check_range("batch_size", self.batch_size, low=2)
        check_range("train_subset", self.train_subset, low=0)
        check_range("alpha_share", self.alpha_share, above=0, high=0.9)
        check_range("channels", self.channels, low=0)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("optimizer", self.optimizer, ("sgd", "adamw"))
        check_range("learning_rate", self.learning_rate, above=0, high=100)
        check_range("final_learning_rate", self.final_learning_rate, low=0, high=100)
        if self.final_learning_rate > self.learning_rate:
            raise ConfigError(
                f"final_learning_rate: got {self.final_learning_rate}, allowed: at most learning_rate"
                f" ({self.learning_rate}), where the fall begins"
            )
        check_range("momentum", self.momentum, low=0, high=0.9999)
        check_range("weight_decay", self.weight_decay, low=0)
        check_range("gradient_clip", self.gradient_clip, low=0)
        check_choice("order", self.order, ("first", "second"))
        check_range("alpha_learning_rate", self.alpha_learning_rate, above=0, high=100)
        check_range("alpha_weight_decay", self.alpha_weight_decay, low=0)
        check_choice("sampling", self.sampling, (SOFTMAX, GUMBEL, SIGMOID))
        check_range("temperature", self.temperature, above=0)
        check_range("final_temperature", self.final_temperature, above=0, high=self.temperature)
        check_range("partial_channels", self.partial_channels, low=1)
        check_range("identity_dropout", self.identity_dropout, low=0, high=0.95)
        check_range("identity_cap", self.identity_cap, low=-1)
        check_range("stop_parameter_free", self.stop_parameter_free, low=0, high=2 * self.nodes)
        check_range("stop_eigenvalue_ratio", self.stop_eigenvalue_ratio, low=0, high=0.99)
        check_range("entropy_price", self.entropy_price, low=0)
        check_range("zero_one_price", self.zero_one_price, low=0)
        check_range("restarts", self.restarts, low=1)
        check_range("restart_epochs", self.restart_epochs, low=0)
        check_choice("selection", self.selection, (BY_ALPHAS, BY_PERTURBATION))
        check_range("selection_examples", self.selection_examples, low=0)
        check_range("selection_steps", self.selection_steps, low=0)
        self._check_shrink()
        self._check_together()

    def _check_shrink(self) -> None:
        counts = (len(self.space().candidates), *self.shrink)
        if any(later >= earlier for earlier, later in itertools.pairwise(counts)) or counts[-1] < 1:
            raise ConfigError(
                f"shrink: got {' '.join(map(str, self.shrink))}, allowed: numbers that fall, each below the"
                f" {counts[0]} candidates of an edge, and at least 1"
            )
        if len(self.shrink) >= self.epochs - self.weight_epochs:
            raise ConfigError(
                f"shrink: got {len(self.shrink)} numbers, allowed: at most {self.epochs - self.weight_epochs - 1},"
                " fewer than epochs that train alphas"
            )

    def _check_together(self) -> None:
        """Raise `ConfigError` for settings of which each is allowed, but not with the other."""
        if self.order == "second" and self.sampling == GUMBEL:
            raise ConfigError(
                "order: got 'second' with sampling = gumbel, allowed: first; a finite difference over sampled"
                " candidates would mostly be a difference between samples"
            )
        if self.order == "second" and self.optimizer != "sgd":
            raise ConfigError(
                f"order: got 'second' with optimizer = {self.optimizer}, allowed: first; the virtual step is one of sgd"
            )
        if self.order == "second" and self.precision != "float32":
            raise ConfigError(
                f"order: got 'second' with precision = {self.precision}, allowed: first; a finite difference needs all"
                " digits of float32"
            )
        if self.compile and self.sampling == GUMBEL:
            raise ConfigError("compile: got True with sampling = gumbel, allowed: False; there is no sum to compile")
        if self.compile and self.shrink:
            raise ConfigError("compile: got True with shrink, allowed: False; each edge would be compiled for itself")
        if self.entropy_price and self.sampling == SIGMOID:
            raise ConfigError(
                f"entropy_price: got {self.entropy_price} with sampling = sigmoid, allowed: 0; zero_one_price is that"
                " of independent candidates"
            )
        if self.stop_eigenvalue_ratio:
            self._check_curvature()
        if self.selection == BY_PERTURBATION:
            self._check_perturbation()
        if self.identity_dropout and IDENTITY not in self.space().ops:
            raise ConfigError(f"identity_dropout: got {self.identity_dropout}, but op_options holds no '{IDENTITY}'")
        if self.identity_cap >= 0 and set(self.op_options) <= {NONE, IDENTITY}:
            raise ConfigError(
                f"identity_cap: got {self.identity_cap} with op_options = {' '.join(self.op_options)}, allowed: -1;"
                " an edge could have nothing instead"
            )

    def _check_curvature(self) -> None:
        """Raise `ConfigError` for what would make a finite difference of the alphas' gradients mean nothing."""
        got = f"stop_eigenvalue_ratio: got {self.stop_eigenvalue_ratio}"
        if self.sampling == GUMBEL:
            raise ConfigError(f"{got} with sampling = gumbel, allowed: 0; it would be a difference between samples")
        if self.precision != "float32":
            raise ConfigError(f"{got} with precision = {self.precision}, allowed: 0; it needs all digits of float32")
        if self.shrink:
            raise ConfigError(f"{got} with shrink, allowed: 0; what bends then is another space in each stage")

    def _check_perturbation(self) -> None:
        """Raise `ConfigError` for what a selection by perturbation does not know."""
        mixed = "softmax or sigmoid; weights that were trained one candidate at a time do not miss the others"
        together = {
            "sampling": (self.sampling == GUMBEL, GUMBEL, mixed),
            "aggregation_options": (len(self.aggregation_options) > 1, " ".join(self.aggregation_options), "one"),
            "compile": (self.compile, "True", "False; each supernet without a candidate would be compiled for itself"),
            "identity_cap": (self.identity_cap >= 0, self.identity_cap, "-1"),
            "stop_parameter_free": (self.stop_parameter_free > 0, self.stop_parameter_free, "0"),
            "stop_eigenvalue_ratio": (self.stop_eigenvalue_ratio > 0, self.stop_eigenvalue_ratio, "0"),
        }  # fmt: skip
        for key, (is_in_the_way, got, allowed) in together.items():
            if is_in_the_way:
                raise ConfigError(f"{key}: got {got} with selection = perturbation, allowed: {allowed}")

    def space(self) -> SearchSpace:
        """The search space; raises `ConfigError` or `UnknownNameError`, which names the key of [Darts]."""
        try:
            return SearchSpace(
                self.op_options,
                self.activation_options,
                self.aggregation_options,
                self.nodes,
                self.num_inputs,
                self.output,
            )
        except (ConfigError, UnknownNameError) as error:
            # 'ops: got ...' and 'unknown op ... in ops;'
            raise type(error)(re.sub(r"\b(op|activation|aggregation)s(?=[:;])", r"\1_options", str(error))) from None

    def skeleton(self, full: Skeleton) -> Skeleton:
        """The skeleton that the supernet stands in.

        Without n-grams unless the settings want them: they know the texts that train by heart, and leave the ops
        nothing to be told apart by.
        """
        narrow = replace(full, channels=self.channels or full.channels)
        return narrow if self.ngrams else replace(narrow, ngrams=0, char_ngrams=0)

    def augmentation(self, full: Augmentation) -> Augmentation:
        """The augmentation of the supernet's training, made from that of the final training."""
        return full if self.augment else Augmentation()


@dataclass(frozen=True)
class DartsExperiment:
    """All that an INI file says about a search by gradient descent."""

    data: DataSettings
    network: Skeleton
    training: TrainingSettings
    darts: DartsSettings
    run: RunSettings


OWN: dict[str, type[Any]] = {  # sections, each a field of `DartsExperiment`
    "Data": DataSettings,
    "Network": Skeleton,
    "Training": TrainingSettings,
    "Darts": DartsSettings,
    "Run": RunSettings,
}


def load_darts_experiment(path: Path | str, *, stored: bool = False, trusted: bool = True) -> DartsExperiment:
    """Read and check an INI file's [Data], [Network], [Training], [Darts] and [Run]; other sections are left alone.

    With `stored` the file is one that `darts_settings_text` wrote, for an older program perhaps: a setting that it did
    not know has the value that does what that program did. The plugins that the file names are imported; unless it is
    `trusted`, as one in a run's folder is not, they must be loaded already. Raises `ConfigError`, which names the file,
    the section, the key, its value and what is allowed.
    """
    parser = read_ini(path)
    use_plugins(path, parser, trusted=trusted)
    check_sections(path, parser)
    _refuse_wider_spaces(path, parser)
    sections = {name.lower(): read_section(path, parser, name, kind, stored=stored) for name, kind in OWN.items()}
    return DartsExperiment(**sections)


def _refuse_wider_spaces(path: Path | str, parser: configparser.ConfigParser) -> None:
    """Raise `ConfigError` for a file that asks for more than a search of cells: a supernet holds one skeleton."""
    for section in ("Darts", "SearchSpace", "CellGenome"):
        asked = wider_space(dict(parser.items(section, raw=True))) if parser.has_section(section) else None
        if asked is not None:
            key, space = asked
            raise ConfigError(
                f"{path}: [{section}] {key}: got the space '{space}', which the strategy 'darts' cannot search; "
                f"allowed: {CELL}, {ENTIRE}, without this key"
            )


def darts_settings_text(experiment: DartsExperiment) -> str:
    """A whole INI file that is read as `experiment`, with every key: a default that changes does not change it."""
    return write_sections({name: getattr(experiment, name.lower()) for name in OWN})
