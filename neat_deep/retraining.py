"""From an architecture to a trained network and its score on the untouched test set."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neat_deep.architecture import Architecture
from neat_deep.data import Dataset, DataSpec
from neat_deep.documents import parse_json, take_fields, take_items
from neat_deep.errors import ArchitectureError, NeatDeepError
from neat_deep.network import Network, build_network, count_macs, count_parameters
from neat_deep.randomness import derive_seed
from neat_deep.tensor_files import FileKind
from neat_deep.training import Evaluation, Progress, TrainingSettings, evaluate, fit

VERSION = 2  # has facts about texts
TRAINED = FileKind(
    "trained network", "neat-deep", "neat-deep trained network", VERSION, (1, VERSION), ArchitectureError
)
PARTS = {"format": str, "version": int, "architecture": str, "data": str, "weights": dict}  # of the file


@dataclass(frozen=True)
class Trained:
    """A network that was trained from scratch, and what it scored and cost."""

    network: Network
    architecture: Architecture
    data: DataSpec
    test: Evaluation
    parameters: int
    macs: int  # multiply-accumulates of one example's forward pass
    seconds: float

    def save(self, path: Path | str) -> None:
        """Write architecture, data facts and weights to one file that `load_network` reads; raises `OutputError`."""
        content = {
            "architecture": self.architecture.to_json(),
            "data": json.dumps(dataclasses.asdict(self.data)),
            "weights": {name: tensor.cpu() for name, tensor in self.network.state_dict().items()},
        }
        TRAINED.save(content, path)


def retrain(
    architecture: Architecture,
    dataset: Dataset,
    settings: TrainingSettings,
    *,
    device: torch.device,
    seed: int,
    on_step: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train from scratch on train and validation together, then score the test set once.

    With early stopping the validation part stops the training instead of adding to it.
    """
    network = build_network(architecture, dataset.spec, seed=derive_seed(seed, "weights"), vectors=dataset.vectors)
    stopping = settings.early_stopping > 0
    examples = dataset.train if stopping else dataset.train_and_validation()
    test_examples = dataset.read_test()  # before the training, so that a damaged file costs none; scored once, after it
    report = fit(
        network,
        examples,
        settings,
        device=device,
        seed=derive_seed(seed, "training"),
        validation=dataset.validation if stopping else None,
        on_step=on_step,
    )
    test = evaluate(network, test_examples, device=device)
    return Trained(
        network,
        architecture,
        dataset.spec,
        test,
        count_parameters(network),
        count_macs(network, dataset.spec),
        report.seconds,
    )


def load_network(path: Path | str) -> Network:
    """The trained network of a file that `Trained.save` wrote, in evaluation mode; raises `ArchitectureError`.

    The file is read with `weights_only=True`: it cannot run code.
    """
    content = TRAINED.load(path)
    try:
        parts = take_fields(content, "the file", PARTS)
        network = build_network(Architecture.from_json(parts["architecture"]), _decode_spec(parts["data"]), seed=0)
        _load_weights(network, parts["weights"])
    except NeatDeepError as error:
        raise ArchitectureError(f"{path}: {error}") from None
    network.eval()
    return network


def _decode_spec(text: str) -> DataSpec:
    hints = typing.get_type_hints(DataSpec)
    items = {name: typing.get_args(hint)[0] for name, hint in hints.items() if typing.get_origin(hint) is tuple}
    kinds = {name: list if name in items else hints[name] for name in hints}
    values = take_fields(parse_json(text), "data", kinds, optional={"vector_size"})  # version 1 had none
    values.update({name: take_items(values[name], f"data: {name}", kind) for name, kind in items.items()})
    spec = DataSpec(**values)
    lengths = {1: 1, 2: 3}  # of the shape: (L,) and (C, H, W)
    if len(spec.shape) != lengths.get(spec.rank) or min(*spec.shape, spec.num_classes) < 1:
        raise ArchitectureError(
            f"data: got rank {spec.rank}, shape {spec.shape} and {spec.num_classes} classes, "
            "allowed: rank 1 with (L,), rank 2 with (C, H, W), and 1 or more of everything"
        )
    return spec


def _load_weights(network: Network, weights: dict[Any, Any]) -> None:
    """Put weights in their places; raises `ArchitectureError` for what is missing, unknown or of another shape."""
    places = network.state_dict()
    for name in weights:
        if name not in places:
            raise ArchitectureError(f"weights: unknown name {name!r}; the architecture has no such part")
    for name, place in places.items():
        if name not in weights:
            raise ArchitectureError(f"weights: '{name}' is missing")
        got = weights[name]
        found = f"{got.dtype} of shape {tuple(got.shape)}" if isinstance(got, Tensor) else type(got).__name__
        allowed = f"{place.dtype} of shape {tuple(place.shape)}"
        if found != allowed:
            raise ArchitectureError(f"weights: {name}: got {found}, allowed: {allowed}")
    network.load_state_dict(weights)
